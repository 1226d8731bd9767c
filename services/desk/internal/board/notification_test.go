package board_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/slug"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/internal/board"
)

const now = 1_800_000_000_000

// house has a template for each use, that says which it is and every slug (L90,
// L92).
func house() board.World {
	meta := func(id, name string) *configv1.Meta { return &configv1.Meta{Id: id, DisplayName: name} }
	var rows []*configv1.NotificationRow
	for _, s := range append(slug.Notices(), "$order$") {
		rows = append(rows, &configv1.NotificationRow{Label: s, Text: "{" + s + "}"})
	}
	world := []directory.Resource{
		&configv1.Agent{Meta: meta("mila", "Мила")}, &configv1.Agent{Meta: meta("orlin", "Орлин")}, &configv1.Queue{Meta: meta("front", "Доставки")},
		&configv1.Page{Meta: meta("shop", "Магазин"), PageId: "10", Workstream: "care"},
		&configv1.Workstream{Meta: meta("care", ""), Variables: []*configv1.Variable{{Name: "order"}}, Notifications: &configv1.Notifications{
			IncomingKnown: "known", IncomingUnknown: "unknown", Transfer: "transfer", Consult: "consult"}},
	}
	for _, use := range []string{"known", "unknown", "transfer", "consult"} {
		world = append(world, &configv1.NotificationTemplate{Meta: meta(use, ""), NoReject: use == "transfer", HideCountdown: use == "known",
			Texts: []*configv1.NotificationTexts{{Language: "bg", Title: use, Accept: "Поеми", Rows: rows}}})
	}
	return board.World{Names: directory.NewSnapshot(world...)}
}

// offered is a conversation that is offered to mila.
func offered() *threadv1.State {
	return &threadv1.State{Page: "10", Psid: "1", Customer: &threadv1.Customer{Name: "Ana Maria Petrova", Locale: "bg_BG"}, Conversation: &threadv1.Conversation{
		Id: "c", Workstream: "care", Phase: threadv1.Phase_PHASE_OPEN, Queue: "front", OfferSeconds: 60, Offer: &threadv1.Offer{Agent: "mila", Fence: 1},
		Variables: map[string]string{"order": "A-17"}, Terms: &threadv1.Terms{Known: &threadv1.Approach{Template: "known", Seconds: 20},
			Unknown: &threadv1.Approach{Template: "unknown", Seconds: 20}, Transfer: &threadv1.Approach{Template: "transfer", Seconds: 20}}}}
}

// asks has mila invited into a conversation of orlin's.
func asks(s *threadv1.State, part threadv1.Part) {
	c := s.Conversation
	c.Phase, c.Offer, c.Agent = threadv1.Phase_PHASE_ACTIVE, nil, "orlin"
	c.Participants = []*threadv1.Participant{{Agent: "mila", Part: part, Attendance: threadv1.Attendance_ATTENDANCE_INVITED, By: "orlin"}}
}

func given(s *threadv1.State, ago time.Duration) {
	c := s.Conversation
	c.Phase, c.Offer, c.Agent, c.Terms.Unknown.AutoAssign = threadv1.Phase_PHASE_ACTIVE, nil, "mila", true
	c.AssignedMs = now - ago.Milliseconds()
}

// TestEachUseIsToldByItsTemplate is L90 and S40 at the desk: what is offered, handed
// over, asked for advice on, or given.
func TestEachUseIsToldByItsTemplate(t *testing.T) {
	for name, c := range map[string]struct {
		change func(s *threadv1.State)
		title  string // of the template; empty: none
		by     string // whom it names
		given  int64
	}{
		"unknown":         {func(*threadv1.State) {}, "unknown", "", 0},
		"known":           {func(s *threadv1.State) { s.Contact = &threadv1.ContactLink{Contact: "ana"} }, "known", "", 0},
		"handed over":     {func(s *threadv1.State) { s.Conversation.Transferred, s.Conversation.HandedBy = true, "orlin" }, "transfer", "Орлин", 0},
		"by a supervisor": {func(s *threadv1.State) { asks(s, threadv1.Part_PART_SUCCESSOR) }, "transfer", "Орлин", 0},
		"advice":          {func(s *threadv1.State) { asks(s, threadv1.Part_PART_CONSULTANT) }, "consult", "Орлин", 0},
		"given":           {func(s *threadv1.State) { given(s, time.Second) }, "unknown", "", now + 19_000},
		"handed over, and given": {func(s *threadv1.State) {
			given(s, 0)
			s.Conversation.Transferred, s.Conversation.HandedBy, s.Conversation.Terms.Transfer.AutoAssign = true, "orlin", true
		}, "transfer", "Орлин", now + 20_000},
		"given some time ago":  {func(s *threadv1.State) { given(s, 20*time.Second) }, "", "", 0},
		"given as is built in": {func(s *threadv1.State) { given(s, 0); s.Conversation.Terms = &threadv1.Terms{AutoAssign: true} }, "", "", now + 60_000},
		"accepted":             {func(s *threadv1.State) { given(s, 0); s.Conversation.Terms.Unknown.AutoAssign = false }, "", "", 0},
		"as is built in":       {func(s *threadv1.State) { s.Conversation.Terms = &threadv1.Terms{} }, "", "", 0},
		"by one that is gone":  {func(s *threadv1.State) { s.Conversation.Terms.Unknown.Template = "gone" }, "", "", 0},
		"advises already": {func(s *threadv1.State) {
			asks(s, threadv1.Part_PART_CONSULTANT)
			s.Conversation.Participants[0].Attendance = threadv1.Attendance_ATTENDANCE_PRESENT
		}, "", "", 0},
		"somebody else's offer":   {func(s *threadv1.State) { s.Conversation.Offer.Agent = "orlin" }, "", "", 0},
		"somebody else was given": {func(s *threadv1.State) { given(s, 0); s.Conversation.Agent = "orlin" }, "", "", 0},
	} {
		s := offered()
		c.change(s)
		told := board.View(s, 1, "mila", time.UnixMilli(now), house()).GetNotification()
		if (told == nil) != (c.title == "" && c.given == 0) || told.GetGivenUntilMs() != c.given {
			t.Errorf("%s: told %v", name, told)
			continue
		}
		if c.title == "" {
			continue
		}
		text, values := told.GetTexts()[0], map[string]string{}
		for _, r := range text.GetRows() {
			values[r.GetLabel()] = r.GetText()
		}
		if text.GetTitle() != c.title || text.GetAccept() != "Поеми" || values["AgentName"] != c.by ||
			told.GetHideCountdown() != (c.title == "known") || told.GetNoReject() != (c.title == "transfer") {
			t.Errorf("%s: told %v", name, told)
		}
	}
}

