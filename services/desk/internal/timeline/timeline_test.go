package timeline_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/internal/timeline"
)

// log numbers commits as a partition would: rising, with gaps.
type log struct{ commits []*threadv1.Commit }

func (l *log) commit(facts ...*threadv1.Fact) *log {
	l.commits = append(l.commits, &threadv1.Commit{
		AtMs: int64(1000 + len(l.commits)), Facts: facts,
		State: &threadv1.State{Conversation: &threadv1.Conversation{Id: "c1"}},
	})
	return l
}

func revision(i int) uint64 { return uint64(3*i + 5) }

func (l *log) fold() *timeline.Timeline {
	t := timeline.New()
	for i, c := range l.commits {
		t.Apply(revision(i), c)
	}
	return t
}

func received(mid, text string, sent int64) *threadv1.Fact {
	return &threadv1.Fact{Kind: &threadv1.Fact_MessageReceived{
		MessageReceived: &threadv1.MessageReceived{Mid: mid, Text: text, SentMs: sent}}}
}

func edited(mid, text string, n int32) *threadv1.Fact {
	return &threadv1.Fact{Kind: &threadv1.Fact_MessageEdited{
		MessageEdited: &threadv1.MessageEdited{Mid: mid, Text: text, Edit: n}}}
}

func unsent(mid string) *threadv1.Fact {
	return &threadv1.Fact{Kind: &threadv1.Fact_MessageUnsent{MessageUnsent: &threadv1.MessageUnsent{Mid: mid}}}
}

func reacted(mid, emoji string, removed bool) *threadv1.Fact {
	return &threadv1.Fact{Kind: &threadv1.Fact_ReactionChanged{
		ReactionChanged: &threadv1.ReactionChanged{Mid: mid, Emoji: emoji, Removed: removed}}}
}

func requested(id string, parts ...string) *threadv1.Fact {
	return &threadv1.Fact{Kind: &threadv1.Fact_SendRequested{
		SendRequested: &threadv1.SendRequested{Id: id, ClientId: "client-" + id, Agent: "mila", Parts: parts}}}
}

func attempted(id string, part int32) *threadv1.Fact {
	return &threadv1.Fact{Kind: &threadv1.Fact_SendAttempted{SendAttempted: &threadv1.SendAttempted{Id: id, Part: part}}}
}

func succeeded(id string, part int32, mid string, sent int64) *threadv1.Fact {
	return &threadv1.Fact{Kind: &threadv1.Fact_SendSucceeded{
		SendSucceeded: &threadv1.SendSucceeded{Id: id, Part: part, Mid: mid, SentMs: sent}}}
}

func echoed(id string, part int32, mid string, sent int64) *threadv1.Fact {
	return &threadv1.Fact{Kind: &threadv1.Fact_SendEchoed{
		SendEchoed: &threadv1.SendEchoed{Id: id, Part: part, Mid: mid, SentMs: sent}}}
}

func answered(id string, part int32, mid string) *threadv1.Fact {
	f := succeeded(id, part, mid, 0)
	f.GetSendSucceeded().Proof = "answer"
	return f
}

func refused(id, reason string) *threadv1.Fact {
	return &threadv1.Fact{Kind: &threadv1.Fact_SendRefused{SendRefused: &threadv1.SendRefused{Id: id, Reason: reason}}}
}

func deferred(id, reason string) *threadv1.Fact {
	return &threadv1.Fact{Kind: &threadv1.Fact_SendDeferred{SendDeferred: &threadv1.SendDeferred{Id: id, Reason: reason}}}
}

func uncertain(id string) *threadv1.Fact {
	return &threadv1.Fact{Kind: &threadv1.Fact_SendUncertain{SendUncertain: &threadv1.SendUncertain{Id: id, Reason: "TIMEOUT"}}}
}

func unconfirmed(id string) *threadv1.Fact {
	return &threadv1.Fact{Kind: &threadv1.Fact_SendUnconfirmed{SendUnconfirmed: &threadv1.SendUnconfirmed{Id: id}}}
}

func abandoned(id string) *threadv1.Fact {
	return &threadv1.Fact{Kind: &threadv1.Fact_SendAbandoned{SendAbandoned: &threadv1.SendAbandoned{Id: id, Agent: "mila"}}}
}

