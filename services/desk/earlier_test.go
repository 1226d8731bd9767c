package desk_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/parley-desk/parley/pkg/contact"
	"github.com/parley-desk/parley/pkg/thread"
	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// earlier reads a past conversation as who has ref: the texts of customers, and the
// reason of a refusal.
func (c *caller) earlier(t *testing.T, ref, past *deskv1.ConversationRef) (texts []string, refused string) {
	t.Helper()
	r, err := c.desk.ListTimeline(t.Context(), connect.NewRequest(&deskv1.ListTimelineRequest{Ref: ref, Earlier: past}))
	if err != nil {
		return nil, refusal(err)
	}
	for _, item := range r.Msg.GetItems() {
		if item.GetConversation() != past.GetConversation() {
			t.Errorf("of %s it tells %v", past.GetConversation(), item)
		}
		if item.GetAuthor() == deskv1.Author_AUTHOR_CUSTOMER {
			texts = append(texts, item.GetText())
		}
	}
	return texts, ""
}

func (h *house) wrote(psid, mid, text string) {
	h.commit(psid, thread.Of(&threadv1.MessageReceived{Mid: mid, Text: text, SentMs: time.Now().UnixMilli()}))
}

func (h *house) ends(who *caller, psid string) {
	h.t.Helper()
	for _, deed := range []string{"end", "close"} {
		if err := commands[deed].give(h.t.Context(), who, psid); err != nil {
			h.t.Fatal(err)
		}
	}
}

// TestEarlierConversationsAreRead: who has a conversation reads the ones before it one by
// one, which the audit gets once; who had the last one and has it no more reads that
// alone, and nobody else reads any.
func TestEarlierConversationsAreRead(t *testing.T) {
	h := newHouse(t)
	mila, orlin := h.agent("mila"), h.agent("orlin")
	first, second := refTo("p", "c-p"), refTo("p", "c2")
	h.lead("p", "active", time.Now())
	h.wrote("p", "m1", "Първият")
	h.ends(mila, "p")
	if made := h.since(func() {
		if texts, refused := mila.earlier(t, first, first); refused != "" || !slices.Contains(texts, "Първият") {
			t.Errorf("what was mine last: %q, %s", texts, refused)
		}
	}); len(made) != 0 {
		t.Errorf("reading what one had oneself left %v", made)
	}
	if _, err := mila.desk.ListTimeline(t.Context(), connect.NewRequest(&deskv1.ListTimelineRequest{Ref: first})); refusal(err) != "NO_SUCH_CONVERSATION" {
		t.Errorf("all of a thread was read after the end: %v", err)
	}
	if _, refused := mila.earlier(t, first, refTo("p", "c0")); refused != "NO_SUCH_CONVERSATION" {
		t.Errorf("another one of the thread was read after the end: %q", refused)
	}
	h.commit("p", thread.Of(&threadv1.ConversationOpened{Id: "c2", Units: 1}), thread.Of(&threadv1.AgentAssigned{Agent: "orlin", Fence: 9, Cause: threadv1.Cause_CAUSE_PICKED}))
	h.wrote("p", "m2", "Вторият")
	made := h.since(func() {
		for range 2 {
			if texts, refused := orlin.earlier(t, second, first); refused != "" || !slices.Contains(texts, "Първият") || slices.Contains(texts, "Вторият") {
				t.Errorf("what was before: %q, %s", texts, refused)
			}
		}
		if texts, refused := orlin.earlier(t, second, second); refused != "" || !slices.Equal(texts, []string{"Вторият"}) {
			t.Errorf("the one at hand: %q, %s", texts, refused)
		}
	})
	if len(made) != 1 || line(made[0]) != "agent:orlin transcript.read conversations/c-p" || made[0].GetPerson() == "" {
		t.Errorf("the audit got %v", made)
	}
	for _, r := range [][2]*deskv1.ConversationRef{{first, first}, {second, first}, {second, second}} {
		if texts, refused := mila.earlier(t, r[0], r[1]); refused != "NO_SUCH_CONVERSATION" {
			t.Errorf("who has it no more read %v: %q", r, texts)
		}
	}
	_, err := orlin.desk.ListTimeline(t.Context(), connect.NewRequest(&deskv1.ListTimelineRequest{Ref: second, Earlier: &deskv1.ConversationRef{Page: pageID}}))
	if connect.CodeOf(err) != connect.CodeInvalidArgument {
		t.Errorf("a conversation half named: %v", err)
	}
}

