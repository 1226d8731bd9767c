package configure

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/admin/internal/change"
)

// GetChannelAccount reads one channel account.
func (s *Service) GetChannelAccount(_ context.Context, req *adminv1.GetChannelAccountRequest) (*configv1.ChannelAccount, error) {
	return get[*configv1.ChannelAccount](s, directory.ChannelAccounts, req.GetId())
}

// ListChannelAccounts reads channel accounts by id.
func (s *Service) ListChannelAccounts(_ context.Context, req *adminv1.ListChannelAccountsRequest) (*adminv1.ListChannelAccountsResponse, error) {
	items, next, err := list[*configv1.ChannelAccount](s, directory.ChannelAccounts, req)
	return &adminv1.ListChannelAccountsResponse{ChannelAccounts: items, NextPageToken: next}, err
}

// CreateChannelAccount adds a channel account.
func (s *Service) CreateChannelAccount(ctx context.Context, req *adminv1.CreateChannelAccountRequest) (*configv1.ChannelAccount, error) {
	return put(ctx, s, change.Create, "channel_account", req.GetChannelAccount(), req.GetValidateOnly())
}

// UpdateChannelAccount replaces a channel account.
func (s *Service) UpdateChannelAccount(ctx context.Context, req *adminv1.UpdateChannelAccountRequest) (*configv1.ChannelAccount, error) {
	return put(ctx, s, change.Update, "channel_account", req.GetChannelAccount(), req.GetValidateOnly())
}

// DeleteChannelAccount removes a channel account that nothing refers to.
func (s *Service) DeleteChannelAccount(ctx context.Context, req *adminv1.DeleteChannelAccountRequest) (*adminv1.DeleteChannelAccountResponse, error) {
	return &adminv1.DeleteChannelAccountResponse{}, s.remove(ctx, req, func(m *configv1.Meta) directory.Resource { return &configv1.ChannelAccount{Meta: m} })
}

// GetPage reads one page.
func (s *Service) GetPage(_ context.Context, req *adminv1.GetPageRequest) (*configv1.Page, error) {
	return get[*configv1.Page](s, directory.Pages, req.GetId())
}

// ListPages reads pages by id.
func (s *Service) ListPages(_ context.Context, req *adminv1.ListPagesRequest) (*adminv1.ListPagesResponse, error) {
	items, next, err := list[*configv1.Page](s, directory.Pages, req)
	return &adminv1.ListPagesResponse{Pages: items, NextPageToken: next}, err
}

// CreatePage adds a page.
func (s *Service) CreatePage(ctx context.Context, req *adminv1.CreatePageRequest) (*configv1.Page, error) {
	return put(ctx, s, change.Create, "page", req.GetPage(), req.GetValidateOnly())
}

// UpdatePage replaces a page.
func (s *Service) UpdatePage(ctx context.Context, req *adminv1.UpdatePageRequest) (*configv1.Page, error) {
	return put(ctx, s, change.Update, "page", req.GetPage(), req.GetValidateOnly())
}

// DeletePage removes a page that no workstream takes, once Meta sends no more
// of it.
func (s *Service) DeletePage(ctx context.Context, req *adminv1.DeletePageRequest) (*adminv1.DeletePageResponse, error) {
	named := func(m *configv1.Meta) directory.Resource { return &configv1.Page{Meta: m} }
	if !req.GetValidateOnly() && !req.GetForce() {
		check := proto.CloneOf(req)
		check.ValidateOnly = true
		if err := s.remove(ctx, check, named); err != nil {
			return nil, err
		}
		if err := s.Unsubscribe(ctx, req.GetId()); err != nil {
			return nil, stays(req.GetId(), err)
		}
	}
	return &adminv1.DeletePageResponse{}, s.remove(ctx, req, named)
}

// stays says that a page is not deleted because Meta would go on sending.
func stays(page string, cause error) error {
	f := &fault.Error{Kind: fault.KindOf(cause), Cause: cause}
	if inner := (*fault.Error)(nil); errors.As(cause, &inner) {
		*f = *inner
	}
	f.Message = fmt.Sprintf("page %q is not deleted, as Meta would go on sending its events: %s; try again, or delete it with force and end the subscription at Meta", page, f.Message)
	return f
}

// GetWorkstream reads one workstream.
func (s *Service) GetWorkstream(_ context.Context, req *adminv1.GetWorkstreamRequest) (*configv1.Workstream, error) {
	return get[*configv1.Workstream](s, directory.Workstreams, req.GetId())
}

// ListWorkstreams reads workstreams by id.
func (s *Service) ListWorkstreams(_ context.Context, req *adminv1.ListWorkstreamsRequest) (*adminv1.ListWorkstreamsResponse, error) {
	items, next, err := list[*configv1.Workstream](s, directory.Workstreams, req)
	return &adminv1.ListWorkstreamsResponse{Workstreams: items, NextPageToken: next}, err
}