// TestSlugsOfNotifications is L92: every slug that may be written has a value where
// there is one; a row of nothing is left out, what a customer is called is no slug, and
// nothing is endless.
func TestSlugsOfNotifications(t *testing.T) {
	s := offered()
	s.Contact = &threadv1.ContactLink{Contact: "ana"}
	s.Conversation.Transferred, s.Conversation.HandedBy = true, "orlin"
	rows := func(s *threadv1.State) string {
		var all []string
		for _, r := range board.View(s, 1, "mila", time.UnixMilli(now), house()).GetNotification().GetTexts()[0].GetRows() {
			all = append(all, r.GetLabel()+"="+r.GetText())
		}
		return strings.Join(all, ", ")
	}
	if got, want := rows(s), "CustomerFullName=Ana Maria Petrova, CustomerFirstName=Ana, CustomerLastName=Petrova, CustomerLanguage=bg, "+
		"ContactId=ana, QueueName=Доставки, PageName=Магазин, AgentName=Орлин, $order$=A-17"; got != want {
		t.Errorf("told %s\nwant %s", got, want)
	}
	if got, want := rows(&threadv1.State{Conversation: proto.CloneOf(offered().Conversation)}), "QueueName=Доставки, $order$=A-17"; got != want {
		t.Errorf("of nobody is told %s, want %s", got, want)
	}
	s.Customer.Name = "{QueueName} " + strings.Repeat("я", 400)
	if got := rows(s); !strings.HasPrefix(got, "CustomerFullName={QueueName} я") || strings.Count(strings.SplitN(got, ",", 2)[0], "я") != 300-len("{QueueName} ") {
		t.Errorf("told %s", got)
	}
}

// TestWhenTheBrowserTells is L91: never, unless the template says otherwise; what is
// built in is for the page to know.
func TestWhenTheBrowserTells(t *testing.T) {
	const unspecified, never, always = configv1.DesktopNotification_DESKTOP_NOTIFICATION_UNSPECIFIED,
		configv1.DesktopNotification_DESKTOP_NOTIFICATION_NEVER, configv1.DesktopNotification_DESKTOP_NOTIFICATION_ALWAYS
	for said, want := range map[configv1.DesktopNotification]configv1.DesktopNotification{unspecified: never, never: never, always: always} {
		world := house()
		world.Names.Templates["unknown"].Desktop = said
		if got := board.View(offered(), 1, "mila", time.UnixMilli(now), world).GetNotification().GetDesktop(); got != want {
			t.Errorf("%v has the browser tell %v, want %v", said, got, want)
		}
	}
	s := offered()
	given(s, 0)
	s.Conversation.Terms = &threadv1.Terms{AutoAssign: true}
	if got := board.View(s, 1, "mila", time.UnixMilli(now), house()).GetNotification().GetDesktop(); got != unspecified {
		t.Errorf("what is built in has the browser tell %v", got)
	}
}

// TestAConversationIsCalledAsItsWorkstreamSays is S40: the title of a conversation in
// the lists of agents.
func TestAConversationIsCalledAsItsWorkstreamSays(t *testing.T) {
	for text, want := range map[string]string{"": "", "{$order$} · {CustomerFirstName}": "A-17 · Ana", "{ContactId}": "", "{QueueName}, {PageName}": "Доставки, Магазин"} {
		world := house()
		world.Names.Workstreams["care"].SessionTitle = text
		if got := board.View(offered(), 1, "mila", time.UnixMilli(now), world).GetTitle(); got != want {
			t.Errorf("%q calls it %q, want %q", text, got, want)
		}
	}
}
