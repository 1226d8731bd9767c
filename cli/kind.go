package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/grpc"

	"github.com/parley-desk/parley/cli/internal/manifest"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

const pageSize = 500

// kind is one kind of resource as the command line knows it.
type kind struct {
	one, many string // "queue", "queues"
	document  string // kind of its documents, "Queue"
	columns   []string
	row       func(manifest.Resource) []string // under columns
	list      func(context.Context, *server) ([]manifest.Resource, error)
	get       func(context.Context, *server, string) (manifest.Resource, error)
	remove    func(ctx context.Context, s *server, id string, how removal) error
}

// removal is how a resource is to be deleted.
type removal struct {
	etag       string // only this version; empty: any
	dry, force bool
}

// kinds are all of them, in the order in which one may refer to another.
func kinds() []kind { return []kind{agents(), queues(), workstreams(), accounts(), pages()} }

// findKind takes "queue", "queues", "Queue" and "channel-account" alike.
func findKind(name string) (kind, error) {
	plain := strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(name))
	var names []string
	for _, k := range kinds() {
		if plain == k.one || plain == k.many {
			return k, nil
		}
		names = append(names, k.many)
	}
	return kind{}, fmt.Errorf("%q is not a kind; use one of %s", name, strings.Join(names, ", "))
}

// all reads every page of a listing.
func all[R manifest.Resource](page func(token string) ([]R, string, error)) ([]manifest.Resource, error) {
	var out []manifest.Resource
	for token := ""; ; {
		items, next, err := page(token)
		if err != nil {
			return nil, err
		}
		for _, r := range items {
			out = append(out, r)
		}
		if token = next; token == "" {
			return out, nil
		}
	}
}

// row makes the columns of one type usable for any resource.
func row[R manifest.Resource](cells func(R) []string) func(manifest.Resource) []string {
	return func(r manifest.Resource) []string {
		typed, _ := r.(R)
		return cells(typed)
	}
}

// unary names a method of the API that answers with a resource.
func unary[Req any, R manifest.Resource](ctx context.Context, call func(context.Context, *Req, ...grpc.CallOption) (R, error), req *Req) (manifest.Resource, error) {
	r, err := call(ctx, req)
	if err != nil {
		return nil, err
	}
	return r, nil
}

func agents() kind {
	return kind{one: "agent", many: "agents", document: "Agent",
		columns: []string{"CAPACITY", "ROLES", "LANGUAGE", "PASSWORD"},
		row: row(func(a *configv1.Agent) []string {
			return []string{number(a.GetCapacity()), words(a.GetRoles()), a.GetLanguage(), fingerprint(a.GetPassword())}
		}),
		list: func(ctx context.Context, s *server) ([]manifest.Resource, error) {
			return all(func(token string) ([]*configv1.Agent, string, error) {
				r, err := s.config.ListAgents(ctx, &adminv1.ListAgentsRequest{PageSize: pageSize, PageToken: token})
				return r.GetAgents(), r.GetNextPageToken(), err
			})
		},
		get: func(ctx context.Context, s *server, id string) (manifest.Resource, error) {
			return unary(ctx, s.config.GetAgent, &adminv1.GetAgentRequest{Id: id})
		},
		remove: func(ctx context.Context, s *server, id string, how removal) error {
			_, err := s.config.DeleteAgent(ctx, &adminv1.DeleteAgentRequest{Id: id, Etag: how.etag, ValidateOnly: how.dry})
			return err
		},
	}
}

func queues() kind {
	return kind{one: "queue", many: "queues", document: "Queue",
		columns: []string{"AGENTS", "ASSIGNMENT", "PRIORITY"},
		row: row(func(q *configv1.Queue) []string {
			assignment := strings.ToLower(strings.TrimPrefix(q.GetAssignment().String(), "ASSIGNMENT_"))
			return []string{words(q.GetAgents()), assignment, number(q.GetPriority())}
		}),
		list: func(ctx context.Context, s *server) ([]manifest.Resource, error) {
			return all(func(token string) ([]*configv1.Queue, string, error) {
				r, err := s.config.ListQueues(ctx, &adminv1.ListQueuesRequest{PageSize: pageSize, PageToken: token})
				return r.GetQueues(), r.GetNextPageToken(), err
			})
		},
		get: func(ctx context.Context, s *server, id string) (manifest.Resource, error) {
			return unary(ctx, s.config.GetQueue, &adminv1.GetQueueRequest{Id: id})
		},
		remove: func(ctx context.Context, s *server, id string, how removal) error {
			_, err := s.config.DeleteQueue(ctx, &adminv1.DeleteQueueRequest{Id: id, Etag: how.etag, ValidateOnly: how.dry})
			return err
		},
	}
}

