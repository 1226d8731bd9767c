package recall_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/bits"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/classification/internal/recall"
)

var start = time.UnixMilli(1_760_000_000_000)

// log is a thread's log: one commit a minute, with gaps in its revisions as
// other threads of the partition leave them. It counts what is read of it.
type log struct {
	records []bus.Record
	reads   int
	broken  bool
}

func newLog(gap uint64, facts ...*threadv1.Fact) *log {
	l := &log{}
	for i, f := range facts {
		l.records = append(l.records, bus.Record{Revision: uint64(i+1)*(gap+1) + 3, Stored: start.Add(time.Duration(i) * time.Minute),
			Commit: &threadv1.Commit{Facts: []*threadv1.Fact{f}}})
	}
	return l
}

func (l *log) revision() uint64 {
	if len(l.records) == 0 {
		return 0
	}
	return l.records[len(l.records)-1].Revision
}

func (l *log) History(_ context.Context, _ subject.Thread, after uint64) iter.Seq2[bus.Record, error] {
	return func(yield func(bus.Record, error) bool) {
		if l.broken {
			yield(bus.Record{}, errors.New("away"))
			return
		}
		for _, r := range l.records {
			if r.Revision <= after {
				continue
			}
			l.reads++
			if !yield(r, nil) {
				return
			}
		}
	}
}

func keyed(key string) *threadv1.Fact {
	f := thread.Of(&threadv1.MessageReceived{Text: "hello"})
	f.EventKey = key
	return f
}

// What was filed at or after the bound is found, however long the log, by few
// reads more than the commits since.
func TestSearchFindsWhatWasFiledSince(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var facts []*threadv1.Fact
		for i := range rapid.IntRange(0, 200).Draw(t, "commits") {
			facts = append(facts, keyed(fmt.Sprint("m:", i)))
		}
		l := newLog(rapid.Uint64Range(0, 1000).Draw(t, "gap"), facts...)
		wanted, from := rapid.IntRange(0, 220).Draw(t, "wanted"), rapid.IntRange(-5, 220).Draw(t, "from")
		past, err := recall.Search(t.Context(), l, subject.Thread{}, l.revision(), keyed(fmt.Sprint("m:", wanted)), start.Add(time.Duration(from)*time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		if want := wanted >= from && wanted < len(facts); past.Had != want {
			t.Fatalf("commit %d of %d from %d on: found %v", wanted, len(facts), from, past.Had)
		}
		if most := len(facts) - min(len(facts), max(0, from)) + bits.Len64(l.revision()) + 1; l.reads > most {
			t.Fatalf("%d reads for %d commits from %d on, at most %d", l.reads, len(facts), from, most)
		}
	})
}

func TestSearchWithoutABoundReadsAll(t *testing.T) {
	l := newLog(0, keyed("m:a"), keyed("m:b"), keyed("m:c"))
	if past, err := recall.Search(t.Context(), l, subject.Thread{}, l.revision(), keyed("m:a"), time.Time{}); err != nil || !past.Had {
		t.Errorf("%+v, %v", past, err)
	}
	if past, err := recall.Search(t.Context(), l, subject.Thread{}, l.revision(), keyed(""), time.Time{}); err != nil || past.Had {
		t.Errorf("no key was found: %+v, %v", past, err)
	}
	l.broken = true
	for _, since := range []time.Time{{}, start} {
		if _, err := recall.Search(t.Context(), l, subject.Thread{}, l.revision(), keyed("m:a"), since); err == nil {
			t.Error("a log that cannot be read has an answer")
		}
	}
}

func TestWhetherAPartWasProvedUnderAnotherMid(t *testing.T) {
	echo := func(id string, part int32, mid string) *threadv1.Fact {
		return thread.Of(&threadv1.SendEchoed{Id: id, Part: part, Mid: mid})
	}
	sent := func(id string, part int32, mid string) *threadv1.Fact {
		return thread.Of(&threadv1.SendSucceeded{Id: id, Part: part, Mid: mid})
	}
	for name, c := range map[string]struct {
		log  []*threadv1.Fact
		want bool
	}{
		"never proved":                 {[]*threadv1.Fact{thread.Of(&threadv1.SendAbandoned{Id: "s"})}, false},
		"the answer named it":          {[]*threadv1.Fact{sent("s", 1, "m")}, false},
		"the answer named another":     {[]*threadv1.Fact{sent("s", 1, "first")}, true},
		"proved without a name":        {[]*threadv1.Fact{sent("s", 1, "")}, false},
		"another part":                 {[]*threadv1.Fact{sent("s", 0, "first")}, false},
		"another send":                 {[]*threadv1.Fact{sent("t", 1, "first")}, false},
		"another echo after giving up": {[]*threadv1.Fact{thread.Of(&threadv1.SendAbandoned{Id: "s"}), echo("s", 1, "first")}, true},
	} {
		l := newLog(0, c.log...)
		past, err := recall.Search(t.Context(), l, subject.Thread{}, l.revision(), echo("s", 1, "m"), time.Time{})
		if err != nil || past.Proved != c.want || past.Had {
			t.Errorf("%s: %+v, %v", name, past, err)
		}
	}
}

// What an echo has proved before is the same event, also when it has lost its
// metadata meanwhile.
func TestAnEchoIsKnownByWhatItProved(t *testing.T) {
	proof := func(kind string) *threadv1.Fact {
		return thread.Of(&threadv1.SendSucceeded{Id: "s", Mid: "m", Proof: kind})
	}
	own := thread.Of(&threadv1.SendEchoed{Id: "s", Mid: "m"})
	bare := thread.Of(&threadv1.ExternalMessageSent{Mid: "m"})
	for name, c := range map[string]struct {
		log, fact *threadv1.Fact
		want      bool
	}{
		"the echo proved it":          {proof("echo"), own, true},
		"the answer proved it":        {proof("answer"), own, false},
		"the echo, without metadata":  {proof("echo"), bare, true},
		"the answer, then a bare one": {proof("answer"), bare, true},
		"another message":             {proof("echo"), thread.Of(&threadv1.ExternalMessageSent{Mid: "n"}), false},
	} {
		l := newLog(0, c.log)
		past, err := recall.Search(t.Context(), l, subject.Thread{}, l.revision(), c.fact, time.Time{})
		if err != nil || past.Had != c.want {
			t.Errorf("%s: %+v, %v", name, past, err)
		}
	}
}
