package explain

import (
	"context"
	"errors"
	"strings"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// ExplainAssignment tells how distribution sees a conversation, and reads from
// the log who was asked. The log answers also while distribution does not.
func (s *Service) ExplainAssignment(ctx context.Context, req *adminv1.ExplainAssignmentRequest) (*adminv1.ExplainAssignmentResponse, error) {
	t, err := named(s.Directory.Now(), req.GetPage(), req.GetPsid())
	if err != nil {
		return nil, err
	}
	state, _, err := s.Log.Load(ctx, t)
	if err != nil {
		return nil, fault.Wrap(err, "reading the thread")
	}
	if state.GetConversation() == nil {
		return nil, none(req.GetPage(), req.GetPsid())
	}
	resp := &adminv1.ExplainAssignmentResponse{}
	if err := s.asked(ctx, t, state.GetConversation().GetId(), resp); err != nil {
		return nil, err
	}
	if resp.Now, err = s.Why(ctx, t); err != nil {
		resp.Trouble = "distribution does not answer"
		if f, ok := errors.AsType[*fault.Error](err); ok {
			resp.Trouble = f.Message
		}
	}
	return resp, nil
}

// asked reads who was asked or had a conversation, and who said which skills it
// needs.
func (s *Service) asked(ctx context.Context, t subject.Thread, conversation string, out *adminv1.ExplainAssignmentResponse) error {
	for rec, err := range s.Log.History(ctx, t, 0) {
		if err != nil {
			return fault.Wrap(err, "reading the thread")
		}
		if rec.Commit.GetState().GetConversation().GetId() != conversation {
			continue
		}
		for _, f := range rec.Commit.GetFacts() {
			out.Asked = tell(out.Asked, f, rec.Commit.GetAtMs())
			if change := f.GetSkillsChanged(); change != nil {
				out.Skills = append(out.Skills, &adminv1.SkillTurn{AtMs: rec.Commit.GetAtMs(), Change: change})
			}
		}
	}
	return nil
}

// tell adds what a fact says of who was asked.
func tell(out []*adminv1.Asked, f *threadv1.Fact, at int64) []*adminv1.Asked {
	last := &adminv1.Asked{}
	if len(out) > 0 {
		last = out[len(out)-1]
	}
	switch k := f.GetKind().(type) {
	case *threadv1.Fact_OfferMade:
		return append(out, &adminv1.Asked{AtMs: at, Agent: k.OfferMade.GetAgent(), Choice: k.OfferMade.GetChoice()})
	case *threadv1.Fact_OfferEnded:
		last.Outcome = word(k.OfferEnded.GetOutcome().String(), "OFFER_OUTCOME_")
		last.Reason = k.OfferEnded.GetReason()
	case *threadv1.Fact_AgentAssigned:
		if last.GetOutcome() != "" || last.GetAgent() != k.AgentAssigned.GetAgent() {
			last = &adminv1.Asked{AtMs: at, Agent: k.AgentAssigned.GetAgent()}
			out = append(out, last)
		}
		last.Outcome, last.By = word(k.AgentAssigned.GetCause().String(), "CAUSE_"), k.AgentAssigned.GetBy()
	}
	return out
}

func word(name, prefix string) string { return strings.ToLower(strings.TrimPrefix(name, prefix)) }

// none says that a customer has had no conversation.
func none(page, psid string) error {
	return fault.New(fault.NotFound, "CONVERSATION", "customer %q of page %q has had no conversation; write page and psid as parleyctl export transcript shows them", psid, page)
}

// AskWhy asks distribution over the bus.
func AskWhy(b *bus.Bus) func(context.Context, subject.Thread) (*distributionv1.WhyResponse, error) {
	return func(ctx context.Context, t subject.Thread) (*distributionv1.WhyResponse, error) {
		ctx, cancel := context.WithTimeout(ctx, roomWait)
		defer cancel()
		resp := &distributionv1.WhyResponse{}
		if err := b.Call(ctx, "distribution.why", &distributionv1.WhyRequest{Page: t.Page, Psid: t.PSID}, resp); err != nil {
			return nil, err
		}
		return resp, nil
	}
}
