package desk_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	auditv1 "github.com/parley-desk/parley/proto/gen/parley/audit/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// records are all of the audit, in order.
func (h *house) records() (all []*auditv1.Record) {
	h.t.Helper()
	entries, err := h.bus.AuditEntries(h.t.Context(), 1, 1000)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, e := range entries {
		r := &auditv1.Record{}
		if err := proto.Unmarshal(e.Data, r); err != nil {
			h.t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// line is a record for people who read tests.
func line(r *auditv1.Record) string {
	parts := []string{r.GetActor(), r.GetKind(), strings.Join(r.GetObjects(), "+")}
	for _, c := range r.GetChanges() {
		parts = append(parts, c.GetField()+"="+c.GetBefore()+c.GetAfter())
	}
	return strings.Join(parts, " ")
}

// since runs an act and gives what it left in the audit.
func (h *house) since(act func()) []*auditv1.Record {
	h.t.Helper()
	before := len(h.records())
	act()
	return h.records()[before:]
}

// deed is something that is done to a conversation.
type deed struct {
	psid, phase string // phase "": the conversation is as the deed before left it
	do          func(*deskv1.ConversationRef) error
	want        string // its record; empty: it leaves none
}

// deeds are all by which somebody else gets a conversation, reads it along, may write
// in it, or ends it.
func deeds(t *testing.T, h *house) []deed {
	t.Helper()
	ctx, mila, orlin, sonya := t.Context(), h.agent("mila"), h.agent("orlin"), h.agent("sonya")
	assign := func(r *deskv1.AssignConversationRequest) error {
		_, err := sonya.desk.AssignConversation(ctx, connect.NewRequest(r))
		return err
	}
	active := " phase=PHASE_ACTIVE queue=front agent=mila"
	return []deed{
		{"picked", "waits", func(ref *deskv1.ConversationRef) error {
			_, err := mila.desk.PickConversation(ctx, connect.NewRequest(&deskv1.PickConversationRequest{Ref: ref}))
			return err
		}, "agent:mila conversation.pick conversations/c-picked phase=PHASE_OPEN queue=front agent="},
		{"given", "offered", func(ref *deskv1.ConversationRef) error {
			return assign(&deskv1.AssignConversationRequest{Ref: ref, Note: "VIP", Target: &deskv1.AssignConversationRequest_ToAgent{ToAgent: "orlin"}})
		}, "agent:sonya conversation.assign conversations/c-given phase=PHASE_OPEN queue=front agent=mila to_agent=orlin"},
		{"moved", "offered", func(ref *deskv1.ConversationRef) error {
			return assign(&deskv1.AssignConversationRequest{Ref: ref, Target: &deskv1.AssignConversationRequest_ToQueue{ToQueue: "back"}})
		}, "agent:sonya conversation.assign conversations/c-moved phase=PHASE_OPEN queue=front agent=mila to_queue=back"},
		{"taken", "active", func(*deskv1.ConversationRef) error {
			return sonya.transfer(t, toAgent("taken", uuid.NewString(), "orlin"))
		}, "agent:sonya conversation.transfer conversations/c-taken" + active + " to_agent=orlin"},
		{"handed", "active", func(*deskv1.ConversationRef) error {
			return mila.transfer(t, toQueue("handed", uuid.NewString(), "back"))
		}, "agent:mila conversation.transfer conversations/c-handed" + active + " to_queue=back"},
		{"read", "active", func(ref *deskv1.ConversationRef) error {
			_, err := sonya.desk.MonitorConversation(ctx, connect.NewRequest(&deskv1.MonitorConversationRequest{Ref: ref}))
			return err
		}, "agent:sonya transcript.read conversations/c-read" + active},
		{"read", "", func(ref *deskv1.ConversationRef) error {
			_, err := sonya.desk.JoinConversation(ctx, connect.NewRequest(&deskv1.JoinConversationRequest{Ref: ref}))
			return err
		}, "agent:sonya conversation.join conversations/c-read" + active},
		{"read", "", func(ref *deskv1.ConversationRef) error {
			_, err := sonya.desk.ForceCloseConversation(ctx, connect.NewRequest(&deskv1.ForceCloseConversationRequest{Ref: ref}))
			return err
		}, "agent:sonya conversation.force_close conversations/c-read" + active},
		{"advised", "active", func(ref *deskv1.ConversationRef) error {
			_, err := mila.desk.AskConsult(ctx, connect.NewRequest(&deskv1.AskConsultRequest{Ref: ref, ClientId: uuid.NewString(), Invitee: "orlin", Question: "Refund?"}))
			return err
		}, "agent:mila conversation.consult conversations/c-advised" + active + " invitee=orlin"},
		{"advised", "", func(ref *deskv1.ConversationRef) error {
			_, err := orlin.desk.AnswerConsult(ctx, connect.NewRequest(&deskv1.AnswerConsultRequest{Ref: ref, Accept: true}))
			return err
		}, "agent:orlin conversation.answer_consult conversations/c-advised" + active + " accept=true"},
		{"advised", "", func(ref *deskv1.ConversationRef) error {
			_, err := mila.desk.OpenConsult(ctx, connect.NewRequest(&deskv1.OpenConsultRequest{Ref: ref, Consultant: "orlin"}))
			return err
		}, "agent:mila conversation.open_consult conversations/c-advised" + active + " consultant=orlin"},
		{"advised", "", func(ref *deskv1.ConversationRef) error {
			_, err := mila.desk.ParkConversation(ctx, connect.NewRequest(&deskv1.ParkConversationRequest{Ref: ref}))
			return err
		}, ""},
		{"many", "active", func(ref *deskv1.ConversationRef) error {
			_, err := sonya.desk.ActOnConversations(ctx, connect.NewRequest(&deskv1.ActOnConversationsRequest{ClientId: uuid.NewString(),
				Refs: []*deskv1.ConversationRef{ref}, Action: &deskv1.ActOnConversationsRequest_ForceClose{ForceClose: true}}))
			return err
		}, "agent:sonya conversation.bulk conversations/c-many force_close=true"},
		{"", "", func(*deskv1.ConversationRef) error {
			_, err := sonya.desk.PauseQueue(ctx, connect.NewRequest(&deskv1.PauseQueueRequest{Queue: "front", Pause: true}))
			return err
		}, "agent:sonya queue.pause queues/front pause=true"},
		{"", "", func(*deskv1.ConversationRef) error {
			_, err := sonya.desk.SetAgentPresence(ctx, connect.NewRequest(&deskv1.SetAgentPresenceRequest{OfAgent: "mila", Presence: distributionv1.Presence_PRESENCE_AWAY}))
			return err
		}, "agent:sonya presence.set agents/mila presence=PRESENCE_AWAY"},
	}
}

// TestWhatIsDoneWithAConversationIsRecorded (L102 to L108): who has somebody else get
// it, or gets at somebody else's, is in the audit, with where it stood and to whom it
// went; of the customer a hash, of what was written nothing.
func TestWhatIsDoneWithAConversationIsRecorded(t *testing.T) {
	h := newHouse(t)
	for _, d := range deeds(t, h) {
		if d.phase == "waits" {
			h.wait(d.psid, "front", 0, &threadv1.Terms{PickOnly: true})
		} else if d.phase != "" {
			h.lead(d.psid, d.phase, time.Now())
		}
		if d.phase != "" {
			h.await("the desk to know it", func() bool {
				list, err := h.agent("sonya").desk.ListOngoing(t.Context(), connect.NewRequest(&deskv1.ListOngoingRequest{}))
				return err == nil && strings.Contains(fmt.Sprint(list.Msg), "c-"+d.psid)
			})
		}
		made := h.since(func() {
			if err := d.do(ref(d.psid)); err != nil {
				t.Errorf("%s: %v", d.want, err)
			}
		})
		var lines []string
		for _, r := range made {
			lines = append(lines, line(r))
			about := d.psid != "" && r.GetKind() != "conversation.bulk"
			if len(r.GetRoles()) == 0 || (r.GetPerson() != "") != about || strings.Contains(r.GetPerson(), d.psid) && d.psid != "" {
				t.Errorf("%s: %v", d.want, r)
			}
		}
		if got := strings.Join(lines, "; "); got != d.want {
			t.Errorf("the audit got %q, want %q", got, d.want)
		}
	}
}

// TestWhatIsNotDoneIsSaidSo: an act that was refused is told by a second record, which
// names the first and the reason; what one may not do leaves none.
func TestWhatIsNotDoneIsSaidSo(t *testing.T) {
	h := newHouse(t)
	mila, irina := h.agent("mila"), h.agent("irina")
	h.lead("p", "active", time.Now())
	made := h.since(func() {
		if err := mila.transfer(t, toQueue("p", uuid.NewString(), "night")); reasonOf(err) != "QUEUE_CLOSED" {
			t.Error(err)
		}
	})
	if len(made) != 2 || made[0].GetKind() != "conversation.transfer" || made[1].GetUndone() != made[0].GetNumber() || made[1].GetReason() != "QUEUE_CLOSED" {
		t.Errorf("the audit got %v", made)
	}
	made = h.since(func() {
		if err := irina.transfer(t, toQueue("p", uuid.NewString(), "back")); connect.CodeOf(err) != connect.CodeNotFound {
			t.Error(err)
		}
	})
	if len(made) != 0 {
		t.Errorf("of a conversation of another queue the audit got %v", made)
	}
}
