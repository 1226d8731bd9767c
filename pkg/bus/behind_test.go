package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/parley-desk/parley/proto/subject"
)

// behind makes consumers on a replica that has nothing of the stream yet when
// they are made, and learns it while they read.
type behind struct{ jetstream.JetStream }

func (j behind) CreateConsumer(ctx context.Context, stream string, cfg jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	c, err := j.JetStream.CreateConsumer(ctx, stream, cfg)
	return consumerBehind{c}, err
}

type consumerBehind struct{ jetstream.Consumer }

func (c consumerBehind) CachedInfo() *jetstream.ConsumerInfo {
	info := *c.Consumer.CachedInfo()
	info.NumPending = 0
	return &info
}

// A snapshot of the log holds everything that was acknowledged before it
// began, even when it is read from a replica that is behind.
func TestSnapshotsWaitForAReplicaThatIsBehind(t *testing.T) {
	b := openOne(t)
	const threads = 30
	for n := range 2 * threads {
		say(t, b, fmt.Sprint(n%threads))
	}
	b.js = behind{b.js}
	seen := 0
	for _, err := range b.States(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		seen++
	}
	if seen != threads {
		t.Errorf("%d states, want %d", seen, threads)
	}
	watched, told := 0, -1
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_ = b.WatchThreads(ctx, func() { told = watched; cancel() }, func(Record) { watched++ })
	if told != threads {
		t.Errorf("ready after %d threads, want %d", told, threads)
	}
}

// erasing erases something whenever a consumer is about to be made.
type erasing struct {
	jetstream.JetStream
	erase func()
}

func (j erasing) CreateConsumer(ctx context.Context, stream string, cfg jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	j.erase()
	return j.JetStream.CreateConsumer(ctx, stream, cfg)
}

// What is erased while a snapshot begins is not waited for.
func TestSnapshotsOfALogWhoseEndIsErased(t *testing.T) {
	b := openOne(t)
	for n := range 5 {
		say(t, b, fmt.Sprint(n))
	}
	end := subject.Log(subject.Thread{Page: "1", PSID: "4"}, 1)
	b.js = erasing{b.js, func() {
		if err := b.streams[subject.ThreadStream(0)].Purge(t.Context(), jetstream.WithPurgeSubject(end)); err != nil {
			t.Error(err)
		}
	}}
	for range 2 { // as it is erased, and afterwards
		began, seen := time.Now(), 0
		for _, err := range b.States(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			seen++
		}
		if took := time.Since(began); seen != 4 || took > 20*time.Second {
			t.Errorf("%d states after %s, want 4 at once", seen, took)
		}
	}
}

// gated makes no consumer from the moment it is shut until open is closed.
type gated struct {
	jetstream.JetStream
	shut atomic.Bool
	open chan struct{}
}

func (j *gated) CreateConsumer(ctx context.Context, stream string, cfg jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	if j.shut.Load() {
		<-j.open
	}
	return j.JetStream.CreateConsumer(ctx, stream, cfg)
}

// A watch that found nothing and then breaks leaves nothing out of what comes
// before it reads again.
func TestAWatchOfAnEmptyLogIsGapless(t *testing.T) {
	b := openOne(t)
	gate := &gated{JetStream: b.js, open: make(chan struct{})}
	b.js = gate
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	ready, seen, done := make(chan struct{}), []uint64{}, make(chan struct{})
	go func() {
		defer close(done)
		_ = b.WatchThreads(ctx, func() { close(ready) }, func(r Record) {
			if seen = append(seen, r.Revision); len(seen) == 3 {
				cancel()
			}
		})
	}()
	<-ready
	gate.shut.Store(true)
	readers := b.streams[subject.ThreadStream(0)].ConsumerNames(ctx)
	for name := range readers.Name() {
		// The watch may be about to leave its own reader for the common one.
		if err := gate.DeleteConsumer(ctx, subject.ThreadStream(0), name); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			t.Fatal(err)
		}
	}
	if err := readers.Err(); err != nil {
		t.Fatal(err)
	}
	var want []uint64
	for range 3 {
		want = append(want, say(t, b, "one"))
	}
	close(gate.open)
	<-done
	if !slices.Equal(seen, want) {
		t.Errorf("watched %v of the revisions %v", seen, want)
	}
}
