package transcript_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/bus"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/desk/internal/timeline"
	"github.com/parley-desk/parley/services/desk/internal/transcript"
)

var errAway = errors.New("the broker is away")

// log is the log of one partition: commits of several threads, one after the
// other.
type log struct {
	mu      sync.Mutex
	records []bus.Record // a record's revision is its place, from 1
	breaks  int          // reading gives so many records more, then fails; negative: it does not
	reads   int          // how often history was read
}

func newLog() *log { return &log{breaks: -1} }

// commit appends to a thread.
func (l *log) commit(t subject.Thread, facts ...*threadv1.Fact) bus.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := bus.Record{Thread: t, Revision: uint64(len(l.records) + 1), Commit: &threadv1.Commit{
		Facts: facts, AtMs: int64(len(l.records)), State: &threadv1.State{Conversation: &threadv1.Conversation{Id: "c"}}}}
	for _, old := range l.records {
		if old.Thread == t {
			r.Previous = old.Revision
		}
	}
	l.records = append(l.records, r)
	return r
}

// at is the record behind place n; false when there is none yet.
func (l *log) at(n int) (bus.Record, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n >= len(l.records) {
		return bus.Record{}, false
	}
	return l.records[n], true
}

func (l *log) History(_ context.Context, t subject.Thread, after uint64) iter.Seq2[bus.Record, error] {
	l.mu.Lock()
	l.reads++
	l.mu.Unlock()
	return func(yield func(bus.Record, error) bool) {
		for n := int(after); ; n++ {
			r, more := l.at(n)
			l.mu.Lock()
			fails := l.breaks == 0
			if l.breaks > 0 {
				l.breaks--
			}
			l.mu.Unlock()
			if fails {
				yield(bus.Record{}, errAway)
				return
			}
			if !more || r.Thread == t && !yield(r, nil) {
				return
			}
		}
	}
}

// fold is what reading the thread anew gives.
func (l *log) fold(t subject.Thread) map[string]*deskv1.TimelineItem {
	fresh := timeline.New()
	for n := 0; ; n++ {
		r, more := l.at(n)
		if !more {
			return byID(fresh.Since(0))
		}
		if r.Thread == t {
			fresh.Apply(r.Revision, r.Commit)
		}
	}
}

func byID(items []*deskv1.TimelineItem) map[string]*deskv1.TimelineItem {
	all := map[string]*deskv1.TimelineItem{}
	for _, item := range items {
		all[item.GetId()] = item
	}
	return all
}

func thread(n int) subject.Thread { return subject.Thread{Page: "1020", PSID: fmt.Sprint(n)} }

func received(mid string) *threadv1.Fact {
	return &threadv1.Fact{Kind: &threadv1.Fact_MessageReceived{MessageReceived: &threadv1.MessageReceived{Mid: mid, Text: mid}}}
}

// fact draws something that happens to one of few messages, so that later
// commits change the items of earlier ones.
func fact(t *rapid.T) *threadv1.Fact {
	mid := rapid.SampledFrom([]string{"m1", "m2", "m3", "m4", "m5", "m6"}).Draw(t, "mid")
	switch rapid.IntRange(0, 5).Draw(t, "kind") {
	case 0:
		return &threadv1.Fact{Kind: &threadv1.Fact_MessageEdited{
			MessageEdited: &threadv1.MessageEdited{Mid: mid, Text: "edited", Edit: rapid.Int32Range(1, 3).Draw(t, "n")}}}
	case 1:
		return &threadv1.Fact{Kind: &threadv1.Fact_SendRequested{SendRequested: &threadv1.SendRequested{Id: mid, Parts: []string{"a"}}}}
	case 2:
		return &threadv1.Fact{Kind: &threadv1.Fact_SendSucceeded{SendSucceeded: &threadv1.SendSucceeded{Id: mid, Mid: "s" + mid}}}
	case 3:
		return &threadv1.Fact{Kind: &threadv1.Fact_ReadReported{
			ReadReported: &threadv1.ReadReported{WatermarkMs: rapid.Int64Range(0, 50).Draw(t, "ms")}}}
	}
	return received(mid)
}

