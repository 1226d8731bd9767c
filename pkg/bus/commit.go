package bus

import (
	"context"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

const (
	// headerCommitID tells a writer that lost sight of its commit which one is its own.
	headerCommitID = "Parley-Commit"
	// maxRaces is how often Update lets other processes go first. Every lost race
	// is a commit of theirs, so only a thread written without pause gets here.
	maxRaces = 100
)

// snapshot is a thread at a revision. The state is shared and never changed.
type snapshot struct {
	state    *threadv1.State
	revision uint64
	stored   time.Time
	trace    trace.SpanContext // what wrote it
}

// snapshot is the thread as the record left it.
func (r Record) snapshot() snapshot {
	return snapshot{state: r.Commit.GetState(), revision: r.Revision, stored: r.Stored, trace: r.Trace}
}

// Load reads a thread's state and revision; a new thread has a state with only
// its ids and revision 0. The caller may change the state: it is its own copy.
func (b *Bus) Load(ctx context.Context, t subject.Thread) (*threadv1.State, uint64, error) {
	s, err := b.read(ctx, t, b.get)
	if err != nil {
		return nil, 0, err
	}
	if known, ok := b.states.get(t); ok && known.revision > s.revision && s.revision > 0 {
		s = known // the replica that answered is behind what this process wrote or followed
	}
	return proto.CloneOf(s.state), s.revision, nil
}

// read asks the log for the thread as get sees it.
func (b *Bus) read(ctx context.Context, t subject.Thread, get func(context.Context, string, lookup) (stored, error)) (snapshot, error) {
	stream := subject.ThreadStream(t.Partition(b.cfg.Partitions))
	m, err := retryAway(ctx, func(ctx context.Context) (stored, error) {
		return get(ctx, stream, lookup{Last: subject.Log(t, b.cfg.Partitions)})
	})
	if absent(err) {
		return snapshot{state: thread.New(t.Page, t.PSID)}, nil
	}
	if err != nil {
		return snapshot{}, brokerFault(err, "read a thread")
	}
	r, err := decodeCommit(m, b.cfg.Partitions)
	if err != nil {
		return snapshot{}, err
	}
	return r.snapshot(), nil
}

// Update reads a thread, asks decide for facts, applies them (pkg/thread) and
// commits with the revision read as precondition; when the race is lost it
// reads and asks again. No facts: nothing is written and the state read is
// returned. decide must not keep or change the state, nor update the same
// thread, and may be called several times; its error comes back as it is, so
// does a *thread.Refusal. The state returned is shared: do not change it.
//
// Unavailable means that the outcome is open: the commit may be in the log.
// Deciding again from the log tells (thread.Seen, thread.Done).
func (b *Bus) Update(ctx context.Context, t subject.Thread, decide func(*threadv1.State, uint64) ([]*threadv1.Fact, error)) (*threadv1.State, uint64, error) {
	give, err := b.turns.take(ctx, t)
	if err != nil {
		return nil, 0, brokerFault(err, "wait for the thread")
	}
	defer give()
	base, guess := b.states.get(t)
	if !guess {
		if base, err = b.read(ctx, t, b.get); err != nil {
			return nil, 0, err
		}
		b.states.put(t, base)      // who decides to look further comes again at once
		guess = b.cfg.Replicas > 1 // a replica may be behind
	}
	ctx, links := following(ctx, base)
	ctx, end := b.producer(ctx, "send thread.commit", links...)
	defer end()
	for race := 0; race < maxRaces; race++ {
		facts, err := decide(base.state, base.revision)
		var c *threadv1.Commit
		if err == nil && len(facts) > 0 {
			c, err = thread.Extend(base.state, base.revision, time.Now(), b.writerName(ctx), facts...)
		}
		if c != nil && err == nil {
			revision, err := b.commit(ctx, t, base.revision, c)
			if err == nil {
				return c.GetState(), revision, nil
			}
			if !raced(err) {
				return nil, 0, err
			}
			b.metrics.races.Inc()
			pause(ctx, time.Duration(rand.Int64N(int64(1+min(race, 10))*int64(time.Millisecond))))
		} else if !guess {
			if err != nil {
				return nil, 0, err
			}
			return base.state, base.revision, nil
		}
		// Lost, or about to leave the log as it is because of a state that was
		// only a guess: ask the one who knows.
		if base, err = b.read(ctx, t, b.getLeader); err != nil {
			return nil, 0, err
		}
		guess = false
	}
	return nil, 0, fault.New(fault.Conflict, "THREAD_BUSY", "the thread changed %d times while one change was tried", maxRaces)
}

// stageKey is where the context of a handler says for which stage it runs.
type stageKey struct{}

func (b *Bus) writerName(ctx context.Context) string {
	if stage, ok := ctx.Value(stageKey{}).(string); ok {
		return stage + "/" + b.cfg.Instance
	}
	return b.cfg.Instance
}

// commit appends c to the thread if its revision still is base. It gives
// errRace when it surely is not, and Unavailable when nothing is sure.
func (b *Bus) commit(ctx context.Context, t subject.Thread, base uint64, c *threadv1.Commit) (uint64, error) {
	data, err := proto.Marshal(c)
	if err != nil {
		return 0, &fault.Error{Kind: fault.Invalid, Message: "encode a commit", Cause: err}
	}
	id := nuid.Next()
	m := &nats.Msg{Subject: subject.Log(t, b.cfg.Partitions), Data: data, Header: nats.Header{
		headerExpected: {strconv.FormatUint(base, 10)}, headerCommitID: {id}}}
	inject(ctx, m.Header)
	began, to := time.Now(), b.threads[t.Partition(b.cfg.Partitions)]
	forget := b.expect(to.stream, id, c)
	revision, err := b.storeOnce(ctx, to, m, base)
	if err != nil {
		forget()
		b.states.drop(t)
		return 0, err
	}
	b.metrics.commit.Observe(time.Since(began).Seconds())
	b.states.put(t, snapshot{state: c.GetState(), revision: revision, stored: time.Now(), trace: trace.SpanContextFromContext(ctx)})
	return revision, nil
}

// storeOnce stores m exactly once or not at all. The precondition keeps a
// repetition from being stored twice; the commit id tells, after an answer
// that did not come, whether the message at that place is ours.
func (b *Bus) storeOnce(ctx context.Context, w *writer, m *nats.Msg, base uint64) (uint64, error) {
	deadline := time.Now().Add(patience)
	doubt := false // an attempt may have been stored, or may yet be
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, 500*time.Millisecond) {
		revision, err := w.store(ctx, m)
		switch {
		case err == nil:
			return revision, nil
		case hopeless(err):
			return 0, brokerFault(err, "store a commit")
		case raced(err) && !doubt:
			return 0, errRace
		}
		doubt = doubt || !refused(err)
		if doubt {
			revision, fate := b.fate(ctx, w.stream, m, base)
			if fate == nil || raced(fate) {
				return revision, fate
			}
		}
		if ctx.Err() != nil || closed(err) || time.Now().After(deadline) {
			return 0, brokerFault(err, "store a commit")
		}
		b.metrics.publishRetries.Inc()
		pause(ctx, wait)
	}
}

// fate looks what stands in the log after base: our message, another one
// (errRace), or nothing yet (another error).
func (b *Bus) fate(ctx context.Context, stream string, m *nats.Msg, base uint64) (uint64, error) {
	next, err := b.getLeader(ctx, stream, lookup{Next: m.Subject, Seq: base + 1})
	if err != nil {
		return 0, err
	}
	if next.header.Get(headerCommitID) == m.Header.Get(headerCommitID) {
		return next.seq, nil
	}
	return 0, errRace
}
