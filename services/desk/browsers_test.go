package desk_test

import (
	"slices"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/parley-desk/parley/pkg/thread"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// TestSeveralBrowsers (L96) of one agent: an offer is in all of them, is accepted in
// one, and stands in none after that; who was late in another changes nothing. What
// the agent is ready for is the same in all (L79).
func TestSeveralBrowsers(t *testing.T) {
	h := newHouse(t)
	office, home := h.agent("mila"), h.agent("mila")
	streams := map[string]live{"at the office": h.follow(office), "at home": h.follow(home)}
	everywhere := func(what string, wanted func(*deskv1.Event) bool) {
		t.Helper()
		for where, s := range streams {
			s.until(what+" "+where, wanted)
		}
	}
	everywhere("the snapshot", func(e *deskv1.Event) bool { return e.GetSnapshot() != nil })
	h.lead("p", "offered", time.Now())
	everywhere("the offer", func(e *deskv1.Event) bool {
		return slices.Equal(e.GetConversation().GetAllowed(), []string{"accept", "reject"})
	})
	if err := commands["accept"].give(t.Context(), home, "p"); err != nil {
		t.Fatal(err)
	}
	everywhere("the conversation", inPhase("p", threadv1.Phase_PHASE_ACTIVE))
	after := len(h.history("p"))
	if err := commands["accept"].give(t.Context(), office, "p"); err != nil {
		t.Errorf("accepting it here as well: %v", err)
	}
	if err := commands["reject"].give(t.Context(), office, "p"); reasonOf(err) != thread.OfferGone {
		t.Errorf("rejecting it here: %v", err)
	}
	if n := len(h.history("p")); n != after {
		t.Errorf("the thread got %d facts", n-after)
	}
	if _, err := office.desk.SetPresence(t.Context(), connect.NewRequest(&deskv1.SetPresenceRequest{Presence: distributionv1.Presence_PRESENCE_AWAY})); err != nil {
		t.Fatal(err)
	}
	everywhere("the presence", func(e *deskv1.Event) bool {
		return e.GetStanding().GetPresence() == distributionv1.Presence_PRESENCE_AWAY
	})
}
