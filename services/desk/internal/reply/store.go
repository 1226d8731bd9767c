package reply

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// maxEntry bounds what the replies of one agent take in all, in bytes: the broker
// takes no message of a mebibyte.
const maxEntry = 512 << 10

// tries is how often a change is tried against others of the same agent.
const tries = 5

// Bucket is the part of bus.Bucket that the store needs.
type Bucket interface {
	Get(ctx context.Context, key string) (bus.Entry, error)
	Write(ctx context.Context, writes ...bus.Write) error
}

// Store keeps the replies that agents write for themselves: those of an agent are
// one entry, so that nobody ever has more than Most.
type Store struct {
	Bucket Bucket
	Most   int // replies of one agent; 0: there are none
}

// Of are the replies of an agent, by title.
func (s *Store) Of(ctx context.Context, agent string) ([]*deskv1.PersonalReply, error) {
	if s.Most == 0 {
		return nil, nil
	}
	kept, _, err := s.read(ctx, agent)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(kept, func(a, b *deskv1.PersonalReply) int {
		return strings.Compare(strings.ToLower(a.GetTitle()), strings.ToLower(b.GetTitle()))
	})
	return kept, nil
}

// Create adds one. One that is there with the same id and the same text was
// created by this command before.
func (s *Store) Create(ctx context.Context, agent string, r *deskv1.PersonalReply) error {
	return s.change(ctx, agent, func(kept []*deskv1.PersonalReply) ([]*deskv1.PersonalReply, error) {
		switch at := find(kept, r.GetId()); {
		case at >= 0 && proto.Equal(kept[at], r):
			return kept, nil
		case at >= 0:
			return nil, fault.New(fault.Conflict, "REPLY_EXISTS", "you have a reply with this id, and another text; update it, or make another id")
		case len(kept) >= s.Most:
			return nil, fault.New(fault.Exhausted, "REPLIES_FULL", "you have %d replies of your own, as many as may be; delete some", len(kept))
		}
		return append(kept, r), nil
	})
}

// Update puts one in the place of that with its id.
func (s *Store) Update(ctx context.Context, agent string, r *deskv1.PersonalReply) error {
	return s.change(ctx, agent, func(kept []*deskv1.PersonalReply) ([]*deskv1.PersonalReply, error) {
		at := find(kept, r.GetId())
		if at < 0 {
			return nil, fault.New(fault.NotFound, "NO_SUCH_REPLY", "you have no such reply; it may have been deleted elsewhere")
		}
		kept[at] = r
		return kept, nil
	})
}

// Delete removes one, if it is there.
func (s *Store) Delete(ctx context.Context, agent, id string) error {
	return s.change(ctx, agent, func(kept []*deskv1.PersonalReply) ([]*deskv1.PersonalReply, error) {
		return slices.DeleteFunc(kept, func(r *deskv1.PersonalReply) bool { return r.GetId() == id }), nil
	})
}

func find(kept []*deskv1.PersonalReply, id string) int {
	return slices.IndexFunc(kept, func(r *deskv1.PersonalReply) bool { return r.GetId() == id })
}

// change reads, changes and writes, again when somebody was faster.
func (s *Store) change(ctx context.Context, agent string, how func([]*deskv1.PersonalReply) ([]*deskv1.PersonalReply, error)) error {
	if s.Most == 0 {
		return fault.New(fault.Precondition, "REPLIES_OFF", "replies of agents' own are switched off; an administrator can set desk.personal_replies")
	}
	for try := 1; ; try++ {
		kept, revision, err := s.read(ctx, agent)
		if err != nil {
			return err
		}
		next, err := how(kept)
		if err != nil {
			return err
		}
		value, err := proto.MarshalOptions{Deterministic: true}.Marshal(&deskv1.PersonalReplies{Replies: next})
		if err != nil {
			return fault.Wrap(err, "encoding the replies of %s", agent)
		}
		if len(value) > maxEntry {
			return fault.New(fault.Exhausted, "REPLIES_FULL", "your replies would take %d bytes, more than the %d that may be; delete or shorten some", len(value), maxEntry)
		}
		err = s.Bucket.Write(ctx, bus.Write{Key: subject.ReplyKey(agent), Value: value, Revision: revision})
		if err == nil || try == tries || !fault.Is(err, fault.Conflict) {
			return fault.Wrap(err, "storing the replies")
		}
	}
}

func (s *Store) read(ctx context.Context, agent string) ([]*deskv1.PersonalReply, uint64, error) {
	e, err := s.Bucket.Get(ctx, subject.ReplyKey(agent))
	switch {
	case fault.Is(err, fault.NotFound):
		return nil, 0, nil
	case err != nil:
		return nil, 0, fault.Wrap(err, "reading the replies")
	}
	kept := &deskv1.PersonalReplies{}
	if err := proto.Unmarshal(e.Value, kept); err != nil {
		return nil, 0, fault.Wrap(err, "decoding the replies of %s", agent)
	}
	return kept.GetReplies(), e.Revision, nil
}
