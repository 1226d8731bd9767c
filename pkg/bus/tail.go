package bus

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

const (
	tailMessages = 512     // kept for whoever is a little behind
	tailBytes    = 4 << 20 // of them; one message is kept however large
)

// tail is the end of a stream of commits, which all who follow the stream in
// this process read together: the broker delivers a commit once to a process,
// not once to each of its stages, and it is taken apart once.
//
// Whoever begins before what the tail keeps, or falls behind it, reads with a
// session of its own until it gets here, so nobody waits for anybody.
type tail struct {
	bus    *Bus
	stream string

	mu     sync.Mutex
	users  int
	kept   []stored // gapless, oldest first
	bytes  int      // in kept
	known  bool     // where the tail begins
	first  uint64   // every message from this number on is in kept or comes later
	behind uint64   // messages of the stream after the last of kept
	news   chan struct{}
	ours   map[string]*threadv1.Commit // that this process stores and that are still to come, by their ids
	end    context.CancelFunc
}

// errReached ends a session whose follower has come as far as the tail.
var errReached = errors.New("the tail is reached")

// followTail is follow for a stream of commits: src has neither filter nor anew.
func (b *Bus) followTail(ctx context.Context, src source, caught func(), each func(m stored, behind uint64) error) error {
	if err := ctx.Err(); err != nil {
		return err // of a bus that is closed: nobody waits for its tails any more
	}
	t := b.join(src.stream)
	defer t.leave()
	told := caught == nil
	for {
		if told {
			if err := t.read(ctx, &src.from, each); !errors.Is(err, errReached) {
				return err
			}
		}
		err := b.followToTail(ctx, t, &src, &told, caught, each)
		if !errors.Is(err, errReached) {
			return err
		}
	}
}

// followToTail reads with a session of its own up to the tail. It leaves src
// and told as they are to go on with.
func (b *Bus) followToTail(ctx context.Context, t *tail, src *source, told *bool, caught func(), each func(m stored, behind uint64) error) error {
	ctx, reached := context.WithCancelCause(ctx)
	defer reached(nil)
	var tell func()
	if !*told {
		tell = func() {
			caught()
			*told, src.last, src.from = true, false, max(src.from, 1)
			if t.has(src.from) {
				reached(errReached)
			}
		}
	}
	err := b.follow(ctx, *src, tell, func(m stored, behind uint64) error {
		if err := each(m, behind); err != nil {
			return err
		}
		if src.from = m.seq + 1; *told && t.has(src.from) {
			return errReached
		}
		return nil
	})
	if context.Cause(ctx) == errReached {
		return errReached
	}
	return err
}

// join gives the tail of a stream, which is read from now on if it was not yet.
// Every join needs a leave; the caller is inside the bus (enter) until then.
func (b *Bus) join(stream string) *tail {
	b.tails.Lock()
	defer b.tails.Unlock()
	t := b.tailOf[stream]
	if t == nil {
		t = &tail{bus: b, stream: stream, news: make(chan struct{}), ours: map[string]*threadv1.Commit{}}
		ctx, end := context.WithCancel(b.life)
		t.end = end
		b.tailOf[stream] = t
		b.guests.Go(func() { t.run(ctx) })
	}
	t.users++
	return t
}

func (t *tail) leave() {
	t.bus.tails.Lock()
	defer t.bus.tails.Unlock()
	if t.users--; t.users == 0 {
		t.end()
		delete(t.bus.tailOf, t.stream)
	}
}

// run reads the stream from its present end on.
func (t *tail) run(ctx context.Context) {
	all := t.bus.streams[t.stream].CachedInfo().Config.Subjects[0]
	last, err := t.bus.askLeader(ctx, t.stream, lookup{Last: all})
	for err != nil && !absent(err) {
		if ctx.Err() != nil {
			return
		}
		pause(ctx, 100*time.Millisecond)
		last, err = t.bus.askLeader(ctx, t.stream, lookup{Last: all})
	}
	t.begin(last.seq + 1)
	_ = t.bus.follow(ctx, source{stream: t.stream, from: last.seq + 1}, nil, func(m stored, behind uint64) error {
		m.shared = &decoded{commit: t.own(m)}
		t.add(m, behind)
		return nil
	})
}

// expect has the tail know a commit that is about to be stored by its id, which
// comes back with it: what this process has put together it need not take apart.
// Whoever calls it calls forget if the commit is not stored.
func (b *Bus) expect(stream, id string, c *threadv1.Commit) (forget func()) {
	b.tails.Lock()
	t := b.tailOf[stream]
	b.tails.Unlock()
	if t == nil {
		return func() {}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.known {
		return func() {} // perhaps it begins behind this one
	}
	t.ours[id] = c
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.ours, id)
	}
}

// own is the commit that a message holds, if this process stored it; else nil.
func (t *tail) own(m stored) *threadv1.Commit {
	id := m.header.Get(headerCommitID)
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.ours[id]
	delete(t.ours, id)
	return c
}

func (t *tail) begin(first uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known, t.first = true, first
	t.tell()
}

// add puts a message at the end and lets the oldest go.
func (t *tail) add(m stored, behind uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept, t.bytes, t.behind = append(t.kept, m), t.bytes+len(m.data), behind
	for len(t.kept) > tailMessages || t.bytes > tailBytes && len(t.kept) > 1 {
		oldest := t.kept[0]
		t.first, t.bytes = oldest.seq+1, t.bytes-len(oldest.data)
		t.kept[0] = stored{}
		t.kept = t.kept[1:]
	}
	t.tell()
}

// tell wakes everybody who waits for something new.
func (t *tail) tell() {
	close(t.news)
	t.news = make(chan struct{})
}

// has tells whether a follower that wants from next can read here.
func (t *tail) has(from uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.known && from >= t.first
}

// read hands what comes from *from on to each, and moves it along. It gives
// errReached when the message is not kept any more, or never was.
func (t *tail) read(ctx context.Context, from *uint64, each func(m stored, behind uint64) error) error {
	for {
		some, behind, news, ok := t.after(*from)
		if !ok {
			return errReached
		}
		for i, m := range some {
			if err := each(m, behind+uint64(len(some)-1-i)); err != nil {
				return err
			}
			*from = m.seq + 1
		}
		if len(some) > 0 {
			continue
		}
		select {
		case <-news:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// after is what is kept from a number on, how many messages of the stream come
// after that, and a channel that is closed when there is more. It is false for
// a number before those that are kept.
func (t *tail) after(from uint64) (some []stored, behind uint64, news <-chan struct{}, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known && from < t.first {
		return nil, 0, nil, false
	}
	at := len(t.kept)
	for at > 0 && t.kept[at-1].seq >= from {
		at--
	}
	return slices.Clone(t.kept[at:]), t.behind, t.news, true
}
