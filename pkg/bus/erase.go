package bus

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/parley-desk/parley/pkg/fault"
	crmv1 "github.com/parley-desk/parley/proto/gen/parley/crm/v1"
	"github.com/parley-desk/parley/proto/subject"
)

const (
	// headerRest says which record of INBOUND this is the rest of: its events were
	// handled there, so no stage is handed them again.
	headerRest = "Parley-Rest-Of"
	// erasedAtOnce bounds how many records are erased at a time.
	erasedAtOnce = 8
)

// Traces are the records of one stream in which somebody is.
type Traces struct {
	stream    string
	sequences []uint64
	// rest is what stays of a record of which only a part is erased; nil: nothing.
	rest func(stored) []byte
}

// Len is how many records there are.
func (t Traces) Len() int { return len(t.sequences) }

// Erasable is nil when records can be taken out of every stream that may hold
// somebody, and else says which one keeps them and what to do. Streams that were
// made to keep everything cannot be talked out of it; AUDIT is one on purpose, and
// names no customer but by a keyed hash.
func (b *Bus) Erasable(ctx context.Context) error {
	names := slices.Sorted(maps.Keys(b.streams))
	for _, name := range names {
		if name == subject.Audit {
			continue
		}
		info, err := retryAway(ctx, func(ctx context.Context) (*jetstream.StreamInfo, error) { return b.streams[name].Info(ctx) })
		if err != nil {
			return brokerFault(err, "look at stream %s", name)
		}
		if info.Config.DenyDelete || info.Config.DenyPurge {
			return fault.New(fault.Precondition, "STREAM_KEEPS",
				"stream %s was made so that nothing can be taken out of it; back it up, delete it, and restore it with deny_delete off, as docs/operations.md says", name)
		}
	}
	return nil
}

// InboundEnd is the last sequence of the INBOUND of a thread's partition.
func (b *Bus) InboundEnd(ctx context.Context, t subject.Thread) (uint64, error) {
	stream := subject.InboundStream(t.Partition(b.cfg.Partitions))
	last, err := retryAway(ctx, func(ctx context.Context) (stored, error) {
		return b.getLeader(ctx, stream, lookup{Last: subject.Inbound(t.Partition(b.cfg.Partitions))})
	})
	if err != nil && !absent(err) {
		return 0, brokerFault(err, "look how far %s goes", stream)
	}
	return last.seq, nil
}

// InboundHandled tells which stages may still be at work on what came for a thread
// up to a sequence of its INBOUND; none when all are through.
func (b *Bus) InboundHandled(ctx context.Context, t subject.Thread, upTo uint64) ([]string, error) {
	p := t.Partition(b.cfg.Partitions)
	return b.unfinished(ctx, subject.InboundStream(p), "INBOUND", upTo, func(m stored) bool {
		return slices.ContainsFunc(unbundle(m), func(part stored) bool { return part.event != nil && threadOf(part.event) == t })
	})
}

// ThreadHandled is InboundHandled for the commits of a thread.
func (b *Bus) ThreadHandled(ctx context.Context, t subject.Thread, upTo uint64) ([]string, error) {
	p, log := t.Partition(b.cfg.Partitions), subject.Log(t, b.cfg.Partitions)
	return b.unfinished(ctx, subject.ThreadStream(p), "THREAD", upTo, func(m stored) bool { return m.subject == log })
}

// unfinished are the stages that some process runs now, whose checkpoint is before
// upTo, or which have parked a record before it that is looked for. A stage that
// nobody runs is at work on nothing: when it comes back, what was erased is not
// there for it.
func (b *Bus) unfinished(ctx context.Context, stream, kind string, upTo uint64, of func(stored) bool) ([]string, error) {
	marks, err := b.checkpoints(ctx)
	if err != nil {
		return nil, err
	}
	running, err := b.running(ctx, kind)
	if err != nil {
		return nil, err
	}
	var at []string
	for _, stage := range running {
		c := marks[course{stage, stream}] // none: it has handled nothing yet
		busy := c.Seq < upTo
		for _, seq := range c.Pending {
			if busy || seq > upTo {
				break
			}
			m, err := retryAway(ctx, func(ctx context.Context) (stored, error) { return b.getLeader(ctx, stream, lookup{Seq: seq}) })
			if err != nil && !absent(err) {
				return nil, brokerFault(err, "read what %s has parked", stage)
			}
			busy = err == nil && of(m)
		}
		if busy {
			at = append(at, stage)
		}
	}
	return at, nil
}

