package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/parley-desk/parley/pkg/bus/broker"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// openOne gives a bus of one partition, whose insides a test may replace.
func openOne(t *testing.T) *Bus {
	t.Helper()
	b, err := Open(t.Context(), Config{Embedded: true, DataDir: t.TempDir(), Partitions: 1}, Tools{Broker: broker.Start})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return b
}

// say commits one message of a customer.
func say(t *testing.T, b *Bus, psid string) (revision uint64) {
	t.Helper()
	_, revision, err := b.Update(t.Context(), subject.Thread{Page: "1", PSID: psid}, func(*threadv1.State, uint64) ([]*threadv1.Fact, error) {
		return []*threadv1.Fact{thread.Of(&threadv1.MessageReceived{Mid: "m_1", Text: "x", SentMs: 1})}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return revision
}

// unreadable is a stream that gives single records only after some refusals,
// while its consumers read it as ever.
type unreadable struct {
	jetstream.Stream
	refusals atomic.Int64
}

func (s *unreadable) GetMsg(ctx context.Context, seq uint64, opts ...jetstream.GetMsgOpt) (*jetstream.RawStreamMsg, error) {
	if s.refusals.Add(-1) >= 0 {
		return nil, &jetstream.APIError{Code: 400, ErrorCode: 10003, Description: "bad request"}
	}
	return s.Stream.GetMsg(ctx, seq, opts...)
}

// A record that an earlier owner left parked comes before what its thread has
// after it, however long it takes to be read.
func TestAParkedRecordComesFirstHoweverLongItTakesToRead(t *testing.T) {
	b := openOne(t)
	var revisions []uint64
	for range 3 {
		revisions = append(revisions, say(t, b, "2"))
	}
	stream := subject.ThreadStream(0)
	left, err := json.Marshal(checkpoint{Seq: revisions[1], Pending: revisions[:2]})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Bucket(subject.CheckpointBucket).Write(t.Context(), Write{Key: "stage." + stream, Value: left}); err != nil {
		t.Fatal(err)
	}
	slow := &unreadable{Stream: b.streams[stream]}
	slow.refusals.Store(3)
	b.streams[stream] = slow

	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var seen []uint64
	_ = b.FollowThreads(ctx, "stage", func(_ context.Context, r Record) error {
		seen = append(seen, r.Revision) // one thread: never two at a time
		if len(seen) == len(revisions) {
			cancel()
		}
		return nil
	})
	if fmt.Sprint(seen) != fmt.Sprint(revisions) {
		t.Fatalf("the thread went %v, want %v", seen, revisions)
	}
}
