package standing

import (
	"context"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	provisionv1 "github.com/parley-desk/parley/proto/gen/parley/provision/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// Board follows what is said of pages. Its methods may be called from any
// goroutine.
type Board struct {
	source    directory.Watcher
	directory *directory.Directory
	ready     chan struct{} // closed when everything that was there is known

	mu      sync.Mutex
	used    map[string]*provisionv1.TokenUsed // by Meta's page id
	checked map[string]*provisionv1.Standing  // by Meta's page id
	changed chan struct{}
}

// New makes a board over PROVISION; nothing is read before Run.
func New(source directory.Watcher, d *directory.Directory) *Board {
	return &Board{source: source, directory: d, ready: make(chan struct{}), changed: make(chan struct{}),
		used: map[string]*provisionv1.TokenUsed{}, checked: map[string]*provisionv1.Standing{}}
}

// Run follows PROVISION until ctx ends; then it returns nil. Call it once.
func (b *Board) Run(ctx context.Context) error {
	err := b.source.Watch(ctx, func() { close(b.ready) }, b.take)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// Wait blocks until what was said before is known; the error is that of ctx.
func (b *Board) Wait(ctx context.Context) error {
	select {
	case <-b.ready:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Of gives the set-up of the page with Meta's id, and how it stands; a page that
// nobody set up has no basis and works.
func (b *Board) Of(pageID string) (basis string, s Standing) {
	world := b.directory.Now()
	page := world.PagesByMeta[pageID]
	if page == nil {
		return "", Works
	}
	basis = Basis(world, page)
	b.mu.Lock()
	defer b.mu.Unlock()
	return basis, Of(basis, b.used[pageID], b.checked[pageID])
}

// Works tells whether the token of the page with Meta's id is known to work.
func (b *Board) Works(pageID string) bool {
	_, s := b.Of(pageID)
	return s == Works
}

// Learn takes a word in that is about to be written, before it comes back.
func (b *Board) Learn(pageID string, said *provisionv1.TokenUsed) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used[pageID] = said
	b.tell()
}

// Changed is closed at the next word about any page. Take it before looking,
// and none is missed. A set-up that changes is the directory's to tell.
func (b *Board) Changed() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changed
}

// take folds an entry in. A damaged one is no word.
func (b *Board) take(e bus.Entry) {
	kind, id, err := subject.ParseProvision(e.Key)
	if err != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch kind {
	case "token":
		keep(b.used, id, e.Value, &provisionv1.TokenUsed{})
	case "standing":
		keep(b.checked, id, e.Value, &provisionv1.Standing{})
	default:
		return
	}
	b.tell()
}

func (b *Board) tell() {
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