// running are the stages that hold a lease on a stream of a kind.
func (b *Bus) running(ctx context.Context, kind string) ([]string, error) {
	stages := map[string]bool{}
	reading, done := context.WithTimeout(ctx, monitorTimeout)
	defer done()
	ready := false
	err := b.Bucket(subject.LeaseBucket).Watch(reading, func() { ready = true; done() }, func(e Entry) {
		if parts := strings.Split(e.Key, "."); !ready && e.Value != nil && len(parts) > 2 && parts[1] == kind {
			stages[parts[0]] = true
		}
	})
	if !ready {
		return nil, brokerFault(err, "read which stages run")
	}
	return slices.Sorted(maps.Keys(stages)), nil
}

// TracesOfThread are the commits of a thread up to a revision.
func (b *Bus) TracesOfThread(ctx context.Context, t subject.Thread, upTo uint64) (Traces, error) {
	return b.tracesUnder(ctx, subject.ThreadStream(t.Partition(b.cfg.Partitions)), subject.Log(t, b.cfg.Partitions), upTo)
}

// tracesUnder are the records on a subject up to a sequence, one request for each:
// whoever is erased has few.
func (b *Bus) tracesUnder(ctx context.Context, stream, on string, upTo uint64) (Traces, error) {
	found := Traces{stream: stream}
	for after := uint64(0); after < upTo; {
		m, err := retryAway(ctx, func(ctx context.Context) (stored, error) {
			return b.getLeader(ctx, stream, lookup{Next: on, Seq: after + 1})
		})
		if absent(err) {
			break
		}
		if err != nil {
			return found, brokerFault(err, "search %s", stream)
		}
		if after = m.seq; after <= upTo {
			found.sequences = append(found.sequences, after)
		}
	}
	return found, nil
}

// TracesOfInbound are the records of a partition of INBOUND in which there are
// events that are looked for. Erasing them leaves the other events of the same
// records, in records of their own that no stage is handed.
func (b *Bus) TracesOfInbound(ctx context.Context, partition int, of func(InboundRecord) bool) (Traces, error) {
	within := func(part stored) bool {
		return part.event != nil && of(InboundRecord{Thread: threadOf(part.event), Partition: partition, Sequence: origins(part), Stored: part.at, Event: part.event})
	}
	rest := func(m stored) []byte {
		var kept []byte
		for _, part := range events(m) {
			if !within(part) {
				kept = protowire.AppendTag(kept, eventsField, protowire.BytesType)
				kept = protowire.AppendBytes(kept, part.data)
			}
		}
		return kept
	}
	return b.traces(ctx, subject.InboundStream(partition), rest, func(m stored) bool { return slices.ContainsFunc(events(m), within) })
}

// origins is the sequence at which the event of a part was stored first.
func origins(part stored) uint64 {
	if of, err := strconv.ParseUint(part.rest, 10, 64); err == nil {
		return of
	}
	return part.seq
}

// TracesOfEvents are the records of what a CRM is told that are looked for.
func (b *Bus) TracesOfEvents(ctx context.Context, of func(*crmv1.Event) bool) (Traces, error) {
	return b.traces(ctx, subject.Crm, nil, func(m stored) bool {
		e, err := decodeEventOf(m)
		return err == nil && of(e)
	})
}

// TracesOfLetters are the dead letters of threads, and of contacts by id, settled
// ones too, that were written until a moment; zero: all.
func (b *Bus) TracesOfLetters(ctx context.Context, threads []subject.Thread, contacts []string, until time.Time) (Traces, error) {
	about := aboutThem(threads, contacts)
	return b.traces(ctx, subject.DeadLetters, nil, func(m stored) bool {
		return (until.IsZero() || !m.at.After(until)) && about(m)
	})
}

// LettersOf hands over the dead letters of threads, and of contacts by id, settled ones
// too, until of fails.
func (b *Bus) LettersOf(ctx context.Context, threads []subject.Thread, contacts []string, of func(DeadLetter) error) error {
	about, failed := aboutThem(threads, contacts), error(nil)
	_, err := b.traces(ctx, subject.DeadLetters, nil, func(m stored) bool {
		if failed == nil && about(m) {
			failed = of(deadLetter(m))
		}
		return false
	})
	if err != nil {
		return err
	}
	return failed
}

// aboutThem tells whether a dead letter is of these threads and contacts.
func aboutThem(threads []subject.Thread, contacts []string) func(stored) bool {
	about := map[string]bool{}
	for _, t := range threads {
		about[t.Key()] = true
	}
	for _, id := range contacts {
		about[subject.OfContact(id)], about[kvSubject+subject.ContactBucket+"."+subject.ContactKey(id)] = true, true
	}
	return func(m stored) bool {
		if _, settled := subject.ParseSettled(m.subject); settled {
			return false
		}
		on := m.header.Get(headerSubject)
		parts := strings.Split(on, ".")
		if about[on] || len(parts) >= 2 && about[strings.Join(parts[len(parts)-2:], ".")] {
			return true
		}
		e, err := decodeEventOf(m)
		return strings.HasPrefix(on, "crm.") && err == nil && about[subject.Thread{Page: e.GetPage(), PSID: e.GetPsid()}.Key()]
	}
}

