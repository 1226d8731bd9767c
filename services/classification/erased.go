package classification

import (
	"context"
	"fmt"
	"sync"

	"github.com/google/uuid"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/erasure"
	"github.com/parley-desk/parley/pkg/fault"
	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// erased knows up to when threads are erased. Meta may bring once more what it had no
// answer for, also after that, and would bring the person back as a new customer.
type erased struct {
	book  *erasure.Book
	mu    sync.RWMutex
	until map[string]int64 // ms since 1970 UTC by fingerprint
}

// follow learns of erasures until ctx ends; ready is called when it knows those that
// there are.
func (e *erased) follow(ctx context.Context, ready func()) error {
	return e.book.Bucket.Watch(ctx, ready, func(entry bus.Entry) {
		for fingerprint, until := range e.book.UntilOf(entry) {
			e.mu.Lock()
			e.until[fingerprint] = max(e.until[fingerprint], until)
			e.mu.Unlock()
		}
	})
}

// of is up to when a thread is erased, ms since 1970 UTC; 0: it never was.
func (e *erased) of(t subject.Thread) int64 {
	if e == nil {
		return 0
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	if len(e.until) == 0 {
		return 0
	}
	return e.until[e.book.OfThread(t)]
}

// again orders that what came once more is taken out of INBOUND too, when everybody is
// through with the record it came in. The thread, which may be of a new customer by
// now, is left alone.
func (e *erased) again(ctx context.Context, rec bus.InboundRecord, until, nowMS int64) error {
	id := uuid.NewSHA1(uuid.Nil, fmt.Appendf(nil, "repeated\x00%d\x00%d\x00%s", rec.Partition, rec.Sequence, e.book.OfThread(rec.Thread))).String()
	if _, err := e.book.Certificate(ctx, id); !fault.Is(err, fault.NotFound) {
		return err
	}
	err := e.book.Order(ctx, &privacyv1.Erasure{Id: id, By: "repeated", Way: privacyv1.Way_WAY_RETENTION, Step: privacyv1.Step_STEP_DRAIN, OrderedMs: nowMS, BeforeMs: until,
		Threads: []*privacyv1.Target{{Page: rec.Thread.Page, Psid: rec.Thread.PSID, Revision: erasure.Nothing, Inbound: rec.Sequence, Part: true}}})
	if fault.Is(err, fault.Conflict) {
		return nil // it is ordered already
	}
	return err
}
