package probe

import (
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
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
	used      map[string]*provisionv1.TokenUsed        // by Meta's page id
	standings map[string]*provisionv1.Standing         // by Meta's page id
	signed    map[string]bool                          // accounts with a note about signatures
	changed   chan struct{}
}

func newBoard() *board {
	return &board{callbacks: map[string]*provisionv1.CallbackSeen{}, removals: map[string]*provisionv1.DeauthorizedSeen{},
		events: map[string]*provisionv1.EventsSeen{}, records: map[string]*provisionv1.Record{}, used: map[string]*provisionv1.TokenUsed{},
		standings: map[string]*provisionv1.Standing{}, signed: map[string]bool{}, changed: make(chan struct{})}
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
	case "signature":
		b.signed[id] = e.Value != nil
		return // nobody waits for it
	case "record":
		keep(b.records, id, e.Value, &provisionv1.Record{})
	case "token":
		keep(b.used, id, e.Value, &provisionv1.TokenUsed{})
	case "standing":
		keep(b.standings, id, e.Value, &provisionv1.Standing{})
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
	return provision.Seen{Callback: b.callbacks[s.Account], Deauthorized: b.removals[s.Account], Events: b.events[s.PageID], Used: b.used[s.PageID]}, b.records[s.Page]
}

// told is how the page was last said to stand; nil: it was not said.
func (b *board) told(pageID string) *provisionv1.Standing {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.standings[pageID]
}

// strays are the keys of what is kept about pages and accounts that world does
// not have: who adds one again sets it up again (L11).
func (b *board) strays(world *directory.Snapshot) (keys []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id := range b.records {
		if world.Pages[id] == nil {
			keys = append(keys, subject.RecordKey(id))
		}
	}
	for id := range b.events {
		if world.PagesByMeta[id] == nil {
			keys = append(keys, subject.EventsKey(id))
		}
	}
	for id := range b.used {
		if world.PagesByMeta[id] == nil {
			keys = append(keys, subject.TokenKey(id))
		}
	}
	for id := range b.standings {
		if world.PagesByMeta[id] == nil {
			keys = append(keys, subject.StandingKey(id))
		}
	}
	for id := range b.callbacks {
		if world.Accounts[id] == nil {
			keys = append(keys, subject.CallbackKey(id))
		}
	}
	for id := range b.removals {
		if world.Accounts[id] == nil {
			keys = append(keys, subject.DeauthorizedKey(id))
		}
	}
	for id, noted := range b.signed {
		if noted && world.Accounts[id] == nil {
			keys = append(keys, subject.SignatureKey(id))
		}
	}
	return keys
}
