package repair_test

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/host"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
	provisionv1 "github.com/parley-desk/parley/proto/gen/parley/provision/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/admin/internal/repair"
)

// ward is a page at Meta some of whose conversations cannot be read, with the
// log that takes what was missed.
type ward struct {
	all    int
	closed map[int]bool // conversations whose messages Meta refuses
	shut   bool         // Meta refuses everything
	began  time.Time
	calls  []time.Time
	taken  map[string]bool // conversations of which messages were handed to intake
	erased map[string]int64
}

func (w *ward) list(after string, limit int, messages bool) (list []graph.Conversation, next string, err error) {
	w.calls = append(w.calls, time.Now())
	from, _ := strconv.Atoi(after)
	for i := from; i < min(from+limit, w.all); i++ {
		if w.shut || messages && w.closed[i] {
			return nil, "", &fault.Error{Kind: fault.Precondition, Message: "ask Meta for conversations", Cause: graph.Error{Code: 100}}
		}
		at := w.began.Add(-time.Duration(i) * time.Minute)
		c := graph.Conversation{PSID: fmt.Sprint("p", i), Updated: at}
		if messages {
			c.Messages = []graph.Shown{{MessageID: fmt.Sprint("m", i), Created: at}}
		}
		list = append(list, c)
	}
	if from+limit < w.all {
		next = strconv.Itoa(from + limit)
	}
	return list, next, nil
}

func (w *ward) Conversations(_ context.Context, _ graph.Page, after string, limit int) ([]graph.Conversation, string, error) {
	return w.list(after, limit, true)
}

func (w *ward) BareConversation(_ context.Context, _ graph.Page, after string) ([]graph.Conversation, string, error) {
	return w.list(after, 1, false)
}

func (w *ward) Load(context.Context, subject.Thread) (*threadv1.State, uint64, error) {
	return &threadv1.State{}, 0, nil
}

func (w *ward) PublishInbound(_ context.Context, events []*inboundv1.Event) error {
	for _, e := range events {
		w.taken[e.GetPsid()] = true
	}
	return nil
}

func (w *ward) Connection(*configv1.Page) (graph.Page, string) { return graph.Page{}, "" }
func (w *ward) Rest(*configv1.Page) time.Duration              { return 0 }
func (w *ward) Heed(*configv1.Page, error)                     {}

func (w *ward) Until(context.Context) (map[string]int64, error) { return w.erased, nil }
func (w *ward) OfThread(t subject.Thread) string                { return "of " + t.PSID }

// run does a job as the house does, until it ends or so much time has passed,
// and gives what became of it.
func (w *ward) run(t *testing.T, most time.Duration) *provisionv1.Repair {
	t.Helper()
	w.began, w.taken = time.Now(), map[string]bool{}
	step := repair.Stepper(host.Deps{Now: time.Now, Log: slog.New(slog.DiscardHandler)}, w, w, w, w)
	at := repair.Widen(nil, page, w.began.Add(-time.Duration(w.all)*time.Minute).UnixMilli(), repair.Asked, w.began.UnixMilli())
	limit := repair.Portion
	for at.GetJob() != nil && time.Since(w.began) < most {
		at = step(t.Context(), &configv1.Page{PageId: page, Meta: &configv1.Meta{Id: "shop"}}, at, &limit)
		rest := time.Second
		if again := at.GetJob().GetRetryMs(); again > time.Now().UnixMilli() {
			rest, limit = time.Until(time.UnixMilli(again)), repair.Portion
		}
		time.Sleep(rest)
	}
	return at
}

// A conversation that Meta never lets be read costs a few pauses that grow, is
// counted, and keeps nobody else's messages back.
func TestAConversationThatCannotBeReadIsLeftOut(t *testing.T) {
	for name, closed := range map[string]map[int]bool{"none": {}, "one": {23: true}, "three": {11: true, 12: true, 34: true}, "the first": {0: true}, "the last": {39: true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &ward{all: 40, closed: closed}
				last := w.run(t, 3*time.Hour).GetLast()
				if last == nil {
					t.Fatal("it does not end")
				}
				for i := range w.all {
					if w.taken[fmt.Sprint("p", i)] == closed[i] {
						t.Errorf("conversation %d: fetched %v", i, !closed[i])
					}
				}
				if got := int(last.GetUnread()); got < len(closed) || len(closed) == 0 && got != 0 || last.GetTrouble() != "" {
					t.Errorf("%d left out, want %d; %q", got, len(closed), last.GetTrouble())
				}
				if n := len(w.calls); n > 100 {
					t.Errorf("Meta was asked %d times", n)
				}
			})
		})
	}
}

// Meta still has what was erased here. It stays there; what is written later comes.
func TestWhatWasErasedDoesNotComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().UnixMilli()                                                                                               // conversation i was written i minutes ago
		w := &ward{all: 6, erased: map[string]int64{"of p2": now - 60_000, "of p3": now - 3*60_000 + 500, "of p4": now - 5*60_000}} // p3: in the second of its message
		if w.run(t, 3*time.Hour).GetLast() == nil {
			t.Fatal("it does not end")
		}
		for i := range w.all {
			if w.taken[fmt.Sprint("p", i)] == (i == 2 || i == 3) {
				t.Errorf("conversation %d: fetched %v", i, w.taken[fmt.Sprint("p", i)])
			}
		}
	})
}

// Where Meta refuses everything the job waits, and hardly asks.
func TestAPageThatCannotBeReadIsAskedLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &ward{all: 40, shut: true}
		at := w.run(t, 3*time.Hour)
		if job := at.GetJob(); job == nil || !strings.Contains(job.GetTrouble(), "Meta refuses (100/0)") || job.GetUnread() != 0 {
			t.Errorf("after 3 hours: %v", at)
		}
		if n := len(w.calls); n > 60 {
			t.Errorf("Meta was asked %d times in 3 hours", n)
		}
	})
}

// Nothing asks faster than one call a second for a page, whatever happens.
func TestTheConversationsOfAPageAreAskedForOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &ward{all: 40, closed: map[int]bool{5: true, 6: true}}
		w.run(t, 3*time.Hour)
		for i, at := range w.calls[1:] {
			if since := at.Sub(w.calls[i]); since < time.Second {
				t.Errorf("call %d came %s after the one before", i+1, since)
			}
		}
	})
}

func TestRefusals(t *testing.T) {
	at := &provisionv1.Repair{PageId: page, Job: &provisionv1.RepairJob{Cursor: "c", TopMs: 7, Conversations: 4}}
	before := int64(0)
	for n := int32(1); ; n++ {
		given := proto.CloneOf(at)
		next, patient := repair.Refused(at, "why", now)
		if !proto.Equal(given, at) {
			t.Fatal("it changed what it was given")
		}
		if !patient {
			if n != 4 || next != at {
				t.Errorf("patience ends at refusal %d", n)
			}
			return
		}
		job := next.GetJob()
		if job.GetRetryMs()-now <= before || job.GetCursor() != "" || job.GetTopMs() != 0 || job.GetRefusals() != n || job.GetConversations() != 4 {
			t.Errorf("refusal %d: %v", n, job)
		}
		before = job.GetRetryMs() - now
		at = next
		at.Job.Cursor = "d"
	}
}
