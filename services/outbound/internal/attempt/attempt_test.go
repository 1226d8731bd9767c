package attempt_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/outbound/internal/attempt"
)

// S31, S32, S34: the window and the tag of the moment; no machine has the tag.
func TestWindowIsDecidedAtSendTime(t *testing.T) {
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		after      time.Duration // since the customer's message
		tag, human bool
		kind, with string
		refused    string
		utility    bool
		waited     time.Duration
	}{
		"at once":                   {kind: "RESPONSE", human: true},
		"at once, by a machine":     {tag: true, kind: "RESPONSE"},
		"a minute to the end":       {after: day - time.Minute - time.Second, tag: true, human: true, kind: "RESPONSE"},
		"second day, tag":           {after: day, tag: true, human: true, kind: "MESSAGE_TAG", with: "HUMAN_AGENT"},
		"second day, tag, machine":  {after: day, tag: true, refused: graph.ReasonWindowClosed},
		"second day, no tag":        {after: day, human: true, refused: graph.ReasonWindowClosed},
		"eighth day, tag":           {after: 7 * day, tag: true, human: true, refused: graph.ReasonWindowClosed},
		"the margin of seventh day": {after: 7*day - 30*time.Second, tag: true, human: true, refused: graph.ReasonWindowClosed},
		"a template at once":        {utility: true, human: true, kind: "UTILITY"},
		"a template, second day":    {after: day, tag: true, utility: true, human: true, kind: "UTILITY"},
		"a template, eighth day":    {after: 7 * day, utility: true, human: true, kind: "UTILITY"},
		"a template, machine":       {after: 7 * day, tag: true, utility: true, refused: graph.ReasonWindowClosed},
		"a template of yesterday":   {after: 7 * day, utility: true, human: true, waited: day, refused: graph.ReasonWindowClosed},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.UnixMilli(1_700_000_000_000)
			s := &threadv1.State{WindowMs: start.UnixMilli(), Conversation: &threadv1.Conversation{Id: "c1", MessageTag: c.tag, Phase: threadv1.Phase_PHASE_ACTIVE},
				Sends: []*threadv1.Send{{Id: "s", Parts: 1, Status: threadv1.SendStatus_SEND_STATUS_REQUESTED}}}
			now := start.Add(c.after)
			s.Sends[0].RequestedMs, s.Sends[0].Utility = now.Add(-c.waited).UnixMilli(), c.utility
			facts := policy().Begin(s, attempt.Ref{ID: "s", Attempt: 1}, c.human, now)
			if len(facts) != 1 {
				t.Fatalf("facts %v", facts)
			}
			a := facts[0].GetSendAttempted()
			if a.GetMessagingType() != c.kind || a.GetTag() != c.with || facts[0].GetSendRefused().GetReason() != c.refused {
				t.Errorf("fact %v, want %s %s %s", facts[0], c.kind, c.with, c.refused)
			}
			if a != nil && a.GetDeadlineMs() != now.Add(policy().Start).UnixMilli() {
				t.Errorf("deadline %d", a.GetDeadlineMs())
			}
		})
	}
}

// An automated message that could not leave while it was of use is dropped: when
// its time has come, and not at the end of a pause or of the window.
func TestAnAutomatedMessageLapses(t *testing.T) {
	start := time.UnixMilli(1_700_000_000_000)
	until := start.Add(10 * time.Minute)
	for name, c := range map[string]struct {
		send *threadv1.Send
		page attempt.Page
		at   time.Time // when it is looked at again; zero: at once
	}{
		"at once":                   {page: attempt.Page{Open: true}},
		"put off for longer":        {send: &threadv1.Send{RetryMs: start.Add(time.Hour).UnixMilli()}, page: attempt.Page{Open: true}, at: until},
		"put off for less":          {send: &threadv1.Send{RetryMs: start.Add(time.Minute).UnixMilli()}, page: attempt.Page{Open: true}, at: start.Add(time.Minute)},
		"waits for its page":        {send: &threadv1.Send{Disconnected: true}, at: until},
		"its page is tried later":   {send: &threadv1.Send{Disconnected: true}, page: attempt.Page{Try: start.Add(time.Hour)}, at: until},
		"its page is tried earlier": {send: &threadv1.Send{Disconnected: true}, page: attempt.Page{Try: start.Add(time.Minute)}, at: start.Add(time.Minute)},
	} {
		t.Run(name, func(t *testing.T) {
			s := waiting(start, false)
			one := s.GetSends()[0]
			one.UntilMs, one.RetryMs, one.Disconnected = until.UnixMilli(), c.send.GetRetryMs(), c.send.GetDisconnected()
			step := policy().Next(s, start, c.page)
			if c.at.IsZero() && step.Do != attempt.Post || !c.at.IsZero() && (step.Do != attempt.Wait || !step.At.Equal(c.at)) {
				t.Errorf("step %+v, want one at %s", step, c.at)
			}
			for now, reason := range map[time.Time]string{until.Add(-time.Millisecond): "", until: attempt.ReasonLapsed, until.Add(48 * time.Hour): attempt.ReasonLapsed} {
				facts := policy().Begin(s, attempt.Ref{ID: "s", Attempt: 1}, false, now)
				if len(facts) != 1 || facts[0].GetSendRefused().GetReason() != reason {
					t.Errorf("at %s: %v, want %q", now, facts, reason)
				}
			}
		})
	}
}

