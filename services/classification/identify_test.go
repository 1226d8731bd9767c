package classification_test

import (
	"context"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
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

// asks makes the workstream one whose variables say who the customer is, and by name
// or not, and has a bot's conversation open with it.
func (h *house) asks(t *testing.T, byName bool) {
	t.Helper()
	resources := h.furnish(t)
	for _, r := range resources {
		if ws, ok := r.(*configv1.Workstream); ok {
			ws.IdentifyByName, ws.Bot = byName, &configv1.Bot{Url: "https://bot.example.com"}
			ws.Variables = []*configv1.Variable{{Name: "mail", Tells: configv1.Tells_TELLS_EMAIL}, {Name: "number", Tells: configv1.Tells_TELLS_EXTERNAL_ID}, {Name: "call", Tells: configv1.Tells_TELLS_PHONE}}
		}
	}
	h.set(t, resources...)
	if err := h.contacts.Book.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// L119: the one contact of whom all is true that a bot, or an answer to a question,
// told of the customer is linked when the conversation is routed.
func TestACustomerIsIdentifiedByWhatWasTold(t *testing.T) {
	for name, c := range map[string]struct {
		byName bool
		told   map[string]string
		want   string // external id; empty: nobody
	}{
		"by e-mail":               {false, map[string]string{"mail": "VESELA@example.com"}, "CRM-1"},
		"by number":               {false, map[string]string{"number": "crm-2"}, "CRM-2"},
		"by telephone":            {false, map[string]string{"call": "0888 123 456"}, "CRM-1"},
		"by all":                  {true, map[string]string{"mail": "vesela@example.com", "number": "CRM-1"}, "CRM-1"},
		"they do not agree":       {false, map[string]string{"mail": "vesela@example.com", "number": "CRM-2"}, ""},
		"the name does not agree": {true, map[string]string{"number": "CRM-2"}, ""},
		"two have it":             {false, map[string]string{"call": "02 987 6543"}, ""},
		"nobody has it":           {false, map[string]string{"mail": "nobody@example.com"}, ""},
		"it is none":              {false, map[string]string{"mail": "no, thanks"}, ""},
		"nothing was told":        {false, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := start(t)
			ids := map[string]string{"": ""}
			for _, known := range []*contactv1.Contact{
				{Name: "Vesela Ivanova", Emails: []string{"vesela@example.com"}, Phones: []string{"+359888123456", "029876543"}, ExternalId: "CRM-1"},
				{Name: "Maria", Phones: []string{"029876543"}, ExternalId: "CRM-2"},
				{Name: "Vesela Ivanova", Inactive: true, Emails: []string{"vesela@example.com"}, ExternalId: "CRM-3"},
			} {
				made, err := h.contacts.Store.Create(t.Context(), contact.Deed{By: "crm"}, known)
				if err != nil {
					t.Fatal(err)
				}
				ids[known.GetExternalId()] = made.GetId()
			}
			h.asks(t, false)
			h.say(t, "m1")
			s := h.await(t, "that the bot has it", func(s *threadv1.State) bool { return thread.BotHas(s.GetConversation()) })
			if s.GetContact() != nil {
				t.Fatalf("at first the customer is %v", s.GetContact())
			}
			h.asks(t, c.byName)
			_, _, err := h.bus.Update(t.Context(), customer, func(s *threadv1.State, _ uint64) ([]*threadv1.Fact, error) {
				ask, _, _ := thread.BotOwes(s.GetConversation())
				return thread.AnswerBot(s, time.Now(), thread.BotAnswer{Conversation: s.GetConversation().GetId(), Ask: ask, Variables: c.told,
					Escalated: &threadv1.BotEscalated{Reason: threadv1.BotReason_BOT_REASON_ASKED}}), nil
			})
			if err != nil {
				t.Fatal(err)
			}
			s = h.await(t, "routed", routed)
			if got := s.GetContact().GetContact(); got != ids[c.want] {
				t.Errorf("the customer is %v, want %s", s.GetContact(), c.want)
			}
			if l := s.GetContact(); l != nil && l.GetSource() != threadv1.LinkSource_LINK_SOURCE_AUTOMATIC {
				t.Errorf("the link is %v", l)
			}
		})
	}
}

// knows makes the workstream one whose rules ask who the customer is.
func (h *house) knows(t *testing.T, byName bool) {
	t.Helper()
	resources := h.ruled(t,
		[]*configv1.ClassificationRule{{Name: "gold", When: `has(contact.fields.tier) && contact.fields.tier == "gold"`, Set: &configv1.Attributes{Priority: proto.Int32(700)}}},
		[]*configv1.RoutingRule{{Name: "known", When: `contact.known && "vesela@example.com" in contact.emails`, Queues: shares("vip")}}, "vip")
	for _, r := range resources {
		if ws, ok := r.(*configv1.Workstream); ok {
			ws.IdentifyByName = byName
		}
	}
	h.set(t, resources...)
}

// L40: rules ask for the contact that the customer turns out to be, and the next
// time, for the one that is linked, as it stands then.
func TestRulesKnowTheContact(t *testing.T) {
	h := start(t)
	made, err := h.contacts.Store.Create(t.Context(), contact.Deed{By: "crm"}, &contactv1.Contact{Name: "Vesela Ivanova",
		Emails: []string{"vesela@example.com"}, Fields: map[string]string{"tier": "gold"}})
	if err != nil {
		t.Fatal(err)
	}
	h.knows(t, true)
	if err := h.contacts.Book.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.say(t, "m1")
	s := h.await(t, "routed", routed)
	if c := s.GetConversation(); c.GetQueue() != "vip" || c.GetPriority() != 700 || s.GetContact().GetContact() != made.GetId() || h.commits(t) != 1 {
		t.Errorf("as it is found: %v of %v", c, s.GetContact())
	}
	h.knows(t, false)
	made.Fields = map[string]string{"tier": "silver"}
	if _, err := h.contacts.Store.Update(t.Context(), contact.Deed{By: "crm"}, made, []string{"fields"}); err != nil {
		t.Fatal(err)
	}
	_, _, err = h.bus.Update(t.Context(), customer, func(*threadv1.State, uint64) ([]*threadv1.Fact, error) {
		return []*threadv1.Fact{thread.Of(&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_FORCED})}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	h.say(t, "m2")
	s = h.await(t, "routed again", func(s *threadv1.State) bool { return s.GetConversations() == 2 && routed(s) })
	if c := s.GetConversation(); c.GetQueue() != "vip" || c.GetPriority() != 0 {
		t.Errorf("as it is linked: %v", c)
	}
}

// L40: whom nobody knows rules see as nobody, and so they do one who was deleted.
func TestRulesKnowNobody(t *testing.T) {
	for name, link := range map[string]string{"nobody": "", "one who was deleted": "6f1c7e7e-2f6b-4c59-9d0c-0d9d5b8f2a11"} {
		t.Run(name, func(t *testing.T) {
			h := start(t)
			h.knows(t, false)
			if link != "" {
				_, _, err := h.bus.Update(t.Context(), customer, func(*threadv1.State, uint64) ([]*threadv1.Fact, error) {
					return []*threadv1.Fact{thread.Of(&threadv1.ContactLinked{Contact: link, Source: threadv1.LinkSource_LINK_SOURCE_ADMIN})}, nil
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			h.say(t, "m1")
			if c := h.await(t, "routed", routed).GetConversation(); c.GetQueue() != "front" || c.GetPriority() != 0 {
				t.Errorf("conversation: %v", c)
			}
		})
	}
}

// stuck are contacts of which none can be read.
type stuck struct{ contact.Bucket }

func (stuck) Get(ctx context.Context, _ string) (bus.Entry, error) {
	<-ctx.Done()
	return bus.Entry{}, ctx.Err()
}

// L40: a contact that cannot be read holds nobody up, and is nobody to the rules;
// the link stays.
func TestAContactThatCannotBeReadHoldsNobodyUp(t *testing.T) {
	h := start(t)
	h.stop()
	h.contacts.Store.Bucket = stuck{h.contacts.Store.Bucket}
	h.stop = h.run(t)
	h.knows(t, false)
	const id = "6f1c7e7e-2f6b-4c59-9d0c-0d9d5b8f2a11"
	_, _, err := h.bus.Update(t.Context(), customer, func(*threadv1.State, uint64) ([]*threadv1.Fact, error) {
		return []*threadv1.Fact{thread.Of(&threadv1.ContactLinked{Contact: id, Source: threadv1.LinkSource_LINK_SOURCE_ADMIN})}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	h.say(t, "m1")
	s := h.await(t, "routed", routed)
	if s.GetConversation().GetQueue() != "front" || s.GetContact().GetContact() != id {
		t.Errorf("conversation: %v of %v", s.GetConversation(), s.GetContact())
	}
	if n := h.counted(t, "parley_classification_identifications_total"); n != 1 {
		t.Errorf("%v contacts that could not be read are counted, want 1", n)
	}
}
