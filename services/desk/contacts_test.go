package desk_test

import (
	"slices"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/parley-desk/parley/pkg/contact"
	"github.com/parley-desk/parley/pkg/thread"
	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

func refTo(psid, conversation string) *deskv1.ConversationRef {
	return &deskv1.ConversationRef{Page: pageID, Psid: psid, Conversation: conversation}
}

// card reads the card of a conversation.
func (c *caller) card(t *testing.T, ref *deskv1.ConversationRef) *deskv1.ContactCard {
	t.Helper()
	r, err := c.contacts.GetCard(t.Context(), connect.NewRequest(&deskv1.GetCardRequest{Ref: ref}))
	if err != nil {
		t.Fatal(err)
	}
	return r.Msg.GetCard()
}

func refusal(err error) string {
	if r, ok := detail[*deskv1.Refusal](err); ok {
		return r.GetReason()
	}
	if i, ok := detail[*errdetails.ErrorInfo](err); ok {
		return i.GetReason()
	}
	return ""
}

// S44 to S46: nobody is known; the agent makes a contact of the profile, which is
// linked; the next conversation of the customer shows it with no action.
func TestAContactIsMadeAndKept(t *testing.T) {
	h := newHouse(t)
	mila := h.agent("mila")
	h.commit("p", thread.Of(&threadv1.CustomerProfiled{Name: "Иван Петров"}))
	h.lead("p", "active", time.Now())
	first := refTo("p", "c-p")
	if card := mila.card(t, first); card.GetContact() != nil || card.GetLink() != nil || !card.GetMayLink() || card.GetSummary().GetPreviousCount() != 0 {
		t.Errorf("at first the card is %v", card)
	}
	create := &deskv1.CreateContactRequest{Ref: first, ClientId: uuid.NewString(), Contact: &contactv1.Contact{Phones: []string{"+359 888 123 456"}}}
	var ids []string
	for range 2 {
		r, err := mila.contacts.CreateContact(t.Context(), connect.NewRequest(create))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, r.Msg.GetCard().GetContact().GetId())
		if c := r.Msg.GetCard(); c.GetContact().GetName() != "Иван Петров" || c.GetLink().GetSource() != threadv1.LinkSource_LINK_SOURCE_AGENT || c.GetByName() != display["mila"] {
			t.Errorf("the card is %v", c)
		}
	}
	if ids[0] != ids[1] {
		t.Errorf("a repeated command made %v", ids)
	}
	h.commit("p", thread.Of(&threadv1.LabelsChanged{Added: []string{"VIP"}, By: "mila"}))
	if err := commands["end"].give(t.Context(), mila, "p"); err != nil {
		t.Fatal(err)
	}
	if err := commands["close"].give(t.Context(), mila, "p"); err != nil {
		t.Fatal(err)
	}
	unlink := &deskv1.UnlinkContactRequest{Ref: first, ClientId: uuid.NewString()}
	if _, err := mila.contacts.UnlinkContact(t.Context(), connect.NewRequest(unlink)); refusal(err) != thread.WrongPhase {
		t.Errorf("a link was taken back after the end: %v", err)
	}
	h.commit("p", thread.Of(&threadv1.ConversationOpened{Id: "c2", Units: 1}), thread.Of(&threadv1.AgentAssigned{Agent: "mila", Fence: 9, Cause: threadv1.Cause_CAUSE_PICKED}))
	second := refTo("p", "c2")
	card := mila.card(t, second)
	if card.GetContact().GetId() != ids[0] || card.GetSummary().GetPreviousCount() != 1 {
		t.Errorf("the next conversation shows %v", card)
	}
	if p := card.GetSummary().GetPrevious(); len(p) != 1 || p[0].GetId() != "c-p" || p[0].GetAgentName() != display["mila"] || p[0].GetQueue() != "Front desk" || p[0].GetClosedMs() == 0 || !slices.Equal(p[0].GetLabels(), []string{"VIP"}) {
		t.Errorf("before was %v", p)
	}
	unlink.Ref = second
	r, err := mila.contacts.UnlinkContact(t.Context(), connect.NewRequest(unlink))
	if err != nil || r.Msg.GetCard().GetLink() != nil {
		t.Errorf("taken back: %v, %v", r, err)
	}
}

