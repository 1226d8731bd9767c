package drive_test

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-desk/parley/pkg/graph"
)

// A page that is left alone puts its sends off without an attempt; they go out
// as soon as it may be asked again, in their order.
func TestAPageThatFailsPutsItsSendsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := keys(t)
		log := newMemory(asked([]string{"one"}, []string{"two"})...)
		meta := &meta{answer: func(n int, _ graph.Message) graph.Outcome {
			if n <= failures {
				return graph.Outcome{Class: graph.Later, Reason: graph.ReasonUnreachable}
			}
			return sent("m_" + strconv.Itoa(n))
		}}
		stop := process(t, log, meta, connected(t, box), box)
		time.Sleep(3 * time.Minute)
		stop()
		expect(t, log, "attempted", "deferred UNREACHABLE", "attempted", "deferred UNREACHABLE", "attempted", "deferred UNREACHABLE",
			"attempted", "succeeded answer", "attempted", "succeeded answer")
	})
}

// Meta says how much is used up, and the page rests without asking again.
func TestAPageRestsWhenAllIsUsedUp(t *testing.T) {
	for _, c := range []struct {
		regain time.Duration
		then   string
	}{{5 * time.Minute, "deferred THROTTLED"}, {20 * time.Minute, "refused THROTTLED"}} {
		synctest.Test(t, func(t *testing.T) {
			box := keys(t)
			log := newMemory(asked([]string{"one"}, []string{"two"})...)
			meta := &meta{answer: func(n int, _ graph.Message) graph.Outcome {
				out := sent("m_" + strconv.Itoa(n))
				if n == 1 {
					out.Usage = graph.Usage{Percent: 100, Regain: c.regain}
				}
				return out
			}}
			stop := process(t, log, meta, connected(t, box), box)
			time.Sleep(4 * time.Minute)
			expect(t, log, "attempted", "succeeded answer", c.then)
			time.Sleep(2 * time.Minute)
			stop()
			if c.then == "deferred THROTTLED" {
				expect(t, log, "attempted", "succeeded answer", c.then, "attempted", "succeeded answer")
			}
		})
	}
}