func workstreams() kind {
	return kind{one: "workstream", many: "workstreams", document: "Workstream",
		columns: []string{"QUEUE", "FALLBACK", "UNITS", "OFFER", "TAG"},
		row: row(func(w *configv1.Workstream) []string {
			return []string{w.GetQueue(), w.GetFallbackQueue(), number(w.GetUnits()), number(w.GetOfferSeconds()) + "s", strconv.FormatBool(w.GetMessageTag())}
		}),
		list: func(ctx context.Context, s *server) ([]manifest.Resource, error) {
			return all(func(token string) ([]*configv1.Workstream, string, error) {
				r, err := s.config.ListWorkstreams(ctx, &adminv1.ListWorkstreamsRequest{PageSize: pageSize, PageToken: token})
				return r.GetWorkstreams(), r.GetNextPageToken(), err
			})
		},
		get: func(ctx context.Context, s *server, id string) (manifest.Resource, error) {
			return unary(ctx, s.config.GetWorkstream, &adminv1.GetWorkstreamRequest{Id: id})
		},
		remove: func(ctx context.Context, s *server, id string, how removal) error {
			_, err := s.config.DeleteWorkstream(ctx, &adminv1.DeleteWorkstreamRequest{Id: id, Etag: how.etag, ValidateOnly: how.dry})
			return err
		},
	}
}

func accounts() kind {
	return kind{one: "channelaccount", many: "channelaccounts", document: "ChannelAccount",
		columns: []string{"APP", "GRAPH", "SECRET", "PREVIOUS", "VERIFY", "PRIVACY"},
		row: row(func(a *configv1.ChannelAccount) []string {
			return []string{a.GetAppId(), a.GetGraphVersion(), fingerprint(a.GetAppSecret()),
				fingerprint(a.GetPreviousSecret()), fingerprint(a.GetVerifyToken()), a.GetPrivacy().GetBy()}
		}),
		list: func(ctx context.Context, s *server) ([]manifest.Resource, error) {
			return all(func(token string) ([]*configv1.ChannelAccount, string, error) {
				r, err := s.config.ListChannelAccounts(ctx, &adminv1.ListChannelAccountsRequest{PageSize: pageSize, PageToken: token})
				return r.GetChannelAccounts(), r.GetNextPageToken(), err
			})
		},
		get: func(ctx context.Context, s *server, id string) (manifest.Resource, error) {
			return unary(ctx, s.config.GetChannelAccount, &adminv1.GetChannelAccountRequest{Id: id})
		},
		remove: func(ctx context.Context, s *server, id string, how removal) error {
			_, err := s.config.DeleteChannelAccount(ctx, &adminv1.DeleteChannelAccountRequest{Id: id, Etag: how.etag, ValidateOnly: how.dry})
			return err
		},
	}
}

func pages() kind {
	return kind{one: "page", many: "pages", document: "Page",
		columns: []string{"PAGE", "ACCOUNT", "WORKSTREAM", "TOKEN"},
		row: row(func(p *configv1.Page) []string {
			return []string{p.GetPageId(), p.GetAccount(), p.GetWorkstream(), fingerprint(p.GetAccessToken())}
		}),
		list: func(ctx context.Context, s *server) ([]manifest.Resource, error) {
			return all(func(token string) ([]*configv1.Page, string, error) {
				r, err := s.config.ListPages(ctx, &adminv1.ListPagesRequest{PageSize: pageSize, PageToken: token})
				return r.GetPages(), r.GetNextPageToken(), err
			})
		},
		get: func(ctx context.Context, s *server, id string) (manifest.Resource, error) {
			return unary(ctx, s.config.GetPage, &adminv1.GetPageRequest{Id: id})
		},
		remove: func(ctx context.Context, s *server, id string, how removal) error {
			_, err := s.config.DeletePage(ctx, &adminv1.DeletePageRequest{Id: id, Etag: how.etag, ValidateOnly: how.dry, Force: how.force})
			return err
		},
	}
}

func number(n int32) string { return strconv.Itoa(int(n)) }

func words(list []string) string { return strings.Join(list, ",") }

// fingerprint shows whether a secret is set, and which.
func fingerprint(s *configv1.Secret) string { return s.GetFingerprint() }
