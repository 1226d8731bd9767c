package notice_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	provisionv1 "github.com/parley-desk/parley/proto/gen/parley/provision/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/ingress/internal/notice"
)

func (s *shelf) alive(t *testing.T) *provisionv1.Alive {
	t.Helper()
	e, err := s.Get(t.Context(), subject.AliveKey)
	if err != nil {
		t.Fatal(err)
	}
	a := &provisionv1.Alive{}
	if err := proto.Unmarshal(e.Value, a); err != nil {
		t.Fatal(err)
	}
	return a
}

// beats lets a process whose clock is ahead by that live for a while.
func beats(t *testing.T, s *shelf, ahead, life time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), life)
	defer cancel()
	now := func() time.Time { return time.Now().Add(ahead) }
	b := notice.New(s, func() *directory.Snapshot { return directory.NewSnapshot() }, now, slog.New(slog.DiscardHandler))
	if err := b.Pulse(ctx); err != nil {
		t.Error(err)
	}
}

func TestAbsencesAreWrittenDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{entries: map[string]bus.Entry{}, writes: map[string]int{}, changed: make(chan struct{}, 1)}
		beats(t, s, 0, 10*time.Minute)
		if a := s.alive(t); a.GetGapFromMs() != 0 || a.GetLastMs() != time.Now().UnixMilli() {
			t.Fatalf("the first life: %v", a)
		}
		<-time.After(2 * time.Minute) // a process that is replaced
		beats(t, s, 0, 10*time.Minute)
		if a := s.alive(t); a.GetGapFromMs() != 0 {
			t.Fatalf("a short absence: %v", a)
		}
		gone := time.Now().UnixMilli()
		<-time.After(2 * time.Hour)
		back := time.Now().UnixMilli()
		beats(t, s, 0, time.Second)
		if a := s.alive(t); a.GetGapFromMs() != gone || a.GetGapToMs() != back {
			t.Fatalf("two hours of absence from %d to %d: %v", gone, back, a)
		}
		<-time.After(10 * time.Minute)
		again := time.Now().UnixMilli()
		beats(t, s, 0, 30*time.Minute)
		if a := s.alive(t); a.GetGapFromMs() != gone || a.GetGapToMs() != again {
			t.Fatalf("another absence soon after: %v", a)
		}
	})
}

// Clocks of machines differ by minutes; that is no absence.
func TestClocksThatDifferMakeNoAbsence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{entries: map[string]bus.Entry{}, writes: map[string]int{}, changed: make(chan struct{}, 1)}
		for range 20 {
			beats(t, s, 5*time.Minute, 20*time.Second)
			beats(t, s, -5*time.Minute, 20*time.Second)
		}
		if a := s.alive(t); a.GetGapFromMs() != 0 {
			t.Errorf("an absence: %v", a)
		}
	})
}

func TestTheBrokerWasAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{entries: map[string]bus.Entry{}, writes: map[string]int{}, changed: make(chan struct{}, 1)}
		beats(t, s, 0, time.Minute)
		gone := time.Now().UnixMilli()
		s.away = true
		beats(t, s, 0, time.Hour)
		s.away = false
		beats(t, s, 0, time.Minute)
		if a := s.alive(t); a.GetGapFromMs() != gone {
			t.Errorf("nothing could be stored for an hour: %v", a)
		}
	})
}
