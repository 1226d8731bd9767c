package bus

import (
	"context"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/fault"
	crmv1 "github.com/parley-desk/parley/proto/gen/parley/crm/v1"
	"github.com/parley-desk/parley/proto/subject"
)

const (
	// MostEvents is how many events one reading gives.
	MostEvents = 1000
	// eventsLook is how often is looked for an event that is waited for.
	eventsLook = 500 * time.Millisecond
)

// FollowContacts is FollowThreads for the changes of the bucket CONTACT, in order
// per key. Of a key that changed several times since it was read last only the
// newest entry comes, and one that was deleted comes without a value.
func (b *Bus) FollowContacts(ctx context.Context, stage string, handle func(ctx context.Context, e Entry, at time.Time) error) error {
	k := b.Bucket(subject.ContactBucket)
	return b.followStage(ctx, b.single(stage, "CONTACT", k.stream, "process contact", func(ctx context.Context, m stored) error {
		e := k.entry(m)
		if strings.HasPrefix(e.Key, systemKeys) {
			return nil
		}
		return handle(ctx, e, m.at)
	}))
}

// Tell stores what a CRM is told, on a subject of subject.OfContact or OfStranger.
// The same event told again within two minutes is stored once.
func (b *Bus) Tell(ctx context.Context, on string, e *crmv1.Event) error {
	data, err := proto.Marshal(e)
	if err != nil {
		return &fault.Error{Kind: fault.Invalid, Message: "encode an event", Cause: err}
	}
	_, err = retryAway(ctx, func(ctx context.Context) (*jetstream.PubAck, error) {
		m := &nats.Msg{Subject: on, Data: data, Header: nats.Header{headerMsgID: {e.GetId()}}}
		inject(ctx, m.Header)
		return b.js.PublishMsg(ctx, m)
	})
	return brokerFault(err, "store an event for a CRM")
}

// FollowEvents is FollowThreads for what a CRM is told, in order per contact.
func (b *Bus) FollowEvents(ctx context.Context, stage string, handle func(context.Context, *crmv1.Event) error) error {
	return b.followStage(ctx, b.single(stage, "CRM", subject.Crm, "process crm.event", func(ctx context.Context, m stored) error {
		e, err := decodeEventOf(m)
		if err != nil {
			return err
		}
		return handle(ctx, e)
	}))
}

// single follows a stream that is in one piece.
func (b *Bus) single(stage, kind, stream, span string, handle func(context.Context, stored) error) *stageFollower {
	return &stageFollower{bus: b, slots: 1, stage: stage, kind: kind, streamOf: func(int) string { return stream }, follow: b.follow, span: span,
		split: whole, pick: func(m stored, _ int) stored { return m },
		handle: func(ctx context.Context, _ int, m stored) error { return handle(ctx, m) }}
}

func decodeEventOf(m stored) (*crmv1.Event, error) {
	e := &crmv1.Event{}
	if err := proto.Unmarshal(m.data, e); err != nil {
		return nil, &fault.Error{Kind: fault.Internal, Reason: "EVENT_DAMAGED", Message: "a record of CRM holds no event", Cause: err}
	}
	e.Position = m.seq
	return e, nil
}

// Events are up to most events behind a position, oldest first. Where there are
// none it waits for one until wait is over. gap: some were let go between.
func (b *Bus) Events(ctx context.Context, after uint64, most int, wait time.Duration) (events []*crmv1.Event, gap bool, err error) {
	info, err := retryAway(ctx, func(ctx context.Context) (*jetstream.StreamInfo, error) { return b.streams[subject.Crm].Info(ctx) })
	if err != nil {
		return nil, false, brokerFault(err, "read the events")
	}
	gap = after > 0 && info.State.FirstSeq > after+1
	for until := time.Now().Add(wait); ; {
		found, err := retryAway(ctx, func(ctx context.Context) (found []stored, err error) {
			found, _, err = b.page(ctx, subject.Crm, lookup{Next: subject.CrmAll, Seq: after + 1, Batch: min(most, MostEvents)})
			return found, err
		})
		if err != nil {
			return nil, false, brokerFault(err, "read the events")
		}
		for _, m := range found {
			if e, failed := decodeEventOf(m); failed == nil {
				events = append(events, e)
			}
		}
		if len(events) > 0 || !time.Now().Before(until) || ctx.Err() != nil {
			return events, gap, nil
		}
		pause(ctx, eventsLook)
	}
}
