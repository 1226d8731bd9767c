package forgetting_test

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-desk/parley/pkg/contact"
	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/attachment/internal/keeping"
)

// keeper looks for what has been kept for 30 days.
func (h *house) keeper() *keeping.Keeper {
	world := &directory.Snapshot{Workstreams: map[string]*configv1.Workstream{"w": {RetentionDays: 30}}, PagesByMeta: map[string]*configv1.Page{}}
	return &keeping.Keeper{Log: h.Bus, Book: h.book(), Contacts: contact.Open(h.Bus, time.Now), World: func() *directory.Snapshot { return world },
		Now: func() time.Time { return h.now }, Every: time.Hour, Meter: keeping.NewMeter(prometheus.NewRegistry()), Diary: slog.New(slog.DiscardHandler)}
}

// looks is one look of the keeper, of the one workstream.
func (h *house) looks() *privacyv1.Kept {
	h.Helper()
	seen, err := h.keeper().Pass(h.Context())
	h.ok(err)
	if len(seen.GetKept()) != 1 {
		h.Fatalf("it saw %v", seen)
	}
	return seen.GetKept()[0]
}

// TestWhatWasKeptLongEnoughGoes: a closed conversation with the thread it was alone in;
// of a thread that goes on the closed one alone; none that is open, or held, or whose
// customer came back while the order was on its way.
func TestWhatWasKeptLongEnoughGoes(t *testing.T) {
	h := open(t)
	all := h.people("canary-ivan", "canary-again", "canary-open", "canary-held", "canary-back")
	ivan, again, talks, held, back := all[0], all[1], all[2], all[3], all[4]
	for _, p := range []*somebody{ivan, again, held, back} {
		h.says(p, &threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_FORCED, By: "elena"})
	}
	hears := func(p *somebody, text string) {
		h.says(p, &threadv1.MessageReceived{Mid: text, Text: text}, &threadv1.ConversationOpened{Id: text, Workstream: "w", Units: 1, OfferSeconds: 60})
	}
	hears(again, "another-talk")
	hold := &privacyv1.Hold{Contact: held.contact, Reason: "case 7", By: "local:petar"}
	h.ok(h.book().Hold(t.Context(), hold))

	h.now = time.Now().Add(29 * 24 * time.Hour)
	if seen := h.looks(); seen.GetDue()+seen.GetHeld() != 0 {
		t.Errorf("after 29 of 30 days it saw %v", seen)
	}
	h.now = time.Now().Add(40 * 24 * time.Hour)
	if seen := h.looks(); seen.GetDue() != 3 || seen.GetHeld() != 1 || seen.GetOldestMs() == 0 {
		t.Errorf("it saw %v", seen)
	}
	hears(back, "back-again")
	h.looks() // what is ordered is not ordered twice
	page, err := h.book().Read(t.Context())
	h.ok(err)
	if len(page.Open) != 1 || len(page.Open[0].GetThreads()) != 3 {
		t.Errorf("ordered is %v", page.Open)
	}
	h.finish()

	if at := h.places(ivan.name); !slices.Equal(at, []string{"CONTACT"}) {
		t.Errorf("what was kept long enough is in %v", at)
	}
	for _, gone := range []string{again.name + " text", again.name + " note", again.name + " file", again.name + " upload"} {
		if at := h.places(gone); len(at) > 0 {
			t.Errorf("%q is in %v", gone, at)
		}
	}
	if at := h.places("another-talk"); len(at) != 1 || !strings.HasPrefix(at[0], "THREAD") {
		t.Errorf("what is not over is in %v", at)
	}
	if s, _, err := h.Load(t.Context(), again.thread); err != nil || s.GetContact().GetContact() != again.contact || s.GetCustomer().GetName() == "" {
		t.Errorf("the customer who came back in time is %v: %v", s, err)
	}
	h.whole(talks)
	for _, p := range []*somebody{held, back} {
		if at := h.places(p.name + " text"); len(at) != 1 || !strings.HasPrefix(at[0], "THREAD") {
			t.Errorf("%s is in %v", p.name, at)
		}
	}
	// What was on its way when the customer came back is the next look's.
	h.ok(h.book().Release(t.Context(), hold))
	if seen := h.looks(); seen.GetDue() != 2 || seen.GetHeld() != 0 {
		t.Errorf("then it saw %v", seen)
	}
	h.finish()
	for _, p := range []*somebody{held, back} {
		if at := h.places(p.name + " text"); len(at) > 0 {
			t.Errorf("%s is still in %v", p.name, at)
		}
	}
	if at := h.places("back-again"); len(at) != 1 {
		t.Errorf("what came back is in %v", at)
	}
	if seen := h.looks(); seen.GetDue()+seen.GetHeld() != 0 {
		t.Errorf("at last it saw %v", seen)
	}
}