// S46, L119: what the customer told of itself, in variables that say so, is in the
// contact that an agent makes, where the agent wrote nothing.
func TestAContactHasWhatTheCustomerTold(t *testing.T) {
	h := newHouse(t)
	mila := h.agent("mila")
	h.commit("p", thread.Of(&threadv1.CustomerProfiled{Name: "Ivan"}))
	h.lead("p", "active", time.Now())
	h.commit("p", thread.Of(&threadv1.VariablesSet{Variables: map[string]string{"mail": "Ivan@Example.com", "call": "+359 888 123 456", "order": "A-17"}, Agent: "mila"}))
	r, err := mila.contacts.CreateContact(t.Context(), connect.NewRequest(&deskv1.CreateContactRequest{Ref: refTo("p", "c-p"), ClientId: uuid.NewString(), Contact: &contactv1.Contact{Phones: []string{"02 987 6543"}}}))
	if err != nil {
		t.Fatal(err)
	}
	if c := r.Msg.GetCard().GetContact(); c.GetName() != "Ivan" || !slices.Equal(c.GetEmails(), []string{"ivan@example.com"}) || !slices.Equal(c.GetPhones(), []string{"029876543"}) {
		t.Errorf("made is %v", c)
	}
}

// The linked contact is changed on the spot, and merged with a second one that was
// found by search; both can be undone.
func TestALinkedContactIsChangedAndMerged(t *testing.T) {
	h := newHouse(t)
	mila, store := h.agent("mila"), contact.Open(h.bus, time.Now)
	h.lead("p", "active", time.Now())
	ref := refTo("p", "c-p")
	create := func(c *contactv1.Contact) *contactv1.Contact {
		made, err := store.Create(t.Context(), contact.Deed{By: "crm"}, c)
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	ivan, twin := create(&contactv1.Contact{Name: "Ivan Petrov"}), create(&contactv1.Contact{Name: "Иван П.", Emails: []string{"ivan@example.com"}})
	update := &deskv1.UpdateContactRequest{Ref: ref, ClientId: uuid.NewString(), Contact: &contactv1.Contact{Notes: "VIP", Etag: ivan.GetEtag()}, Paths: []string{"notes"}}
	if _, err := mila.contacts.UpdateContact(t.Context(), connect.NewRequest(update)); refusal(err) != thread.NotLinked {
		t.Errorf("a contact that is not linked was changed: %v", err)
	}
	link := &deskv1.LinkContactRequest{Ref: ref, ClientId: uuid.NewString(), Contact: ivan.GetId()}
	if _, err := mila.contacts.LinkContact(t.Context(), connect.NewRequest(link)); err != nil {
		t.Fatal(err)
	}
	if r, err := mila.contacts.UpdateContact(t.Context(), connect.NewRequest(update)); err != nil || r.Msg.GetCard().GetContact().GetNotes() != "VIP" || r.Msg.GetCard().GetContact().GetUpdatedBy() != "agents/mila" {
		t.Errorf("changed to %v, %v", r, err)
	}
	update.ClientId = uuid.NewString()
	if _, err := mila.contacts.UpdateContact(t.Context(), connect.NewRequest(update)); refusal(err) != contact.Changed {
		t.Errorf("an old reading was taken: %v", err)
	}
	var found []*contactv1.Contact
	h.await("the search to find both", func() bool {
		r, err := mila.contacts.SearchContacts(t.Context(), connect.NewRequest(&deskv1.SearchContactsRequest{Ref: ref, Query: "иван п"}))
		if err == nil {
			found = r.Msg.GetContacts()
		}
		return len(found) == 2
	})
	merge := &deskv1.MergeContactRequest{Ref: ref, ClientId: uuid.NewString(), From: twin.GetId()}
	r, err := mila.contacts.MergeContact(t.Context(), connect.NewRequest(merge))
	if err != nil || !slices.Equal(r.Msg.GetCard().GetContact().GetEmails(), []string{"ivan@example.com"}) || !slices.Equal(r.Msg.GetCard().GetMerged(), []string{twin.GetId()}) {
		t.Fatalf("merged to %v, %v", r, err)
	}
	back, err := mila.contacts.UnmergeContact(t.Context(), connect.NewRequest(&deskv1.UnmergeContactRequest{Ref: ref, ClientId: uuid.NewString(), From: twin.GetId()}))
	if err != nil || len(back.Msg.GetCard().GetContact().GetEmails()) != 0 || len(back.Msg.GetCard().GetMerged()) != 0 {
		t.Errorf("undone to %v, %v", back, err)
	}
	if _, err := store.Delete(t.Context(), contact.Deed{By: "crm"}, ivan.GetId()); err != nil {
		t.Fatal(err)
	}
	if card := mila.card(t, ref); card.GetContact() != nil || card.GetLink().GetContact() != ivan.GetId() {
		t.Errorf("of a deleted contact the card shows %v", card)
	}
	orlin := h.agent("orlin")
	if _, err := orlin.contacts.SearchContacts(t.Context(), connect.NewRequest(&deskv1.SearchContactsRequest{Ref: ref, Query: "i"})); refusal(err) != "NO_SUCH_CONVERSATION" {
		t.Errorf("whoever has no conversation searched: %v", err)
	}
}

// The card knows what the contact has on other pages, also when that thread was
// linked to a contact that is a part of this one by now, and what became of it.
func TestTheCardKnowsOtherPages(t *testing.T) {
	h := newHouse(t)
	mila, store := h.agent("mila"), contact.Open(h.bus, time.Now)
	make := func(name string) *contactv1.Contact {
		made, err := store.Create(t.Context(), contact.Deed{By: "crm"}, &contactv1.Contact{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	ivan, twin := make("Ivan Petrov"), make("Ivan P.")
	elsewhere := func(facts ...any) {
		t.Helper()
		if _, err := h.turn(t.Context(), silentPage, "q", func(*threadv1.State) ([]*threadv1.Fact, error) {
			var all []*threadv1.Fact
			for _, f := range facts {
				all = append(all, thread.Of(f))
			}
			return all, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	elsewhere(&threadv1.ConversationOpened{Id: "e1", Units: 1, Workstream: "claims"}, &threadv1.ContactLinked{Contact: twin.GetId(), Source: threadv1.LinkSource_LINK_SOURCE_ADMIN, By: "crm"})
	elsewhere(&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_FORCED})
	elsewhere(&threadv1.ConversationOpened{Id: "e2", Units: 1})
	h.lead("p", "active", time.Now())
	h.commit("p", thread.Of(&threadv1.ContactLinked{Contact: ivan.GetId(), Source: threadv1.LinkSource_LINK_SOURCE_ADMIN, By: "crm"}))
	ref := refTo("p", "c-p")
	if s := mila.card(t, ref).GetSummary(); s.GetPreviousCount() != 0 || len(s.GetPrevious()) != 0 {
		t.Errorf("before the merge: %v", s)
	}
	if _, err := store.Merge(t.Context(), contact.Deed{By: "crm"}, ivan.GetId(), twin.GetId(), ""); err != nil {
		t.Fatal(err)
	}
	var s *deskv1.Summary
	h.await("the other page", func() bool { s = mila.card(t, ref).GetSummary(); return len(s.GetPrevious()) == 2 })
	if s.GetPreviousCount() != 2 || s.GetPrevious()[0].GetId() != "e2" || s.GetPrevious()[0].GetClosedMs() != 0 || s.GetPrevious()[0].GetPageName() != silentPage ||
		s.GetPrevious()[1].GetId() != "e1" || s.GetPrevious()[1].GetClosedMs() == 0 {
		t.Errorf("the summary is %v", s)
	}
	elsewhere(&threadv1.ContactUnlinked{Contact: twin.GetId(), By: "crm"})
	h.await("nothing of the other page", func() bool { return mila.card(t, ref).GetSummary().GetPreviousCount() == 0 })
}