// TestEarlierConversationsOfOtherThreads are read, with their files, as long as they are
// of the same contact and over.
func TestEarlierConversationsOfOtherThreads(t *testing.T) {
	h := newHouse(t)
	mila, orlin, store := h.agent("mila"), h.agent("orlin"), contact.Open(h.bus, time.Now)
	ivan, err := store.Create(t.Context(), contact.Deed{By: "crm"}, &contactv1.Contact{Name: "Ivan"})
	if err != nil {
		t.Fatal(err)
	}
	here, there := refTo("p", "c-p"), refTo("q", "c-q")
	h.lead("q", "active", time.Now())
	photo := h.keep("q", "m1", []byte("a photo"), &threadv1.AttachmentKept{ContentType: "image/png", Width: 32, Height: 24, Name: "a.png"})
	h.commit("p", thread.Of(&threadv1.MessageReceived{Mid: "mp", Text: "Здравейте", SentMs: time.Now().UnixMilli()}), thread.Of(&threadv1.ConversationOpened{Id: "c-p", Units: 1}),
		thread.Of(&threadv1.AgentAssigned{Agent: "orlin", Fence: 1, Cause: threadv1.Cause_CAUSE_PICKED}))
	file := func(of *deskv1.ConversationRef) int {
		address, _ := url.Parse(photo)
		q := address.Query()
		q.Set("psid", here.GetPsid())
		q.Set("conversation", here.GetConversation())
		q.Set("earlier", of.GetConversation())
		q.Set("earlier_page", of.GetPage())
		q.Set("earlier_psid", of.GetPsid())
		address.RawQuery = q.Encode()
		return h.fetch(orlin, address.String()).StatusCode
	}
	closed := func(why string) {
		t.Helper()
		if texts, refused := orlin.earlier(t, here, there); refused != "NO_SUCH_CONVERSATION" {
			t.Errorf("%s: it was read: %q", why, texts)
		}
		if status := file(there); status != http.StatusNotFound {
			t.Errorf("%s: its file: %d", why, status)
		}
	}
	closed("a stranger's")
	link := thread.Of(&threadv1.ContactLinked{Contact: ivan.GetId(), Source: threadv1.LinkSource_LINK_SOURCE_ADMIN, By: "crm"})
	h.commit("p", link)
	h.commit("q", link)
	h.await("the link", func() bool { return len(orlin.card(t, here).GetSummary().GetPrevious()) == 1 })
	closed("one that lasts")
	h.ends(mila, "q")
	previous := orlin.card(t, here).GetSummary().GetPrevious()
	made := h.since(func() {
		if texts, refused := orlin.earlier(t, here, previous[0].GetRef()); refused != "" || !slices.Contains(texts, "Къде е поръчката ми?") {
			t.Errorf("of the other thread: %q, %s", texts, refused)
		}
	})
	if len(made) != 1 || line(made[0]) != "agent:orlin transcript.read conversations/c-q" {
		t.Errorf("the audit got %v", made)
	}
	if status := file(there); status != http.StatusOK {
		t.Errorf("its file: %d", status)
	}
	if status := file(refTo("q", "c-other")); status != http.StatusNotFound {
		t.Errorf("the file of another conversation there: %d", status)
	}
	h.commit("q", thread.Of(&threadv1.ContactUnlinked{Contact: ivan.GetId(), By: "crm"}))
	h.await("the end of the link", func() bool { return orlin.card(t, here).GetSummary().GetPreviousCount() == 0 })
	closed("one that is nobody's we know")
}
