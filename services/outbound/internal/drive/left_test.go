package drive_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// An agent need not wait for proof: what is behind leaves at once, the message in
// doubt is not posted again, its proof is looked for as before, and the parts behind
// it leave when it is there. Without proof nobody is asked.
func TestAnAgentNeedNotWaitForProof(t *testing.T) {
	for _, proved := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			box := keys(t)
			log := newMemory(asked([]string{"one", "and more"}, []string{"two"})...)
			began := time.Now()
			meta := &meta{answer: func(n int, m graph.Message) graph.Outcome {
				if n == 1 {
					return unknown()
				}
				return delivered(n, m)
			}, recent: func() ([]graph.Recent, error) {
				if !proved {
					return nil, nil
				}
				return []graph.Recent{{MessageID: "m_1", From: customer.Page, Text: "one", Created: began}}, nil
			}}
			stop := process(t, log, meta, connected(t, box), box)
			time.Sleep(10 * time.Second)
			expect(t, log, "attempted", "uncertain TIMEOUT")
			log.say(thread.Of(&threadv1.SendAbandoned{Id: "s0", Agent: "mila"}))
			time.Sleep(time.Second)
			want := []string{"attempted", "uncertain TIMEOUT", "attempted", "succeeded answer"}
			expect(t, log, want...)
			time.Sleep(5 * time.Minute)
			stop()
			if proved {
				want = append(want, "succeeded conversation", "attempted", "succeeded answer")
			} else {
				want = append(want, "unconfirmed")
			}
			expect(t, log, want...)
			if meta.reads != 1 || len(log.state.GetSends()) != 0 {
				t.Errorf("%d readings; left open: %v", meta.reads, log.state.GetSends())
			}
		})
	}
}
