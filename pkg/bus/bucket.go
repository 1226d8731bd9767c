package bus

import (
	"context"
	"math"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/parley-desk/parley/pkg/fault"
)

// Entry is one key of a bucket.
type Entry struct {
	Key      string
	Value    []byte // nil: deleted
	Revision uint64
}

// Write is one change of a bucket; Value nil deletes. Revision is what the
// key must be at, 0 when it must not exist; AnyRevision skips the check.
type Write struct {
	Key      string
	Value    []byte
	Revision uint64
}

// AnyRevision as Write.Revision writes whatever is there.
const AnyRevision = ^uint64(0)

// maxWrites is how many changes the broker makes in one piece.
const maxWrites = maxBatch

const (
	headerOperation = "KV-Operation"
	headerMarker    = "Nats-Marker-Reason"
	headerTTL       = "Nats-TTL"
)

// Bucket is a small replicated key-value store with watches. Keys are letters,
// digits and any of - _ = / . with the dot between parts.
type Bucket struct {
	bus    *Bus
	stream string
	prefix string // of subjects
}

// Bucket opens one of the buckets of proto/subject.
func (b *Bus) Bucket(name string) *Bucket {
	return &Bucket{bus: b, stream: kvPrefix + name, prefix: kvSubject + name + "."}
}

// Get reads a key; fault.NotFound when it is not there.
func (k *Bucket) Get(ctx context.Context, key string) (Entry, error) {
	e, err := k.last(ctx, key)
	if err != nil {
		return Entry{}, err
	}
	if e.Value == nil {
		return Entry{}, fault.New(fault.NotFound, "KEY_UNKNOWN", "key %s is not there", key)
	}
	return e, nil
}

// last reads a key as it stands, deleted or never written (revision 0) too.
func (k *Bucket) last(ctx context.Context, key string) (Entry, error) {
	if err := validKey(key); err != nil {
		return Entry{}, err
	}
	m, err := retryAway(ctx, func(ctx context.Context) (stored, error) {
		return k.bus.getLeader(ctx, k.stream, lookup{Last: k.prefix + key})
	})
	switch {
	case absent(err):
		return Entry{Key: key}, nil
	case err != nil:
		return Entry{}, brokerFault(err, "read key %s", key)
	}
	return k.entry(m), nil
}

func (k *Bucket) entry(m stored) Entry {
	e := Entry{Key: strings.TrimPrefix(m.subject, k.prefix), Revision: m.seq, Value: m.data}
	if m.header.Get(headerOperation) != "" || m.header.Get(headerMarker) != "" {
		e.Value = nil
	} else if e.Value == nil {
		e.Value = []byte{}
	}
	return e
}

// Write makes all changes or none; fault.Conflict when a revision differs.
// After fault.Unavailable either may be the case: read again.
func (k *Bucket) Write(ctx context.Context, writes ...Write) error {
	for _, w := range writes {
		if strings.HasPrefix(w.Key, systemKeys) {
			return fault.New(fault.Denied, "KEY_RESERVED", "key %s belongs to the bus", w.Key)
		}
	}
	return k.write(ctx, writes...)
}

func (k *Bucket) write(ctx context.Context, writes ...Write) error {
	switch {
	case len(writes) == 0:
		return nil
	case len(writes) > maxWrites:
		return fault.New(fault.Invalid, "TOO_MANY_WRITES", "%d changes at once are too many; at most %d", len(writes), maxWrites)
	}
	msgs := make([]*nats.Msg, len(writes))
	seen := make(map[string]bool, len(writes))
	for i, w := range writes {
		if seen[w.Key] {
			return fault.New(fault.Invalid, "KEY_TWICE", "key %s is changed twice", w.Key)
		}
		seen[w.Key] = true
		m, err := k.message(ctx, w)
		if err != nil {
			return err
		}
		msgs[i] = m
	}
	return k.store(ctx, msgs)
}

func (k *Bucket) message(ctx context.Context, w Write) (*nats.Msg, error) {
	if err := validKey(w.Key); err != nil {
		return nil, err
	}
	m := &nats.Msg{Subject: k.prefix + w.Key, Data: w.Value, Header: nats.Header{headerCommitID: {nuid.Next()}}}
	if w.Value == nil {
		m.Header[headerOperation] = []string{"DEL"}
	}
	expected := w.Revision
	if expected == 0 {
		// A deleted key does not exist, yet its marker has a revision.
		e, err := k.last(ctx, w.Key)
		switch {
		case err != nil:
			return nil, err
		case e.Value != nil:
			return nil, fault.New(fault.Conflict, "KEY_EXISTS", "key %s exists already", w.Key)
		}
		expected = e.Revision
	}
	if expected != AnyRevision {
		m.Header[headerExpected] = []string{strconv.FormatUint(expected, 10)}
	}
	return m, nil
}

