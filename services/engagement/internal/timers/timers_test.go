package timers_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

const day = 24 * time.Hour

// TestAutoClose (L87): each phase has its time, and a second later at most it is
// over.
func TestAutoClose(t *testing.T) {
	ended := thread.Of(&threadv1.ConversationEnded{Agent: "mila", Blocks: true})
	for _, c := range []struct {
		name  string
		facts []*threadv1.Fact
		after time.Duration
	}{
		{"open", nil, 30 * day},
		{"active", []*threadv1.Fact{assigned("mila")}, 30 * day},
		{"wrap-up", []*threadv1.Fact{assigned("mila"), ended}, day},
		{"waiting", []*threadv1.Fact{assigned("mila"), thread.Of(&threadv1.ConversationParked{Agent: "mila"})}, 7 * day},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLedger()
				start(t, l, directory.Fixed(directory.NewSnapshot()))
				l.commit(t, who(1), append([]*threadv1.Fact{opened("c1")}, c.facts...)...)
				time.Sleep(c.after - time.Millisecond)
				synctest.Wait()
				if !thread.Live(l.state(who(1)).GetConversation()) {
					t.Fatalf("closed before %v", c.after)
				}
				time.Sleep(time.Second)
				synctest.Wait()
				if thread.Live(l.state(who(1)).GetConversation()) {
					t.Errorf("lives %v and a second later", c.after)
				}
			})
		})
	}
}

// TestRestart: what fell due while no process lived happens when one lives again.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		stop := start(t, l, directory.Fixed(directory.NewSnapshot()))
		l.commit(t, who(1), opened("c1"))
		stop()
		time.Sleep(31 * day)
		if !thread.Live(l.state(who(1)).GetConversation()) {
			t.Fatal("closed by nobody")
		}
		start(t, l, directory.Fixed(directory.NewSnapshot()))
		time.Sleep(time.Second)
		synctest.Wait()
		if thread.Live(l.state(who(1)).GetConversation()) {
			t.Error("overdue, and not closed within a second")
		}
	})
}
