package notice_test

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
	provisionv1 "github.com/parley-desk/parley/proto/gen/parley/provision/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/ingress/internal/notice"
)

// shelf is a bucket in memory that counts and can be away.
type shelf struct {
	mu      sync.Mutex
	entries map[string]bus.Entry
	writes  map[string]int
	away    bool
	changed chan struct{}
}

func (s *shelf) Get(_ context.Context, key string) (bus.Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return bus.Entry{}, fault.New(fault.Unavailable, "AWAY", "away")
	}
	if e, ok := s.entries[key]; ok {
		return e, nil
	}
	return bus.Entry{}, fault.New(fault.NotFound, "KEY_UNKNOWN", "not there")
}

func (s *shelf) Write(_ context.Context, writes ...bus.Write) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return fault.New(fault.Unavailable, "AWAY", "away")
	}
	for _, w := range writes {
		if w.Revision != bus.AnyRevision && w.Revision != s.entries[w.Key].Revision {
			return fault.New(fault.Conflict, "KEY_CHANGED", "changed")
		}
		s.writes[w.Key]++
		s.entries[w.Key] = bus.Entry{Key: w.Key, Value: w.Value, Revision: s.entries[w.Key].Revision + 1}
	}
	select {
	case s.changed <- struct{}{}:
	default:
	}
	return nil
}

func (s *shelf) events(t *testing.T, page string) *provisionv1.EventsSeen {
	t.Helper()
	e, err := s.Get(t.Context(), subject.EventsKey(page))
	if err != nil {
		return nil
	}
	seen := &provisionv1.EventsSeen{}
	if err := proto.Unmarshal(e.Value, seen); err != nil {
		t.Fatal(err)
	}
	return seen
}

