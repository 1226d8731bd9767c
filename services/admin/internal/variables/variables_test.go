package variables_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/thread"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/admin/internal/variables"
)

// shelf is a log of one thread.
type shelf struct {
	state *threadv1.State
	facts []*threadv1.Fact
}

func (l *shelf) Update(_ context.Context, _ subject.Thread, decide func(*threadv1.State, uint64) ([]*threadv1.Fact, error)) (*threadv1.State, uint64, error) {
	facts, err := decide(l.state, 1)
	if err != nil {
		return nil, 0, err
	}
	for _, f := range facts {
		if err := thread.Apply(l.state, 1, time.UnixMilli(1), f); err != nil {
			return nil, 0, err
		}
	}
	l.facts = append(l.facts, facts...)
	return l.state, 1, nil
}

// L116: a program sets declared variables of a live conversation, each request
// once, and the log says which program it was (SG4).
func TestSetVariables(t *testing.T) {
	l := &shelf{state: thread.New("1", "2")}
	s := &variables.Service{Log: l, Caller: func(context.Context) string { return "crm" }, Directory: directory.Fixed(directory.NewSnapshot(
		&configv1.Workstream{Meta: &configv1.Meta{Id: "w"}, Variables: []*configv1.Variable{{Name: "tier"}, {Name: "items", Type: configv1.VariableType_VARIABLE_TYPE_NUMBER}}},
		&configv1.Page{Meta: &configv1.Meta{Id: "shop"}, PageId: "1", Workstream: "w"}))}
	set := func(change func(*adminv1.SetVariablesRequest)) (*adminv1.SetVariablesResponse, error) {
		req := &adminv1.SetVariablesRequest{Page: "shop", Psid: "2", Variables: map[string]string{"tier": "gold", "items": "3"}, RequestId: uuid.NewString()}
		change(req)
		return s.SetVariables(t.Context(), req)
	}
	plain := func(*adminv1.SetVariablesRequest) {}
	if _, err := set(plain); !fault.Is(err, fault.NotFound) {
		t.Errorf("before the first conversation: %v", err)
	}
	open := thread.Of(&threadv1.ConversationOpened{Id: "c", Workstream: "w", Units: 1})
	if err := thread.Apply(l.state, 0, time.UnixMilli(1), open); err != nil {
		t.Fatal(err)
	}
	id := uuid.NewString()
	for range 2 { // the answer was lost
		r, err := set(func(r *adminv1.SetVariablesRequest) { r.RequestId = id })
		if err != nil || r.GetConversation() != "c" || r.GetVariables()["tier"] != "gold" || r.GetVariables()["items"] != "3" {
			t.Fatalf("%v, %v", r, err)
		}
	}
	if len(l.facts) != 1 || l.facts[0].GetVariablesSet().GetProgram() != "crm" {
		t.Errorf("the log says %v", l.facts)
	}
	for name, change := range map[string]func(*adminv1.SetVariablesRequest){
		"page": func(r *adminv1.SetVariablesRequest) { r.Page = "" }, "psid": func(r *adminv1.SetVariablesRequest) { r.Psid = "" },
		"request_id": func(r *adminv1.SetVariablesRequest) { r.RequestId = "7" }, "variables": func(r *adminv1.SetVariablesRequest) { r.Variables = nil },
		"variables[Tier]":  func(r *adminv1.SetVariablesRequest) { r.Variables = map[string]string{"Tier": "x"} },
		"variables[items]": func(r *adminv1.SetVariablesRequest) { r.Variables = map[string]string{"items": "three"} },
	} {
		_, err := set(change)
		f := new(fault.Error)
		if !fault.Is(err, fault.Invalid) || !errors.As(err, &f) || f.Violations[0].Field != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := set(func(r *adminv1.SetVariablesRequest) { r.Conversation = "other" }); !fault.Is(err, fault.Precondition) {
		t.Errorf("another conversation: %v", err)
	}
	if err := thread.Apply(l.state, 1, time.UnixMilli(1), thread.Of(&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_FORCED})); err != nil {
		t.Fatal(err)
	}
	if _, err := set(plain); !fault.Is(err, fault.Precondition) {
		t.Errorf("a closed conversation: %v", err)
	}
}
