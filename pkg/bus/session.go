package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/parley-desk/parley/pkg/telemetry/key"
)

const (
	sessionTimeout   = time.Second
	sessionPatience  = 30 * time.Second // with the begin of a session that the broker has to think about
	sessionHeartbeat = 500 * time.Millisecond
	sessionExpiry    = 5 * time.Second
	sessionInactive  = 10 * time.Second
	sessionAhead     = 256 // messages fetched ahead of their handling
)

// source says what a reader wants of a stream.
type source struct {
	stream string
	filter string // empty: everything, which costs the broker least
	from   uint64 // first sequence wanted
	bare   bool   // without what is in the messages
	last   bool   // instead: the last message of every subject, then all that follow
	// since, instead of from, is when the first one wanted was stored.
	since time.Time
	// anew, of a stream that may be gone with its broker, is called at the begin
	// of every session: each begins as the first did, for nobody tells what the
	// stream has lost meanwhile, and its numbers may be given out again.
	anew func(context.Context) error
}

// follow hands every message of src to each, in the order of the stream and
// without a gap, until ctx ends or each gives an error, which it returns. It
// calls caught, which may be nil, once (with anew: once a session): when
// everything that was acknowledged before the start has been handed over. behind is how many messages of the stream come after m.
func (b *Bus) follow(ctx context.Context, src source, caught func(), each func(m stored, behind uint64) error) error {
	s := session{bus: b, source: src, start: src, caught: caught, each: each}
	if !src.last && src.anew == nil {
		s.seen = max(src.from, 1) - 1 // what is before it is not waited for
	}
	wait := 20 * time.Millisecond
	for {
		read, err := s.run(ctx)
		var stop *stopped
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &stop):
			return stop.err
		}
		if read {
			wait = 20 * time.Millisecond
		}
		b.log.DebugContext(ctx, "reading session broke, starting another", key.Stream, src.stream, key.Err, err)
		pause(ctx, wait)
		wait = min(2*wait, time.Second)
	}
}

// stopped carries the error of each out of a session.
type stopped struct{ err error }

func (s *stopped) Error() string { return s.err.Error() }

// session reads with a consumer that lives as long as nothing is odd: any
// error, missed heartbeat or gap ends it and a new one starts behind the last
// message handed over. A name is never used twice: the broker may go on
// believing in a consumer that a dead node held.
type session struct {
	bus *Bus
	source
	start  source
	caught func()
	told   bool // caught was called
	each   func(stored, uint64) error
	seen   uint64 // last sequence handed over
	tries  int    // in a row to begin a reading of the last messages
}

func (s *session) open(ctx context.Context) (jetstream.MessagesContext, *jetstream.ConsumerInfo, error) {
	cfg := jetstream.ConsumerConfig{Name: nuid.Next(), FilterSubject: s.filter, AckPolicy: jetstream.AckNonePolicy,
		Replicas: 1, MemoryStorage: true, InactiveThreshold: sessionInactive, HeadersOnly: s.bare,
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: max(s.from, 1)}
	if s.from == 0 && !s.since.IsZero() {
		cfg.DeliverPolicy, cfg.OptStartSeq, cfg.OptStartTime = jetstream.DeliverByStartTimePolicy, 0, &s.since
	}
	if s.last {
		cfg.DeliverPolicy, cfg.OptStartSeq = jetstream.DeliverLastPerSubjectPolicy, 0
		if s.filter == "" {
			cfg.FilterSubject = ">" // the policy demands a filter
		}
	}
	ctx, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	c, err := s.bus.js.CreateConsumer(ctx, s.stream, cfg)
	if err != nil {
		s.tries++
		return nil, nil, err
	}
	s.tries = 0
	it, err := c.Messages(jetstream.PullMaxMessages(sessionAhead), jetstream.PullHeartbeat(sessionHeartbeat),
		jetstream.PullExpiry(sessionExpiry), jetstream.WithMessagesErrOnMissingHeartbeat(true))
	return it, c.CachedInfo(), err
}

// patience is how long the begin of a session may take. The last message of each
// of a million subjects the broker has to look for first: one that is asked again
// and again before it has found them never does.
func (s *session) patience() time.Duration {
	if !s.last {
		return sessionTimeout
	}
	return min(sessionTimeout<<min(s.tries, 5), sessionPatience)
}

// run is one session. It tells whether it read anything.
func (s *session) run(ctx context.Context) (read bool, err error) {
	if s.anew != nil {
		s.source, s.told, s.seen = s.start, false, 0
		if err := s.anew(ctx); err != nil {
			return false, err
		}
	}
	end, err := s.end(ctx)
	if err != nil {
		return false, err
	}
	it, info, err := s.open(ctx)
	if err != nil {
		return false, err
	}
	defer s.close(it, info.Name)
	left := info.NumPending
	for want := uint64(1); ; want++ {
		m, err := s.next(ctx, it, left, end)
		if err != nil {
			return read, err
		}
		md, err := m.Metadata()
		if err != nil {
			return read, err
		}
		if md.Sequence.Consumer != want {
			return read, fmt.Errorf("message %d of the session is number %d", want, md.Sequence.Consumer)
		}
		err = s.each(stored{stream: s.stream, subject: m.Subject(), seq: md.Sequence.Stream, header: m.Headers(), data: m.Data(), at: md.Timestamp}, md.NumPending)
		if err != nil {
			return read, &stopped{err}
		}
		// Whatever a new session has still to give, of every subject, comes
		// after this one: from here on a snapshot is an ordinary reading.
		read, s.last, s.seen, s.from = true, false, md.Sequence.Stream, md.Sequence.Stream+1
		left = min(left-min(left, 1), md.NumPending)
	}
}

// end is the last sequence that the leader of the stream has for this reader.
// A consumer is on one replica, which may be a moment behind.
func (s *session) end(ctx context.Context) (uint64, error) {
	if s.caught == nil || s.told {
		return 0, nil
	}
	filter := s.filter
	if filter == "" {
		filter = s.bus.streams[s.stream].CachedInfo().Config.Subjects[0]
	}
	m, err := s.bus.askLeader(ctx, s.stream, lookup{Last: filter})
	if absent(err) {
		return 0, nil
	}
	return m.seq, err
}

// next gives the next message. Before it waits for one it calls caught, if
// nothing is left of what was there when the consumer was made and the reader
// has come to the end. When the end does not come soon it was erased meanwhile,
// or the replica hangs: the next session asks again.
func (s *session) next(ctx context.Context, it jetstream.MessagesContext, left, end uint64) (jetstream.Msg, error) {
	if s.caught != nil && !s.told && left == 0 {
		if s.seen < end {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, sessionTimeout)
			defer cancel()
		} else {
			s.caught()
			s.told, s.last = true, false // what comes now is news, also when nothing was there
		}
	}
	return it.Next(jetstream.NextContext(ctx))
}

// close lets the broker forget the consumer now; without this it would in 10 s.
func (s *session) close(it jetstream.MessagesContext, name string) {
	it.Stop()
	if s.bus.nc.IsClosed() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), sessionTimeout)
	defer cancel()
	_ = s.bus.js.DeleteConsumer(ctx, s.stream, name)
}
