package intake_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/classification/internal/intake"
	"github.com/parley-desk/parley/services/classification/internal/meta"
)

const (
	page  = "10"
	psid  = "70"
	noon  = int64(1_760_000_000_000) // Meta's time in these tests, ms
	hours = int64(3_600_000)
)

// input is an item of the customer of these tests that arrives at noon.
func input(raw string) intake.Input {
	return intake.Input{
		Event:    &inboundv1.Event{Account: "demo", Page: page, Psid: psid, Lane: inboundv1.Lane_LANE_MESSAGING, Raw: []byte(raw), ReceivedMs: noon},
		Item:     meta.Parse([]byte(raw), inboundv1.Lane_LANE_MESSAGING),
		Sequence: 5,
		Opening:  &threadv1.ConversationOpened{Id: "c1", Units: 1, OfferSeconds: 60},
	}
}

func in(lane inboundv1.Lane, raw string) intake.Input {
	i := input(raw)
	i.Event.Lane, i.Item = lane, meta.Parse([]byte(raw), lane)
	return i
}

// item is an item with one member, sent at noon.
func item(member string) string {
	return fmt.Sprintf(`{"sender":{"id":"70"},"recipient":{"id":"10"},"timestamp":%d,%s}`, noon, member)
}

// file decides and applies, as intake does.
func file(t *testing.T, s *threadv1.State, i intake.Input) []*threadv1.Fact {
	t.Helper()
	facts := intake.Decide(s, i).Facts
	for _, f := range facts {
		if err := thread.Apply(s, 1, time.UnixMilli(noon), f); err != nil {
			t.Fatalf("the thread refuses %s: %v", kinds(facts), err)
		}
	}
	return facts
}

// kinds names facts, without their package.
func kinds(facts []*threadv1.Fact) string {
	var names []string
	for _, f := range facts {
		r := f.ProtoReflect()
		names = append(names, string(r.WhichOneof(r.Descriptor().Oneofs().ByName("kind")).Name()))
	}
	return strings.Join(names, " ")
}

func TestWhatEventsLeadTo(t *testing.T) {
	standby := inboundv1.Lane_LANE_STANDBY
	for _, c := range []struct {
		name string
		in   intake.Input
		want string
	}{
		{"message", input(item(`"message":{"mid":"m","text":"a"}`)), "message_received conversation_opened"},
		{"S41 by the widget of a site", input(item(`"message":{"mid":"m","text":"a","tags":{"source":"customer_chat_plugin"}}`)), "message_received conversation_opened"},
		{"S41 by a link of m.me", input(item(`"message":{"mid":"m","text":"a","referral":{"ref":"r","source":"SHORTLINK","type":"OPEN_THREAD"}}`)), "message_received conversation_opened"},
		{"S41 by an advertisement", input(item(`"message":{"mid":"m","text":"a","referral":{"ad_id":"7","source":"ADS","type":"OPEN_THREAD"}}`)), "message_received conversation_opened"},
		{"postback", input(item(`"postback":{"title":"a"}`)), "postback_received conversation_opened"},
		{"referral", input(item(`"referral":{"ref":"r"}`)), "referral_received"},
		{"reaction", input(item(`"reaction":{"mid":"m","action":"react"}`)), "reaction_changed"},
		{"edit", input(item(`"message_edit":{"mid":"m","text":"b"}`)), "message_edited"},
		{"unsend", input(item(`"message":{"mid":"m","is_deleted":true}`)), "message_unsent"},
		{"read", input(item(`"read":{"watermark":1760000000000}`)), "read_reported"},
		{"delivery", input(item(`"delivery":{"watermark":1760000000000}`)), "delivery_reported"},
		{"opt-in", input(item(`"optin":{"ref":"r"}`)), "event_kept"},
		{"never seen", input(item(`"hologram":{}`)), "event_kept"},
		{"echo", input(item(`"message":{"mid":"m","is_echo":true}`)), "external_message_sent"},
		{"page without echo", input(`{"sender":{"id":"10"},"recipient":{"id":"70"},"message":{"mid":"m"}}`), "external_message_sent"},
		{"message in standby", in(standby, item(`"message":{"mid":"m"}`)), "message_received"},
		{"postback in standby", in(standby, item(`"postback":{"title":null}`)), "postback_received"},
		{"echo in standby", in(standby, item(`"message":{"mid":"m","is_echo":true}`)), "external_message_sent"},
		{"no person", nobody(input(item(`"message":{"mid":"m"}`))), "event_kept"},
		{"defect", broken(input(`{"entry":`)), "event_kept"},
		{"page that is not ours", strange(input(item(`"message":{"mid":"m"}`))), "message_received"},
	} {
		facts := file(t, thread.New(page, psid), c.in)
		if got := kinds(facts); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		if facts[0].GetInboundSeq() != 5 {
			t.Errorf("%s: the fact does not name its record", c.name)
		}
	}
}

