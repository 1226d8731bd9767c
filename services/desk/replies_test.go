package desk_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	"github.com/parley-desk/parley/pkg/thread"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk"
)

// found are the replies that a query finds, "title: text" each, own ones with a
// star.
func (c *caller) found(t *testing.T, psid, query string, personal bool) string {
	t.Helper()
	r, err := c.replies.ListCannedReplies(t.Context(), connect.NewRequest(&deskv1.ListCannedRepliesRequest{Ref: ref(psid), Query: query, Personal: personal}))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, reply := range r.Msg.GetReplies() {
		line := reply.GetTitle() + ": " + reply.GetText()
		if reply.GetPersonal() {
			line = "*" + line
		}
		all = append(all, line)
	}
	return strings.Join(all, " | ")
}

func own(title, text string, tags ...string) *deskv1.PersonalReply {
	return &deskv1.PersonalReply{Id: uuid.NewString(), Title: title, Text: text, Tags: tags}
}

func (c *caller) create(t *testing.T, r *deskv1.PersonalReply) error {
	t.Helper()
	_, err := c.replies.CreatePersonalReply(t.Context(), connect.NewRequest(&deskv1.CreatePersonalReplyRequest{Reply: r}))
	return err
}

// TestCannedReplies (L115): an agent finds shared replies and own ones, filled in
// for the conversation; nobody finds those of another.
func TestCannedReplies(t *testing.T) {
	h := newHouse(t)
	h.commit("p", thread.Of(&threadv1.MessageReceived{Mid: "m-p", Text: "Къде е?", SentMs: time.Now().UnixMilli()}), thread.Of(&threadv1.CustomerProfiled{Name: "Ана Петрова"}),
		thread.Of(&threadv1.ConversationOpened{Id: "c-p", Workstream: "facebook", Units: 1, OfferSeconds: 60}),
		thread.Of(&threadv1.ConversationClassified{Variables: map[string]string{"order": "A-17"}}), thread.Of(&threadv1.ConversationRouted{Queue: "front"}),
		thread.Of(&threadv1.AgentAssigned{Agent: "mila", Fence: 1, Cause: threadv1.Cause_CAUSE_PICKED}))
	mila, orlin := h.agent("mila"), h.agent("orlin")
	if got, want := mila.found(t, "p", "", false), "Hello: Здравейте, Ана!"; got != want {
		t.Errorf("shared ones: %s, want %s", got, want)
	}
	bye := own("Bye", "Поздрави, {AgentFirstName}. Поръчка {$order$}.", "край")
	for range 2 { // the answer was lost
		if err := mila.create(t, bye); err != nil {
			t.Fatal(err)
		}
	}
	for query, want := range map[string]string{
		"": "*Bye: Поздрави, Мила. Поръчка A-17. | Hello: Здравейте, Ана!", "ЗДРАВЕЙТЕ ана": "Hello: Здравейте, Ана!",
		"#gree": "Hello: Здравейте, Ана!", "#кр поръчка": "*Bye: Поздрави, Мила. Поръчка A-17.", "#": "*Bye: Поздрави, Мила. Поръчка A-17. | Hello: Здравейте, Ана!",
		"#nothing": "", "hello bye": "",
	} {
		if got := mila.found(t, "p", query, false); got != want {
			t.Errorf("%q finds %s, want %s", query, got, want)
		}
	}
	if got, want := mila.found(t, "p", "", true), "*Bye: Поздрави, Мила. Поръчка A-17."; got != want {
		t.Errorf("own ones: %s, want %s", got, want)
	}
	if r, err := orlin.replies.ListPersonalReplies(t.Context(), connect.NewRequest(&deskv1.ListPersonalRepliesRequest{})); err != nil || len(r.Msg.GetReplies()) != 0 || r.Msg.GetMost() != 3 {
		t.Errorf("what another has: %v, %v", r, err)
	}
}

func TestPersonalReplies(t *testing.T) {
	h := newHouse(t)
	mila := h.agent("mila")
	first := own("b", "text")
	for _, r := range []*deskv1.PersonalReply{first, own("A", "text"), own("c", "text")} {
		if err := mila.create(t, r); err != nil {
			t.Fatal(err)
		}
	}
	if err := mila.create(t, own("d", "text")); connect.CodeOf(err) != connect.CodeResourceExhausted {
		t.Errorf("one too many: %v", err)
	}
	again := own("b", "other text")
	again.Id = first.GetId()
	if err := mila.create(t, again); connect.CodeOf(err) != connect.CodeAborted {
		t.Errorf("another text under an id in use: %v", err)
	}
	update := func(r *deskv1.PersonalReply) error {
		_, err := mila.replies.UpdatePersonalReply(t.Context(), connect.NewRequest(&deskv1.UpdatePersonalReplyRequest{Reply: r}))
		return err
	}
	if err := update(again); err != nil {
		t.Error(err)
	}
	if err := update(own("x", "text")); connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("updating what is not there: %v", err)
	}
	for range 2 {
		if _, err := mila.replies.DeletePersonalReply(t.Context(), connect.NewRequest(&deskv1.DeletePersonalReplyRequest{Id: first.GetId()})); err != nil {
			t.Error(err)
		}
	}
	var titles []string
	r, err := mila.replies.ListPersonalReplies(t.Context(), connect.NewRequest(&deskv1.ListPersonalRepliesRequest{}))
	for _, reply := range r.Msg.GetReplies() {
		titles = append(titles, reply.GetTitle())
	}
	if got := strings.Join(titles, ""); err != nil || got != "Ac" {
		t.Errorf("left: %s, %v", got, err)
	}
	for field, bad := range map[string]*deskv1.PersonalReply{
		"reply.id": {Id: "7", Title: "t", Text: "t"}, "reply.title": own(" ", "t"), "reply.text": own("t", "{Name}"),
		"reply.locale": {Id: uuid.NewString(), Title: "t", Text: "t", Locale: "b_g"}, "reply.tags[0]": own("t", "t", "#t"),
	} {
		if err := mila.create(t, bad); connect.CodeOf(err) != connect.CodeInvalidArgument || !strings.HasPrefix(err.Error(), "invalid_argument: "+field+":") {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// Two tabs at once lose nothing.
func TestPersonalRepliesAtOnce(t *testing.T) {
	h := newHouse(t, func(c *desk.Config) { c.PersonalReplies = 100 })
	mila := h.agent("mila")
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			if err := mila.create(t, own(fmt.Sprint(i), "text")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	r, err := mila.replies.ListPersonalReplies(t.Context(), connect.NewRequest(&deskv1.ListPersonalRepliesRequest{}))
	if err != nil || len(r.Msg.GetReplies()) != 4 {
		t.Errorf("%v, %v", r, err)
	}
}

func TestPersonalRepliesSwitchedOff(t *testing.T) {
	h := newHouse(t, func(c *desk.Config) { c.PersonalReplies = 0 })
	mila := h.agent("mila")
	if err := mila.create(t, own("b", "text")); connect.CodeOf(err) != connect.CodeFailedPrecondition {
		t.Errorf("creating one: %v", err)
	}
	if r, err := mila.replies.ListPersonalReplies(t.Context(), connect.NewRequest(&deskv1.ListPersonalRepliesRequest{})); err != nil || r.Msg.GetMost() != 0 {
		t.Errorf("%v, %v", r, err)
	}
}
