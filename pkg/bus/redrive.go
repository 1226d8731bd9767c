package bus

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	redrivev1 "github.com/parley-desk/parley/proto/gen/parley/redrive/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// A letter is on the list until DEADLETTER holds what became of it, which is
// written once: after its record was handled, or when somebody drops it. Whatever
// ends between the two leaves the letter, so a record is handled at least once
// more, and perhaps twice; threads turn down what they have seen, as they do after
// any restart. DEADLETTER itself is a log and deletes nothing.

// What becomes of a letter.
const (
	retried = "retried"
	dropped = "dropped"
)

// settlement is what became of a letter, as DEADLETTER keeps it.
type settlement struct {
	Outcome string `json:"outcome"`
	By      string `json:"by"`
	Reason  string `json:"reason,omitempty"`
}

// RetryDeadLetter has the stage of a letter handle its record once more, behind
// what it has of the thread just now, and takes the letter off the list when that
// went well. NotFound: it is off the list. Precondition: the stage cannot handle
// the record now either, and says why. Timeout: it is still at it, and settles the
// letter itself.
func (b *Bus) RetryDeadLetter(ctx context.Context, letter uint64, by string) error {
	d, err := b.openLetter(ctx, letter)
	if err != nil {
		return err
	}
	err = b.Call(ctx, redriveOf(d.Stage, d.stream), &redrivev1.HandRequest{Letter: letter, By: by}, &redrivev1.HandResponse{})
	var f *fault.Error
	if errors.As(err, &f) && f.Reason == "NOBODY_SERVES" {
		return fault.New(fault.Unavailable, "STAGE_AWAY", "no process reads %s for the stage %s now", d.stream, d.Stage)
	}
	return err
}

// DropDeadLetter takes a letter off the list, and keeps who said so and why.
func (b *Bus) DropDeadLetter(ctx context.Context, letter uint64, by, reason string) error {
	if _, err := b.openLetter(ctx, letter); err != nil {
		return err
	}
	return b.settle(ctx, letter, settlement{Outcome: dropped, By: by, Reason: reason})
}

// redriveOf is the method by which whoever reads a stream for a stage is asked to
// handle a record once more.
func redriveOf(stage, stream string) string { return "redrive." + stage + "." + stream }

// openLetter reads a letter that is on the list.
func (b *Bus) openLetter(ctx context.Context, letter uint64) (DeadLetter, error) {
	m, err := retryAway(ctx, func(ctx context.Context) (stored, error) {
		return b.getLeader(ctx, subject.DeadLetters, lookup{Seq: letter})
	})
	if _, isSettlement := subject.ParseSettled(m.subject); absent(err) || letter == 0 || isSettlement {
		return DeadLetter{}, fault.New(fault.NotFound, "NO_DEAD_LETTER", "there is no dead letter %d", letter)
	}
	if err != nil {
		return DeadLetter{}, brokerFault(err, "read a dead letter")
	}
	if s, err := b.settlement(ctx, letter); !fault.Is(err, fault.NotFound) {
		if err != nil {
			return DeadLetter{}, err
		}
		return DeadLetter{}, offTheList(letter, s)
	}
	return deadLetter(m), nil
}

func offTheList(letter uint64, s settlement) error {
	return fault.New(fault.NotFound, "NO_DEAD_LETTER", "the dead letter %d was %s by %s", letter, s.Outcome, s.By)
}

// settlement is what became of a letter; NotFound while it is on the list.
func (b *Bus) settlement(ctx context.Context, letter uint64) (s settlement, err error) {
	m, err := retryAway(ctx, func(ctx context.Context) (stored, error) {
		return b.getLeader(ctx, subject.DeadLetters, lookup{Last: subject.Settled(letter)})
	})
	if err != nil {
		return s, brokerFault(err, "read what became of a dead letter")
	}
	if json.Unmarshal(m.data, &s) != nil {
		s = settlement{Outcome: "settled", By: "somebody"}
	}
	return s, nil
}

// settle takes a letter off the list. The first one to do so is who did.
func (b *Bus) settle(ctx context.Context, letter uint64, s settlement) error {
	data, err := json.Marshal(s)
	if err != nil {
		return fault.Wrap(err, "encode what became of a dead letter")
	}
	m := &nats.Msg{Subject: subject.Settled(letter), Data: data, Header: nats.Header{headerExpected: {"0"}}}
	inject(ctx, m.Header)
	_, err = retryAway(ctx, func(ctx context.Context) (*jetstream.PubAck, error) { return b.js.PublishMsg(ctx, m) })
	if raced(err) { // lost, or the answer to our own first try was
		was, err := b.settlement(ctx, letter)
		if err != nil || was == s {
			return err
		}
		return offTheList(letter, was)
	}
	if err != nil {
		return brokerFault(err, "take a dead letter off the list")
	}
	b.log.InfoContext(ctx, "a dead letter is settled", key.Letter, letter, key.Outcome, s.Outcome, key.Caller, s.By)
	return nil
}

