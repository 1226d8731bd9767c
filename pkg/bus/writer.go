package bus

import (
	"context"
	"maps"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

const (
	maxBatch      = 1000    // messages of an atomic batch, the broker's limit
	maxBatchBytes = 4 << 20 // bodies of one flight, to bound what is buffered
	// On a file stream without replicas the broker stages a batch in a file of
	// its own. That costs 2.5 to 11 ms however many messages there are, and
	// more where the disk is busy; a plain publish costs 0.2 to 0.4 ms. With
	// replicas a batch always wins.
	batchFromSingle     = 64
	batchFromReplicated = 2
	// From gatherFrom messages on, callers who come again are waited for: what
	// a batch costs beside its messages is then paid less often. The wait is
	// never longer than the last flight took, and never longer than maxGather.
	gatherFrom = 64
	maxGather  = 10 * time.Millisecond
)

// Headers of an atomic batch; the client library has no API for them yet.
const (
	headerBatchID  = "Nats-Batch-Id"
	headerBatchSeq = "Nats-Batch-Sequence"
	headerCommit   = "Nats-Batch-Commit"
	headerExpected = "Nats-Expected-Last-Subject-Sequence"
)

// unit is what one caller wants stored: messages of one subject, in order.
type unit struct {
	msgs []*nats.Msg
	done chan struct{}
	// Valid when done is closed.
	n    int    // how many of msgs are surely stored, from the first
	last uint64 // sequence of the last stored
	err  error  // why the rest is not, or may not be
}

func (u *unit) size() int {
	n := 0
	for _, m := range u.msgs {
		n += len(m.Data)
	}
	return n
}

// writer stores messages in one stream by group commit: one flight is under
// way at a time, and whatever arrives meanwhile goes out together with the
// next. So a lone caller pays one round trip and a thousand callers pay two.
type writer struct {
	bus    *Bus
	stream string
	from   int // how many waiting messages go out as an atomic batch

	mu      sync.Mutex
	queue   []*unit
	waiting int           // messages in queue
	flying  bool          // a goroutine looks after the queue
	wanted  int           // messages that gather waits for
	enough  chan struct{} // closed when they are there; nil when nobody waits
}

func newWriter(b *Bus, stream string) *writer {
	from := batchFromReplicated
	if b.cfg.Replicas == 1 {
		from = batchFromSingle
	}
	return &writer{bus: b, stream: stream, from: from}
}

// submit queues u; u.done is closed when its fate is known as far as it can be.
func (w *writer) submit(u *unit) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue, w.waiting = append(w.queue, u), w.waiting+len(u.msgs)
	if w.enough != nil && w.waiting >= w.wanted {
		close(w.enough)
		w.enough = nil
	}
	if !w.flying {
		w.flying = true
		go w.fly()
	}
}

// store submits one message and waits. When ctx ends first its fate is open.
func (w *writer) store(ctx context.Context, m *nats.Msg) (uint64, error) {
	u := &unit{msgs: []*nats.Msg{m}, done: make(chan struct{})}
	w.submit(u)
	select {
	case <-u.done:
		return u.last, u.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (w *writer) fly() {
	for {
		flight := w.take()
		if flight == nil {
			return
		}
		began, n := time.Now(), 0
		w.send(flight)
		for _, u := range flight {
			close(u.done)
			n += len(u.msgs)
		}
		w.gather(n, time.Since(began))
	}
}

// gather waits until as many messages are there as landed and as came
// meanwhile, because those who wrote them mostly write again; or for took.
func (w *writer) gather(landed int, took time.Duration) {
	w.mu.Lock()
	w.wanted = min(landed+w.waiting, maxBatch)
	if w.wanted < gatherFrom || w.waiting >= w.wanted {
		w.mu.Unlock()
		return
	}
	enough := make(chan struct{})
	w.enough = enough
	w.mu.Unlock()
	late := time.NewTimer(min(took, maxGather))
	defer late.Stop()
	select {
	case <-enough:
	case <-late.C:
		w.mu.Lock()
		w.enough = nil
		w.mu.Unlock()
	}
}

// take picks the next flight in order of arrival. Two units of one subject
// never share a flight: a commit's precondition is the one before it, and a
// thread's events keep their order whatever happens to the first.
func (w *writer) take() []*unit {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 {
		w.flying = false
		return nil
	}
	var flight, rest []*unit
	subjects := make(map[string]struct{}, min(len(w.queue), maxBatch))
	count, bytes := 0, 0
	for i, u := range w.queue {
		if len(flight) > 0 && (count+len(u.msgs) > maxBatch || bytes+u.size() > maxBatchBytes) {
			rest = append(rest, w.queue[i:]...)
			break
		}
		if _, taken := subjects[u.msgs[0].Subject]; taken {
			rest = append(rest, u)
			continue
		}
		subjects[u.msgs[0].Subject] = struct{}{}
		flight = append(flight, u)
		count, bytes = count+len(u.msgs), bytes+u.size()
	}
	w.queue, w.waiting = rest, w.waiting-count
	return flight
}

func (w *writer) send(flight []*unit) {
	n := 0
	for _, u := range flight {
		n += len(u.msgs)
	}
	w.bus.metrics.batch.Observe(float64(n))
	if n >= w.from {
		err := w.batch(flight, n)
		if err == nil {
			return
		}
		if !refused(err) {
			for _, u := range flight {
				u.err = err
			}
			return
		}
		// One failed precondition refuses all. Halves find it without paying a
		// round trip for every innocent one.
		w.bus.metrics.fallbacks.Inc()
		if half := len(flight) / 2; n >= 2*w.from && half > 0 {
			w.send(flight[:half])
			w.send(flight[half:])
			return
		}
	}
	w.plain(flight)
}

// batch stores a flight atomically. The batch is contiguous and its
// acknowledgement names the last sequence, so every unit learns its own.
func (w *writer) batch(flight []*unit, n int) error {
	batch, i := []string{nuid.Next()}, 0
	var last uint64
	for _, u := range flight {
		for _, m := range u.msgs {
			i++
			h := make(nats.Header, len(m.Header)+3)
			maps.Copy(h, m.Header)
			h[headerBatchID], h[headerBatchSeq] = batch, []string{strconv.Itoa(i)}
			out := &nats.Msg{Subject: m.Subject, Header: h, Data: m.Data}
			if i < n {
				if err := w.bus.nc.PublishMsg(out); err != nil {
					return err
				}
				continue
			}
			h[headerCommit] = []string{"1"}
			ack, err := w.bus.js.PublishMsg(context.Background(), out, jetstream.WithRetryAttempts(0))
			if err != nil {
				return err
			}
			last = ack.Sequence
		}
	}
	seq := last - uint64(n)
	for _, u := range flight {
		seq += uint64(len(u.msgs))
		u.n, u.last = len(u.msgs), seq
	}
	return nil
}

// plain stores a flight without atomicity, the units side by side, the
// messages of a unit one after the other and none after one that was not stored.
func (w *writer) plain(flight []*unit) {
	futures := make([]jetstream.PubAckFuture, len(flight))
	for more := true; more; {
		more = false
		for i, u := range flight {
			futures[i] = nil
			if u.err == nil && u.n < len(u.msgs) {
				futures[i], u.err = w.bus.js.PublishMsgAsync(u.msgs[u.n])
			}
		}
		for i, u := range flight {
			if futures[i] == nil {
				continue
			}
			select {
			case ack := <-futures[i].Ok():
				u.n, u.last = u.n+1, ack.Sequence
				more = more || u.n < len(u.msgs)
			case u.err = <-futures[i].Err():
			}
		}
	}
}
