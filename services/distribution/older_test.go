package distribution_test

import (
	"fmt"
	"testing"

	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/keyspace/keyspacetest"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// TestRedisThatComesBackOlderForgetsNobody kills Redis, which comes back without
// what happened last, as after a power cut; the commits it has forgotten are
// behind the checkpoints of those who follow the log.
func TestRedisThatComesBackOlderForgetsNobody(t *testing.T) {
	for _, c := range []struct{ kept, restarted bool }{{false, false}, {false, true}, {true, false}, {true, true}} {
		t.Run(fmt.Sprintf("assignment kept %v, distribution restarted %v", c.kept, c.restarted), func(t *testing.T) {
			broker := bustest.Broker(t)
			rdb, restart := keyspacetest.Restartable(t)
			f := open(t, broker.Open(t, "desk"), rdb, 1)
			stop := f.run(broker.Open(t, "one"), "one")
			f.presence("mila", available)
			if !c.kept {
				f.must(rdb.Save(t.Context()).Err())
			}
			taken := f.arrive(1)
			f.answered(taken, f.offered(taken, nil), true)
			if c.kept {
				f.must(rdb.Save(t.Context()).Err())
			}
			late := f.arrive(2) // nobody has room for it: it is queued and nothing else
			f.inBook(late)

			if c.restarted {
				stop()
			}
			restart()
			if c.restarted {
				f.run(broker.Open(t, "two"), "two")
			}
			f.presence("orlin", available)
			f.presence("mila", available)
			if a := f.offered(late, nil).GetOffer().GetAgent(); a != "orlin" {
				t.Errorf("offered to %s, who is full", a)
			}
			f.inBook(f.arrive(3))
			for _, agent := range []string{"mila", "orlin"} {
				if s := f.standing(agent); s.GetUsed() != 1 {
					t.Errorf("standing %v, want 1 of 1 used", s)
				}
			}
			if conv := f.conversation(taken); conv.GetPhase() != threadv1.Phase_PHASE_ACTIVE || conv.GetAgent() != "mila" {
				t.Errorf("%v of %q, want active of mila", conv.GetPhase(), conv.GetAgent())
			}
		})
	}
}

// inBook waits until Redis knows the thread.
func (f *floor) inBook(who subject.Thread) {
	f.t.Helper()
	await(f.t, "the book to know "+who.Key(), func() bool {
		keys, err := f.rdb.Keys(f.t.Context(), "*:i:"+who.Key()).Result()
		return err == nil && len(keys) == 1
	})
}