func open(t *testing.T) (*notice.Book, *shelf, func()) {
	t.Helper()
	s := &shelf{entries: map[string]bus.Entry{}, writes: map[string]int{}, changed: make(chan struct{}, 1)}
	world := directory.NewSnapshot(&configv1.Page{Meta: &configv1.Meta{Id: "shop"}, PageId: "1"})
	b := notice.New(s, func() *directory.Snapshot { return world }, time.Now, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	end := sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(end)
	return b, s, end
}

func event(page, account string, at int64) []*inboundv1.Event {
	return []*inboundv1.Event{{Page: page, Account: account, ReceivedMs: at}}
}

// Of a thousand events of a page the first is written at once, and the last at
// the latest when the process ends.
func TestEventsAreWrittenSeldom(t *testing.T) {
	b, s, end := open(t)
	b.Heard(event("1", "demo", 1000))
	<-s.changed
	if got := s.events(t, "1"); got.GetFirstMs() != 1000 || got.GetAccount() != "demo" {
		t.Fatalf("written: %v", got)
	}
	for at := int64(1001); at <= 2000; at++ {
		b.Heard(event("1", "demo", at))
	}
	end()
	if got := s.events(t, "1"); got.GetFirstMs() != 1000 || got.GetLastMs() != 2000 {
		t.Errorf("at the end: %v", got)
	}
	if n := s.writes[subject.EventsKey("1")]; n > 3 {
		t.Errorf("%d writes for a thousand events", n)
	}
}

func TestAnotherProcessWasFirst(t *testing.T) {
	b, s, end := open(t)
	value, err := proto.Marshal(&provisionv1.EventsSeen{FirstMs: 10, LastMs: 5000, Account: "demo"})
	if err != nil {
		t.Fatal(err)
	}
	s.entries[subject.EventsKey("1")] = bus.Entry{Value: value, Revision: 7}
	b.Heard(event("1", "demo", 1000))
	<-s.changed
	if got := s.events(t, "1"); got.GetFirstMs() != 10 || got.GetLastMs() != 5000 {
		t.Errorf("written: %v", got)
	}
	b.Heard(event("1", "other", 6000))
	end()
	if got := s.events(t, "1"); got.GetFirstMs() != 6000 || got.GetAccount() != "other" {
		t.Errorf("through another account: %v", got)
	}
}

// A page that was deleted and is added again has to be heard again, at once.
func TestAPageThatIsAddedAgainIsNotedAtOnce(t *testing.T) {
	s := &shelf{entries: map[string]bus.Entry{}, writes: map[string]int{}, changed: make(chan struct{}, 1)}
	var world atomic.Pointer[directory.Snapshot]
	var clock atomic.Int64 // ms
	add := func(at int64) {
		clock.Store(at)
		world.Store(directory.NewSnapshot(&configv1.Page{Meta: &configv1.Meta{Id: "shop", UpdatedMs: at}, PageId: "1"}))
	}
	add(1000)
	b := notice.New(s, world.Load, func() time.Time { return time.UnixMilli(clock.Load()) }, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	defer func() { cancel(); <-done }()
	b.Heard(event("1", "demo", 1000))
	<-s.changed
	s.mu.Lock()
	delete(s.entries, subject.EventsKey("1"))
	s.mu.Unlock()
	add(2000)
	b.Heard(event("1", "demo", 2000))
	<-s.changed
	if got := s.events(t, "1"); got.GetFirstMs() != 2000 {
		t.Errorf("written: %v", got)
	}
}

func TestPagesThatNobodySetUpAreNotNoted(t *testing.T) {
	b, s, end := open(t)
	b.Heard(event("666", "demo", 1000))
	b.Heard(event("", "demo", 1000))
	b.Verified("demo", "abc")
	end()
	if len(s.entries) != 1 {
		t.Errorf("written: %v", s.entries)
	}
}

func (s *shelf) signature(t *testing.T, account string) *provisionv1.SignatureSeen {
	t.Helper()
	seen := &provisionv1.SignatureSeen{}
	if e, err := s.Get(t.Context(), subject.SignatureKey(account)); err == nil {
		if err := proto.Unmarshal(e.Value, seen); err != nil {
			t.Fatal(err)
		}
	}
	return seen
}

// Of the secret in force the first webhook is noted, of the previous the last,
// and a thousand are few writes.
func TestSecretsInUseAreNoted(t *testing.T) {
	b, s, end := open(t)
	for range 500 {
		b.Signed("demo", "old", false)
	}
	<-s.changed
	if got := s.signature(t, "demo"); got.GetCurrent() != "old" || got.GetCurrentMs() == 0 || got.GetPreviousMs() != 0 {
		t.Errorf("before the rotation: %v", got)
	}
	before := time.Now().UnixMilli()
	for range 500 {
		b.Signed("demo", "old", true)
	}
	b.Signed("demo", "new", false)
	end()
	got := s.signature(t, "demo")
	if got.GetCurrent() != "new" || got.GetPrevious() != "old" || got.GetPreviousMs() < before {
		t.Errorf("after it: %v", got)
	}
	if n := s.writes[subject.SignatureKey("demo")]; n > 4 {
		t.Errorf("%d writes for a thousand webhooks", n)
	}
}

// Another process saw a later webhook with the previous secret: that counts.
func TestTheLastOfAllProcessesCounts(t *testing.T) {
	b, s, end := open(t)
	later := time.Now().Add(time.Hour).UnixMilli()
	value, err := proto.Marshal(&provisionv1.SignatureSeen{Current: "new", CurrentMs: 7, Previous: "old", PreviousMs: later})
	if err != nil {
		t.Fatal(err)
	}
	s.entries[subject.SignatureKey("demo")] = bus.Entry{Value: value, Revision: 3}
	b.Signed("demo", "old", true)
	b.Signed("demo", "new", false)
	end()
	if got := s.signature(t, "demo"); got.GetPreviousMs() != later || got.GetCurrentMs() != 7 {
		t.Errorf("written: %v", got)
	}
}

// The broker may be away: noticing neither waits nor forgets.
func TestWhatCouldNotBeWrittenIsKept(t *testing.T) {
	b, s, end := open(t)
	s.mu.Lock()
	s.away = true
	s.mu.Unlock()
	b.Verified("demo", "abc")
	b.Signed("demo", "old", true)
	b.Heard(event("1", "demo", 1000))
	s.mu.Lock()
	s.away = false
	s.mu.Unlock()
	end()
	if got := s.events(t, "1"); got.GetFirstMs() != 1000 || s.writes[subject.CallbackKey("demo")] != 1 {
		t.Errorf("written in the end: %v, %v", got, s.writes)
	}
	if got := s.signature(t, "demo"); got.GetPrevious() != "old" {
		t.Errorf("written of secrets: %v", got)
	}
}
