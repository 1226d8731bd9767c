package bus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/proto/subject"
)

func get(t *testing.T, k *bus.Bucket, key string) bus.Entry {
	t.Helper()
	e, err := k.Get(t.Context(), key)
	if err != nil {
		t.Fatalf("get %s: %v", key, err)
	}
	return e
}

func TestBucketWritesAllOrNothing(t *testing.T) {
	k := bustest.Open(t).Bucket(subject.ConfigBucket)
	write := func(w ...bus.Write) error { return k.Write(t.Context(), w...) }
	if err := write(bus.Write{Key: "queues.a", Value: []byte("1")}, bus.Write{Key: "queues.b", Value: []byte("1")}); err != nil {
		t.Fatal(err)
	}
	a, b := get(t, k, "queues.a"), get(t, k, "queues.b")
	err := write(bus.Write{Key: "queues.a", Value: []byte("2"), Revision: a.Revision}, bus.Write{Key: "queues.b", Value: []byte("2"), Revision: b.Revision + 7})
	if !fault.Is(err, fault.Conflict) {
		t.Fatalf("write with a wrong revision: %v, want a conflict", err)
	}
	if got := get(t, k, "queues.a"); string(got.Value) != "1" || got.Revision != a.Revision {
		t.Fatalf("half of a refused write is there: %+v", got)
	}
	if err := write(bus.Write{Key: "queues.a", Value: []byte("2")}); !fault.Is(err, fault.Conflict) {
		t.Fatalf("creating what exists: %v, want a conflict", err)
	}
	if err := write(bus.Write{Key: "queues.a", Revision: a.Revision}, bus.Write{Key: "queues.b", Value: []byte{}, Revision: bus.AnyRevision}); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Get(t.Context(), "queues.a"); !fault.Is(err, fault.NotFound) {
		t.Fatalf("deleted key: %v, want not found", err)
	}
	if got := get(t, k, "queues.b"); got.Value == nil || len(got.Value) != 0 {
		t.Fatalf("an empty value is no deletion: %+v", got)
	}
	if err := write(bus.Write{Key: "queues.a", Value: []byte("3")}); err != nil {
		t.Fatalf("creating again what was deleted: %v", err)
	}
}

func TestBucketRefusesOddKeys(t *testing.T) {
	k := bustest.Open(t).Bucket(subject.ConfigBucket)
	for _, key := range []string{"", ".", "a.", "a..b", "a b", "*", "a.>", "ж", "sys.partitions"} {
		if err := k.Write(t.Context(), bus.Write{Key: key, Value: []byte("x")}); err == nil {
			t.Errorf("key %q was taken", key)
		}
	}
	if err := k.Write(t.Context(), bus.Write{Key: "a"}, bus.Write{Key: "a"}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a key twice: %v, want invalid", err)
	}
}

