package bus_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/bus/bustest"
	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
)

// crowd splits b.N calls of do among n goroutines.
func crowd(b *testing.B, n int, do func(i int)) {
	var next atomic.Int64
	var all sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	before := processor(b)
	for range n {
		all.Go(func() {
			for i := int(next.Add(1)); i <= b.N; i = int(next.Add(1)) {
				do(i)
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
	b.ReportMetric(float64((processor(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

// processor is the time that this process has had of all processors. On a
// machine that others use too it says more than the clock.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkUpdate commits to 10,000 threads, every commit on disk.
func BenchmarkUpdate(b *testing.B) {
	for _, n := range []int{1, 64, 1024} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			log := bustest.Open(b)
			crowd(b, n, func(i int) {
				if _, _, err := log.Update(b.Context(), customer(i%10000), say(fmt.Sprint(i))); err != nil {
					b.Error(err)
				}
			})
		})
	}
}

// BenchmarkPublishInbound stores webhooks of one event each.
func BenchmarkPublishInbound(b *testing.B) {
	for _, n := range []int{1, 64, 1024} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			log := bustest.Open(b)
			crowd(b, n, func(i int) {
				if err := log.PublishInbound(b.Context(), []*inboundv1.Event{event(i%10000, "hello")}); err != nil {
					b.Error(err)
				}
			})
		})
	}
}

// BenchmarkHistory reads a thread of 20 commits, as a desk does that opens it.
func BenchmarkHistory(b *testing.B) {
	log := bustest.Open(b)
	for n := range 20 {
		update(b, log, customer(1), fmt.Sprint(n))
	}
	crowd(b, 1, func(int) {
		n := 0
		for _, err := range log.History(b.Context(), customer(1), 0) {
			if err != nil {
				b.Error(err)
			}
			n++
		}
		if n != 20 {
			b.Errorf("%d commits", n)
		}
	})
}
