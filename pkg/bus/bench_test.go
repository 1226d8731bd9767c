package bus_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/parley-desk/parley/pkg/bus/bustest"
	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
)

// crowd splits b.N calls of do among n goroutines.
func crowd(b *testing.B, n int, do func(i int)) {
	var next atomic.Int64
	var all sync.WaitGroup
	b.ResetTimer()
	for range n {
		all.Go(func() {
			for i := int(next.Add(1)); i <= b.N; i = int(next.Add(1)) {
				do(i)
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
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