// Being told "later" again and again ends after a bounded number of attempts
// and within minutes, so that the agent knows. A missing permission is bounded
// alike.
func TestLaterIsBounded(t *testing.T) {
	for _, class := range []graph.Class{graph.Later, graph.Parked} {
		start := time.UnixMilli(1_700_000_000_000)
		now, p := start, policy()
		s := &threadv1.State{WindowMs: start.UnixMilli(), Sends: []*threadv1.Send{{Id: "s", Parts: 1, Status: threadv1.SendStatus_SEND_STATUS_REQUESTED}}}
		for attempts := 0; thread.NextSend(s) != nil; {
			step := p.Next(s, now, attempt.Page{Setup: "one", Open: true})
			var facts []*threadv1.Fact
			switch step.Do {
			case attempt.Wait:
				now = step.At
				continue
			case attempt.Post:
				attempts++
				facts = p.Begin(s, step.Ref, true, now)
			default:
				t.Fatalf("step %+v", step)
			}
			for _, f := range [][]*threadv1.Fact{facts, nil} {
				if f == nil {
					f = p.Answer(s, step.Ref, graph.Outcome{Class: class, Reason: "X"}, "one", now)
				}
				c, err := thread.Extend(s, 1, now, "test", f...)
				if err != nil {
					t.Fatal(err)
				}
				s = c.GetState()
			}
			if attempts > p.Attempts {
				t.Fatalf("%s: attempt %d", class, attempts)
			}
		}
		if took := now.Sub(start); class == graph.Later && took > 5*time.Minute {
			t.Errorf("%s: the agent learned it after %s", class, took)
		}
	}
}

// deferred is a thread whose next send Meta has put off so often with out, and
// the time of the last one.
func deferred(t *testing.T, p attempt.Policy, s *threadv1.State, out graph.Outcome, times int, now time.Time) *threadv1.State {
	t.Helper()
	for range times {
		ref := attempt.Ref{ID: "s", Attempt: thread.FindSend(s, "s").GetAttempt() + 1}
		for _, decide := range []func() []*threadv1.Fact{
			func() []*threadv1.Fact { return p.Begin(s, ref, true, now) },
			func() []*threadv1.Fact { return p.Answer(s, ref, out, "one", now) },
		} {
			c, err := thread.Extend(s, 1, now, "test", decide()...)
			if err != nil {
				t.Fatal(err)
			}
			s = c.GetState()
		}
	}
	return s
}

func waiting(start time.Time, tag bool) *threadv1.State {
	return &threadv1.State{WindowMs: start.UnixMilli(),
		Conversation: &threadv1.Conversation{Id: "c1", MessageTag: tag, Phase: threadv1.Phase_PHASE_ACTIVE},
		Sends:        []*threadv1.Send{{Id: "s", Conversation: "c1", Parts: 1, Status: threadv1.SendStatus_SEND_STATUS_REQUESTED}}}
}