// traces reads a stream from its begin to its present end.
func (b *Bus) traces(ctx context.Context, stream string, rest func(stored) []byte, of func(stored) bool) (Traces, error) {
	ctx, leave := b.enter(ctx)
	defer leave()
	reading, done := context.WithCancelCause(ctx)
	defer done(nil)
	found := Traces{stream: stream, rest: rest}
	err := b.follow(reading, source{stream: stream}, func() { done(errComplete) }, func(m stored, _ uint64) error {
		if of(m) {
			found.sequences = append(found.sequences, m.seq)
		}
		return nil
	})
	if context.Cause(reading) != errComplete {
		return Traces{}, brokerFault(err, "search %s", stream)
	}
	return found, nil
}

// Erase takes records out of their stream and overwrites them where the broker has
// them. It may be repeated; what is gone is passed over.
func (b *Bus) Erase(ctx context.Context, t Traces) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(erasedAtOnce)
	for _, seq := range t.sequences {
		g.Go(func() error { return b.eraseOne(gctx, t, seq) })
	}
	if err := g.Wait(); err != nil {
		return brokerFault(err, "erase records of %s", t.stream)
	}
	return nil
}

func (b *Bus) eraseOne(ctx context.Context, t Traces, seq uint64) error {
	if t.rest != nil {
		m, err := retryAway(ctx, func(ctx context.Context) (stored, error) { return b.getLeader(ctx, t.stream, lookup{Seq: seq}) })
		if absent(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := b.keepRest(ctx, m, t.rest(m)); err != nil {
			return err
		}
	}
	_, err := retryAway(ctx, func(ctx context.Context) (struct{}, error) {
		err := b.streams[t.stream].SecureDeleteMsg(ctx, seq)
		if err != nil {
			// Perhaps its own first try did it, or another process.
			if _, gone := b.getLeader(ctx, t.stream, lookup{Seq: seq}); absent(gone) {
				err = nil
			}
		}
		return struct{}{}, err
	})
	return err
}

// keepRest stores what stays of a record, before the record goes. Who is killed
// between the two and does it again stores it once within the two minutes in which
// the broker knows ids; a second copy after that is handed to nobody either.
func (b *Bus) keepRest(ctx context.Context, m stored, rest []byte) error {
	if len(rest) == 0 {
		return nil
	}
	of := m.header.Get(headerRest)
	if of == "" {
		of = strconv.FormatUint(m.seq, 10)
	}
	_, err := retryAway(ctx, func(ctx context.Context) (*jetstream.PubAck, error) {
		return b.js.PublishMsg(ctx, &nats.Msg{Subject: m.subject, Data: rest, Header: nats.Header{
			headerRest: {of}, headerMsgID: {fmt.Sprintf("rest/%s/%d", m.stream, m.seq)}}})
	})
	return err
}

// Forget has this process drop what it remembers of a thread.
func (b *Bus) Forget(t subject.Thread) { b.states.drop(t) }

// EraseKeys takes keys out of a bucket: their values are overwritten where the
// broker has them, and those who watch see them deleted.
func (k *Bucket) EraseKeys(ctx context.Context, keys ...string) error {
	for _, name := range keys {
		if err := validKey(name); err != nil {
			return err
		}
		m, err := retryAway(ctx, func(ctx context.Context) (stored, error) {
			return k.bus.getLeader(ctx, k.stream, lookup{Last: k.prefix + name})
		})
		if err != nil && !absent(err) {
			return brokerFault(err, "read key %s", name)
		}
		if err == nil && k.entry(m).Value == nil {
			continue
		}
		if err == nil {
			if err := k.bus.Erase(ctx, Traces{stream: k.stream, sequences: []uint64{m.seq}}); err != nil {
				return err
			}
		}
		if err := k.Write(ctx, Write{Key: name, Revision: AnyRevision}); err != nil {
			return err
		}
	}
	return nil
}

// Keys are the keys under a prefix of whole parts that have a value now.
func (k *Bucket) Keys(ctx context.Context, prefix string) (keys []string, _ error) {
	err := k.Each(ctx, func(e Entry) {
		if strings.HasPrefix(e.Key, prefix+".") {
			keys = append(keys, e.Key)
		}
	})
	return keys, err
}

// Each hands over every entry as it stands now.
func (k *Bucket) Each(ctx context.Context, handle func(Entry)) error {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	ready := false
	err := k.Watch(reading, func() { ready = true; stop() }, func(e Entry) {
		if !ready && e.Value != nil {
			handle(e)
		}
	})
	if !ready {
		return errors.Join(ctx.Err(), err)
	}
	return nil
}
