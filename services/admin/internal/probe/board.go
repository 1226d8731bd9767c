package probe

import (
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	provisionv1 "github.com/parley-desk/parley/proto/gen/parley/provision/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/admin/internal/provision"
)

// board is the bucket PROVISION as read so far.
type board struct {
	mu        sync.Mutex
	callbacks map[string]*provisionv1.CallbackSeen     // by account
	removals  map[string]*provisionv1.DeauthorizedSeen // by account
	events    map[string]*provisionv1.EventsSeen       // by Meta's page id
	records   map[string]*provisionv1.Record           // by page
	changed   chan struct{}
}

func newBoard() *board {
	return &board{callbacks: map[string]*provisionv1.CallbackSeen{}, removals: map[string]*provisionv1.DeauthorizedSeen{}, events: map[string]*provisionv1.EventsSeen{},
		records: map[string]*provisionv1.Record{}, changed: make(chan struct{})}
}

// take folds an entry in. One that is damaged counts as not there: it is found
// out again.
func (b *board) take(e bus.Entry) {
	kind, id, err := subject.ParseProvision(e.Key)
	if err != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch kind {
	case "callback":
		keep(b.callbacks, id, e.Value, &provisionv1.CallbackSeen{})
	case "deauthorized":
		keep(b.removals, id, e.Value, &provisionv1.DeauthorizedSeen{})
	case "events":
		before := b.events[id]
		keep(b.events, id, e.Value, &provisionv1.EventsSeen{})
		if now := b.events[id]; before != nil && now.GetFirstMs() == before.GetFirstMs() && now.GetAccount() == before.GetAccount() {
			return // of a page that is heard every minute nothing new was learnt
		}
	case "record":
		keep(b.records, id, e.Value, &provisionv1.Record{})
	default:
		return
	}
	close(b.changed)
	b.changed = make(chan struct{})
}

func keep[M proto.Message](into map[string]M, id string, value []byte, m M) {
	if value == nil || proto.Unmarshal(value, m) != nil {
		delete(into, id)
		return
	}
	into[id] = m
}

// next is closed at the next change. Take it before looking, and none is missed.
func (b *board) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changed
}

// look gives what is known of a page.
func (b *board) look(s provision.Setup) (provision.Seen, *provisionv1.Record) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return provision.Seen{Callback: b.callbacks[s.Account], Deauthorized: b.removals[s.Account], Events: b.events[s.PageID]}, b.records[s.Page]
}

// strays are pages with a record that exists does not know.
func (b *board) strays(exists func(string) bool) (pages []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id := range b.records {
		if !exists(id) {
			pages = append(pages, id)
		}
	}
	return pages
}
