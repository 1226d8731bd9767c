package drive_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// greeted is a thread that is greeted by itself, and whose agent answers then.
func greeted(human ...[]string) []*threadv1.Fact {
	facts := asked(human...)
	hello := thread.Of(&threadv1.SendRequested{Id: "auto", Parts: []string{"Hello!"}, Automated: &threadv1.Automated{
		Trigger: threadv1.Trigger_TRIGGER_GREETING, Conversation: "c1", Answers: 1, UntilMs: time.Now().Add(10 * time.Minute).UnixMilli()}})
	return append(facts[:4:4], append([]*threadv1.Fact{hello}, facts[4:]...)...)
}

// What is said by itself is dropped when it cannot leave in time, and what agents
// write goes on; nobody is left to decide about it.
func TestAnAutomatedMessageHoldsNobodyUp(t *testing.T) {
	for name, c := range map[string]struct {
		late   time.Duration
		answer func(n int) graph.Outcome
		want   []string
	}{
		"it leaves": {0, func(int) graph.Outcome { return sent("m") }, []string{"attempted", "succeeded answer", "attempted", "succeeded answer"}},
		"too late":  {11 * time.Minute, func(int) graph.Outcome { return sent("m") }, []string{"refused LAPSED", "attempted", "succeeded answer"}},
		"never confirmed": {0, func(n int) graph.Outcome {
			if n == 1 {
				return unknown()
			}
			return sent("m")
		}, []string{"attempted", "uncertain TIMEOUT", "attempted", "succeeded answer", "unconfirmed"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				box := keys(t)
				log := newMemory(greeted([]string{"one"})...)
				time.Sleep(c.late)
				stop := process(t, log, &meta{answer: func(n int, _ graph.Message) graph.Outcome { return c.answer(n) },
					recent: func() ([]graph.Recent, error) { return nil, nil }}, connected(t, box), box)
				time.Sleep(20 * time.Minute)
				stop()
				expect(t, log, c.want...)
				if len(log.state.GetSends()) != 0 {
					t.Errorf("open: %v", log.state.GetSends())
				}
			})
		})
	}
}

// A person's answer leaves at once while it is not known what became of what was
// said by itself; and the other way round it waits, as for another person's.
func TestAPersonPassesWhatNobodyWrote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := keys(t)
		log := newMemory(greeted([]string{"one"}, []string{"two"})...)
		var at []time.Time
		began := time.Now()
		stop := process(t, log, &meta{answer: func(n int, _ graph.Message) graph.Outcome {
			at = append(at, time.Now())
			if n == 1 || n == 2 {
				return unknown()
			}
			return sent("m")
		}, recent: func() ([]graph.Recent, error) { return nil, nil }}, connected(t, box), box)
		time.Sleep(20 * time.Minute)
		stop()
		if len(at) != 3 || at[1].Sub(began) > 5*time.Second || at[2].Sub(at[1]) < time.Minute {
			t.Errorf("posted at %v since %v", at, began)
		}
		expect(t, log, "attempted", "uncertain TIMEOUT", "attempted", "uncertain TIMEOUT", "unconfirmed", "attempted", "succeeded answer", "unconfirmed")
	})
}
