package thread

import (
	"time"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// ownership is for how long an app has a thread at Meta after the last sign of
// it; then the thread is anybody's again ("Conversation routing").
const ownership = 24 * time.Hour

// ThreadOwned refuses what can only be sent by the app that has the thread.
// Meta's refusal of a send has the same reason.
const ThreadOwned = "THREAD_OWNED"

// Taken is how control moves when an agent takes it from here.
const Taken = "taken"

// Owner is another app that has a thread at Meta.
type Owner struct {
	App   string // its id; empty when it is not known which
	Until time.Time
}

// OwnerAt tells whether another app has the thread at now, and which. What is
// known comes from Meta's words on who has it, from what was seen in standby and
// from refused sends; a message that comes to us by the ordinary way, or that
// Meta takes from us, says that the thread is ours to answer.
func OwnerAt(s *threadv1.State, now time.Time) (Owner, bool) {
	until := time.UnixMilli(s.GetOwnerMs()).Add(ownership)
	if !s.GetStandby() || !now.Before(until) {
		return Owner{}, false
	}
	return Owner{App: s.GetOwnerApp(), Until: until}, true
}

// TakeControl notes that Meta gave the thread to us because agent asked for it.
func TakeControl(s *threadv1.State, now time.Time, conversation, agent string) ([]*threadv1.Fact, error) {
	if _, err := held(s, conversation, agent, threadv1.Phase_PHASE_ACTIVE); err != nil {
		return nil, err
	}
	if !s.GetStandby() {
		return nil, nil
	}
	return one(&threadv1.ControlMoved{How: Taken, FromApp: s.GetOwnerApp(), Ours: true, Agent: agent,
		SentMs: max(now.UnixMilli(), s.GetOwnerMs())}), nil // by which clock ever, it comes last
}

func applyControl(s *threadv1.State, m *threadv1.ControlMoved) {
	switch {
	case m.GetHow() == "request":
	case m.GetOurs() || m.GetToApp() == "" && m.GetHow() == "pass": // to nobody
		ours(s, m.GetSentMs())
	default:
		theirs(s, m.GetToApp(), m.GetSentMs())
	}
}

// theirs notes that at a time of Meta's another app had the thread. Which one is
// remembered until there is other news.
func theirs(s *threadv1.State, app string, ms int64) {
	if ms < s.GetOwnerMs() {
		return
	}
	if app != "" || !s.GetStandby() {
		s.OwnerApp = app
	}
	s.Standby, s.OwnerMs = true, ms
}

// ours notes that at a time of Meta's no other app had the thread.
func ours(s *threadv1.State, ms int64) {
	if ms < s.GetOwnerMs() {
		return
	}
	s.Standby, s.OwnerApp, s.OwnerMs = false, "", ms
}

// seen notes by which way an event of the customer came.
func seen(s *threadv1.State, standby, stale bool, ms int64) {
	switch {
	case stale:
	case standby:
		theirs(s, "", ms)
	default:
		ours(s, ms)
	}
}