// A page that is disconnected for days fails nothing, and what Meta says of its
// sends then is not held against them when it works again.
func TestADeadTokenIsNotHeldAgainstASend(t *testing.T) {
	start, p := time.UnixMilli(1_700_000_000_000), policy()
	dead := graph.Outcome{Class: graph.Parked, Reason: graph.ReasonPageDisconnected, Code: 190}
	s := deferred(t, p, waiting(start, false), dead, 100*p.Attempts, start)
	later := graph.Outcome{Class: graph.Later, Reason: graph.ReasonThrottled}
	s = deferred(t, p, s, later, p.Attempts-1, start)
	send := thread.NextSend(s)
	if send == nil || send.GetDisconnected() {
		t.Fatalf("after some more that count: %v", send)
	}
	if pause := time.UnixMilli(send.GetRetryMs()).Sub(start); pause > p.BackoffMax {
		t.Errorf("it waits %s", pause)
	}
	if s = deferred(t, p, s, later, 1, start); thread.NextSend(s) != nil {
		t.Errorf("it is put off for ever: %v", thread.NextSend(s))
	}
}

// A parked send does nothing until its page works, may be tried, or its window
// closes, whichever is first; then it goes out by the window of that moment, or
// is refused for it.
func TestAReleasedSendRespectsTheWindow(t *testing.T) {
	const day = 24 * time.Hour
	rapid.Check(t, func(t *rapid.T) {
		start, p := time.UnixMilli(1_700_000_000_000), policy()
		tag, human := rapid.Bool().Draw(t, "tag"), rapid.Bool().Draw(t, "human")
		s := waiting(start, tag)
		if err := thread.Apply(s, 1, start, p.Hold(s, attempt.Ref{ID: "s", Attempt: 1}, human, start)[0]); err != nil {
			t.Fatal(err)
		}
		seconds := rapid.OneOf(rapid.Int64Range(0, 700_000), rapid.Int64Range(86_330, 86_350), rapid.Int64Range(604_730, 604_750))
		age := time.Duration(seconds.Draw(t, "after")) * time.Second
		now := start.Add(age)
		page := attempt.Page{Setup: "one", Open: rapid.Bool().Draw(t, "open")}
		if rapid.Bool().Draw(t, "may be tried") {
			page.Try = now.Add(time.Duration(rapid.IntRange(-5, 5).Draw(t, "when")) * time.Hour)
		}
		within, tagged := age < day-time.Minute, tag && age < 7*day-time.Minute
		step := p.Next(s, now, page)
		may := page.Open || !page.Try.IsZero() && !now.Before(page.Try)
		if post := step.Do == attempt.Post; post != (may || !within && !tagged) {
			t.Fatalf("step %+v with %+v", step, page)
		}
		if step.Do == attempt.Wait {
			if !step.At.After(now) || !page.Try.IsZero() && step.At.After(page.Try) || step.At.After(start.Add(7*day)) {
				t.Fatalf("it waits until %s, %s from now", step.At, step.At.Sub(now))
			}
			if facts := p.Hold(s, step.Ref, true, now); len(facts) != 0 {
				t.Fatalf("parked twice: %v", facts)
			}
			return
		}
		facts := p.Begin(s, step.Ref, human, now)
		a := facts[0].GetSendAttempted()
		switch {
		case within && (a.GetMessagingType() != "RESPONSE" || a.GetTag() != ""),
			!within && tagged && human && (a.GetMessagingType() != "MESSAGE_TAG" || a.GetTag() != "HUMAN_AGENT"),
			!within && !(tagged && human) && facts[0].GetSendRefused().GetReason() != graph.ReasonWindowClosed:
			t.Fatalf("after %s, tag %v, human %v: %v", age, tag, human, facts)
		}
	})
}

// What misses a permission waits its time, or until the page is set up otherwise,
// whichever process finds it.
func TestAnotherSetUpIsTriedAtOnce(t *testing.T) {
	start, p := time.UnixMilli(1_700_000_000_000), policy()
	s := deferred(t, p, waiting(start, false), graph.Outcome{Class: graph.Parked, Reason: graph.ReasonPermissionMissing}, 1, start)
	for setup, want := range map[string]attempt.Action{"one": attempt.Wait, "two": attempt.Post} {
		if step := p.Next(s, start.Add(time.Second), attempt.Page{Setup: setup, Open: true}); step.Do != want {
			t.Errorf("with set-up %s: %+v", setup, step)
		}
	}
	if step := p.Next(s, start.Add(p.Park), attempt.Page{Setup: "one", Open: true}); step.Do != attempt.Post {
		t.Errorf("after its time: %+v", step)
	}
}

