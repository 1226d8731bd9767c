// Package history keeps what the configuration was. HISTORY holds one record a
// version and, by digest, every resource as it once was; never a sealed secret.
// A record says of each resource that its version changed what it was before and
// after. So any version is put together from the world as it is, by undoing what
// came after: going back a little costs little, however long the history is.
//
// Everything is written before the change that needs it, and the newest record is
// the marker of CONFIG itself. So whoever dies where, there is a record of every
// change that happened and of no other; what was written for a change that did
// not happen is never looked at.
package history

import (
	"context"
	"crypto/sha256"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/admin/internal/change"
)

// Reasons of the faults of a history.
const (
	NoVersion = "NO_SUCH_VERSION"
	Lost      = "HISTORY_LOST"
)

const (
	atOnce  = 500       // writes in one piece
	piece   = 1 << 20   // bytes in one piece, or one write
	longest = 900 << 10 // bytes of a record; the broker takes 1 MiB
	tries   = 5         // of one piece, while the broker does not say in time that it has it
	readers = 8         // reads under way
)

// Bucket is the part of bus.Bucket that a ledger needs.
type Bucket interface {
	Get(ctx context.Context, key string) (bus.Entry, error)
	Write(ctx context.Context, writes ...bus.Write) error
	Watch(ctx context.Context, ready func(), handle func(bus.Entry)) error
}

// Ledger reads and writes HISTORY. It is safe for concurrent use, also by several
// processes.
type Ledger struct{ Bucket Bucket }

// Contents are resources as they were, by their keys in HISTORY.
type Contents map[string][]byte

// add takes r in and gives its digest; none when r is nil.
func (c Contents) add(r directory.Resource) ([]byte, error) {
	if r == nil {
		return nil, nil
	}
	value, err := directory.Encode(change.Bare(r))
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(value)
	c[subject.ContentKey(sum[:])] = value
	return sum[:], nil
}

// Changes are what outcomes do, for the record of their version, and what has to
// be kept for it.
func Changes(outcomes []change.Outcome) ([]*configv1.ConfigChange, Contents, error) {
	var changes []*configv1.ConfigChange
	contents := Contents{}
	for _, o := range outcomes {
		if o.Action == change.Unchanged {
			continue
		}
		c := &configv1.ConfigChange{Key: directory.Key(o.Resource)}
		var err error
		if c.Before, err = contents.add(o.Before); err != nil {
			return nil, nil, err
		}
		switch o.Action {
		case change.Deleted:
			c.Action = configv1.ConfigAction_CONFIG_ACTION_DELETED
		case change.Created, change.Updated, change.Unchanged:
			if c.After, err = contents.add(o.Resource); err != nil {
				return nil, nil, err
			}
			c.Action = configv1.ConfigAction_CONFIG_ACTION_CREATED
			if o.Action == change.Updated {
				c.Action = configv1.ConfigAction_CONFIG_ACTION_UPDATED
			}
			if slices.Equal(c.GetBefore(), c.GetAfter()) {
				c.Action = configv1.ConfigAction_CONFIG_ACTION_RESEALED
			}
		}
		changes = append(changes, c)
	}
	return changes, contents, nil
}

// Found is what Changes is for the version with which history begins: everything
// that is there. The list is left out when no record can hold it; nothing else
// needs it.
func Found(world *directory.Snapshot) ([]*configv1.ConfigChange, Contents, error) {
	v := &configv1.ConfigVersion{}
	contents := Contents{}
	for r := range world.All() {
		digest, err := contents.add(r)
		if err != nil {
			return nil, nil, err
		}
		v.Changes = append(v.Changes, &configv1.ConfigChange{Key: directory.Key(r), Action: configv1.ConfigAction_CONFIG_ACTION_FOUND, After: digest})
	}
	if encoded, err := directory.EncodeVersion(v); err != nil || len(encoded) > longest {
		return nil, contents, err
	}
	return v.GetChanges(), contents, nil
}

// Keep writes down contents and the record that the next change replaces, nil when
// there is none. Both may be there already: under one key there is ever only one
// value. So a broker that is slow, as one whose disk is busy, is asked again.
func (l *Ledger) Keep(ctx context.Context, replaced *configv1.ConfigVersion, contents Contents) error {
	var writes []bus.Write
	size := 0
	flush := func() error {
		err := l.Bucket.Write(ctx, writes...)
		for n := 1; n < tries && fault.Is(err, fault.Unavailable) && ctx.Err() == nil; n++ {
			err = l.Bucket.Write(ctx, writes...)
		}
		writes, size = nil, 0
		return fault.Wrap(err, "keeping the history")
	}
	for _, key := range slices.Sorted(maps.Keys(contents)) {
		value := contents[key]
		if len(writes) == atOnce || size > 0 && size+len(value) > piece {
			if err := flush(); err != nil {
				return err
			}
		}
		writes, size = append(writes, bus.Write{Key: key, Value: value, Revision: bus.AnyRevision}), size+len(value)
	}
	if replaced != nil {
		value, err := directory.EncodeVersion(replaced)
		if err != nil {
			return err
		}
		writes = append(writes, bus.Write{Key: subject.VersionKey(replaced.GetNumber()), Value: value, Revision: bus.AnyRevision})
	}
	return flush()
}