func delivered(watermark int64, mids ...string) *threadv1.Fact {
	return &threadv1.Fact{Kind: &threadv1.Fact_DeliveryReported{
		DeliveryReported: &threadv1.DeliveryReported{WatermarkMs: watermark, Mids: mids}}}
}

func read(watermark int64) *threadv1.Fact {
	return &threadv1.Fact{Kind: &threadv1.Fact_ReadReported{ReadReported: &threadv1.ReadReported{WatermarkMs: watermark}}}
}

func external(mid, text string) *threadv1.Fact {
	return &threadv1.Fact{Kind: &threadv1.Fact_ExternalMessageSent{
		ExternalMessageSent: &threadv1.ExternalMessageSent{Mid: mid, Text: text, AppId: "263902037430900", SentMs: 50}}}
}

func note(id, text string) *threadv1.Fact {
	return &threadv1.Fact{Kind: &threadv1.Fact_NoteAdded{
		NoteAdded: &threadv1.NoteAdded{Id: id, Agent: "mila", Text: text, ClientId: "client-" + id}}}
}

func assigned(agent string) *threadv1.Fact {
	return &threadv1.Fact{Kind: &threadv1.Fact_AgentAssigned{
		AgentAssigned: &threadv1.AgentAssigned{Agent: agent, Cause: threadv1.Cause_CAUSE_ACCEPTED}}}
}