// reader is a page: it reads the threads it opens and is told what changes in
// them; when that cannot be told it starts anew.
type reader struct {
	open map[subject.Thread]map[string]*deskv1.TimelineItem
}

func (p *reader) merge(t subject.Thread, items []*deskv1.TimelineItem) {
	for _, item := range items {
		if item.GetChangedRevision() >= p.open[t][item.GetId()].GetChangedRevision() {
			p.open[t][item.GetId()] = item
		}
	}
}

// TestLiveEqualsRead: whatever commits come, whoever reads between, however
// often the shelf is too small or the broker away: what a page has read and
// was told since is what reading the thread anew gives.
func TestLiveEqualsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log, page, followed := newLog(), reader{map[subject.Thread]map[string]*deskv1.TimelineItem{}}, 0
		shelf := transcript.NewShelf(log, rapid.IntRange(1, 12).Draw(t, "room"))
		follow := func() bool {
			r, more := log.at(followed)
			if !more {
				return false
			}
			followed++
			if page.open[r.Thread] == nil {
				shelf.Follow(r)
				return true
			}
			items, err := shelf.Changes(context.Background(), r)
			if err != nil {
				delete(page.open, r.Thread)
			}
			page.merge(r.Thread, items)
			return true
		}
		settle := func(t *rapid.T) {
			for follow() {
			}
			for of, shown := range page.open {
				if d := cmp.Diff(log.fold(of), shown, protocmp.Transform()); d != "" {
					t.Fatalf("thread %v as read anew and as shown: %s", of, d)
				}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"commit": func(t *rapid.T) {
				log.commit(thread(rapid.IntRange(1, 3).Draw(t, "thread")), rapid.SliceOfN(rapid.Custom(fact), 1, 3).Draw(t, "facts")...)
			},
			"follow": func(*rapid.T) { follow() },
			"follow all": func(*rapid.T) {
				for follow() {
				}
			},
			"open": func(t *rapid.T) {
				of := thread(rapid.IntRange(1, 3).Draw(t, "thread"))
				err := shelf.Read(context.Background(), of, transcript.Newest, func(tl *timeline.Timeline) {
					if page.open[of] == nil {
						page.open[of] = map[string]*deskv1.TimelineItem{}
					}
					page.merge(of, tl.Since(0))
				})
				if err != nil && !errors.Is(err, errAway) {
					t.Fatal(err)
				}
			},
			"close":  func(t *rapid.T) { delete(page.open, thread(rapid.IntRange(1, 3).Draw(t, "thread"))) },
			"break":  func(t *rapid.T) { log.breaks = rapid.IntRange(0, 5).Draw(t, "after") },
			"mend":   func(*rapid.T) { log.breaks = -1 },
			"settle": settle,
		})
		settle(t)
	})
}