// Newest is the highest number of which HISTORY has a record; 0 when it has none.
// It reads all of HISTORY: it is for the beginning of one.
func (l *Ledger) Newest(ctx context.Context) (uint64, error) {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	newest, ready := uint64(0), false
	err := l.Bucket.Watch(reading, func() { ready = true; stop() }, func(e bus.Entry) {
		if number, ok := subject.ParseVersionKey(e.Key); ok && !ready {
			newest = max(newest, number)
		}
	})
	switch {
	case ready:
		return newest, nil
	case ctx.Err() != nil:
		return 0, fault.Wrap(context.Cause(ctx), "reading the history")
	}
	return 0, fault.Wrap(err, "reading the history")
}

// Version reads the record of a version of world or of one before it: a fault with
// NoVersion when there never was one, with Lost when it is not kept any more.
func (l *Ledger) Version(ctx context.Context, world *directory.Snapshot, number uint64) (*configv1.ConfigVersion, error) {
	if number == 0 || number > world.Version {
		return nil, fault.New(fault.NotFound, NoVersion, "there is no version %d of the configuration; the newest is %d", number, world.Version)
	}
	v, err := l.record(ctx, world, number)
	if err == nil && v == nil {
		return nil, fault.New(fault.Precondition, Lost, "version %d is not in the history any more", number)
	}
	return v, err
}

// record reads the record of a version up to that of world; nil when it is lost.
func (l *Ledger) record(ctx context.Context, world *directory.Snapshot, number uint64) (*configv1.ConfigVersion, error) {
	if number == world.Version {
		return world.Record, nil
	}
	e, err := l.Bucket.Get(ctx, subject.VersionKey(number))
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, fault.Wrap(err, "reading version %d", number)
	}
	if v := directory.DecodeVersion(e.Value); v.GetNumber() == number {
		return v, nil
	}
	return nil, nil
}

// Versions reads the records from newest down to oldest; nil where one is lost.
func (l *Ledger) Versions(ctx context.Context, world *directory.Snapshot, newest, oldest uint64) ([]*configv1.ConfigVersion, error) {
	records := make([]*configv1.ConfigVersion, newest-oldest+1)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for i := range records {
		group.Go(func() (err error) {
			records[i], err = l.record(ctx, world, newest-uint64(i))
			return err
		})
	}
	return records, group.Wait()
}

// Once is a resource as it once was: its key in CONFIG, and the digest that a
// record has of it.
type Once struct {
	Key    string
	Digest []byte
}

// Contents reads resources as they once were, in the order asked for: nil where
// the digest is empty, where it is not kept any more, and where this build does
// not know its kind.
func (l *Ledger) Contents(ctx context.Context, wanted []Once) ([]directory.Resource, error) {
	found := make([]directory.Resource, len(wanted))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for i, w := range wanted {
		if len(w.Digest) == 0 {
			continue
		}
		group.Go(func() error {
			e, err := l.Bucket.Get(ctx, subject.ContentKey(w.Digest))
			if fault.Is(err, fault.NotFound) {
				return nil
			}
			if err != nil {
				return fault.Wrap(err, "reading what %s once was", w.Key)
			}
			if r, err := directory.Decode(w.Key, e.Value); err == nil && r != nil {
				found[i] = r
			}
			return nil
		})
	}
	return found, group.Wait()
}

// State is the configuration as it was in force as a version: what was not changed
// since as it stands in world, everything else without sealed secrets. The fault
// has Lost when the history between has a gap.
func (l *Ledger) State(ctx context.Context, world *directory.Snapshot, number uint64) (*directory.Snapshot, error) {
	target, err := l.Version(ctx, world, number)
	if err != nil {
		return nil, err
	}
	before, err := l.before(ctx, world, number)
	if err != nil {
		return nil, err
	}
	var resources []directory.Resource
	for r := range world.All() {
		if _, changed := before[directory.Key(r)]; !changed {
			resources = append(resources, r)
		}
	}
	var once []Once
	for _, key := range slices.Sorted(maps.Keys(before)) {
		if digest := before[key]; len(digest) > 0 {
			once = append(once, Once{key, digest})
		}
	}
	found, err := l.Contents(ctx, once)
	if err != nil {
		return nil, err
	}
	for i, r := range found {
		if r == nil {
			return nil, fault.New(fault.Precondition, Lost, "version %d cannot be put together: what %s was then is not in the history any more", number, once[i].Key)
		}
		resources = append(resources, r)
	}
	state := directory.NewSnapshot(resources...)
	state.Version, state.Record = number, target
	return state, nil
}

// stride is how many records are read before the next.
const stride = 256

// before are the digests, as of the end of a version, of what was changed after it.
func (l *Ledger) before(ctx context.Context, world *directory.Snapshot, number uint64) (map[string][]byte, error) {
	before := map[string][]byte{}
	for newest := world.Version; newest > number; {
		last := max(number+1, newest-min(newest, stride)+1)
		records, err := l.Versions(ctx, world, newest, last)
		if err != nil {
			return nil, err
		}
		for i, v := range records {
			if v == nil || v.GetBase() {
				return nil, fault.New(fault.Precondition, Lost,
					"version %d cannot be put together: what was changed up to version %d is not known; choose that one or a later", number, newest-uint64(i))
			}
			for _, c := range v.GetChanges() {
				before[c.GetKey()] = c.GetBefore()
			}
		}
		newest = last - 1
	}
	return before, nil
}