// TestDelivery follows one message of two parts through every turn it can take.
func TestDelivery(t *testing.T) {
	both := func() *log {
		return new(log).commit(requested("s", "one ", "two")).commit(attempted("s", 0)).
			commit(succeeded("s", 0, "m0", 100)).commit(attempted("s", 1)).commit(succeeded("s", 1, "m1", 200))
	}
	for name, tc := range map[string]struct {
		log    *log
		want   deskv1.Delivery
		reason string
		mids   int
	}{
		"requested":                {log: new(log).commit(requested("s", "one ", "two")), want: deskv1.Delivery_DELIVERY_SENDING},
		"attempted":                {log: new(log).commit(requested("s", "x")).commit(attempted("s", 0)), want: deskv1.Delivery_DELIVERY_SENDING},
		"half sent":                {log: new(log).commit(requested("s", "one ", "two")).commit(succeeded("s", 0, "m0", 100)), want: deskv1.Delivery_DELIVERY_SENDING, mids: 1},
		"half sent and read":       {log: new(log).commit(requested("s", "one ", "two")).commit(succeeded("s", 0, "m0", 100)).commit(read(500)), want: deskv1.Delivery_DELIVERY_SENDING, mids: 1},
		"sent":                     {log: both(), want: deskv1.Delivery_DELIVERY_SENT, mids: 2},
		"one part delivered":       {log: both().commit(delivered(0, "m0")), want: deskv1.Delivery_DELIVERY_SENT, mids: 2},
		"parts delivered":          {log: both().commit(delivered(0, "m1")).commit(delivered(0, "m0")), want: deskv1.Delivery_DELIVERY_DELIVERED, mids: 2},
		"watermark between":        {log: both().commit(delivered(199)), want: deskv1.Delivery_DELIVERY_SENT, mids: 2},
		"watermark reached":        {log: both().commit(delivered(200)), want: deskv1.Delivery_DELIVERY_DELIVERED, mids: 2},
		"watermark goes back":      {log: both().commit(delivered(200)).commit(delivered(10)), want: deskv1.Delivery_DELIVERY_DELIVERED, mids: 2},
		"read":                     {log: both().commit(read(200)), want: deskv1.Delivery_DELIVERY_READ, mids: 2},
		"read, then delivery":      {log: both().commit(read(200)).commit(delivered(0, "m0", "m1")), want: deskv1.Delivery_DELIVERY_READ, mids: 2},
		"read reported early":      {log: new(log).commit(requested("s", "x")).commit(read(300)).commit(succeeded("s", 0, "m", 200)), want: deskv1.Delivery_DELIVERY_READ, mids: 1},
		"deferred":                 {log: new(log).commit(requested("s", "x")).commit(deferred("s", "THROTTLED")), want: deskv1.Delivery_DELIVERY_SENDING, reason: "THROTTLED"},
		"refused":                  {log: new(log).commit(requested("s", "x")).commit(refused("s", "WINDOW_CLOSED")), want: deskv1.Delivery_DELIVERY_FAILED, reason: "WINDOW_CLOSED"},
		"second part refused":      {log: new(log).commit(requested("s", "a", "b")).commit(succeeded("s", 0, "m0", 1)).commit(refused("s", "PERSON_UNAVAILABLE")), want: deskv1.Delivery_DELIVERY_FAILED, reason: "PERSON_UNAVAILABLE", mids: 1},
		"uncertain":                {log: new(log).commit(requested("s", "x")).commit(uncertain("s")), want: deskv1.Delivery_DELIVERY_UNCERTAIN, reason: "TIMEOUT"},
		"unconfirmed":              {log: new(log).commit(requested("s", "x")).commit(uncertain("s")).commit(unconfirmed("s")), want: deskv1.Delivery_DELIVERY_UNCONFIRMED},
		"healed by an echo":        {log: new(log).commit(requested("s", "x")).commit(uncertain("s")).commit(unconfirmed("s")).commit(succeeded("s", 0, "m", 9)), want: deskv1.Delivery_DELIVERY_SENT, mids: 1},
		"answered, echoed, read":   {log: new(log).commit(requested("s", "x")).commit(answered("s", 0, "m")).commit(echoed("s", 0, "m", 9)).commit(read(9)), want: deskv1.Delivery_DELIVERY_READ, mids: 1},
		"read before its echo":     {log: new(log).commit(requested("s", "x")).commit(answered("s", 0, "m")).commit(read(9)).commit(echoed("s", 0, "m", 9)), want: deskv1.Delivery_DELIVERY_READ, mids: 1},
		"answered, read, no echo":  {log: new(log).commit(requested("s", "x")).commit(answered("s", 0, "m")).commit(read(5000)), want: deskv1.Delivery_DELIVERY_SENT, mids: 1},
		"named, then read":         {log: new(log).commit(requested("s", "x")).commit(answered("s", 0, "m")).commit(delivered(40, "m")).commit(read(40)), want: deskv1.Delivery_DELIVERY_READ, mids: 1},
		"named, read up to before": {log: new(log).commit(requested("s", "x")).commit(answered("s", 0, "m")).commit(delivered(40, "m")).commit(read(39)), want: deskv1.Delivery_DELIVERY_DELIVERED, mids: 1},
		"named before the answer":  {log: new(log).commit(requested("s", "x")).commit(delivered(40, "m")).commit(answered("s", 0, "m")), want: deskv1.Delivery_DELIVERY_DELIVERED, mids: 1},
		"abandoned, then echoed":   {log: new(log).commit(requested("s", "x")).commit(unconfirmed("s")).commit(abandoned("s")).commit(echoed("s", 0, "m", 9)), want: deskv1.Delivery_DELIVERY_SENT, mids: 1},
		"refused, then echoed":     {log: new(log).commit(requested("s", "x")).commit(refused("s", "THROTTLED")).commit(echoed("s", 0, "m", 9)), want: deskv1.Delivery_DELIVERY_SENT, mids: 1},
		"left in doubt, echoed":    {log: new(log).commit(requested("s", "x")).commit(unconfirmed("s")).commit(read(9)).commit(echoed("s", 0, "m", 9)), want: deskv1.Delivery_DELIVERY_READ, mids: 1},
		"abandoned, half echoed":   {log: new(log).commit(requested("s", "a", "b")).commit(unconfirmed("s")).commit(abandoned("s")).commit(echoed("s", 0, "m", 9)), want: deskv1.Delivery_DELIVERY_ABANDONED, mids: 1},
		"echoed under another id":  {log: new(log).commit(requested("s", "x")).commit(answered("s", 0, "m")).commit(echoed("s", 0, "n", 9)).commit(read(9)), want: deskv1.Delivery_DELIVERY_SENT, mids: 1},
		"left before proof":        {log: new(log).commit(requested("s", "x")).commit(uncertain("s")).commit(abandoned("s")), want: deskv1.Delivery_DELIVERY_ABANDONED},
		"left, never proved":       {log: new(log).commit(requested("s", "x")).commit(uncertain("s")).commit(abandoned("s")).commit(unconfirmed("s")), want: deskv1.Delivery_DELIVERY_ABANDONED},
		"left, then proved":        {log: new(log).commit(requested("s", "x")).commit(uncertain("s")).commit(abandoned("s")).commit(succeeded("s", 0, "m", 9)), want: deskv1.Delivery_DELIVERY_SENT, mids: 1},
		"abandoned":                {log: new(log).commit(requested("s", "x")).commit(unconfirmed("s")).commit(abandoned("s")), want: deskv1.Delivery_DELIVERY_ABANDONED},
	} {
		t.Run(name, func(t *testing.T) {
			item := tc.log.fold().Find("s")
			if item.GetDelivery() != tc.want || item.GetReason() != tc.reason || len(item.GetMids()) != tc.mids {
				t.Errorf("got %v %q with %d mids, want %v %q with %d",
					item.GetDelivery(), item.GetReason(), len(item.GetMids()), tc.want, tc.reason, tc.mids)
			}
			if item.GetAuthor() != deskv1.Author_AUTHOR_AGENT || item.GetAgent() != "mila" || item.GetClientId() != "client-s" {
				t.Errorf("not the agent's message: %v", item)
			}
		})
	}
}

