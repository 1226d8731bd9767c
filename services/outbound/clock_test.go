package outbound_test

import (
	"slices"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// TestNothingLeavesOutsideTheWindowByAWrongClock (S32, S34, P10): a process whose
// clock is off by minutes or by more than a day posts nothing that Meta's rules forbid.
// One whose clock is slow goes by the broker's and does as any other; one that is fast
// may find a window closed too early.
func TestNothingLeavesOutsideTheWindowByAWrongClock(t *testing.T) {
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		off, age time.Duration // of the clock; of the customer's word
		tag      bool
		left     string // how it leaves; empty: it does not
	}{
		"right, at once":                                {0, 0, false, "RESPONSE"},
		"26 hours slow, at once":                        {-26 * time.Hour, 0, false, "RESPONSE"},
		"26 hours slow, a day and a second":             {-26 * time.Hour, day + time.Second, false, ""},
		"26 hours slow, a day and a second, the tag":    {-26 * time.Hour, day + time.Second, true, "MESSAGE_TAG"},
		"26 hours slow, seven days and a second":        {-26 * time.Hour, 7*day + time.Second, true, ""},
		"five minutes slow, a day less half the margin": {-5 * time.Minute, day - 30*time.Second, false, ""},
		"26 hours fast, at once":                        {26 * time.Hour, 0, false, ""},
		"26 hours fast, at once, the tag":               {26 * time.Hour, 0, true, "MESSAGE_TAG"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.off = c.off
			h.start("a")
			h.commit("off",
				thread.Of(&threadv1.MessageReceived{Mid: "m_in", Text: "hello", SentMs: time.Now().Add(-c.age).UnixMilli()}),
				thread.Of(&threadv1.ConversationOpened{Id: "c-off", Workstream: "facebook", MessageTag: c.tag, Units: 1, OfferSeconds: 60}),
				thread.Of(&threadv1.ConversationRouted{Queue: "front"}),
				thread.Of(&threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_PICKED}),
				thread.Of(&threadv1.SendRequested{Id: "i-off", ClientId: "x-off", Agent: "mila", Parts: []string{"one"}, Human: true}))
			want := []string{"attempted", "succeeded answer m_off1"}
			if c.left == "" {
				want = []string{"refused WINDOW_CLOSED"}
			}
			if got := h.story("off", want[len(want)-1]); !slices.Equal(got, want) {
				t.Errorf("facts %q, want %q", got, want)
			}
			switch posts := h.meta.posted("off"); {
			case c.left == "" && len(posts) > 0:
				t.Errorf("left as %s", posts[0].Type)
			case c.left != "" && (len(posts) != 1 || posts[0].Type != c.left):
				t.Errorf("%d POSTs, want one as %s", len(posts), c.left)
			}
		})
	}
}
