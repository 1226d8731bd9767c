package directory_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// thousand is one change of a thousand entries: 999 resources of several kinds and
// the marker.
func thousand(b *testing.B, round int) []bus.Write {
	b.Helper()
	writes := make([]bus.Write, 0, 1000)
	for i := range 999 {
		meta := &configv1.Meta{Id: fmt.Sprintf("r%d", i), DisplayName: fmt.Sprintf("round %d", round)}
		var r directory.Resource
		switch i % 3 {
		case 0:
			r = &configv1.Agent{Meta: meta, Capacity: 3, Roles: []string{"agent"}}
		case 1:
			r = &configv1.Queue{Meta: meta, Agents: []string{"r0", "r3", "r6"}}
		default:
			r = &configv1.Ruleset{Meta: meta, Classify: []*configv1.ClassificationRule{{Name: "vip", When: "customer.locale == 'de_DE'"}}}
		}
		value, err := directory.Encode(r)
		if err != nil {
			b.Fatal(err)
		}
		writes = append(writes, bus.Write{Key: directory.Key(r), Value: value, Revision: bus.AnyRevision})
	}
	return append(writes, bus.Write{Key: directory.Marker, Value: []byte("1"), Revision: bus.AnyRevision})
}

// How long a change of a thousand entries takes from its write until a stage sees
// all of it.
func BenchmarkThousandResourcesChange(b *testing.B) {
	broker := bustest.Open(b)
	d := follow(b, broker)
	config := broker.Bucket(subject.ConfigBucket)
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		writes, before := thousand(b, i), d.Now().Revision
		b.StartTimer()
		if err := config.Write(b.Context(), writes...); err != nil {
			b.Fatal(err)
		}
		for {
			changed := d.Changed()
			if s := d.Now(); s.Revision > before && len(s.Queues) == 333 {
				break
			}
			<-changed
		}
	}
}

// How long a stage that starts takes to have a thousand entries.
func BenchmarkThousandResourcesStart(b *testing.B) {
	broker := bustest.Open(b)
	if err := broker.Bucket(subject.ConfigBucket).Write(b.Context(), thousand(b, 0)...); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if d := follow(b, broker); len(d.Now().Queues) != 333 {
			b.Fatalf("%d queues", len(d.Now().Queues))
		}
	}
}

// follow gives a directory once it is complete; it goes with the benchmark.
func follow(b *testing.B, broker *bus.Bus) *directory.Directory {
	b.Helper()
	d := directory.New(broker)
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	})
	if err := d.Wait(ctx); err != nil {
		b.Fatal(err)
	}
	return d
}
