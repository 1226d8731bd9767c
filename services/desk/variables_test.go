package desk_test

import (
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	"github.com/parley-desk/parley/pkg/thread"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// TestVariables (L116): the agent of a conversation sets what the workstream
// declares, sees it, and nobody else sets anything.
func TestVariables(t *testing.T) {
	h := newHouse(t)
	h.lead("p", "active", time.Now())
	h.lead("o", "offered", time.Now())
	mila := h.agent("mila")
	id := uuid.NewString()
	set := func(psid, id string, values map[string]string) (*deskv1.ConversationView, error) {
		r, err := mila.desk.SetVariables(t.Context(), connect.NewRequest(&deskv1.SetVariablesRequest{Ref: ref(psid), ClientId: id, Variables: values}))
		if err != nil {
			return nil, err
		}
		return r.Msg.GetConversation(), nil
	}
	for range 2 { // the answer was lost
		view, err := set("p", id, map[string]string{"order": strings.Repeat("я", 300)})
		if err != nil || len(view.GetVariables()) != 1 || view.GetVariables()[0].GetValue() != strings.Repeat("я", 200)+"…" {
			t.Fatalf("%v, %v", view, err)
		}
	}
	view, err := set("p", uuid.NewString(), map[string]string{"order": ""})
	if err != nil || view.GetVariables()[0].GetValue() != "?" {
		t.Errorf("taken away it is %v, %v; want what the workstream begins with", view.GetVariables(), err)
	}
	for says, values := range map[string]map[string]string{
		`variables["Order"]: is none of`: {"Order": "1"}, `variables["order"]: must be UTF-8`: {"order": strings.Repeat("я", 4001)}, "variables: must be 1 to 100": {},
	} {
		if _, err := set("p", uuid.NewString(), values); connect.CodeOf(err) != connect.CodeInvalidArgument || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
	if _, err := set("o", uuid.NewString(), map[string]string{"order": "1"}); reasonOf(err) != thread.NotYours {
		t.Errorf("of a conversation that is only offered: %v", err)
	}
	var facts []*threadv1.VariablesSet
	for _, f := range h.history("p") {
		if v := f.GetVariablesSet(); v != nil {
			facts = append(facts, v)
		}
	}
	if len(facts) != 2 || facts[0].GetAgent() != "mila" || facts[0].GetClientId() != id {
		t.Errorf("the log says %v", facts)
	}
}
