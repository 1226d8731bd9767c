package desk_test

import (
	"cmp"
	"context"
	"fmt"
	"testing"
	"time"

	"connectrpc.com/connect"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/parley-desk/parley/pkg/thread"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

func (c *caller) figures(queue string) (*deskv1.GetFiguresResponse, error) {
	got, err := c.desk.GetFigures(context.Background(), connect.NewRequest(&deskv1.GetFiguresRequest{Queue: queue}))
	if err != nil {
		return nil, err
	}
	return got.Msg, nil
}

// TestFiguresOutliveTheProcess (L129): they are of the log, so another process tells
// the same, and counts on.
func TestFiguresOutliveTheProcess(t *testing.T) {
	h := newHouse(t)
	sonya := h.agent("sonya")
	h.lead("had", "active", time.Now())
	h.lead("over", "wrap-up", time.Now())
	h.wait("waits", "front", 0, &threadv1.Terms{})
	if _, err := sonya.desk.ForceCloseConversation(t.Context(), connect.NewRequest(&deskv1.ForceCloseConversationRequest{Ref: ref("waits")})); err != nil {
		t.Fatal(err)
	}
	told := func(f *deskv1.Figures) bool {
		return f.GetEngaged() == 2 && f.GetAbandoned() == 1 && f.GetIncoming() == 3
	}
	var before *deskv1.GetFiguresResponse
	h.await("the figures", func() (done bool) {
		before, _ = sonya.figures("")
		return told(before.GetHour())
	})
	if f := before.GetHour(); f.GetServiceLevel() != 66 || f.GetAbandonRate() != 33 || f.GetServiceLevelSeconds() != 60 || len(before.GetMinutes()) != 60 {
		t.Errorf("%v", f)
	}
	h.stop()
	h.start()
	sonya = h.agent("sonya")
	var after *deskv1.GetFiguresResponse
	h.await("the same figures", func() (done bool) {
		after, _ = sonya.figures("")
		return told(after.GetHour())
	})
	if d := gocmp.Diff(before.GetHour(), after.GetHour(), protocmp.Transform()); d != "" {
		t.Error(d)
	}
	h.lead("more", "active", time.Now())
	h.await("one more", func() bool { now, _ := sonya.figures("front"); return now.GetHour().GetEngaged() == 3 })
	list, err := sonya.desk.ListAgents(t.Context(), connect.NewRequest(&deskv1.ListAgentsRequest{Search: "mila"}))
	if err != nil || list.Msg.GetAgents()[0].GetTaken() != 6 || list.Msg.GetCapacity() == 0 {
		t.Errorf("the agent: %v, %v", list, err)
	}
	if _, err := h.agent("mila").figures(""); connect.CodeOf(err) != connect.CodePermissionDenied {
		t.Errorf("an agent gets %v", err)
	}
}

// TestASupervisorsQueues (L109, L125): what is in a queue that names its supervisors
// is there for them alone.
func TestASupervisorsQueues(t *testing.T) {
	h := newHouse(t)
	sonya, vera := h.agent("sonya"), h.agent("vera")
	h.wait("precious", "vip", 0, &threadv1.Terms{})
	h.wait("plain", "front", 0, &threadv1.Terms{})
	ongoing := func(a *caller) (n int) {
		list, err := a.desk.ListOngoing(t.Context(), connect.NewRequest(&deskv1.ListOngoingRequest{}))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range list.Msg.GetPhases() {
			n += int(p.GetCount())
		}
		if n != len(list.Msg.GetConversations()) {
			t.Errorf("%d are counted, %d listed", n, len(list.Msg.GetConversations()))
		}
		return n
	}
	h.await("both", func() bool { return ongoing(vera) == 2 })
	if n := ongoing(sonya); n != 1 {
		t.Errorf("the other supervisor sees %d", n)
	}
	queues := func(a *caller) (n int) {
		list, err := a.desk.ListQueues(t.Context(), connect.NewRequest(&deskv1.ListQueuesRequest{}))
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range list.Msg.GetQueues() {
			if q.GetFigures() == nil {
				t.Errorf("%s has no figures", q.GetQueue())
			}
			if q.GetQueue() == "vip" {
				n++
			}
		}
		return n
	}
	if queues(vera) != 1 || queues(sonya) != 0 {
		t.Error("the queue is not its supervisor's alone")
	}
	h.await("its figures", func() bool { f, _ := vera.figures("vip"); return f.GetHour().GetEntered() == 1 })
	if f, err := sonya.figures(""); err != nil || f.GetHour().GetEntered() != 1 {
		t.Errorf("the figures of the other queues: %v, %v", f, err)
	}
	forbidden(t, sonya)
	if _, err := vera.desk.PauseQueue(t.Context(), connect.NewRequest(&deskv1.PauseQueueRequest{Queue: "vip", Pause: true})); err != nil {
		t.Error(err)
	}
	if _, err := vera.desk.ForceCloseConversation(t.Context(), connect.NewRequest(&deskv1.ForceCloseConversationRequest{Ref: ref("precious")})); err != nil {
		t.Error(err)
	}
}

// TestAQueueTellsHowItStands (L42, L52): whether it is open, and where a conversation
// goes that does not enter.
func TestAQueueTellsHowItStands(t *testing.T) {
	h := newHouse(t)
	list, err := h.agent("sonya").desk.ListQueues(t.Context(), connect.NewRequest(&deskv1.ListQueuesRequest{}))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, q := range list.Msg.GetQueues() {
		got[q.GetQueue()] = fmt.Sprint(q.GetClosed(), q.GetOverflows(), " ", q.GetOverflowsTo())
	}
	front := cmp.Or(h.world.Queues["front"].GetMeta().GetDisplayName(), "front")
	if got["night"] != "true true "+front || got["front"] != "false false " {
		t.Errorf("the queues stand so: %v", got)
	}
}

// forbidden gives every command about what is not the supervisor's.
func forbidden(t *testing.T, a *caller) {
	t.Helper()
	ctx, r := t.Context(), ref("precious")
	for name, give := range map[string]func() error{
		"assign": func() error {
			_, err := a.desk.AssignConversation(ctx, connect.NewRequest(&deskv1.AssignConversationRequest{Ref: r, Target: &deskv1.AssignConversationRequest_ToAgent{ToAgent: "orlin"}}))
			return err
		},
		"transfer": func() error { return a.transfer(t, toQueue("precious", uuid.NewString(), "front")) },
		"targets": func() error {
			_, err := a.desk.ListTargets(ctx, connect.NewRequest(&deskv1.ListTargetsRequest{Ref: r}))
			return err
		},
		"force close": func() error {
			_, err := a.desk.ForceCloseConversation(ctx, connect.NewRequest(&deskv1.ForceCloseConversationRequest{Ref: r}))
			return err
		},
		"monitor": func() error {
			_, err := a.desk.MonitorConversation(ctx, connect.NewRequest(&deskv1.MonitorConversationRequest{Ref: r}))
			return err
		},
		"join": func() error {
			_, err := a.desk.JoinConversation(ctx, connect.NewRequest(&deskv1.JoinConversationRequest{Ref: r}))
			return err
		},
		"pause": func() error {
			_, err := a.desk.PauseQueue(ctx, connect.NewRequest(&deskv1.PauseQueueRequest{Queue: "vip", Pause: true}))
			return err
		},
		"figures": func() error { _, err := a.figures("vip"); return err },
		"agents": func() error {
			_, err := a.desk.ListAgents(ctx, connect.NewRequest(&deskv1.ListAgentsRequest{Queue: "vip"}))
			return err
		},
		"presence of nobody": func() error {
			_, err := a.desk.SetAgentPresence(ctx, connect.NewRequest(&deskv1.SetAgentPresenceRequest{OfAgent: "never-was", Presence: distributionv1.Presence_PRESENCE_AWAY}))
			return err
		},
	} {
		if err := give(); connect.CodeOf(err) != connect.CodeNotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	many, err := a.desk.ActOnConversations(ctx, connect.NewRequest(&deskv1.ActOnConversationsRequest{Refs: []*deskv1.ConversationRef{r}, ClientId: uuid.NewString(), Action: &deskv1.ActOnConversationsRequest_ForceClose{ForceClose: true}}))
	if err != nil || many.Msg.GetDone() != 0 || many.Msg.GetOutcomes()[0].GetReason() != "NO_SUCH_CONVERSATION" {
		t.Errorf("many at once: %v, %v", many, err)
	}
}

// TestAWhisper reaches the agent and never the customer.
func TestAWhisper(t *testing.T) {
	h := newHouse(t)
	mila, sonya := h.agent("mila"), h.agent("sonya")
	hers := h.follow(mila)
	hers.until("the snapshot", func(e *deskv1.Event) bool { return e.GetSnapshot() != nil })
	h.lead("p", "active", time.Now())
	if _, err := sonya.desk.MonitorConversation(t.Context(), connect.NewRequest(&deskv1.MonitorConversationRequest{Ref: ref("p")})); err != nil {
		t.Fatal(err)
	}
	if _, err := sonya.desk.AddNote(t.Context(), connect.NewRequest(&deskv1.AddNoteRequest{Ref: ref("p"), ClientId: uuid.NewString(), Text: "Offer her a refund."})); err != nil {
		t.Fatal(err)
	}
	hers.until("the whisper", func(e *deskv1.Event) bool {
		i := e.GetTimeline().GetItem()
		return i.GetText() == "Offer her a refund." && i.GetAgentName() == "Соня Колева" && i.GetDetails()["consult"] == "true"
	})
	for _, f := range h.history("p") {
		if r := f.GetSendRequested(); r != nil && thread.Texts(r)[0] == "Offer her a refund." {
			t.Error("it is sent to the customer")
		}
	}
}