// TestReadersDoNotDisturb: the same with many readers and followers at once.
func TestReadersDoNotDisturb(t *testing.T) {
	log := newLog()
	shelf := transcript.NewShelf(log, 60)
	const threads, commits = 4, 300
	var busy sync.WaitGroup
	for reader := range 4 {
		busy.Go(func() {
			for n := range commits {
				of := thread((reader + n) % threads)
				var before, after int
				err := shelf.Read(t.Context(), of, transcript.Newest, func(tl *timeline.Timeline) { before = tl.Len() })
				if err == nil {
					err = shelf.Read(t.Context(), of, 0, func(tl *timeline.Timeline) { after = tl.Len() })
				}
				if err != nil || after > 0 && after < before {
					t.Errorf("read %d items, then %d, %v", before, after, err)
				}
			}
		})
	}
	told := make([]map[string]*deskv1.TimelineItem, threads)
	for n := range commits {
		r := log.commit(thread(n%threads), received(fmt.Sprint(n)))
		if n%threads == 0 {
			shelf.Follow(r)
			continue
		}
		items, err := shelf.Changes(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if told[n%threads] == nil {
			told[n%threads] = map[string]*deskv1.TimelineItem{}
		}
		for _, item := range items {
			told[n%threads][item.GetId()] = item
		}
	}
	busy.Wait()
	for n, shown := range told {
		of := thread(n)
		err := shelf.Read(t.Context(), of, transcript.Newest, func(tl *timeline.Timeline) {
			if d := cmp.Diff(log.fold(of), byID(tl.Since(0)), protocmp.Transform()); d != "" {
				t.Errorf("thread %v on the shelf: %s", of, d)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if shown == nil {
			continue // only followed
		}
		if d := cmp.Diff(log.fold(of), shown, protocmp.Transform()); d != "" {
			t.Errorf("thread %v as told: %s", of, d)
		}
	}
}

// TestALiveChangeAsksTheLogNothing: once a timeline is here, its next commit
// tells by itself that nothing is missing.
func TestALiveChangeAsksTheLogNothing(t *testing.T) {
	log := newLog()
	shelf := transcript.NewShelf(log, 1000)
	for n := range 5 {
		log.commit(thread(1), received(fmt.Sprint(n)))
	}
	if err := shelf.Read(t.Context(), thread(1), 5, func(*timeline.Timeline) {}); err != nil {
		t.Fatal(err)
	}
	for n := range 5 {
		log.commit(thread(2), received("other"))
		r := log.commit(thread(1), received(fmt.Sprint("live", n)))
		items, err := shelf.Changes(t.Context(), r)
		if err != nil || len(items) != 1 || items[0].GetText() != fmt.Sprint("live", n) {
			t.Fatalf("commit %d changed %v, %v", n, items, err)
		}
	}
	if log.reads != 1 {
		t.Errorf("history was read %d times, want once", log.reads)
	}
}

// TestRoom: the timelines used last stay, up to the room there is; one that is
// larger than that stays alone.
func TestRoom(t *testing.T) {
	log := newLog()
	shelf := transcript.NewShelf(log, 10)
	for n := range 4 {
		for i := range 4 {
			log.commit(thread(n), received(fmt.Sprint(i)))
		}
	}
	for i := range 30 {
		log.commit(thread(9), received(fmt.Sprint(i)))
	}
	read := func(of, want int) (again bool) {
		t.Helper()
		before := log.reads
		last := map[int]uint64{0: 4, 1: 8, 2: 12, 3: 16, 9: 46}[of]
		if err := shelf.Read(t.Context(), thread(of), last, func(*timeline.Timeline) {}); err != nil {
			t.Fatal(err)
		}
		if shelf.Items() != want {
			t.Errorf("%d items on the shelf after thread %d, want %d", shelf.Items(), of, want)
		}
		return log.reads > before
	}
	read(0, 4)
	read(1, 8)
	if read(0, 8) {
		t.Error("a timeline was read again that is on the shelf")
	}
	read(2, 8) // and the timeline of thread 1 goes
	if read(0, 8) {
		t.Error("the timeline used last went")
	}
	if !read(1, 8) {
		t.Error("the timeline used longest ago did not go")
	}
	read(9, 30)
	read(3, 4)
}

// TestWhoIsErasedLeavesTheShelf holds that a timeline which is told of it has nothing
// left, and that one which is forgotten is not kept.
func TestWhoIsErasedLeavesTheShelf(t *testing.T) {
	l, of := newLog(), subject.Thread{Page: "10", PSID: "70"}
	s := transcript.NewShelf(l, 100)
	l.commit(of, &threadv1.Fact{Kind: &threadv1.Fact_NoteAdded{NoteAdded: &threadv1.NoteAdded{Id: "n", Agent: "mila", Text: "canary"}}})
	look := func(at uint64) (n int) {
		if err := s.Read(t.Context(), of, at, func(tl *timeline.Timeline) { n = tl.Len() }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if look(1) != 1 {
		t.Fatal("the note is not shown")
	}
	r := l.commit(of, &threadv1.Fact{Kind: &threadv1.Fact_ThreadErased{ThreadErased: &threadv1.ThreadErased{Erasure: "e"}}})
	s.Follow(r)
	if n := look(r.Revision); n != 0 {
		t.Errorf("%d items are shown of who was erased", n)
	}
	s.Forget(of)
	if s.Items() != 0 {
		t.Errorf("%d items are kept", s.Items())
	}
}
