package bus

import (
	"context"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// Whoever asks for what comes from a number on gets all of it that was added,
// in order, or is told that the tail does not keep it.
func TestATailLeavesNothingOut(t *testing.T) {
	body := make([]byte, 2*tailBytes)
	rapid.Check(t, func(t *rapid.T) {
		begin := rapid.Uint64Range(1, 50).Draw(t, "begin")
		tail := &tail{news: make(chan struct{})}
		if tail.has(1000) {
			t.Fatal("a tail that does not know where it begins says it has something")
		}
		tail.begin(begin)
		log, seq, heaviest := []uint64{}, begin-1, 0
		steps := rapid.SliceOfN(rapid.Uint64Range(1, 3), 1, 10).Draw(t, "steps") // erased messages leave holes
		weights := rapid.SliceOfN(rapid.SampledFrom([]int{10, 10, 10, tailBytes / 4, 2 * tailBytes}), 1, 10).Draw(t, "weights")
		for i := range rapid.IntRange(0, tailMessages+100).Draw(t, "messages") {
			seq += steps[i%len(steps)]
			weight := weights[i%len(weights)]
			log, heaviest = append(log, seq), max(heaviest, weight)
			tail.add(stored{seq: seq, data: body[:weight]}, 7)
		}
		from := rapid.Uint64Range(0, seq+3).Draw(t, "from")
		some, behind, _, ok := tail.after(from)
		if ok != tail.has(from) {
			t.Errorf("has tells %v of %d, after tells %v", tail.has(from), from, ok)
		}
		if ok && from < begin || !ok && from > seq {
			t.Fatalf("from %d: %v, of a tail that began at %d and is at %d", from, ok, begin, seq)
		}
		if len(log) > 0 && behind != 7 && ok {
			t.Errorf("%d messages are behind, not 7", behind)
		}
		if len(tail.kept) > tailMessages || tail.bytes > max(tailBytes, heaviest) {
			t.Errorf("%d messages of %d bytes are kept", len(tail.kept), tail.bytes)
		}
		if !ok {
			return
		}
		at, _ := slices.BinarySearch(log, from)
		var got []uint64
		for _, m := range some {
			got = append(got, m.seq)
		}
		if !slices.Equal(got, log[at:]) {
			t.Errorf("from %d came %v of %v", from, got, log)
		}
	})
}

// A follower that is so slow that the tail goes on without it misses nothing,
// and holds up nobody.
func TestWhoFallsBehindTheTailMissesNothing(t *testing.T) {
	b := openOne(t)
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	var watching sync.WaitGroup
	seen := map[string][]uint64{}
	all := map[string]chan struct{}{"quick": make(chan struct{}), "slow": make(chan struct{})}
	release := make(chan struct{})
	const commits = 3 * tailMessages
	for who, done := range all {
		ready := make(chan struct{})
		watching.Go(func() {
			_ = b.WatchThreads(ctx, func() { close(ready) }, func(r Record) {
				if who == "slow" {
					<-release
				}
				mu.Lock()
				defer mu.Unlock()
				if seen[who] = append(seen[who], r.Revision); len(seen[who]) == commits {
					close(done)
				}
			})
		})
		<-ready
	}
	var want []uint64
	for range commits {
		want = append(want, say(t, b, "one"))
	}
	<-all["quick"]
	close(release)
	<-all["slow"]
	cancel()
	watching.Wait()
	for who, got := range seen {
		if !slices.Equal(got, want) {
			t.Errorf("the %s one saw %v of %v", who, got, want)
		}
	}
	if len(b.tailOf) > 0 {
		t.Errorf("%d tails are read for nobody", len(b.tailOf))
	}
}