// CreateWorkstream adds a workstream.
func (s *Service) CreateWorkstream(ctx context.Context, req *adminv1.CreateWorkstreamRequest) (*configv1.Workstream, error) {
	return put(ctx, s, change.Create, "workstream", req.GetWorkstream(), req.GetValidateOnly())
}

// UpdateWorkstream replaces a workstream.
func (s *Service) UpdateWorkstream(ctx context.Context, req *adminv1.UpdateWorkstreamRequest) (*configv1.Workstream, error) {
	return put(ctx, s, change.Update, "workstream", req.GetWorkstream(), req.GetValidateOnly())
}

// DeleteWorkstream removes a workstream that nothing refers to.
func (s *Service) DeleteWorkstream(ctx context.Context, req *adminv1.DeleteWorkstreamRequest) (*adminv1.DeleteWorkstreamResponse, error) {
	return &adminv1.DeleteWorkstreamResponse{}, s.remove(ctx, req, func(m *configv1.Meta) directory.Resource { return &configv1.Workstream{Meta: m} })
}

// GetQueue reads one queue.
func (s *Service) GetQueue(_ context.Context, req *adminv1.GetQueueRequest) (*configv1.Queue, error) {
	return get[*configv1.Queue](s, directory.Queues, req.GetId())
}

// ListQueues reads queues by id.
func (s *Service) ListQueues(_ context.Context, req *adminv1.ListQueuesRequest) (*adminv1.ListQueuesResponse, error) {
	items, next, err := list[*configv1.Queue](s, directory.Queues, req)
	return &adminv1.ListQueuesResponse{Queues: items, NextPageToken: next}, err
}

// CreateQueue adds a queue.
func (s *Service) CreateQueue(ctx context.Context, req *adminv1.CreateQueueRequest) (*configv1.Queue, error) {
	return put(ctx, s, change.Create, "queue", req.GetQueue(), req.GetValidateOnly())
}

// UpdateQueue replaces a queue.
func (s *Service) UpdateQueue(ctx context.Context, req *adminv1.UpdateQueueRequest) (*configv1.Queue, error) {
	return put(ctx, s, change.Update, "queue", req.GetQueue(), req.GetValidateOnly())
}

// DeleteQueue removes a queue that nothing refers to.
func (s *Service) DeleteQueue(ctx context.Context, req *adminv1.DeleteQueueRequest) (*adminv1.DeleteQueueResponse, error) {
	return &adminv1.DeleteQueueResponse{}, s.remove(ctx, req, func(m *configv1.Meta) directory.Resource { return &configv1.Queue{Meta: m} })
}

// GetAgent reads one agent.
func (s *Service) GetAgent(_ context.Context, req *adminv1.GetAgentRequest) (*configv1.Agent, error) {
	return get[*configv1.Agent](s, directory.Agents, req.GetId())
}

// ListAgents reads agents by id.
func (s *Service) ListAgents(_ context.Context, req *adminv1.ListAgentsRequest) (*adminv1.ListAgentsResponse, error) {
	items, next, err := list[*configv1.Agent](s, directory.Agents, req)
	return &adminv1.ListAgentsResponse{Agents: items, NextPageToken: next}, err
}

// CreateAgent adds an agent.
func (s *Service) CreateAgent(ctx context.Context, req *adminv1.CreateAgentRequest) (*configv1.Agent, error) {
	return put(ctx, s, change.Create, "agent", req.GetAgent(), req.GetValidateOnly())
}

// UpdateAgent replaces an agent.
func (s *Service) UpdateAgent(ctx context.Context, req *adminv1.UpdateAgentRequest) (*configv1.Agent, error) {
	return put(ctx, s, change.Update, "agent", req.GetAgent(), req.GetValidateOnly())
}

// DeleteAgent removes an agent that nothing refers to, and what the agent wrote
// for own use. When only that failed, the same call once more does it.
func (s *Service) DeleteAgent(ctx context.Context, req *adminv1.DeleteAgentRequest) (*adminv1.DeleteAgentResponse, error) {
	err := s.remove(ctx, req, func(m *configv1.Meta) directory.Resource { return &configv1.Agent{Meta: m} })
	if !req.GetValidateOnly() && (err == nil || fault.Is(err, fault.NotFound)) {
		if failed := s.forget(ctx, req.GetId()); failed != nil {
			err = failed
		}
	}
	return &adminv1.DeleteAgentResponse{}, err
}

// forget deletes the canned replies of an agent who is gone.
func (s *Service) forget(ctx context.Context, agent string) error {
	key := subject.ReplyKey(agent)
	if _, err := s.Replies.Get(ctx, key); fault.Is(err, fault.NotFound) || fault.Is(err, fault.Invalid) {
		return nil
	}
	return fault.Wrap(s.Replies.Write(ctx, bus.Write{Key: key, Revision: bus.AnyRevision}), "deleting the agent's own replies; delete the agent once more")
}
