package timers_test

import (
	"runtime"
	"testing"

	"github.com/parley-desk/parley/pkg/directory"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/engagement/internal/life"
	"github.com/parley-desk/parley/services/engagement/internal/timers"
)

// TestAMillion: so many pending timers cost far less than 300 MB, and are found
// in the order in which they are due.
func TestAMillion(t *testing.T) {
	const million, most = 1_000_000, 150 << 20
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	shelf := timers.NewShelf(life.NewPlans(directory.NewSnapshot()))
	state := &threadv1.State{Conversation: &threadv1.Conversation{Id: "c", Workstream: "front", Phase: threadv1.Phase_PHASE_ACTIVE}}
	for n := range million {
		state.Conversation.EnteredMs = int64(n*7919%million) * 1000 // in no order
		shelf.Put(who(n), uint64(n+1), state)
	}
	if took := heap() - before; took > most {
		t.Errorf("a million timers take %d MB", took>>20)
	} else {
		t.Logf("a million timers take %d MB", took>>20)
	}
	if live, waiting := shelf.Size(); live != million || waiting != million {
		t.Fatalf("%d threads, %d wait", live, waiting)
	}
	last := int64(0)
	for range 1000 {
		due := shelf.Next()
		if due < last {
			t.Fatal("a later one came first")
		}
		if got := shelf.Take(due, 1); len(got) != 1 {
			t.Fatalf("%d are due when one is", len(got))
		}
		last = due
	}
	runtime.KeepAlive(shelf)
}
