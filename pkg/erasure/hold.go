package erasure

import (
	"context"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// Held is the reason of the fault for whoever must not be erased.
const Held = "PERSON_HELD"

func kindOf(key string) string {
	kind, _, _ := strings.Cut(key, ".")
	return kind
}

// keyOf is where a hold is kept.
func (b *Book) keyOf(h *privacyv1.Hold) string {
	if h.GetContact() != "" {
		return subject.HoldKey(b.OfContact(h.GetContact()))
	}
	return subject.HoldKey(b.OfThread(subject.Thread{Page: h.GetPage(), PSID: h.GetPsid()}))
}

// Hold keeps somebody from being erased. Conflict: it has begun already.
func (b *Book) Hold(ctx context.Context, h *privacyv1.Hold) error {
	value, err := proto.Marshal(h)
	if err != nil {
		return fault.Wrap(err, "encoding a hold")
	}
	if err := b.Bucket.Write(ctx, bus.Write{Key: b.keyOf(h), Value: value, Revision: bus.AnyRevision}); err != nil {
		return err
	}
	page, err := b.Read(ctx)
	if err != nil {
		return err
	}
	for _, e := range page.Open {
		if e.GetStep() > privacyv1.Step_STEP_DRAIN && Covers(h, e) {
			if err := b.Release(ctx, h); err != nil {
				return err
			}
			return fault.New(fault.Conflict, "ERASURE_BEGUN", "erasure %s has begun to erase this person; it cannot be held any more", e.GetId())
		}
	}
	return nil
}

// Release lets somebody be erased again; NotFound when there is no such hold.
func (b *Book) Release(ctx context.Context, h *privacyv1.Hold) error {
	if _, err := b.Bucket.Get(ctx, b.keyOf(h)); err != nil {
		return err
	}
	return b.Bucket.EraseKeys(ctx, b.keyOf(h))
}

// Covers tells whether a hold keeps an order from being carried out. The contacts
// of its threads must be among its contacts or in linked.
func Covers(h *privacyv1.Hold, e *privacyv1.Erasure, linked ...string) bool {
	if h.GetContact() != "" {
		return slices.Contains(e.GetContacts(), h.GetContact()) || slices.Contains(linked, h.GetContact())
	}
	return slices.ContainsFunc(e.GetThreads(), func(t *privacyv1.Target) bool { return t.GetPage() == h.GetPage() && t.GetPsid() == h.GetPsid() })
}

// Check is nil when nothing keeps an order from being carried out, and else a
// Precondition fault that says what. linked are contacts of its threads.
func (b *Book) Check(ctx context.Context, e *privacyv1.Erasure, linked ...string) error {
	page, err := b.Read(ctx)
	if err != nil {
		return err
	}
	for _, h := range page.Holds {
		if Covers(h, e, linked...) {
			return fault.New(fault.Precondition, Held, "%s has to keep this person since %s: %s; release the hold with `parleyctl privacy release` when that is over",
				h.GetBy(), day(h.GetSinceMs()), h.GetReason())
		}
	}
	return nil
}

func day(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02") }
