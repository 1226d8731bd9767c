package bus

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	"github.com/parley-desk/parley/proto/subject"
)

// DeadLetter is a record that a stage gave up.
type DeadLetter struct {
	Sequence, SourceSequence uint64
	Stage, Subject, Reason   string
	Attempts                 int
	At                       time.Time
	Data                     []byte
	Lane                     string // letters of one lane are of one thread and stage

	stream string // it was read from
	part   int    // of the record it was read in
}

const (
	headerStage    = "Parley-Stage"
	headerSubject  = "Parley-Subject"
	headerSequence = "Parley-Sequence"
	headerReason   = "Parley-Reason"
	headerAttempts = "Parley-Attempts"
	headerMsgID    = "Nats-Msg-Id" // the broker drops a letter that is written twice within two minutes
)

// reason is what an operator may read: kind and safe message, never the cause.
func reason(err error) string {
	var f *fault.Error
	if !errors.As(err, &f) {
		f = fault.New(fault.Internal, "", "see the log of the stage")
	}
	return f.Kind.String() + ": " + f.Message
}

// bury writes a record to DEADLETTER. It tries until it is written or ctx ends:
// only then may the thread go on.
func (b *Bus) bury(ctx context.Context, stage string, partition, attempts int, m stored, cause error) error {
	letter := &nats.Msg{Subject: subject.DeadLetter(stage, partition), Data: m.data, Header: nats.Header{
		headerStage: {stage}, headerSubject: {m.subject}, headerSequence: {strconv.FormatUint(m.seq, 10)},
		headerReason: {reason(cause)}, headerAttempts: {strconv.Itoa(attempts)},
		headerMsgID: {fmt.Sprintf("%s/%s/%d/%d", stage, m.stream, m.seq, m.part)}}}
	inject(ctx, letter.Header)
	for {
		_, err := retryAway(ctx, func(ctx context.Context) (struct{}, error) {
			_, err := b.js.PublishMsg(ctx, letter)
			return struct{}{}, err
		})
		if err == nil {
			b.metrics.deadLetters.WithLabelValues(stage).Inc()
			b.log.ErrorContext(ctx, "gave up a record", key.Stage, stage, key.Stream, m.stream, key.Sequence, m.seq, key.Attempts, attempts, key.Err, cause)
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		b.log.ErrorContext(ctx, "could not write a dead letter", key.Stage, stage, key.Err, err)
		pause(ctx, time.Second)
	}
}

// DeadLetters yields those on the list, the newest first.
func (b *Bus) DeadLetters(ctx context.Context) iter.Seq2[DeadLetter, error] {
	return func(yield func(DeadLetter, error) bool) {
		info, err := b.streams[subject.DeadLetters].Info(ctx)
		if err != nil {
			yield(DeadLetter{}, brokerFault(err, "read the dead letters"))
			return
		}
		settled := map[uint64]bool{} // what became of a letter stands behind it
		for seq := info.State.LastSeq; seq >= max(info.State.FirstSeq, 1); seq-- {
			m, err := b.getLeader(ctx, subject.DeadLetters, lookup{Seq: seq})
			if absent(err) {
				continue
			}
			if err != nil {
				yield(DeadLetter{}, brokerFault(err, "read the dead letters"))
				return
			}
			if letter, ok := subject.ParseSettled(m.subject); ok {
				settled[letter] = true
				continue
			}
			if settled[seq] {
				continue
			}
			if !yield(deadLetter(m), nil) {
				return
			}
		}
	}
}

func deadLetter(m stored) DeadLetter {
	d := DeadLetter{Sequence: m.seq, Stage: m.header.Get(headerStage), Subject: m.header.Get(headerSubject),
		Reason: m.header.Get(headerReason), At: m.at, Data: m.data}
	d.SourceSequence, _ = strconv.ParseUint(m.header.Get(headerSequence), 10, 64)
	d.Attempts, _ = strconv.Atoi(m.header.Get(headerAttempts))
	d.Lane = d.Stage + "/" + d.Subject
	d.stream, d.part = origin(m.header.Get(headerMsgID))
	return d
}