// store publishes one change plainly and several as an atomic batch.
func (k *Bucket) store(ctx context.Context, msgs []*nats.Msg) error {
	w := &writer{bus: k.bus, stream: k.stream}
	u := &unit{msgs: msgs}
	if len(msgs) == 1 {
		w.plain([]*unit{u})
	} else {
		u.err = w.batch([]*unit{u}, len(msgs))
	}
	if u.err == nil || refused(u.err) || ctx.Err() != nil {
		return brokerFault(u.err, "write to bucket %s", strings.TrimPrefix(k.stream, kvPrefix))
	}
	// The answer did not come. All or none were stored, so one key tells.
	last, err := retryAway(ctx, func(ctx context.Context) (stored, error) {
		return k.bus.getLeader(ctx, k.stream, lookup{Last: msgs[0].Subject})
	})
	if err == nil && last.header.Get(headerCommitID) == msgs[0].Header.Get(headerCommitID) {
		return nil
	}
	return brokerFault(u.err, "write to bucket %s", strings.TrimPrefix(k.stream, kvPrefix))
}

// Purge takes away what stands under a prefix of whole parts, and that anything
// ever stood there. Those who watch are not told: whoever has them forget deletes
// before.
func (k *Bucket) Purge(ctx context.Context, prefix string) error {
	if err := validKey(prefix); err != nil {
		return err
	}
	s, err := k.bus.js.Stream(ctx, k.stream)
	if err == nil {
		_, err = retryAway(ctx, func(ctx context.Context) (struct{}, error) {
			return struct{}{}, s.Purge(ctx, jetstream.WithPurgeSubject(k.prefix+prefix+".>"))
		})
	}
	return brokerFault(err, "purge %s of bucket %s", prefix, strings.TrimPrefix(k.stream, kvPrefix))
}

// Watch hands over every entry, then calls ready once, then every change, in
// order, from one goroutine, until ctx ends; it survives breaks. What is
// deleted or expires comes as an entry without a value, also before ready when
// it was there at the beginning; after a break an entry may come again.
func (k *Bucket) Watch(ctx context.Context, ready func(), handle func(Entry)) error {
	ctx, leave := k.bus.enter(ctx)
	defer leave()
	caught := false
	whole, began := k.whole(ctx)
	err := k.bus.follow(ctx, whole, func() {
		caught = true
		if ready != nil {
			ready()
		}
	}, func(m stored, _ uint64) error {
		e := k.entry(m)
		if !strings.HasPrefix(e.Key, systemKeys) && (e.Value != nil || caught || m.seq > began) {
			handle(e)
		}
		return nil
	})
	return brokerFault(err, "watch bucket %s", strings.TrimPrefix(k.stream, kvPrefix))
}

// whole is every entry, then all that follow; what is after began was not there
// yet. Where a bucket keeps one of each key all there is are the last ones, and the
// broker need not look for them: of a million keys that takes it longer than
// handing them over. One that is mostly gaps it would read in vain.
func (k *Bucket) whole(ctx context.Context) (all source, began uint64) {
	all = source{stream: k.stream, last: true}
	info, err := retryAway(ctx, func(ctx context.Context) (*jetstream.StreamInfo, error) { return k.bus.streams[k.stream].Info(ctx) })
	if err != nil {
		return all, math.MaxUint64
	}
	if s := info.State; info.Config.MaxMsgsPerSubject == 1 && 2*s.Msgs > s.LastSeq-s.FirstSeq {
		all = source{stream: k.stream, from: 1}
	}
	return all, info.State.LastSeq
}

// validKey refuses what would be a wildcard, another subject or no subject.
func validKey(key string) error {
	bad := key == "" || strings.HasPrefix(key, ".") || strings.HasSuffix(key, ".") || strings.Contains(key, "..")
	for i := 0; i < len(key) && !bad; i++ {
		c := key[i]
		bad = (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && !strings.ContainsRune("-_=/.", rune(c))
	}
	if bad {
		return fault.New(fault.Invalid, "KEY_INVALID", "%q is no key: use letters, digits and -_=/ with single dots between", key)
	}
	return nil
}
