package drive_test

import (
	"context"
	"iter"
	"log/slog"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/outbound/internal/drive"
)

// asking counts how often the log is asked.
type asking struct {
	*memory
	reads atomic.Int64
	tell  func(i int) // has the driver that follows hear of a commit again
}

func (a *asking) Load(ctx context.Context, t subject.Thread) (*threadv1.State, uint64, error) {
	a.reads.Add(1)
	return a.memory.Load(ctx, t)
}

func (a *asking) History(ctx context.Context, t subject.Thread, after uint64) iter.Seq2[bus.Record, error] {
	a.reads.Add(1)
	return a.memory.History(ctx, t, after)
}

// followed starts a driver that is handed every commit, as the stage hands them
// over.
func followed(t *testing.T, log *asking, meta *meta) (driving func() bool) {
	t.Helper()
	box := keys(t)
	ctx, cancel := context.WithCancel(t.Context())
	pages, ended := pages(ctx, connected(t, box), box, &shelf{entries: map[string]bus.Entry{}}, func() int { return 1 })
	registry := prometheus.NewRegistry()
	driver, err := drive.New(drive.World{
		Threads: log, Meta: meta, Pages: pages, Signer: box, Policy: policy(), Now: time.Now,
		Log: slog.New(slog.DiscardHandler), Registry: registry, Tracer: noop.NewTracerProvider().Tracer(""),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		driver.Wait()
		ended()
	})
	log.tell = func(i int) {
		driver.Follow(ctx, bus.Record{Thread: customer, Revision: uint64(i) + 1, Commit: log.commits[i], Overtaken: i+1 < len(log.commits)})
	}
	told := 0
	log.mu.Lock()
	log.follow = append(log.follow, func() {
		log.mu.Lock()
		defer log.mu.Unlock()
		for ; told < len(log.commits); told++ {
			log.tell(told)
		}
	})
	log.mu.Unlock()
	return func() bool {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "parley_outbound_threads" {
				return f.GetMetric()[0].GetGauge().GetValue() > 0
			}
		}
		return false
	}
}

// Who follows the log has told everything that a send needs: nobody asks the
// broker for it once more.
func TestAFollowedThreadIsNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &asking{memory: newMemory(asked()...)}
		meta := &meta{answer: func(n int, _ graph.Message) graph.Outcome {
			time.Sleep(100 * time.Millisecond)
			return sent("m" + strconv.Itoa(n))
		}}
		driving := followed(t, log, meta)
		for _, f := range asked([]string{"one", "two"}, []string{"three"})[4:] {
			log.say(f)
		}
		time.Sleep(10 * time.Second)
		expect(t, log.memory, "attempted", "succeeded answer", "attempted", "succeeded answer", "attempted", "succeeded answer")
		if n := log.reads.Load(); n != 0 {
			t.Errorf("the log was asked %d times", n)
		}
		if driving() {
			t.Error("it still drives a thread without a send")
		}
	})
}

// A commit that this process has left behind is no work: whoever is told of it late
// reads nothing, takes no turn and asks nobody.
func TestACommitThatIsOvertakenStartsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &asking{memory: newMemory(asked()...)}
		meta := &meta{answer: func(n int, _ graph.Message) graph.Outcome { return sent("m" + strconv.Itoa(n)) }}
		driving := followed(t, log, meta)
		for _, f := range asked([]string{"one"}, []string{"two"})[4:] {
			log.say(f)
		}
		time.Sleep(10 * time.Second)
		expect(t, log.memory, "attempted", "succeeded answer", "attempted", "succeeded answer")
		for i := range log.commits {
			log.tell(i)
			synctest.Wait()
			if n := log.reads.Load(); n != 0 || driving() {
				t.Errorf("commit %d: the log was asked %d times, driving: %v", i, n, driving())
			}
		}
	})
}

// What ends the last send is told as well: nobody waits on for its proof.
func TestAnEchoEndsTheWaitAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &asking{memory: newMemory(asked()...)}
		meta := &meta{answer: func(int, graph.Message) graph.Outcome { return unknown() }}
		driving := followed(t, log, meta)
		log.say(asked([]string{"one"})[4])
		time.Sleep(10 * time.Second)
		if !driving() {
			t.Error("nobody waits for the echo")
		}
		log.say(thread.Of(&threadv1.SendSucceeded{Id: "s0", Mid: "m1", Proof: "echo", SentMs: time.Now().UnixMilli()}))
		synctest.Wait()
		if driving() {
			t.Error("it waits on, though the echo has come")
		}
		time.Sleep(2 * time.Minute)
		if meta.reads != 0 || len(meta.posts) != 1 {
			t.Errorf("%d readings, %d POSTs", meta.reads, len(meta.posts))
		}
	})
}
