package history_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/admin/internal/change"
	"github.com/parley-desk/parley/services/admin/internal/history"
)

// A base of more resources than a record can list does without the list; what
// there was is kept all the same.
func TestABaseThatIsTooLongToList(t *testing.T) {
	for n, listed := range map[int]int{0: 0, 1000: 1000, 9000: 0} {
		var all []directory.Resource
		for i := range n {
			all = append(all, &configv1.Agent{Meta: &configv1.Meta{Id: fmt.Sprintf("a%0*d", 62, i)}}) // as long as an id may be
		}
		changes, contents, err := history.Found(directory.NewSnapshot(all...))
		if err != nil || len(changes) != listed || len(contents) != n {
			t.Errorf("of %d resources %d are listed and %d kept, want %d and %d: %v", n, len(changes), len(contents), listed, n, err)
		}
	}
}

// drawer is a bucket that one caller uses.
type drawer struct {
	history.Bucket
	entries map[string][]byte
}

func (d drawer) Get(_ context.Context, key string) (bus.Entry, error) {
	value, ok := d.entries[key]
	if !ok {
		return bus.Entry{}, fault.New(fault.NotFound, "KEY_UNKNOWN", "key %s is not there", key)
	}
	return bus.Entry{Key: key, Value: value}, nil
}

func (d drawer) Write(_ context.Context, writes ...bus.Write) error {
	for _, w := range writes {
		if old, ok := d.entries[w.Key]; ok && string(old) != string(w.Value) {
			return fault.New(fault.Conflict, "KEY_EXISTS", "key %s is written anew", w.Key)
		}
		d.entries[w.Key] = w.Value
	}
	return nil
}

// slow is a drawer that does not answer the first few times, though it may have
// done what it was asked.
type slow struct {
	drawer
	left *int
}

func (s slow) Write(ctx context.Context, writes ...bus.Write) error {
	if *s.left--; *s.left >= 0 {
		if *s.left%2 == 0 {
			_ = s.drawer.Write(ctx, writes...)
		}
		return fault.New(fault.Unavailable, "BROKER_AWAY", "no answer in time")
	}
	return s.drawer.Write(ctx, writes...)
}

// A broker that is slow is asked again, and one that stays away is not for ever.
func TestHistoryIsKeptByASlowBroker(t *testing.T) {
	for left, kept := range map[int]bool{0: true, 4: true, 5: false} {
		d := drawer{entries: map[string][]byte{}}
		l := history.Ledger{Bucket: slow{d, &left}}
		err := l.Keep(t.Context(), &configv1.ConfigVersion{Number: 1}, history.Contents{"c": []byte("x")})
		if (err == nil) != kept || kept && len(d.entries) != 2 || !kept && !fault.Is(err, fault.Unavailable) {
			t.Errorf("%d times without an answer: %v, kept %v", left, err, d.entries)
		}
	}
}

// Whatever the changes, each version is put together as it was, without secrets,
// and no key ever has another value than its first.
func TestEveryVersionIsPutTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawer{entries: map[string][]byte{}}
		ledger := &history.Ledger{Bucket: d}
		world := directory.NewSnapshot()
		was := map[uint64]string{}
		for number := range uint64(rapid.IntRange(1, 12).Draw(t, "versions")) {
			outcomes := changes(t, world)
			recorded, contents, err := history.Changes(outcomes)
			if err != nil {
				t.Fatal(err)
			}
			if err := ledger.Keep(t.Context(), world.Record, contents); err != nil {
				t.Fatal(err)
			}
			world = after(world, outcomes)
			world.Version, world.Record = number+1, &configv1.ConfigVersion{Number: number + 1, Changes: recorded}
			was[number+1] = text(world)
		}
		for number, want := range was {
			state, err := ledger.State(t.Context(), world, number)
			if err != nil {
				t.Fatal(err)
			}
			if got := text(state); got != want {
				t.Fatalf("version %d of %d:\n got %s\nwant %s", number, world.Version, got, want)
			}
		}
	})
}

// changes are some that world allows: each resource once.
func changes(t *rapid.T, world *directory.Snapshot) (outcomes []change.Outcome) {
	for _, id := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 0, 3, rapid.ID[string]).Draw(t, "agents") {
		before, there := world.Agents[id]
		next := &configv1.Agent{Meta: &configv1.Meta{Id: id}, Capacity: int32(rapid.IntRange(0, 2).Draw(t, "capacity")),
			Password: &configv1.Secret{Sealed: rapid.SliceOfN(rapid.Byte(), 40, 40).Draw(t, "sealed"), Fingerprint: "f"}}
		switch {
		case !there:
			outcomes = append(outcomes, change.Outcome{Action: change.Created, Resource: next})
		case rapid.Bool().Draw(t, "delete"):
			outcomes = append(outcomes, change.Outcome{Action: change.Deleted, Before: before, Resource: before})
		default:
			outcomes = append(outcomes, change.Outcome{Action: change.Updated, Before: before, Resource: next})
		}
	}
	return outcomes
}

func after(world *directory.Snapshot, outcomes []change.Outcome) *directory.Snapshot {
	agents := maps.Clone(world.Agents)
	for _, o := range outcomes {
		id := o.Resource.GetMeta().GetId()
		if delete(agents, id); o.Action != change.Deleted {
			agents[id], _ = o.Resource.(*configv1.Agent)
		}
	}
	var all []directory.Resource
	for _, a := range agents {
		all = append(all, a)
	}
	return directory.NewSnapshot(all...)
}

// text is all that a snapshot holds, but for sealed secrets.
func text(s *directory.Snapshot) string {
	var b strings.Builder
	for r := range s.All() {
		a, _ := r.(*configv1.Agent)
		fmt.Fprintf(&b, "%s %d %s; ", a.GetMeta().GetId(), a.GetCapacity(), a.GetPassword().GetFingerprint())
	}
	return b.String()
}