// Who has the thread is told by how an event came and by what it says; a message
// in standby is kept, and answered by the app that has it.
func TestWhoHasTheThread(t *testing.T) {
	standby := inboundv1.Lane_LANE_STANDBY
	control := func(kind, from, to string) string {
		return item(fmt.Sprintf(`"%s_thread_control":{"previous_owner_app_id":%s,"new_owner_app_id":%s}`, kind, from, to))
	}
	for _, c := range []struct {
		name string
		in   intake.Input
		app  string
		has  bool
	}{
		{"taken from us", input(control("take", `"42"`, `"263902037430900"`)), "263902037430900", true},
		{"passed on, seen in standby", in(standby, control("pass", `42`, `77`)), "77", true},
		{"passed to us", input(control("pass", `null`, `42`)), "", false},
		{"a message in standby", in(standby, item(`"message":{"mid":"m"}`)), "", true},
		{"an echo in standby", in(standby, item(`"message":{"mid":"m","is_echo":true,"app_id":77}`)), "77", true},
		{"a message", input(item(`"message":{"mid":"m"}`)), "", false},
		{"asked for", input(item(`"request_thread_control":{"requested_owner_app_id":77}`)), "", false},
	} {
		c.in.App = "42"
		s := thread.New(page, psid)
		file(t, s, c.in)
		owner, has := thread.OwnerAt(s, time.UnixMilli(noon))
		if owner.App != c.app || has != c.has {
			t.Errorf("%s: %q has it, %v; want %q, %v", c.name, owner.App, has, c.app, c.has)
		}
		if again := file(t, s, c.in); len(again) != 0 {
			t.Errorf("%s: sent again it leads to %s", c.name, kinds(again))
		}
	}
}

func nobody(i intake.Input) intake.Input  { i.Event.Psid = ""; return i }
func broken(i intake.Input) intake.Input  { i.Event.Defect = "not valid JSON"; return i }
func strange(i intake.Input) intake.Input { i.Opening = nil; return i }