// origin takes apart the id of a letter: which part of which record it is of.
func origin(id string) (stream string, part int) {
	fields := strings.Split(id, "/")
	if len(fields) != 4 {
		return "", 0
	}
	part, _ = strconv.Atoi(fields[3])
	return fields[1], part
}

// errHandedOver is that a retry met the end of a tenure: the letter stays.
var errHandedOver = fault.New(fault.Unavailable, "HANDED_OVER", "the partition changes hands; try again")

// offer answers who wants records of this partition handled once more.
func (r *reader) offer(reading context.Context, l *lanes) {
	_ = Serve(reading, r.bus, redriveOf(r.stage, r.stream), func(ctx context.Context, req *redrivev1.HandRequest) (*redrivev1.HandResponse, error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(reading, cancel)()
		err := r.redrive(ctx, l, req)
		if err != nil && reading.Err() != nil {
			err = errHandedOver
		}
		return &redrivev1.HandResponse{}, err
	})
}

// redrive puts the record of a letter into the lane of its thread and waits for
// what becomes of it.
func (r *reader) redrive(ctx context.Context, l *lanes, req *redrivev1.HandRequest) error {
	d, err := r.bus.openLetter(ctx, req.GetLetter())
	if err != nil {
		return err
	}
	m, err := retryAway(ctx, func(ctx context.Context) (stored, error) {
		return r.bus.getLeader(ctx, r.stream, lookup{Seq: d.SourceSequence})
	})
	var parts []stored
	if err == nil {
		parts = r.split(m)
	}
	if parts == nil && r.kind == "INBOUND" && (err == nil || absent(err)) {
		parts, err = r.lettered(d), nil // the record was erased because of somebody else
	}
	if absent(err) || err == nil && d.part >= len(parts) {
		return fault.New(fault.Precondition, "RECORD_GONE", "%s does not have the record %d any more; drop the letter", r.stream, d.SourceSequence)
	}
	if err != nil {
		return brokerFault(err, "read the record of a dead letter")
	}
	done := make(chan error, 1)
	it := item{ticket: &ticket{seq: d.SourceSequence}, part: d.part, msg: &parts[d.part],
		redo: func(m stored) { done <- r.redo(d, req.GetBy(), m) }}
	if err := l.add(ctx, parts[d.part].subject, it); err != nil {
		return brokerFault(err, "hand a record over")
	}
	select {
	case err = <-done:
		return err
	case <-ctx.Done():
		return fault.Wrap(ctx.Err(), "the stage %s is still at it", r.stage)
	}
}

// lettered are the parts of a record of INBOUND as far as a letter has them.
func (r *reader) lettered(d DeadLetter) []stored {
	part := partOf(stored{stream: r.stream, subject: subject.Inbound(r.partition), seq: d.SourceSequence, at: d.At}, d.part, d.Data)
	if part.event == nil {
		return nil
	}
	return append(make([]stored, d.part), part)
}

// redo handles a record once more, at its turn, and settles its letter. It is
// tried once: who asked sees what went wrong, and the letter stays.
func (r *reader) redo(d DeadLetter, by string, m stored) error {
	if _, err := r.bus.openLetter(r.work, d.Sequence); err != nil {
		return err // somebody was faster
	}
	began := time.Now()
	ctx, span := r.bus.consumer(r.work, r.span, r.stage, m.header)
	defer span.End()
	_, err := guard(func() (struct{}, error) { return struct{}{}, r.handle(ctx, r.partition, m) })
	if r.work.Err() != nil && err != nil {
		return errHandedOver
	}
	outcome := "done"
	if err != nil {
		outcome = "dead"
	}
	r.bus.metrics.process.WithLabelValues(r.stage, outcome).Observe(time.Since(began).Seconds())
	if err != nil {
		r.bus.log.WarnContext(ctx, "a dead letter cannot be handled yet", key.Stage, r.stage, key.Stream, r.stream, key.Sequence, m.seq, key.Letter, d.Sequence, key.Err, err)
		return &fault.Error{Kind: fault.Precondition, Reason: "RETRY_FAILED", Message: r.stage + " cannot handle it yet: " + reason(err)}
	}
	return r.bus.settle(ctx, d.Sequence, settlement{Outcome: retried, By: cmp.Or(by, "somebody")})
}
