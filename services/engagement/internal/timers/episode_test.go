package timers_test

import (
	"testing"
	"time"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

const never = time.Duration(1<<63 - 1)

// episode is a conversation as a clerk with a watch would follow it: by what
// happened, without a look at any state. It knows the rules of TestAMonth.
type episode struct {
	live    bool
	phase   string
	touched time.Duration // when somebody last did something
	spoke   string        // who wrote last
	since   time.Duration // since when that has no answer
	held    time.Duration // until when wrap-up keeps the agent's capacity
	ran     map[string]bool
}

// rules of TestAMonth, the shortest first.
var clerkRules = []struct {
	name, spoke string
	after       time.Duration
}{{"nudge", "agent", time.Hour}, {"late", "customer", 90 * time.Minute}, {"aside", "agent", 4 * time.Hour}, {"end", "agent", 36 * time.Hour}}

// due is when something must happen next, and what. What runs at the moment of a
// longer rule is that one alone.
func (e *episode) due() (time.Duration, string) {
	if !e.live {
		return never, ""
	}
	limit := map[string]time.Duration{"open": 3 * day, "active": 5 * day, "waiting": 2 * day, "wrap-up": time.Hour}[e.phase]
	at, what := e.touched+limit, "auto_closed"
	if e.phase == "wrap-up" {
		return max(at, e.held), what
	}
	for _, r := range clerkRules {
		if e.ran[r.name] || e.spoke != r.spoke || r.name == "aside" && e.phase != "active" {
			continue
		}
		since := e.since
		if r.name == "aside" { // not what somebody has just taken up again
			since = max(since, e.touched)
		}
		if due := since + r.after; due < at {
			at, what = due, r.name
		}
	}
	return at, what
}

// byTime names what time did by a commit; nothing when people did it.
func byTime(c *threadv1.Commit) string {
	for _, f := range c.GetFacts() {
		if r := f.GetTimeOutReached(); r != nil {
			return r.GetRule()
		}
		if f.GetConversationClosed().GetCause() == threadv1.Cause_CAUSE_AUTO_CLOSED {
			return "auto_closed"
		}
	}
	return ""
}

func (e *episode) take(t *testing.T, f *threadv1.Fact, at time.Duration, since func(int64) time.Duration) {
	t.Helper()
	enter := func(phase string) { e.phase, e.touched = phase, at }
	switch k := f.GetKind().(type) {
	case *threadv1.Fact_ConversationOpened:
		*e = episode{live: true, ran: map[string]bool{}, spoke: "customer", since: at}
		enter("open")
	case *threadv1.Fact_MessageReceived:
		if e.touched = at; e.spoke != "customer" {
			e.spoke, e.since, e.ran = "customer", at, map[string]bool{}
		}
	case *threadv1.Fact_SendRequested:
		if k.SendRequested.GetHuman() {
			e.spoke, e.since, e.touched, e.ran = "agent", at, at, map[string]bool{}
		}
	case *threadv1.Fact_AgentAssigned:
		enter("active")
	case *threadv1.Fact_ConversationParked:
		enter("waiting")
	case *threadv1.Fact_ConversationRevived:
		enter("open")
	case *threadv1.Fact_ConversationEnded:
		enter("wrap-up")
		e.held = since(k.ConversationEnded.GetDueMs())
	case *threadv1.Fact_NoteAdded:
		e.touched = at
	case *threadv1.Fact_ConversationClosed:
		e.live = false
	case *threadv1.Fact_TimeOutReached:
		r := k.TimeOutReached
		if e.ran[r.GetRule()] {
			t.Fatalf("%s ran twice in one silence", r.GetRule())
		}
		for _, one := range clerkRules { // those of before have had their turn
			if one.after <= time.Duration(r.GetToldMinutes())*time.Minute && (one.spoke == "agent") == (r.GetSilent() == threadv1.Side_SIDE_CUSTOMER) {
				e.ran[one.name] = true
			}
		}
	}
}
