// Package notice keeps what ingress saw of each page's connection to Meta: that
// a callback was verified, that the app was removed, when signed events came,
// and with which app secrets they were signed. Silence is the only
// symptom of a page that is not subscribed, so somebody has to write down when
// it was not silent.
//
// Noticing never waits and never fails: what is to be written is kept in
// memory, the newest of each, until the broker takes it.
package notice

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
	provisionv1 "github.com/parley-desk/parley/proto/gen/parley/provision/v1"
	"github.com/parley-desk/parley/proto/subject"
)

const (
	spacing  = time.Minute           // between two writes about one page
	settle   = 50 * time.Millisecond // that others may share a round with the first
	patience = 5 * time.Second       // of one round, and of the last one
	rest     = 10 * time.Second      // after a round that failed
)

// Bucket is the part of bus.Bucket that is written to.
type Bucket interface {
	Get(ctx context.Context, key string) (bus.Entry, error)
	Write(ctx context.Context, writes ...bus.Write) error
}

// Book is what was noticed. Its methods may be called from any goroutine.
type Book struct {
	bucket   Bucket
	snapshot func() *directory.Snapshot
	now      func() time.Time
	log      *slog.Logger
	wake     chan struct{}

	mu     sync.Mutex
	newest map[string]proto.Message // to be written, by key
	pages  map[string]*page         // by Meta's page id
	signed map[string]*signature    // by account
}

// page is what was seen of one page.
type page struct {
	seen    *provisionv1.EventsSeen // to be written; nil: nothing new
	written time.Time
	account string // that the last write was about
}

// New makes an empty book; nothing is written before Run.
func New(bucket Bucket, snapshot func() *directory.Snapshot, now func() time.Time, log *slog.Logger) *Book {
	return &Book{bucket: bucket, snapshot: snapshot, now: now, log: log, wake: make(chan struct{}, 1),
		newest: map[string]proto.Message{}, pages: map[string]*page{}, signed: map[string]*signature{}}
}

// Verified notes that Meta verified the callback of an account with the verify
// token of this fingerprint.
func (b *Book) Verified(account, fingerprint string) {
	b.note(subject.CallbackKey(account), &provisionv1.CallbackSeen{AtMs: b.now().UnixMilli(), TokenFingerprint: fingerprint})
}

// Deauthorized notes that somebody removed the app of an account.
func (b *Book) Deauthorized(account string) {
	b.note(subject.DeauthorizedKey(account), &provisionv1.DeauthorizedSeen{AtMs: b.now().UnixMilli()})
}

func (b *Book) note(at string, m proto.Message) {
	b.mu.Lock()
	b.newest[at] = m
	b.mu.Unlock()
	b.rouse()
}

// Heard notes signed events that were stored. Pages that nobody has set up are
// not noted, nor are events of our own with which a page is tested.
func (b *Book) Heard(events []*inboundv1.Event) {
	known := b.snapshot().PagesByMeta
	b.mu.Lock()
	fresh := false
	for _, e := range events {
		if known[e.GetPage()] == nil || e.GetPsid() == subject.TestPSID {
			continue
		}
		p := b.pages[e.GetPage()]
		if p == nil {
			p = &page{}
			b.pages[e.GetPage()] = p
		}
		if p.seen == nil || p.seen.GetAccount() != e.GetAccount() {
			p.seen = &provisionv1.EventsSeen{FirstMs: e.GetReceivedMs(), Account: e.GetAccount()}
			fresh = true
		}
		p.seen.LastMs = e.GetReceivedMs()
	}
	b.mu.Unlock()
	if fresh {
		b.rouse()
	}
}

func (b *Book) rouse() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// Run writes what was noticed until ctx ends, and then once more.
func (b *Book) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			b.write(context.WithoutCancel(ctx), true)
			return nil
		case <-b.wake:
			timer.Reset(settle)
		case <-timer.C:
			if next := b.write(ctx, false); next > 0 {
				timer.Reset(next)
			}
		}
	}
}

// write writes what is due, or everything, and says when something is due
// again; 0 when nothing waits.
func (b *Book) write(ctx context.Context, everything bool) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	newest, seen, next := b.take(everything)
	signed, later := b.takeSigned(everything)
	if next == 0 || later > 0 && later < next {
		next = later
	}
	err := b.putAllSigned(ctx, signed)
	for at, m := range newest {
		if e := b.put(ctx, at, m, bus.AnyRevision); e != nil {
			err = e
			b.giveBack(func() {
				if b.newest[at] == nil {
					b.newest[at] = m
				}
			})
		}
	}
	for id, s := range seen {
		if e := b.putEvents(ctx, id, s); e != nil {
			err = e
			b.giveBack(func() {
				p := b.pages[id]
				p.written = time.Time{}
				if p.seen == nil {
					p.seen = s
				} else if p.seen.GetAccount() == s.GetAccount() {
					p.seen.FirstMs = s.GetFirstMs()
				}
			})
		}
	}
	if err == nil {
		return next
	}
	b.log.WarnContext(ctx, "what was seen of pages is not written yet, trying again", slog.Any(key.Err, err))
	return rest
}

func (b *Book) giveBack(how func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	how()
}

// take takes what is due out of the book.
func (b *Book) take(everything bool) (newest map[string]proto.Message, seen map[string]*provisionv1.EventsSeen, next time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	newest, b.newest = b.newest, map[string]proto.Message{}
	seen = map[string]*provisionv1.EventsSeen{}
	now, known := b.now(), b.snapshot().PagesByMeta
	for id, p := range b.pages {
		if p.seen == nil {
			continue
		}
		// A page that was changed since may have been deleted and added again,
		// and what was written of it forgotten.
		at := known[id].GetMeta().GetUpdatedMs()
		changed := at > p.written.UnixMilli() && at <= now.UnixMilli()
		due := p.written.Add(spacing)
		if wait := due.Sub(now); wait > 0 && !everything && !changed && p.account == p.seen.GetAccount() {
			if next == 0 || wait < next {
				next = wait
			}
			continue
		}
		seen[id], p.seen, p.written, p.account = p.seen, nil, now, p.seen.GetAccount()
	}
	return newest, seen, next
}

// putEvents adds to what is there already, by this process and by others.
func (b *Book) putEvents(ctx context.Context, id string, s *provisionv1.EventsSeen) error {
	for {
		entry, err := b.bucket.Get(ctx, subject.EventsKey(id))
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		next, before := proto.CloneOf(s), &provisionv1.EventsSeen{}
		if entry.Value != nil && proto.Unmarshal(entry.Value, before) == nil && before.GetAccount() == s.GetAccount() {
			next.FirstMs, next.LastMs = min(before.GetFirstMs(), s.GetFirstMs()), max(before.GetLastMs(), s.GetLastMs())
		}
		err = b.put(ctx, subject.EventsKey(id), next, entry.Revision)
		if err == nil || !fault.Is(err, fault.Conflict) || ctx.Err() != nil {
			return err
		}
	}
}

func (b *Book) put(ctx context.Context, at string, m proto.Message, revision uint64) error {
	value, err := proto.Marshal(m)
	if err != nil {
		return fault.Wrap(err, "encoding %s", at)
	}
	return b.bucket.Write(ctx, bus.Write{Key: at, Value: value, Revision: revision})
}
