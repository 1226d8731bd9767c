package timers_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/engagement/internal/timers"
)

// What a house has behind it that begins.
const (
	storedThreads = 520_000
	liveThreads   = 5_000 // the newest of them
)

// BenchmarkStart measures how long timers need until they know when all live
// conversations are due, of a log with 520,000 threads: the first time, when all
// of them are read, and with the floor that the one before left. Run it with
// -benchtime=1x; storing the threads takes far longer than either.
func BenchmarkStart(b *testing.B) {
	log := bustest.ForgetfulBroker(b).Open(b, "one")
	storeThreads(b, log)
	for b.Loop() {
		for _, how := range []string{"all", "floor"} {
			began, cpu := time.Now(), processor()
			startTimers(b, log)
			b.ReportMetric(time.Since(began).Seconds(), how+"-s")
			b.ReportMetric((processor() - cpu).Seconds(), how+"-cpu-s")
		}
	}
}

// startTimers runs timers until they know all live threads, and ends them.
func startTimers(b *testing.B, log *bus.Bus) {
	ctx, cancel := context.WithCancel(b.Context())
	registry := prometheus.NewRegistry()
	var life sync.WaitGroup
	life.Go(func() {
		_ = (&timers.Timers{Threads: log, World: directory.Fixed(directory.NewSnapshot()), Places: make(chan struct{}, 64), Glance: timers.Glance,
			Now: time.Now, Meter: timers.NewMeter(registry), Log: slog.New(slog.DiscardHandler)}).Run(ctx, "engagement")
	})
	defer life.Wait()
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for pending(b, registry) < liveThreads {
		<-tick.C
	}
}

func pending(b *testing.B, registry *prometheus.Registry) float64 {
	families, err := registry.Gather()
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "parley_engagement_pending" {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	return 0
}

// storeThreads stores closed threads, and live ones after them.
func storeThreads(b *testing.B, log *bus.Bus) {
	var next atomic.Int64
	group, ctx := errgroup.WithContext(b.Context())
	for range 512 {
		group.Go(func() error {
			for n := int(next.Add(1)); n <= storedThreads; n = int(next.Add(1)) {
				facts := []*threadv1.Fact{
					thread.Of(&threadv1.MessageReceived{Mid: fmt.Sprint("m", n), Text: "Здравейте, къде е поръчката ми?", SentMs: time.Now().UnixMilli()}),
					thread.Of(&threadv1.ConversationOpened{Id: fmt.Sprintf("0192f0c1-0000-7000-8000-%012d", n), Workstream: "facebook", Units: 1, OfferSeconds: 60}),
				}
				if n <= storedThreads-liveThreads {
					facts = append(facts, thread.Of(&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_TIMED_OUT}))
				}
				_, _, err := log.Update(ctx, subject.Thread{Page: "10", PSID: fmt.Sprint(7_000_000_000 + n)}, func(*threadv1.State, uint64) ([]*threadv1.Fact, error) { return facts, nil })
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
}

// processor is the time that this process has had of all processors, the broker's
// part included.
func processor() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
