package bus

import (
	"context"
	"slices"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
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

// begun waits until it is known where the tail begins. Until then whoever watches reads
// for itself, and takes apart what it reads.
func (t *tail) begun() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for !t.known {
		news := t.news
		t.mu.Unlock()
		<-news
		t.mu.Lock()
	}
}

// What this process stores it is handed as it was put together, and that is what
// the log holds; nothing is awaited that does not come.
func TestOwnCommitsAreNotTakenApart(t *testing.T) {
	b := openOne(t)
	ctx, cancel := context.WithCancel(t.Context())
	records, ready := make(chan Record, 64), make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() { _ = b.WatchThreads(ctx, func() { close(ready) }, func(r Record) { records <- r }) })
	<-ready
	at := b.tailOf[subject.ThreadStream(0)]
	at.begun()
	say(t, b, "one") // which takes whoever watches to the tail, where that has begun
	one := subject.Thread{Page: "1", PSID: "one"}
	<-records
	fact := thread.Of(&threadv1.MessageReceived{Mid: "m_2", Text: "y", SentMs: 2})
	state, revision, err := b.Update(t.Context(), one, func(*threadv1.State, uint64) ([]*threadv1.Fact, error) { return []*threadv1.Fact{fact}, nil })
	if err != nil {
		t.Fatal(err)
	}
	got := <-records
	if got.Commit.GetState() != state || got.Commit.GetFacts()[0] != fact || got.Revision != revision {
		t.Errorf("commit %d was taken apart", got.Revision)
	}
	if kept, err := b.At(t.Context(), one, revision); err != nil || !proto.Equal(kept.Commit, got.Commit) || kept.Previous != got.Previous || kept.Thread != got.Thread {
		t.Errorf("the log holds %v (%v), and what came is %v", kept.Commit, err, got.Commit)
	}
	stale := &threadv1.Commit{Facts: []*threadv1.Fact{fact}, State: state}
	if _, err := b.commit(t.Context(), one, revision-1, stale); !raced(err) {
		t.Errorf("a commit on an old revision: %v", err)
	}
	at.mu.Lock()
	awaited := len(at.ours)
	at.mu.Unlock()
	if awaited > 0 {
		t.Errorf("%d commits are awaited that do not come", awaited)
	}
	cancel()
	watching.Wait()
}
