package classification_test

import (
	"testing"

	"github.com/parley-desk/parley/pkg/contact"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// L101, S45: the one contact with the name of the profile is linked where the
// workstream wants it, and the next conversation tells of it with no action.
func TestACustomerIsIdentifiedByName(t *testing.T) {
	h := start(t)
	made, err := h.contacts.Store.Create(t.Context(), contact.Deed{By: "crm"}, &contactv1.Contact{Name: "Весела Иванова"})
	if err != nil {
		t.Fatal(err)
	}
	resources := h.furnish(t)
	for _, r := range resources {
		if ws, ok := r.(*configv1.Workstream); ok {
			ws.IdentifyByName = true
		}
	}
	h.set(t, resources...)
	if err := h.contacts.Book.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.say(t, "m1")
	s := h.await(t, "routed", routed)
	if l := s.GetContact(); l.GetContact() != made.GetId() || l.GetSource() != threadv1.LinkSource_LINK_SOURCE_AUTOMATIC {
		t.Errorf("the customer is %v", l)
	}
	if commits := h.commits(t); commits != 1 {
		t.Errorf("it took %d commits", commits)
	}
	_, _, err = h.bus.Update(t.Context(), customer, func(*threadv1.State, uint64) ([]*threadv1.Fact, error) {
		return []*threadv1.Fact{thread.Of(&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_FORCED})}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	h.say(t, "m2")
	s = h.await(t, "routed again", func(s *threadv1.State) bool { return s.GetConversations() == 2 && routed(s) })
	if got := h.facts(t)["contact_linked"]; got != 2 || s.GetContact().GetContact() != made.GetId() {
		t.Errorf("%d facts tell of %v", got, s.GetContact())
	}
}

// Nobody is identified where the workstream does not want it, or where there are
// two of the name.
func TestNobodyIsIdentifiedByChance(t *testing.T) {
	for name, c := range map[string]struct {
		wanted bool
		names  []string
	}{
		"not wanted": {false, []string{"Vesela Ivanova"}},
		"namesakes":  {true, []string{"Vesela Ivanova", "Весела Иванова"}},
		"others":     {true, []string{"Vesela", "Vesela Ivanova Petrova"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := start(t)
			for _, n := range c.names {
				if _, err := h.contacts.Store.Create(t.Context(), contact.Deed{By: "crm"}, &contactv1.Contact{Name: n}); err != nil {
					t.Fatal(err)
				}
			}
			resources := h.furnish(t)
			for _, r := range resources {
				if ws, ok := r.(*configv1.Workstream); ok {
					ws.IdentifyByName = c.wanted
				}
			}
			h.set(t, resources...)
			if c.wanted {
				if err := h.contacts.Book.Wait(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			h.say(t, "m1")
			if s := h.await(t, "routed", routed); s.GetContact() != nil {
				t.Errorf("the customer is %v", s.GetContact())
			}
		})
	}
}
