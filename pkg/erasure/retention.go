package erasure

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// Nothing is the revision up to which a thread is erased that had no commit when it
// was to be closed. None that closes a thread is its first.
const Nothing = 1

// NoteRetention keeps how far back conversations go, as it was just seen.
func (b *Book) NoteRetention(ctx context.Context, r *privacyv1.Retention) error {
	value, err := proto.Marshal(r)
	if err != nil {
		return fault.Wrap(err, "encoding how long conversations are kept")
	}
	return b.Bucket.Write(ctx, bus.Write{Key: subject.RetentionKey, Value: value, Revision: bus.AnyRevision})
}

// Retention is what was noted last; nil when nothing was.
func (b *Book) Retention(ctx context.Context) (*privacyv1.Retention, error) {
	entry, err := b.Bucket.Get(ctx, subject.RetentionKey)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r := &privacyv1.Retention{}
	return r, fault.Wrap(proto.Unmarshal(entry.Value, r), "reading how long conversations are kept")
}

// Before is up to when an erasure takes what is not in order of a thread, ms since
// 1970 UTC; 0 while that is not settled.
func Before(e *privacyv1.Erasure) int64 {
	if e.GetWay() == privacyv1.Way_WAY_RETENTION {
		return e.GetBeforeMs()
	}
	return e.GetClosedMs()
}

// Contacts is the part of contact.Store that holds need.
type Contacts interface {
	Resolve(ctx context.Context, id string) (*contactv1.Contact, error)
}

// Linked are the contacts of a thread as holds name them: the one that its customer is
// linked to, and the one that stands for that now.
func Linked(ctx context.Context, contacts Contacts, s *threadv1.State) ([]string, error) {
	id := s.GetContact().GetContact()
	if id == "" {
		return nil, nil
	}
	c, err := contacts.Resolve(ctx, id)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	return []string{id, c.GetId()}, nil
}
