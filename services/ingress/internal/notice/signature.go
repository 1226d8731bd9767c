package notice

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/fault"
	provisionv1 "github.com/parley-desk/parley/proto/gen/parley/provision/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// signature is with which app secrets webhooks of one account were signed.
type signature struct {
	seen     *provisionv1.SignatureSeen // to be written; nil: nothing new
	written  time.Time
	current  string // fingerprints that were noted before
	previous string
}

// Signed notes that a webhook of an account was signed with the app secret of
// this fingerprint: the one in force, or the one before it. Of the one in force
// the first is noted, of the previous the last (SI3).
func (b *Book) Signed(account, fingerprint string, previous bool) {
	b.mu.Lock()
	s := b.signed[account]
	if s == nil {
		s = &signature{}
		b.signed[account] = s
	}
	if !previous && s.current == fingerprint {
		b.mu.Unlock()
		return
	}
	if s.seen == nil {
		s.seen = &provisionv1.SignatureSeen{}
	}
	fresh := true
	if previous {
		fresh, s.previous = s.previous != fingerprint, fingerprint
		s.seen.Previous, s.seen.PreviousMs = fingerprint, b.now().UnixMilli()
	} else {
		s.current = fingerprint
		s.seen.Current, s.seen.CurrentMs = fingerprint, b.now().UnixMilli()
	}
	if fresh {
		s.written = time.Time{}
	}
	b.mu.Unlock()
	if fresh {
		b.rouse()
	}
}

// takeSigned takes what is due out of the book, and says when something is due
// again; 0 when nothing waits.
func (b *Book) takeSigned(everything bool) (signed map[string]*provisionv1.SignatureSeen, next time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	signed = map[string]*provisionv1.SignatureSeen{}
	now := b.now()
	for account, s := range b.signed {
		if s.seen == nil {
			continue
		}
		if wait := s.written.Add(spacing).Sub(now); wait > 0 && !everything {
			if next == 0 || wait < next {
				next = wait
			}
			continue
		}
		signed[account], s.seen, s.written = s.seen, nil, now
	}
	return signed, next
}

// putAllSigned writes what was taken; what the broker does not take goes back.
func (b *Book) putAllSigned(ctx context.Context, signed map[string]*provisionv1.SignatureSeen) (err error) {
	for account, seen := range signed {
		if e := b.putSigned(ctx, account, seen); e != nil {
			err = e
			b.giveBack(func() {
				s := b.signed[account]
				s.seen, s.written = merged(seen, s.seen), time.Time{}
			})
		}
	}
	return err
}

func (b *Book) putSigned(ctx context.Context, account string, seen *provisionv1.SignatureSeen) error {
	for {
		entry, err := b.bucket.Get(ctx, subject.SignatureKey(account))
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		before := &provisionv1.SignatureSeen{}
		if proto.Unmarshal(entry.Value, before) != nil {
			before = nil // damaged: what was seen now counts
		}
		err = b.put(ctx, subject.SignatureKey(account), merged(before, seen), entry.Revision)
		if err == nil || !fault.Is(err, fault.Conflict) || ctx.Err() != nil {
			return err
		}
	}
}

// merged is what was seen before and after together; either may be nil.
func merged(before, after *provisionv1.SignatureSeen) *provisionv1.SignatureSeen {
	m := &provisionv1.SignatureSeen{Current: before.GetCurrent(), CurrentMs: before.GetCurrentMs(),
		Previous: before.GetPrevious(), PreviousMs: before.GetPreviousMs()}
	if after.GetCurrent() != "" && after.GetCurrent() != m.Current {
		m.Current, m.CurrentMs = after.GetCurrent(), after.GetCurrentMs()
	}
	if after.GetPreviousMs() > m.PreviousMs {
		m.Previous, m.PreviousMs = after.GetPrevious(), after.GetPreviousMs()
	}
	return m
}
