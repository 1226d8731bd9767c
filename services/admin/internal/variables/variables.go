// Package variables is VariableService: programs tell what they know of a
// conversation (L116).
package variables

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/thread"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// most is how many variables one request sets.
const most = 100

// Log is the part of bus.Bus that the service needs.
type Log interface {
	Update(ctx context.Context, t subject.Thread, decide func(*threadv1.State, uint64) ([]*threadv1.Fact, error)) (*threadv1.State, uint64, error)
}

// Service implements VariableService.
type Service struct {
	adminv1.UnsafeVariableServiceServer
	Log       Log
	Directory *directory.Directory
	Caller    func(context.Context) string // who asks, for the record
}

// SetVariables sets context variables of the latest conversation of a customer.
func (s *Service) SetVariables(ctx context.Context, req *adminv1.SetVariablesRequest) (*adminv1.SetVariablesResponse, error) {
	world := s.Directory.Now()
	t := subject.Thread{Page: req.GetPage(), PSID: req.GetPsid()}
	if page := world.Pages[req.GetPage()]; page != nil {
		t.Page = page.GetPageId()
	}
	if wrong := form(req); len(wrong) > 0 {
		return nil, invalid(wrong)
	}
	state, _, err := s.Log.Update(ctx, t, func(state *threadv1.State, _ uint64) ([]*threadv1.Fact, error) {
		c := state.GetConversation()
		conversation := req.GetConversation()
		if conversation == "" {
			conversation = c.GetId()
		}
		facts, err := thread.SetVariables(state, conversation, &threadv1.VariablesSet{
			Variables: req.GetVariables(), Program: s.Caller(ctx), ClientId: req.GetRequestId()})
		if err != nil || len(facts) == 0 {
			return nil, err
		}
		if wrong := undeclared(world.Workstreams[c.GetWorkstream()].GetVariables(), req.GetVariables()); len(wrong) > 0 {
			return nil, invalid(wrong)
		}
		return facts, nil
	})
	if refusal, ok := errors.AsType[*thread.Refusal](err); ok {
		return nil, refused(refusal)
	}
	if err != nil {
		return nil, fault.Wrap(err, "setting the variables")
	}
	return &adminv1.SetVariablesResponse{Conversation: state.GetConversation().GetId(), Variables: state.GetConversation().GetVariables()}, nil
}

// form is what is wrong with a request whatever it is about.
func form(req *adminv1.SetVariablesRequest) (wrong []fault.Violation) {
	add := func(ok bool, field, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fault.Violation{Field: field, Description: fmt.Sprintf(format, args...)})
		}
	}
	add(req.GetPage() != "", "page", "is missing; name the page by its id here, or by Meta's page id")
	add(req.GetPsid() != "", "psid", "is missing; give the customer's page-scoped id")
	_, err := uuid.Parse(req.GetRequestId())
	add(err == nil && len(req.GetRequestId()) == 36, "request_id", "%q is not a UUID; make one for every request, and keep it when the request is repeated", req.GetRequestId())
	n := len(req.GetVariables())
	add(n > 0 && n <= most, "variables", "has %d values; use 1 to %d", n, most)
	return wrong
}

// undeclared is what a workstream's variables cannot be set to.
func undeclared(declared []*configv1.Variable, values map[string]string) (wrong []fault.Violation) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		field := fmt.Sprintf("variables[%s]", name)
		switch v := directory.Variable(declared, name); {
		case v == nil:
			wrong = append(wrong, fault.Violation{Field: field, Description: "is none of the workstream's variables; case matters; declare it there, or name another"})
		case !directory.Fits(v, values[name]):
			wrong = append(wrong, fault.Violation{Field: field, Description: fmt.Sprintf("must be UTF-8 of at most %d characters, and of a number decimal, such as 12 or -0.5", directory.MaxValue)})
		}
	}
	return wrong
}

func invalid(wrong []fault.Violation) error {
	f := fault.New(fault.Invalid, "INVALID_ARGUMENT", "%s: %s", wrong[0].Field, wrong[0].Description)
	f.Violations = wrong
	return f
}

func refused(r *thread.Refusal) error {
	switch r.Reason {
	case thread.Unanswerable:
		return fault.New(fault.NotFound, "CONVERSATION_UNKNOWN", "the customer has had no conversation yet")
	case thread.NotCurrent:
		return fault.New(fault.Precondition, "CONVERSATION_PAST", "the customer has another conversation now; leave conversation out for that one")
	}
	return fault.New(fault.Precondition, "CONVERSATION_CLOSED", "the conversation is closed; what is learned now is for the next one")
}
