package contact

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// Book finds contacts. Its methods may be called from any goroutine; before it is
// complete they refuse.
type Book struct {
	bucket Bucket
	turn   chan struct{} // held by the one Run that follows
	ready  chan struct{} // closed when everything that was there has come
	once   sync.Once

	mu    sync.RWMutex
	index *index
	took  time.Duration // to read and sort what was there
}

// NewBook makes a book over the contacts of a store; nothing is read before Run.
func NewBook(s *Store) *Book {
	return &Book{bucket: s.Bucket, turn: make(chan struct{}, 1), ready: make(chan struct{}), index: newIndex()}
}

// Run follows the contacts until ctx ends; then it returns nil. The services of a
// process that need the book all run it: one does the work, and when it ends the
// next one begins anew.
func (b *Book) Run(ctx context.Context) error {
	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
	case <-ctx.Done():
		return nil
	}
	began := time.Now()
	load := loading{at: map[ID]int{}}
	err := b.bucket.Watch(ctx,
		func() {
			b.begin(load.rows, began)
			load = loading{}
			b.once.Do(func() { close(b.ready) })
		},
		func(e bus.Entry) {
			r, known := rowOf(e)
			switch {
			case !known:
			case load.at != nil:
				load.take(r)
			default:
				b.take(r)
			}
		})
	if ctx.Err() != nil {
		return nil
	}
	return fault.Wrap(err, "following contacts")
}

func (b *Book) begin(rows []row, began time.Time) {
	fresh := newIndex()
	fresh.load(slices.DeleteFunc(rows, func(r row) bool { return r.terms == "" })) // deleted while they were read
	b.mu.Lock()
	defer b.mu.Unlock()
	b.index, b.took = fresh, time.Since(began)
}

// loading is what comes before the book is complete.
type loading struct {
	rows []row
	at   map[ID]int
}

func (l *loading) take(r row) {
	if at, known := l.at[r.id]; known {
		l.rows[at] = r
		return
	}
	l.at[r.id] = len(l.rows)
	l.rows = append(l.rows, r)
}

func (b *Book) take(r row) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.terms == "" {
		b.index.remove(r.id)
		return
	}
	b.index.put(r)
}

// Read takes an entry of the bucket apart: the id of the contact, and its record,
// nil when it was deleted. False for entries that are no contact.
func Read(e bus.Entry) (id string, r *contactv1.Record, ok bool) {
	if !subject.IsContact(e.Key) {
		return "", nil, false
	}
	id, err := subject.ParseContactKey(e.Key)
	if err != nil || e.Value == nil {
		return id, nil, err == nil
	}
	r, err = decode(e)
	return id, r, err == nil
}

// rowOf is a contact as the index has it, without terms when it is deleted. False
// for entries that are no contact.
func rowOf(e bus.Entry) (row, bool) {
	text, record, ok := Read(e)
	if !ok {
		return row{}, false
	}
	id, err := ParseID(text)
	if err != nil || record == nil {
		return row{id: id, revision: e.Revision}, err == nil
	}
	c := record.GetContact()
	merged := c.GetMergedInto() != ""
	return row{terms: termsOf(c), whole: whole(c), id: id, revision: e.Revision, active: !merged && !c.GetInactive(), merged: merged}, true
}

// mostWhole is how many bytes of a contact the book keeps, so that who types a
// name need not wait for twenty records from as many places of the broker's disk.
// Few contacts are longer, for their notes; those are read.
const mostWhole = 512

func whole(c *contactv1.Contact) string {
	if proto.Size(c) > mostWhole {
		return ""
	}
	raw, err := proto.Marshal(c)
	if err != nil {
		return ""
	}
	return string(raw)
}

// Ready tells whether the book is complete.
func (b *Book) Ready() bool {
	select {
	case <-b.ready:
		return true
	default:
		return false
	}
}

// Wait blocks until the book is complete; the error is that of ctx.
func (b *Book) Wait(ctx context.Context) error {
	select {
	case <-b.ready:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Size is how many contacts there are, and how long it took to read them at the
// start.
func (b *Book) Size() (contacts int, took time.Duration) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return len(b.index.byID), b.took
}

// MostFound is how many contacts one search gives.
const MostFound = 100

// Find gives the ids of up to limit contacts that match, those merged into others
// among them, and whether there are more or may be.
func (b *Book) Find(q Query, limit int, inactive bool) (found []ID, more bool, err error) {
	if !b.Ready() {
		return nil, false, fault.New(fault.Unavailable, "CONTACTS_LOADING", "contacts are still being read; try again in a few seconds")
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	found, more = b.index.search(q, min(max(limit, 1), MostFound), inactive)
	return found, more, nil
}

// standing gives who a contact is now, itself or what it was merged into, as the
// book last heard of it; false when it has to be read.
func (b *Book) standing(id ID) (*contactv1.Contact, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for range mostHops {
		n, known := b.index.byID[id]
		if !known || b.index.rows[n].whole == "" {
			return nil, false
		}
		c := &contactv1.Contact{}
		if err := proto.Unmarshal([]byte(b.index.rows[n].whole), c); err != nil {
			return nil, false
		}
		into, err := ParseID(c.GetMergedInto())
		if c.GetMergedInto() == "" {
			c.Etag = strconv.FormatUint(b.index.rows[n].revision, 10)
			return c, true
		}
		if err != nil {
			return nil, false
		}
		id = into
	}
	return nil, false
}

// Identify gives the one contact in use that matches everything known of a person
// (L101). False when none does, or several do, or nothing is known.
func (b *Book) Identify(p Person) (ID, bool) {
	starts, needs, ok := p.terms()
	if !ok || !b.Ready() {
		return ID{}, false
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	found := b.index.identify(starts, needs, 2)
	if len(found) != 1 {
		return ID{}, false
	}
	return found[0], true
}

// Finder finds contacts and reads them.
type Finder struct {
	Book  *Book
	Store *Store
}

// NewFinder makes a finder over the contacts of the house. Its book is empty until
// somebody runs it.
func NewFinder(b *bus.Bus, now func() time.Time) *Finder {
	s := Open(b, now)
	return &Finder{Book: NewBook(s), Store: s}
}

// Search gives up to limit contacts that match text, as they stand for themselves
// as far as the book has heard, which is some milliseconds behind, and whether
// there are more or may be.
func (f *Finder) Search(ctx context.Context, text string, limit int, inactive bool) ([]*contactv1.Contact, bool, error) {
	ids, more, err := f.Book.Find(ParseQuery(text), limit, inactive)
	if err != nil {
		return nil, false, err
	}
	records, err := f.read(ctx, ids)
	if err != nil {
		return nil, false, err
	}
	var found []*contactv1.Contact
	seen := map[string]bool{}
	for _, c := range records {
		if c == nil || seen[c.GetId()] || c.GetInactive() && !inactive {
			continue
		}
		seen[c.GetId()] = true
		found = append(found, c)
	}
	return found, more, nil
}

// read resolves contacts, those that the book has not whole side by side; nil for
// one that is gone.
func (f *Finder) read(ctx context.Context, ids []ID) ([]*contactv1.Contact, error) {
	found := make([]*contactv1.Contact, len(ids))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(reading)
	for i, id := range ids {
		if c, ok := f.Book.standing(id); ok {
			found[i] = c
			continue
		}
		g.Go(func() error {
			c, err := f.Store.Resolve(gctx, id.String())
			if err == nil {
				found[i] = c
			} else if !fault.Is(err, fault.NotFound) {
				return err
			}
			return nil
		})
	}
	return found, g.Wait()
}