// Whatever the event is, sending it again changes nothing, and an event that
// differs in what counts is another one.
func TestRepetitions(t *testing.T) {
	at := func(ms int64, member string) string {
		return fmt.Sprintf(`{"sender":{"id":"70"},"recipient":{"id":"10"},"timestamp":%d,%s}`, ms, member)
	}
	for _, c := range []struct{ name, first, second string }{
		{"message", at(noon, `"message":{"mid":"m1"}`), at(noon, `"message":{"mid":"m2"}`)},
		{"message without mid", at(noon, `"message":{"text":"a"}`), at(noon, `"message":{"text":"b"}`)},
		{"endless mid", at(noon, `"message":{"mid":"`+strings.Repeat("x", 900)+`1"}`), at(noon, `"message":{"mid":"`+strings.Repeat("x", 900)+`2"}`)},
		{"postback and message of one mid", at(noon, `"message":{"mid":"m1"}`), at(noon, `"postback":{"mid":"m1"}`)},
		{"edits", at(noon, `"message_edit":{"mid":"m1","num_edit":1}`), at(noon, `"message_edit":{"mid":"m1","num_edit":2}`)},
		{"edits without number", at(noon, `"message_edit":{"mid":"m1"}`), at(noon+1, `"message_edit":{"mid":"m1"}`)},
		{"unsend of what was received", at(noon, `"message":{"mid":"m1"}`), at(noon, `"message":{"mid":"m1","is_deleted":true}`)},
		{"reaction set and removed", at(noon, `"reaction":{"mid":"m","action":"react"}`), at(noon, `"reaction":{"mid":"m","action":"unreact"}`)},
		{"reaction set again", at(noon, `"reaction":{"mid":"m","action":"react"}`), at(noon+9, `"reaction":{"mid":"m","action":"react"}`)},
		{"echo", at(noon, `"message":{"mid":"m1","is_echo":true}`), at(noon, `"message":{"mid":"m2","is_echo":true}`)},
		{"read", at(noon, `"read":{"watermark":1760000000000}`), at(noon, `"read":{"watermark":1760000000001}`)},
		{"delivery", at(noon, `"delivery":{"watermark":1760000000000}`), at(noon, `"delivery":{"watermark":1760000000001}`)},
		{"opt-in", at(noon, `"optin":{"ref":"a"}`), at(noon+1, `"optin":{"ref":"a"}`)},
		{"control", at(noon, `"take_thread_control":{"new_owner_app_id":7}`), at(noon+1, `"take_thread_control":{"new_owner_app_id":7}`)},
	} {
		s := thread.New(page, psid)
		if len(file(t, s, input(c.first))) == 0 {
			t.Errorf("%s: the first led to nothing", c.name)
		}
		if again := file(t, s, input(c.first)); len(again) != 0 {
			t.Errorf("%s: the repetition led to %s", c.name, kinds(again))
		}
		if len(file(t, s, input(c.second))) == 0 {
			t.Errorf("%s: the second was taken for the first", c.name)
		}
	}
	s := thread.New(page, psid)
	file(t, s, input(`{"optin":{"ref":"a","b":1.50},"timestamp":1760000000000}`))
	if again := file(t, s, input(` { "timestamp":1760000000000, "optin" : {"b":1.50,"ref":"\u0061"}}`)); len(again) != 0 {
		t.Error("the same event in another writing counts twice")
	}
}

// S42, L85: a message goes on with the conversation there is, from whatever device
// it comes; one that is over is followed by another.
func TestLifeOfAConversation(t *testing.T) {
	message := func(mid string) intake.Input { return input(item(`"message":{"mid":"` + mid + `"}`)) }
	for _, c := range []struct {
		phase threadv1.Phase
		want  string
	}{
		{threadv1.Phase_PHASE_OPEN, "message_received"},
		{threadv1.Phase_PHASE_ACTIVE, "message_received"},
		{threadv1.Phase_PHASE_WAITING, "message_received conversation_revived"},
		{threadv1.Phase_PHASE_WRAP_UP, "message_received"},
		{threadv1.Phase_PHASE_CLOSED, "message_received conversation_opened"},
	} {
		s := thread.New(page, psid)
		file(t, s, message("m1"))
		s.Conversation.Phase = c.phase
		again := message("m2")
		again.Opening.Id = "c2"
		if got := kinds(intake.Decide(s, again).Facts); got != c.want {
			t.Errorf("in %v: %s, want %s", c.phase, got, c.want)
		}
	}
}

// S33: what the customer opens again goes by the tag as it is set now, where that is
// known.
func TestWhatIsOpenedAgainHasTheTagOfNow(t *testing.T) {
	for name, c := range map[string]struct {
		now  *threadv1.ConversationOpened
		want bool
	}{
		"on":               {&threadv1.ConversationOpened{Id: "c2", Workstream: "facebook", MessageTag: true}, true},
		"off":              {&threadv1.ConversationOpened{Id: "c2", Workstream: "facebook"}, false},
		"no workstream":    {&threadv1.ConversationOpened{Id: "c2"}, true},
		"the page is gone": {nil, true},
	} {
		s := thread.New(page, psid)
		first := input(item(`"message":{"mid":"m1"}`))
		first.Opening.MessageTag = c.want != (c.now.GetWorkstream() != "") // not what it is to be, if that is known
		file(t, s, first)
		s.Conversation.Phase = threadv1.Phase_PHASE_WAITING
		again := input(item(`"message":{"mid":"m2"}`))
		again.Opening = c.now
		file(t, s, again)
		if got := s.GetConversation(); got.GetMessageTag() != c.want || got.GetId() != "c1" {
			t.Errorf("%s: tag %v in %s, want %v", name, got.GetMessageTag(), got.GetId(), c.want)
		}
	}
}