// TestMessage follows a message of the customer, in the order Meta means and
// in the order its webhooks may come.
func TestMessage(t *testing.T) {
	photo := received("m", "look", 10)
	photo.GetMessageReceived().Attachments = []*threadv1.Attachment{{Type: "image"}}
	for name, tc := range map[string]struct {
		facts []*threadv1.Fact
		want  *deskv1.TimelineItem
	}{
		"plain":               {[]*threadv1.Fact{received("m", "hi", 10)}, &deskv1.TimelineItem{Text: "hi"}},
		"twice":               {[]*threadv1.Fact{received("m", "hi", 10), received("m", "other", 11)}, &deskv1.TimelineItem{Text: "hi"}},
		"edited":              {[]*threadv1.Fact{received("m", "hi", 10), edited("m", "hello", 1)}, &deskv1.TimelineItem{Text: "hello", Edited: true}},
		"edits out of order":  {[]*threadv1.Fact{received("m", "hi", 10), edited("m", "third", 2), edited("m", "second", 1)}, &deskv1.TimelineItem{Text: "third", Edited: true}},
		"edit comes first":    {[]*threadv1.Fact{edited("m", "hello", 1), received("m", "hi", 10)}, &deskv1.TimelineItem{Text: "hello", Edited: true}},
		"unsent":              {[]*threadv1.Fact{photo, unsent("m")}, &deskv1.TimelineItem{Unsent: true}},
		"unsent comes first":  {[]*threadv1.Fact{unsent("m"), photo}, &deskv1.TimelineItem{Unsent: true}},
		"edited after unsent": {[]*threadv1.Fact{received("m", "hi", 10), unsent("m"), edited("m", "again", 1)}, &deskv1.TimelineItem{Unsent: true}},
		"reaction":            {[]*threadv1.Fact{received("m", "hi", 10), reacted("m", "❤", false)}, &deskv1.TimelineItem{Text: "hi", Reaction: "❤"}},
		"reaction removed":    {[]*threadv1.Fact{received("m", "hi", 10), reacted("m", "❤", false), reacted("m", "", true)}, &deskv1.TimelineItem{Text: "hi"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := new(log)
			for _, f := range tc.facts {
				l.commit(f)
			}
			tl := l.fold()
			if tl.Len() != 1 {
				t.Fatalf("%d items for one message", tl.Len())
			}
			tc.want.Id, tc.want.Author, tc.want.AtMs = "m", deskv1.Author_AUTHOR_CUSTOMER, 10
			tc.want.Revision, tc.want.Conversation = revision(0), "c1"
			got := proto.CloneOf(tl.Find("m"))
			got.ChangedRevision = 0
			if d := cmp.Diff(tc.want, got, protocmp.Transform()); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestUnsent: what reached Meta is never among what would be sent again.
// TestDeferral: while a message waits it tells why and until when; a new attempt
// keeps the reason until it has an end of its own.
func TestDeferral(t *testing.T) {
	later := &threadv1.Fact{Kind: &threadv1.Fact_SendDeferred{SendDeferred: &threadv1.SendDeferred{Id: "s", Reason: "PAGE_DISCONNECTED", RetryMs: 4711}}}
	waiting := func() *log { return new(log).commit(requested("s", "x")).commit(attempted("s", 0)).commit(later) }
	for name, tc := range map[string]struct {
		log           *log
		reason, retry string
	}{
		"waiting":         {waiting(), "PAGE_DISCONNECTED", "4711"},
		"attempted anew":  {waiting().commit(attempted("s", 0)), "PAGE_DISCONNECTED", ""},
		"waiting again":   {waiting().commit(attempted("s", 0)).commit(deferred("s", "THROTTLED")), "THROTTLED", ""},
		"sent":            {waiting().commit(attempted("s", 0)).commit(succeeded("s", 0, "m", 100)), "", ""},
		"echoed":          {waiting().commit(echoed("s", 0, "m", 100)), "", ""},
		"refused":         {waiting().commit(refused("s", "WINDOW_CLOSED")), "WINDOW_CLOSED", ""},
		"in doubt":        {waiting().commit(attempted("s", 0)).commit(uncertain("s")), "TIMEOUT", ""},
		"another attempt": {new(log).commit(requested("s", "x")).commit(uncertain("s")).commit(attempted("s", 0)), "", ""},
	} {
		item := tc.log.fold().Find("s")
		if item.GetReason() != tc.reason || item.GetDetails()["retry_ms"] != tc.retry {
			t.Errorf("%s: %v", name, item)
		}
	}
}

func TestUnsent(t *testing.T) {
	l := new(log).commit(requested("s", "one", "two", "three")).commit(succeeded("s", 0, "m0", 1)).commit(refused("s", "X")).commit(note("n", "VIP"))
	for id, want := range map[string]string{"s": "[two three]", "n": "[]", "unknown": "[]"} {
		if got := fmt.Sprint(l.fold().Unsent(id).GetParts()); got != want {
			t.Errorf("of %s %s is unsent, want %s", id, got, want)
		}
	}
	if got := l.commit(succeeded("s", 1, "m1", 2)).commit(succeeded("s", 2, "m2", 3)).fold().Unsent("s"); len(got.GetParts()) != 0 {
		t.Errorf("%q of a message that was sent", got)
	}
}

func TestASecondDeliveryIsMarked(t *testing.T) {
	second := echoed("s", 0, "n", 9)
	second.GetSendEchoed().Twice = true
	tl := new(log).commit(requested("s", "x")).commit(answered("s", 0, "m")).commit(second).commit(reacted("n", "👍", false)).fold()
	if item := tl.Find("s"); item.GetDetails()["twice"] != "true" || item.GetMids()[0] != "m" || item.GetReaction() != "👍" {
		t.Errorf("not marked, or the second is a stranger: %v", item)
	}
}

func TestReactionToAgentsMessage(t *testing.T) {
	l := new(log).commit(requested("s", "a", "b")).commit(succeeded("s", 0, "m0", 1)).commit(succeeded("s", 1, "m1", 2)).
		commit(reacted("m1", "👍", false))
	if got := l.fold(); got.Find("s").GetReaction() != "👍" || got.Len() != 1 {
		t.Errorf("reaction lost or to nothing: %v", got.Find("s"))
	}
}

// A message may be older than the log; the agent reads of the reaction all the
// same.
func TestReactionToUnknownMessage(t *testing.T) {
	items, _ := new(log).commit(reacted("unknown", "👍", false)).commit(reacted("unknown", "", true)).fold().Page(0, 10)
	if len(items) != 2 {
		t.Fatalf("%d items, want 2", len(items))
	}
	for i, want := range []string{"reacted_earlier", "unreacted_earlier"} {
		if got := items[i]; got.GetAuthor() != deskv1.Author_AUTHOR_SYSTEM || got.GetText() != want || got.GetDetails()["reaction"] != []string{"👍", ""}[i] {
			t.Errorf("item %d: %v", i, got)
		}
	}
}

// A button may have no title, and in standby no payload either.
func TestPostback(t *testing.T) {
	for _, m := range []*threadv1.PostbackReceived{{Mid: "m", Title: "Start", Payload: "START"}, {Mid: "m", Payload: "START"}, {Mid: "m"}} {
		item := new(log).commit(&threadv1.Fact{Kind: &threadv1.Fact_PostbackReceived{PostbackReceived: m}}).fold().Find("m")
		if d := item.GetDetails(); item.GetText() != m.GetTitle() || d["pressed"] != "true" || d["postback"] != m.GetPayload() {
			t.Errorf("%v: %v", m, item)
		}
	}
}

func TestSystemAndOthers(t *testing.T) {
	tl := new(log).commit(received("m", "hi", 1), assigned("mila"), note("n", "VIP")).commit(external("e", "from the inbox")).fold()
	items, next := tl.Page(0, 10)
	if next != 0 || len(items) != 4 {
		t.Fatalf("got %d items and next %d", len(items), next)
	}
	want := []struct {
		id, text string
		author   deskv1.Author
	}{
		{"m", "hi", deskv1.Author_AUTHOR_CUSTOMER}, {"5.1", "agent_assigned", deskv1.Author_AUTHOR_SYSTEM},
		{"n", "VIP", deskv1.Author_AUTHOR_NOTE}, {"e", "from the inbox", deskv1.Author_AUTHOR_EXTERNAL},
	}
	for i, w := range want {
		if items[i].GetId() != w.id || items[i].GetText() != w.text || items[i].GetAuthor() != w.author {
			t.Errorf("item %d is %v, want %v", i, items[i], w)
		}
	}
	if d := items[1].GetDetails(); d["agent"] != "mila" || d["cause"] != "accepted" {
		t.Errorf("details of the assignment: %v", d)
	}
	if tl.FindCommand("client-n").GetId() != "n" || tl.FindCommand("") != nil || tl.FindCommand("other") != nil {
		t.Error("commands are not found by their ids")
	}
}

// TestEveryFactIsKnown fails when a fact is added that nobody decided how to
// show.
func TestEveryFactIsKnown(t *testing.T) {
	silent := map[string]bool{ // change no item by themselves
		"message_edited": false, "delivery_reported": true, "read_reported": true,
		"attachment_kept": true, "attachment_lost": true, "files_erased": true, "files_lapsed": true, "thread_erased": true,
		"customer_profiled": true, "offer_made": true, "send_attempted": true, "send_succeeded": true, "send_echoed": true,
		"survey_asked": true, "question_asked": true, // they come with a message
		"survey_comment_chosen": true, "questions_began": true, // what comes of it is shown
		"agent_reacted":           true, // it shows on the message
		"conversation_classified": true, // unless something was found
		"bot_answered":            true,
		"time_out_reached":        true,                          // unless it tells the agent something
		"monitoring_began":        true, "supervisor_left": true, // unless the supervisor took part
		"send_refused": true, "send_deferred": true, "send_uncertain": true, "send_unconfirmed": true, "send_abandoned": true,
	}
	fields := (&threadv1.Fact{}).ProtoReflect().Descriptor().Oneofs().ByName("kind").Fields()
	for i := range fields.Len() {
		f := &threadv1.Fact{}
		f.ProtoReflect().Set(fields.Get(i), f.ProtoReflect().NewField(fields.Get(i)))
		name := string(fields.Get(i).Name())
		if got := new(log).commit(f).fold().Len(); (got == 0) != silent[name] {
			t.Errorf("%s makes %d items", name, got)
		}
	}
}

// facts draws any history of a few messages, whether it makes sense or not.
func facts(t *rapid.T) []*threadv1.Fact {
	mid := rapid.SampledFrom([]string{"", "m1", "m2", "m3"})
	id := rapid.SampledFrom([]string{"s1", "s2"})
	ms := rapid.Int64Range(0, 50)
	one := rapid.Custom(func(t *rapid.T) *threadv1.Fact {
		switch rapid.IntRange(0, 18).Draw(t, "kind") {
		case 0, 1:
			return received(mid.Draw(t, "mid"), rapid.String().Draw(t, "text"), ms.Draw(t, "ms"))
		case 2:
			return edited(mid.Draw(t, "mid"), "edited", rapid.Int32Range(1, 3).Draw(t, "n"))
		case 3:
			return unsent(mid.Draw(t, "mid"))
		case 4:
			return reacted(mid.Draw(t, "mid"), "👍", rapid.Bool().Draw(t, "removed"))
		case 5, 6:
			return requested(id.Draw(t, "id"), "a", "b")
		case 7, 8:
			return succeeded(id.Draw(t, "id"), rapid.Int32Range(-1, 2).Draw(t, "part"), mid.Draw(t, "mid"), ms.Draw(t, "ms"))
		case 9:
			return refused(id.Draw(t, "id"), "X")
		case 10:
			return uncertain(id.Draw(t, "id"))
		case 11:
			return unconfirmed(id.Draw(t, "id"))
		case 12:
			return delivered(ms.Draw(t, "ms"), mid.Draw(t, "mid"))
		case 13:
			return read(ms.Draw(t, "ms"))
		case 14:
			return external(mid.Draw(t, "mid"), "ext")
		case 15:
			return echoed(id.Draw(t, "id"), rapid.Int32Range(-1, 2).Draw(t, "part"), mid.Draw(t, "mid"), ms.Draw(t, "ms"))
		case 16:
			return answered(id.Draw(t, "id"), rapid.Int32Range(0, 1).Draw(t, "part"), mid.Draw(t, "mid"))
		case 17:
			return abandoned(id.Draw(t, "id"))
		}
		return assigned("mila")
	})
	return rapid.SliceOfN(one, 1, 4).Draw(t, "facts")
}

func history(t *rapid.T) *log {
	l := new(log)
	for range rapid.IntRange(1, 20).Draw(t, "commits") {
		l.commit(facts(t)...)
	}
	return l
}

// TestLiveEqualsRead: a page that applies every live change ends with what a
// page that reads the history at the end gets, and nothing handed out changes
// afterwards.
func TestLiveEqualsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := history(t)
		live, shown := timeline.New(), map[string]*deskv1.TimelineItem{}
		type handed struct{ item, copy *deskv1.TimelineItem }
		var out []handed
		for i, c := range l.commits {
			live.Apply(revision(i), c)
			live.Apply(revision(i), c) // a commit that comes again changes nothing
			for _, item := range live.Since(revision(i)) {
				shown[item.GetId()] = item
				out = append(out, handed{item, proto.CloneOf(item)})
			}
		}
		items, _ := l.fold().Page(0, 1000)
		if len(items) != len(shown) {
			t.Fatalf("%d items read, %d seen live", len(items), len(shown))
		}
		for _, item := range items {
			if d := cmp.Diff(item, shown[item.GetId()], protocmp.Transform()); d != "" {
				t.Fatalf("item %s differs: %s", item.GetId(), d)
			}
		}
		for _, h := range out {
			if !proto.Equal(h.item, h.copy) {
				t.Fatalf("item %s was changed after it was handed out", h.item.GetId())
			}
		}
	})
}

// TestPages: the pages put together are the whole, in the order of the log, and
// no page has too many but for one commit that has.
func TestPages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tl := history(t).fold()
		limit := rapid.IntRange(1, 8).Draw(t, "limit")
		whole, _ := tl.Page(0, 1<<20)
		var got []*deskv1.TimelineItem
		for before := uint64(0); ; {
			page, next := tl.Page(before, limit)
			if len(page) > limit && page[0].GetRevision() != page[len(page)-1].GetRevision() {
				t.Fatalf("a page of %d for a limit of %d", len(page), limit)
			}
			got = append(append([]*deskv1.TimelineItem{}, page...), got...)
			if next == 0 {
				break
			}
			if before != 0 && next >= before {
				t.Fatalf("page before %d leads to %d", before, next)
			}
			before = next
		}
		ids := func(items []*deskv1.TimelineItem) string {
			var all []string
			for _, i := range items {
				all = append(all, i.GetId())
			}
			return strings.Join(all, " ")
		}
		if ids(got) != ids(whole) {
			t.Fatalf("pages give %s, the whole is %s", ids(got), ids(whole))
		}
	})
}

// What was fetched later says so, and stands at its own time.
func TestRecoveredMessagesAreMarked(t *testing.T) {
	fetched := received("m2", "missed", 500)
	fetched.Recovered, fetched.Late = true, true
	items, _ := new(log).commit(received("m1", "hello", 900)).commit(fetched).fold().Page(0, 10)
	if len(items) != 2 || items[0].GetRecovered() || !items[1].GetRecovered() || items[1].GetAtMs() != 500 {
		t.Errorf("the items are %v", items)
	}
}