// Of many that change the same two keys, each change is whole, and as many
// succeed as the keys have new revisions.
func TestBucketRaces(t *testing.T) {
	k := bustest.Open(t).Bucket(subject.ConfigBucket)
	if err := k.Write(t.Context(), bus.Write{Key: "a", Value: []byte("x")}, bus.Write{Key: "b", Value: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	var crowd sync.WaitGroup
	for w := range 3 {
		crowd.Go(func() {
			for n := range 4 {
				for {
					a, errA := k.Get(t.Context(), "a")
					b, errB := k.Get(t.Context(), "b")
					if err := errors.Join(errA, errB); err != nil {
						t.Error(err)
						return
					}
					value := []byte(fmt.Sprintf("%d-%d", w, n))
					err := k.Write(t.Context(), bus.Write{Key: "a", Value: value, Revision: a.Revision}, bus.Write{Key: "b", Value: value, Revision: b.Revision})
					if err == nil {
						break
					}
					if !fault.Is(err, fault.Conflict) {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	crowd.Wait()
	if a, b := get(t, k, "a"), get(t, k, "b"); string(a.Value) != string(b.Value) || b.Revision != a.Revision+1 {
		t.Errorf("the keys parted: %+v and %+v", a, b)
	}
}

func TestBucketWatchShowsAllThenChanges(t *testing.T) {
	k := bustest.Open(t).Bucket(subject.ConfigBucket)
	for _, key := range []string{"pages.a", "pages.b", "pages.c"} {
		if err := k.Write(t.Context(), bus.Write{Key: key, Value: []byte(key)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.Write(t.Context(), bus.Write{Key: "pages.c", Revision: bus.AnyRevision}); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	seen, atReady := map[string]string{}, -1
	background(t, func(ctx context.Context) error {
		return k.Watch(ctx, func() { mu.Lock(); defer mu.Unlock(); atReady = len(seen) }, func(e bus.Entry) {
			mu.Lock()
			defer mu.Unlock()
			if seen[e.Key] = string(e.Value); e.Value == nil {
				delete(seen, e.Key)
			}
		})
	})
	await(t, "the snapshot", func() bool { mu.Lock(); defer mu.Unlock(); return atReady >= 0 })
	if atReady != 2 {
		t.Errorf("ready with %d entries, want 2", atReady)
	}
	if err := k.Write(t.Context(), bus.Write{Key: "pages.a", Revision: bus.AnyRevision}, bus.Write{Key: "pages.d", Value: []byte("d")}); err != nil {
		t.Fatal(err)
	}
	await(t, "the change", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return fmt.Sprint(seen) == "map[pages.b:pages.b pages.d:d]"
	})
}

// TestBucketWatchSeesWhatChangesMeanwhile: of what is deleted, changed and made while
// the entries are still being handed over nothing is missed, whether the bucket keeps
// one entry of each key or several, and whether it is full of gaps or not.
func TestBucketWatchSeesWhatChangesMeanwhile(t *testing.T) {
	const keys = 1000 // more than are fetched ahead
	for name, c := range map[string]struct {
		bucket string
		rounds int // how often all but the first key are written
	}{"one of each": {subject.ContactBucket, 1}, "mostly gaps": {subject.ContactBucket, 3}, "several of each": {subject.ConfigBucket, 2}} {
		t.Run(name, func(t *testing.T) {
			k := bustest.Open(t).Bucket(c.bucket)
			write := func(writes ...bus.Write) {
				for chunk := range slices.Chunk(writes, 500) {
					if err := k.Write(t.Context(), chunk...); err != nil {
						t.Error(err)
					}
				}
			}
			key := func(n int) string { return fmt.Sprint("key.", n) }
			write(bus.Write{Key: "base", Value: []byte("old")})
			var all []bus.Write
			for n := range keys {
				all = append(all, bus.Write{Key: key(n), Value: []byte("old"), Revision: bus.AnyRevision})
			}
			for range c.rounds {
				write(all...)
			}
			var mu sync.Mutex
			seen, first, ready := map[string]string{}, "", make(chan struct{})
			background(t, func(ctx context.Context) error {
				return k.Watch(ctx, func() { close(ready) }, func(e bus.Entry) {
					mu.Lock()
					defer mu.Unlock()
					if first == "" {
						first = e.Key
						write(bus.Write{Key: first, Revision: bus.AnyRevision}, bus.Write{Key: key(keys - 10), Value: []byte("new"), Revision: bus.AnyRevision},
							bus.Write{Key: "more", Value: []byte("new")})
					}
					if seen[e.Key] = string(e.Value); e.Value == nil {
						delete(seen, e.Key)
					}
				})
			})
			<-ready
			await(t, "the changes", func() bool {
				mu.Lock()
				defer mu.Unlock()
				_, there := seen[first]
				return !there && seen[key(keys-10)] == "new" && seen["more"] == "new" && len(seen) == keys+1
			})
		})
	}
}

func TestReadyOfAnEmptyBucket(t *testing.T) {
	k := bustest.Open(t).Bucket(subject.SessionBucket)
	ready := make(chan struct{})
	background(t, func(ctx context.Context) error {
		return k.Watch(ctx, func() { close(ready) }, func(bus.Entry) {})
	})
	<-ready
}
