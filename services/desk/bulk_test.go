package desk_test

import (
	"fmt"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	"github.com/parley-desk/parley/pkg/thread"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// act gives a command about many conversations and tells of each what came of it.
func (c *caller) act(t *testing.T, r *deskv1.ActOnConversationsRequest) (outcomes []string, done int32, err error) {
	t.Helper()
	got, err := c.desk.ActOnConversations(t.Context(), connect.NewRequest(r))
	if err != nil {
		return nil, 0, err
	}
	for _, o := range got.Msg.GetOutcomes() {
		outcomes = append(outcomes, fmt.Sprint(o.GetRef().GetPsid(), " ", o.GetPhase().String()[len("PHASE_"):], " ", o.GetReason()))
	}
	return outcomes, got.Msg.GetDone(), nil
}

func refs(psids ...string) (all []*deskv1.ConversationRef) {
	for _, p := range psids {
		all = append(all, ref(p))
	}
	return all
}

// TestMany (L108): a supervisor moves or closes many conversations at once; each
// has its own outcome, says who it was, and is done once however often it is asked.
func TestMany(t *testing.T) {
	h := newHouse(t)
	sonya := h.agent("sonya")
	var all []string
	for _, p := range phases {
		h.lead(p.name, p.name, time.Now())
		all = append(all, p.name)
	}
	h.wait("there", "back", 0, &threadv1.Terms{})
	all = append(all, "there", "never-was", "offered")
	move := &deskv1.ActOnConversationsRequest{Refs: refs(all...), ClientId: uuid.NewString(), Note: "Surge.",
		Action: &deskv1.ActOnConversationsRequest_ToQueue{ToQueue: "back"}}
	want := "[offered OPEN  active ACTIVE WRONG_PHASE waiting WAITING WRONG_PHASE wrap-up WRAP_UP WRONG_PHASE closed CLOSED WRONG_PHASE there OPEN SAME_QUEUE never-was UNSPECIFIED NO_SUCH_CONVERSATION offered OPEN ]"
	var after int
	for n := range 2 { // the answer may be lost
		got, done, err := sonya.act(t, move)
		if err != nil || fmt.Sprint(got) != want || done != 2 {
			t.Fatalf("%v, %d done, %v; want %s", got, done, err, want)
		}
		if facts := h.history("offered"); n == 0 {
			after = len(facts)
		} else if len(facts) != after {
			t.Errorf("once more it gave %d facts", len(facts)-after)
		}
	}
	facts := h.history("offered")
	last := facts[len(facts)-3:]
	if last[0].GetNoteAdded().GetAgent() != "sonya" || last[1].GetOfferEnded() == nil || last[2].GetConversationRouted().GetRule() != "transfer: sonya" {
		t.Errorf("the thread got %v", last)
	}
	end := &deskv1.ActOnConversationsRequest{Refs: refs(all[:6]...), ClientId: uuid.NewString(), Action: &deskv1.ActOnConversationsRequest_ForceClose{ForceClose: true}}
	for range 2 {
		if got, done, err := sonya.act(t, end); err != nil || done != 5 || got[4] != "closed CLOSED WRONG_PHASE" {
			t.Errorf("%v, %d done, %v", got, done, err)
		}
	}
	facts = h.history("active")
	if c := facts[len(facts)-1].GetConversationClosed(); c.GetBy() != "sonya" || c.GetCause() != threadv1.Cause_CAUSE_FORCED {
		t.Errorf("the thread got %v", facts[len(facts)-1])
	}
}

// TestAThousand is as many as one command may name.
func TestAThousand(t *testing.T) {
	h := newHouse(t)
	sonya := h.agent("sonya")
	var many []string
	for n := range 1000 {
		many = append(many, fmt.Sprint("p", n))
	}
	h.wait("p7", "front", 0, &threadv1.Terms{})
	r := &deskv1.ActOnConversationsRequest{Refs: refs(many...), ClientId: uuid.NewString(), Action: &deskv1.ActOnConversationsRequest_ForceClose{ForceClose: true}}
	got, done, err := sonya.act(t, r)
	if err != nil || done != 1 || got[7] != "p7 CLOSED " || got[8] != "p8 UNSPECIFIED NO_SUCH_CONVERSATION" {
		t.Errorf("%d done, %v, %v", done, got[6:9], err)
	}
	for name, change := range map[string]func(*deskv1.ActOnConversationsRequest){
		"one more": func(r *deskv1.ActOnConversationsRequest) { r.Refs = append(r.Refs, ref("x")) },
		"none":     func(r *deskv1.ActOnConversationsRequest) { r.Refs = nil },
		"one without a page": func(r *deskv1.ActOnConversationsRequest) {
			r.Refs = []*deskv1.ConversationRef{{Psid: "1", Conversation: "c"}}
		},
		"no id":             func(r *deskv1.ActOnConversationsRequest) { r.ClientId = "" },
		"nothing to do":     func(r *deskv1.ActOnConversationsRequest) { r.Action = nil },
		"a note to the end": func(r *deskv1.ActOnConversationsRequest) { r.Note = "x" },
		"not to be forced":  func(r *deskv1.ActOnConversationsRequest) { r.Action = &deskv1.ActOnConversationsRequest_ForceClose{} },
	} {
		bad := &deskv1.ActOnConversationsRequest{Refs: refs(many...), ClientId: uuid.NewString(), Action: r.GetAction()}
		change(bad)
		if _, _, err := sonya.act(t, bad); connect.CodeOf(err) != connect.CodeInvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
	closed := &deskv1.ActOnConversationsRequest{Refs: refs("p7"), ClientId: uuid.NewString(), Action: &deskv1.ActOnConversationsRequest_ToQueue{ToQueue: "night"}}
	if _, _, err := sonya.act(t, closed); reasonOf(err) != thread.QueueClosed {
		t.Errorf("to a queue that is closed: %v", err)
	}
}

// TestPausingAQueue is a supervisor's; distribution does it and keeps whose word
// it was.
func TestPausingAQueue(t *testing.T) {
	h := newHouse(t)
	sonya := h.agent("sonya")
	pause := func(queue string) (*deskv1.PauseQueueResponse, error) {
		got, err := sonya.desk.PauseQueue(t.Context(), connect.NewRequest(&deskv1.PauseQueueRequest{Queue: queue, Pause: true}))
		if err != nil {
			return nil, err
		}
		return got.Msg, nil
	}
	if got, err := pause("front"); err != nil || got.GetBy() == "" || got.GetSinceMs() != 7 {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := pause("nowhere"); connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("a queue that is not there: %v", err)
	}
}
