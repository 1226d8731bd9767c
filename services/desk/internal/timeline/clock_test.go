package timeline_test

import (
	"cmp"
	"slices"
	"strconv"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/internal/timeline"
)

// reply is a message of an agent as it truly was, and what Meta told of it.
type reply struct {
	id, mid string
	sent    int64 // by Meta's clock
	told    int64 // by then Meta had it, as far as the log can know; 0: it cannot
	named   bool  // as delivered
}

// event is a fact and when it reaches the log, by Meta's clock.
type event struct {
	at   int64
	fact *threadv1.Fact
}

// exchange is a few replies of which Meta tells what it likes, in any order and
// late, and how far its watermarks got.
type exchange struct {
	replies         []*reply
	events          []event
	delivered, read int64
}

func (x *exchange) tell(at int64, f *threadv1.Fact) { x.events = append(x.events, event{at, f}) }

func (x *exchange) send(t *rapid.T, r *reply) {
	x.replies = append(x.replies, r)
	x.tell(r.sent-1, requested(r.id, "text"))
	switch rapid.IntRange(0, 3).Draw(t, "proof") {
	case 0: // by an echo that is faster than the answer
		r.told = r.sent
		x.tell(r.sent, succeeded(r.id, 0, r.mid, r.sent))
	case 1: // the answer, then the echo
		r.told = r.sent
		x.tell(r.sent, answered(r.id, 0, r.mid))
		x.tell(r.sent+rapid.Int64Range(0, 90_000).Draw(t, "echo late"), echoed(r.id, 0, r.mid, r.sent))
	case 2: // the answer alone
		x.tell(r.sent, answered(r.id, 0, r.mid))
	case 3: // the same in a log of before, with a time of our clock
		f := answered(r.id, 0, r.mid)
		f.GetSendSucceeded().SentMs = r.sent
		x.tell(r.sent, f)
	}
}

func (x *exchange) report(t *rapid.T, mark int64) {
	f := read(mark)
	if rapid.Bool().Draw(t, "delivery") {
		x.delivered = max(x.delivered, mark)
		var mids []string
		for _, r := range x.replies {
			if r.sent > mark || !rapid.Bool().Draw(t, "named") {
				continue
			}
			mids, r.named = append(mids, r.mid), true
			if r.told == 0 || mark < r.told {
				r.told = mark
			}
		}
		f = delivered(mark, mids...)
	} else {
		x.read = max(x.read, mark)
	}
	x.tell(mark+rapid.Int64Range(0, 90_000).Draw(t, "report late"), f)
}

// fold is what the desk shows when the house's clocks run ahead of Meta's.
func (x *exchange) fold(ahead int64) *timeline.Timeline {
	t := timeline.New()
	for i, e := range x.events {
		f := proto.CloneOf(e.fact)
		if s := f.GetSendSucceeded(); s.GetProof() == "answer" && s.GetSentMs() > 0 {
			s.SentMs += ahead
		}
		t.Apply(uint64(i+1), &threadv1.Commit{AtMs: e.at + ahead, Facts: []*threadv1.Fact{f}, State: &threadv1.State{}})
	}
	return t
}

// TestDeliveryIsJudgedByMetasClockAlone: what is shown as read was read and
// what is shown as delivered was delivered, it is shown as soon as Meta has
// told enough, and our clock has no part in it.
func TestDeliveryIsJudgedByMetasClockAlone(t *testing.T) {
	const minutes = int64(60_000)
	rapid.Check(t, func(t *rapid.T) {
		x, now := new(exchange), 100*minutes
		for i := range rapid.IntRange(1, 4).Draw(t, "replies") {
			now += rapid.Int64Range(1, 3*minutes).Draw(t, "pause")
			x.send(t, &reply{id: "s" + strconv.Itoa(i), mid: "m" + strconv.Itoa(i), sent: now})
		}
		for range rapid.IntRange(0, 5).Draw(t, "reports") {
			x.report(t, rapid.Int64Range(100*minutes, now+minutes).Draw(t, "mark"))
		}
		slices.SortStableFunc(x.events, func(a, b event) int { return cmp.Compare(a.at, b.at) })
		ahead := rapid.Int64Range(-5*minutes, 5*minutes).Draw(t, "our clock is ahead")
		right, wrong := x.fold(0), x.fold(ahead)
		for _, r := range x.replies {
			want := deskv1.Delivery_DELIVERY_SENT
			switch {
			case r.told > 0 && r.told <= x.read:
				want = deskv1.Delivery_DELIVERY_READ
			case r.named || r.told > 0 && r.told <= x.delivered:
				want = deskv1.Delivery_DELIVERY_DELIVERED
			}
			got := wrong.Find(r.id).GetDelivery()
			if got != want || right.Find(r.id).GetDelivery() != want {
				t.Fatalf("%s is shown as %v, want %v, whatever our clock says", r.id, got, want)
			}
			if got == deskv1.Delivery_DELIVERY_READ && r.sent > x.read {
				t.Fatalf("%s is shown as read, and was not", r.id)
			}
		}
	})
}