// S1, S2: Messenger is asynchronous. Whatever Meta tells, and however long after, a
// conversation is not over for it, and what the customer writes then is part of it.
func TestNothingThatMetaTellsEndsAConversation(t *testing.T) {
	const week = 7 * 24 * 3_600_000
	for name, in := range map[string]intake.Input{
		"read":                 input(item(`"read":{"watermark":1760000000000}`)),
		"delivery":             input(item(`"delivery":{"watermark":1760000000000}`)),
		"unsent":               input(item(`"message":{"mid":"m1","is_deleted":true}`)),
		"a reaction":           input(item(`"reaction":{"mid":"m1","action":"react"}`)),
		"another app has it":   input(item(`"take_thread_control":{"previous_owner_app_id":"42","new_owner_app_id":"7"}`)),
		"the page's inbox":     input(item(`"message":{"mid":"m9","is_echo":true}`)),
		"the customer blocked": input(item(`"policy_enforcement":{"action":"block","reason":"x"}`)),
		"never seen":           input(item(`"window_closed":{}`)),
	} {
		for _, phase := range []threadv1.Phase{threadv1.Phase_PHASE_OPEN, threadv1.Phase_PHASE_ACTIVE, threadv1.Phase_PHASE_WAITING, threadv1.Phase_PHASE_WRAP_UP} {
			s := thread.New(page, psid)
			file(t, s, input(item(`"message":{"mid":"m1"}`)))
			s.Conversation.Phase, s.Conversation.Agent = phase, "mila"
			file(t, s, in)
			if got := s.GetConversation().GetPhase(); got != phase {
				t.Errorf("%s: from %v to %v", name, phase, got)
			}
			later := input(item(`"message":{"mid":"m2"}`))
			later.Event.ReceivedMs += week
			later.Opening.Id = "c2"
			file(t, s, later)
			if c := s.GetConversation(); c.GetId() != "c1" || !thread.Live(c) {
				t.Errorf("%s in %v: what comes a week later is in %s, %v", name, phase, c.GetId(), c.GetPhase())
			}
		}
	}
}

// Meta's clock is not ours, and a body can be sent again years later (SI5).
func TestTimesThatAreNotBelieved(t *testing.T) {
	for _, c := range []struct {
		name        string
		sent        int64
		late, stale bool
		window      int64
		opens       bool
	}{
		{"now", noon, false, false, noon, true},
		{"47 h old", noon - 47*hours, false, false, noon - 47*hours, true},
		{"48 h old", noon - 48*hours, false, false, noon - 48*hours, true},
		{"older", noon - 48*hours - 1, true, true, 0, false},
		{"5 min ahead", noon + 300_000, false, false, noon + 300_000, true},
		{"further ahead", noon + 300_001, true, true, 0, true},
		{"a year ahead", noon + 9000*hours, true, true, 0, true},
	} {
		s := thread.New(page, psid)
		facts := file(t, s, input(fmt.Sprintf(`{"timestamp":%d,"message":{"mid":"m"}}`, c.sent)))
		if facts[0].GetLate() != c.late || facts[0].GetStale() != c.stale || s.GetWindowMs() != c.window || (s.GetConversation() != nil) != c.opens {
			t.Errorf("%s: late %v, stale %v, window %d, conversation %v", c.name, facts[0].GetLate(), facts[0].GetStale(), s.GetWindowMs(), s.GetConversation() != nil)
		}
		if s.GetNewestMs() > noon+300_000 {
			t.Errorf("%s: everything after would be late", c.name)
		}
	}
}

