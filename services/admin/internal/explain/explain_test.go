package explain_test

import (
	"context"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/rights"
	"github.com/parley-desk/parley/pkg/thread"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/admin/internal/explain"
)

// story is the log of one thread.
type story struct {
	state   *threadv1.State
	commits []*threadv1.Commit
}

func (s *story) commit(t *testing.T, kinds ...any) {
	t.Helper()
	var facts []*threadv1.Fact
	for _, k := range kinds {
		facts = append(facts, thread.Of(k))
	}
	c, err := thread.Extend(s.state, uint64(len(s.commits)), time.UnixMilli(int64(len(s.commits)+1)*1000), "test", facts...)
	if err != nil {
		t.Fatal(err)
	}
	s.state, s.commits = c.GetState(), append(s.commits, c)
}

func (s *story) Load(context.Context, subject.Thread) (*threadv1.State, uint64, error) {
	return s.state, uint64(len(s.commits)), nil
}

func (s *story) History(context.Context, subject.Thread, uint64) iter.Seq2[bus.Record, error] {
	return func(yield func(bus.Record, error) bool) {
		for n, c := range s.commits {
			if !yield(bus.Record{Revision: uint64(n + 1), Commit: c}, nil) {
				return
			}
		}
	}
}

// house has a workstream whose rules ask for the contact and for a variable.
func house(when string) *directory.Snapshot {
	meta := func(id string) *configv1.Meta { return &configv1.Meta{Id: id} }
	return directory.NewSnapshot(
		&configv1.Page{Meta: meta("shop"), PageId: "10", Workstream: "care"},
		&configv1.Queue{Meta: meta("front"), Agents: []string{"mila"}}, &configv1.Queue{Meta: meta("gold"), Agents: []string{"mila"}},
		&configv1.Ruleset{Meta: meta("routes"), Route: []*configv1.RoutingRule{{Name: "gold", When: when, Queues: []*configv1.Share{{Queue: "gold"}}}}},
		&configv1.Workstream{Meta: meta("care"), Queue: "front", Routing: "routes", Variables: []*configv1.Variable{{Name: "order"}, {Name: "tier"}}})
}

func asked(s *story, when string, who rights.Who) (*adminv1.ExplainConversationResponse, error) {
	service := &explain.Service{Log: s, Directory: directory.Fixed(house(when)), Now: time.Now,
		Caller: func(context.Context, *directory.Snapshot) rights.Who { return who },
		Contact: func(_ context.Context, id string) (*contactv1.Contact, error) {
			if id != "vesela" {
				return nil, fault.New(fault.NotFound, "CONTACT_UNKNOWN", "there is no such contact")
			}
			return &contactv1.Contact{Id: id, Name: "Vesela", Fields: map[string]string{"tier": "gold"}}, nil
		}}
	return service.ExplainConversation(context.Background(), &adminv1.ExplainConversationRequest{Page: "shop", Psid: "70"})
}

// What rules could know when they ran they know when they are asked again: link,
// answers, what a bot or a program set, and who the customer was known to be (L40,
// L114, L116). What became known later they do not.
func TestWhatRulesKnewTheyKnowAgain(t *testing.T) {
	const gold, tier, order = `has(contact.fields.tier) && contact.fields.tier == "gold"`, `variables.tier == "1"`, `variables.order == "A-17"`
	message, routed := &threadv1.MessageReceived{Mid: "m", Text: "hello", SentMs: 1}, &threadv1.ConversationRouted{Queue: "front", Rule: "workstream care"}
	opened := func(variables map[string]string) *threadv1.ConversationOpened {
		return &threadv1.ConversationOpened{Id: "c", Workstream: "care", Units: 1, Variables: variables}
	}
	linked := func(to string) *threadv1.ContactLinked {
		return &threadv1.ContactLinked{Contact: to, Source: threadv1.LinkSource_LINK_SOURCE_AUTOMATIC}
	}
	fits := &threadv1.QuestionAnswered{Variable: "order", Result: threadv1.QuestionResult_QUESTION_RESULT_FIT, Value: "A-17"}
	for _, c := range []struct {
		name, when string
		log        [][]any
		want       string
	}{
		{"known as it was routed", gold, [][]any{{message, opened(nil), linked("vesela"), routed}}, "gold"},
		{"linked by an agent afterwards", gold, [][]any{{message, opened(nil), routed}, {linked("vesela")}}, "front"},
		{"unlinked afterwards", gold, [][]any{{message, opened(nil), linked("vesela"), routed}, {&threadv1.ContactUnlinked{Contact: "vesela"}}}, "gold"},
		{"the contact is gone", gold, [][]any{{message, opened(nil), linked("maria"), routed}}, "front"},
		{"it waits for a queue", gold, [][]any{{message, opened(nil)}, {linked("vesela")}}, "gold"},
		{"nobody is known", gold, [][]any{{message, opened(nil), routed}}, "front"},
		{"the link set it", tier, [][]any{{message, opened(map[string]string{"tier": "1"}), routed}}, "gold"},
		{"a program set it", tier, [][]any{{message, opened(nil)}, {&threadv1.VariablesSet{Variables: map[string]string{"tier": "1"}, Program: "crm"}}, {routed}}, "gold"},
		{"a program took it away", tier, [][]any{{message, opened(map[string]string{"tier": "1"})}, {&threadv1.VariablesSet{Variables: map[string]string{"tier": ""}, Program: "crm"}}, {routed}}, "front"},
		{"a program set it afterwards", tier, [][]any{{message, opened(nil), routed}, {&threadv1.VariablesSet{Variables: map[string]string{"tier": "1"}, Program: "crm"}}}, "front"},
		{"the customer answered it", order, [][]any{{message, opened(nil), &threadv1.QuestionsBegan{Variables: []string{"order"}, UntilMs: 9000}},
			{&threadv1.QuestionAsked{Variable: "order"}}, {fits, &threadv1.QuestionsEnded{}}, {routed}}, "gold"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &story{state: thread.New("10", "70")}
			for _, kinds := range c.log {
				s.commit(t, kinds...)
			}
			resp, err := asked(s, c.when, rights.Who{Name: "petar", Roles: []string{"admin"}})
			if err != nil || resp.GetDecision().GetQueue() != c.want {
				t.Errorf("%v, %v, want queue %s", resp, err, c.want)
			}
		})
	}
}

// What a contact holds is told to whoever may read contacts.
func TestAContactIsNotToldToEverybody(t *testing.T) {
	s := &story{state: thread.New("10", "70")}
	s.commit(t, &threadv1.MessageReceived{Mid: "m", Text: "hello", SentMs: 1}, &threadv1.ConversationOpened{Id: "c", Workstream: "care", Units: 1},
		&threadv1.ContactLinked{Contact: "vesela", Source: threadv1.LinkSource_LINK_SOURCE_AUTOMATIC}, &threadv1.ConversationRouted{Queue: "front", Rule: "workstream care"})
	program := rights.Who{Name: "client:reports"}
	if _, err := asked(s, `contact.name == "Vesela"`, program); !fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), "client:reports lacks the permission contact.read") {
		t.Errorf("%v", err)
	}
	if resp, err := asked(s, `message.text == "hello"`, program); err != nil || resp.GetDecision().GetContext().GetContact().GetKnown() {
		t.Errorf("rules that ask for no contact: %v, %v", resp, err)
	}
}