func TestALongPauseOfMetasRefuses(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	s := &threadv1.State{Sends: []*threadv1.Send{{Id: "s", Parts: 1, Attempt: 1, Status: threadv1.SendStatus_SEND_STATUS_ATTEMPTED}}}
	facts := policy().Answer(s, attempt.Ref{ID: "s", Attempt: 1}, graph.Outcome{Class: graph.Later, Reason: graph.ReasonThrottled, RetryAfter: time.Hour}, "one", now)
	if len(facts) != 1 || facts[0].GetSendRefused().GetOpensMs() != now.Add(time.Hour).UnixMilli() {
		t.Errorf("facts %v, want a refusal that says when", facts)
	}
}

func TestSearch(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 500e6, time.UTC)
	seen := func(mid, from, text string, after time.Duration) graph.Recent {
		return graph.Recent{MessageID: mid, From: from, Text: text, Created: start.Add(after).Truncate(time.Second)}
	}
	for name, c := range map[string]struct {
		recent []graph.Recent
		others []string
		want   string
	}{
		"found":               {[]graph.Recent{seen("m", "page", "café", 0)}, nil, "m"},
		"other form of é":     {[]graph.Recent{seen("m", "page", "cafe\u0301 ", 0)}, nil, "m"},
		"nothing there":       {nil, nil, ""},
		"of the customer":     {[]graph.Recent{seen("m", "customer", "café", 0)}, nil, ""},
		"other text":          {[]graph.Recent{seen("m", "page", "cafés", 0)}, nil, ""},
		"before the attempt":  {[]graph.Recent{seen("m", "page", "café", -3*time.Second)}, nil, ""},
		"clock a bit behind":  {[]graph.Recent{seen("m", "page", "café", -time.Second)}, nil, "m"},
		"from the future":     {[]graph.Recent{seen("m", "page", "café", 2*time.Minute)}, nil, ""},
		"bound to another":    {[]graph.Recent{seen("bound", "page", "café", 0)}, nil, ""},
		"one of two bound":    {[]graph.Recent{seen("bound", "page", "café", 0), seen("m", "page", "café", 0)}, nil, "m"},
		"twice":               {[]graph.Recent{seen("m", "page", "café", 0), seen("n", "page", "café", time.Second)}, nil, ""},
		"said before":         {[]graph.Recent{seen("m", "page", "café", 0)}, []string{"cafe\u0301"}, ""},
		"something else said": {[]graph.Recent{seen("m", "page", "café", 0)}, []string{"tea"}, "m"},
	} {
		t.Run(name, func(t *testing.T) {
			e := attempt.Evidence{Page: "page", Text: "café", Started: start, Now: start.Add(time.Minute), Recent: c.recent,
				Bound: map[string]bool{"bound": true}, Others: c.others}
			got, ok := e.Search()
			if got.MessageID != c.want || ok != (c.want != "") {
				t.Errorf("found %q, want %q", got.MessageID, c.want)
			}
		})
	}
}

// A send whose text is gone is set aside by what can be said of it, and does
// not stand in the way of others.
func TestASendWithoutItsTextIsSetAside(t *testing.T) {
	for status, want := range map[threadv1.SendStatus]string{
		threadv1.SendStatus_SEND_STATUS_REQUESTED:   "refused",
		threadv1.SendStatus_SEND_STATUS_UNCERTAIN:   "unconfirmed",
		threadv1.SendStatus_SEND_STATUS_ATTEMPTED:   "",
		threadv1.SendStatus_SEND_STATUS_UNCONFIRMED: "",
	} {
		s := &threadv1.State{Conversation: &threadv1.Conversation{Id: "c1", Phase: threadv1.Phase_PHASE_ACTIVE},
			Sends: []*threadv1.Send{{Id: "s", Conversation: "c1", Parts: 2, Part: 1, Attempt: 3, Status: status}}}
		facts, got := policy().Voided(s, "s"), ""
		for _, f := range facts {
			if f.GetSendRefused().GetReason() == attempt.ReasonTextMissing {
				got += "refused"
			}
			if f.GetSendUnconfirmed() != nil {
				got += "unconfirmed"
			}
			if err := thread.Apply(s, 1, time.UnixMilli(1), f); err != nil {
				t.Errorf("in %v: %v", status, err)
			}
		}
		if got != want || len(facts) > 0 && thread.NextSend(s) != nil {
			t.Errorf("in %v: %q, then %v is next", status, got, thread.NextSend(s))
		}
	}
}