func TestLate(t *testing.T) {
	s := thread.New(page, psid)
	file(t, s, input(fmt.Sprintf(`{"timestamp":%d,"message":{"mid":"m1"}}`, noon+500)))
	for _, c := range []struct {
		stamp string
		want  bool
	}{
		{fmt.Sprint(noon + 500), false},
		{fmt.Sprint(noon + 499), true},
		{fmt.Sprint(noon / 1000), false}, // to the second, it may be the same moment
		{fmt.Sprint(noon/1000 - 1), true},
	} {
		got := intake.Decide(s, input(`{"timestamp":`+c.stamp+`,"message":{"mid":"m2"}}`)).Facts[0]
		if got.GetLate() != c.want || got.GetStale() {
			t.Errorf("at %s: late %v, want %v", c.stamp, got.GetLate(), c.want)
		}
	}
	i := input(`{"message":{"mid":"m3"}}`)
	i.Event.EntryMs = noon + 7
	if got := intake.Decide(s, i).Facts[0].GetMessageReceived().GetSentMs(); got != noon+7 {
		t.Errorf("without a time of its own: %d, want the entry's", got)
	}
	i.Event.EntryMs = 0
	if got := intake.Decide(s, i).Facts[0].GetMessageReceived().GetSentMs(); got != noon {
		t.Errorf("without any time: %d, want when it arrived", got)
	}
}

// What the state has forgotten is doubted only where it can be a repetition.
func TestDoubt(t *testing.T) {
	s := thread.New(page, psid)
	s.NewestMs = noon
	for i := range 127 {
		s.Recent = append(s.Recent, fmt.Sprint("m:", i))
	}
	for _, c := range []struct {
		name, raw string
		want      bool
	}{
		{"younger than all", fmt.Sprintf(`{"timestamp":%d,"message":{"mid":"m"}}`, noon+1), false},
		{"as old as the newest", fmt.Sprintf(`{"timestamp":%d,"message":{"mid":"m"}}`, noon), true},
		{"old", fmt.Sprintf(`{"timestamp":%d,"message":{"mid":"m"}}`, noon-40*hours), true},
		{"read", fmt.Sprintf(`{"timestamp":%d,"read":{"watermark":%d}}`, noon-1, noon), false},
	} {
		if got := intake.Decide(s, input(c.raw)).Doubt; got != c.want {
			t.Errorf("%s: doubt %v, want %v", c.name, got, c.want)
		}
	}
	s.Recent = s.Recent[:10]
	if intake.Decide(s, input(fmt.Sprintf(`{"timestamp":%d,"message":{"mid":"m"}}`, noon-1))).Doubt {
		t.Error("a state that holds all keys is doubted")
	}
}

// L20, S12, S33: pages of one workstream open alike, but for what a page says itself;
// one without a workstream opens what nobody routes yet.
func TestOpen(t *testing.T) {
	meta := func(id string) *configv1.Meta { return &configv1.Meta{Id: id} }
	d := directory.NewSnapshot(
		&configv1.Page{Meta: meta("shop"), PageId: "10", Workstream: "facebook"},
		&configv1.Page{Meta: meta("club"), PageId: "11"},
		&configv1.Page{Meta: meta("lost"), PageId: "12", Workstream: "gone"},
		&configv1.Page{Meta: meta("plain"), PageId: "14", Workstream: "facebook", MessageTag: configv1.Switch_SWITCH_OFF},
		&configv1.Workstream{Meta: meta("facebook"), Units: 3, OfferSeconds: 45, MessageTag: true},
	)
	for id, want := range map[string]*threadv1.ConversationOpened{
		"10": {Id: "c", Workstream: "facebook", Units: 3, OfferSeconds: 45, MessageTag: true, Terms: &threadv1.Terms{}},
		"11": {Id: "c", Units: 1, OfferSeconds: 120},
		"12": {Id: "c", Units: 1, OfferSeconds: 120},
		"13": nil,
		"14": {Id: "c", Workstream: "facebook", Units: 3, OfferSeconds: 45, Terms: &threadv1.Terms{}},
	} {
		if got := intake.Open(d, id, "c"); got.String() != want.String() || (got == nil) != (want == nil) {
			t.Errorf("page %s: %v, want %v", id, got, want)
		}
	}
}
