package desk_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/thread"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// The phases of the table, each with what its allowed commands are, as
// thread.Allowed names them for pages.
var phases = []struct {
	name    string
	phase   threadv1.Phase
	allowed []string
}{
	{"offered", threadv1.Phase_PHASE_OPEN, []string{"accept", "reject"}},
	{"active", threadv1.Phase_PHASE_ACTIVE, []string{"send", "note", "end", "park", "release", "transfer", "consult"}},
	{"waiting", threadv1.Phase_PHASE_WAITING, []string{"resume", "note"}},
	{"wrap-up", threadv1.Phase_PHASE_WRAP_UP, []string{"note", "close"}},
	{"closed", threadv1.Phase_PHASE_CLOSED, nil},
}

// lead brings a new conversation of Mila's to a phase. It has a message that
// is not confirmed and one that was refused after its first part. Its last
// offer had fence 2.
func (h *house) lead(psid string, to string, wrote time.Time) {
	h.t.Helper()
	facts := []*threadv1.Fact{
		thread.Of(&threadv1.MessageReceived{Mid: "m-" + psid, Text: "Къде е поръчката ми?", SentMs: wrote.UnixMilli()}),
		thread.Of(&threadv1.ConversationOpened{Id: "c-" + psid, Workstream: "facebook", Units: 1, OfferSeconds: 60}),
		thread.Of(&threadv1.ConversationRouted{Queue: "front"}),
		thread.Of(&threadv1.AgentAssigned{Agent: "mila", Fence: 1, Cause: threadv1.Cause_CAUSE_PICKED}),
		thread.Of(&threadv1.SendRequested{Id: "lost-" + psid, ClientId: uuid.NewString(), Agent: "mila", Parts: []string{"Здравейте"}, Human: true}),
		thread.Of(&threadv1.SendAttempted{Id: "lost-" + psid, Attempt: 1}),
		thread.Of(&threadv1.SendUncertain{Id: "lost-" + psid, Reason: "TIMEOUT"}),
		thread.Of(&threadv1.SendUnconfirmed{Id: "lost-" + psid}),
		thread.Of(&threadv1.SendRequested{Id: "half-" + psid, ClientId: uuid.NewString(), Agent: "mila", Parts: []string{"one", "two"}, Human: true}),
		thread.Of(&threadv1.SendAttempted{Id: "half-" + psid, Attempt: 1}),
		thread.Of(&threadv1.SendSucceeded{Id: "half-" + psid, Mid: "s-" + psid, SentMs: wrote.UnixMilli()}),
		thread.Of(&threadv1.SendAttempted{Id: "half-" + psid, Part: 1, Attempt: 1}),
		thread.Of(&threadv1.SendRefused{Id: "half-" + psid, Part: 1, Reason: "PERSON_UNAVAILABLE"}),
		thread.Of(&threadv1.ConversationReleased{Cause: threadv1.Cause_CAUSE_RELEASED}),
		thread.Of(&threadv1.OfferMade{Agent: "mila", Fence: 2, UntilMs: time.Now().Add(time.Minute).UnixMilli()}),
	}
	on := func(kind any) { facts = append(facts, thread.Of(kind)) }
	if to != "offered" {
		on(&threadv1.AgentAssigned{Agent: "mila", Fence: 2, Cause: threadv1.Cause_CAUSE_ACCEPTED})
	}
	switch to {
	case "waiting":
		on(&threadv1.ConversationParked{Agent: "mila"})
	case "wrap-up", "closed":
		on(&threadv1.ConversationEnded{Agent: "mila"})
	}
	if to == "closed" {
		on(&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_WRAPPED_UP, By: "mila"})
	}
	h.commit(psid, facts...)
}

// commands are all that an agent can do with a conversation. Each is given by
// the phases that take it; in phases where it is done already it changes
// nothing.
var commands = map[string]struct {
	in, done []string
	reason   string // of its refusal
	give     func(context.Context, *caller, string) error
}{
	"accept": {in: []string{"offered"}, done: []string{"active"}, reason: thread.OfferGone,
		give: func(ctx context.Context, c *caller, psid string) error {
			_, err := c.desk.AcceptOffer(ctx, connect.NewRequest(&deskv1.AcceptOfferRequest{Ref: ref(psid), Fence: 2}))
			return err
		}},
	"reject": {in: []string{"offered"}, reason: thread.OfferGone,
		give: func(ctx context.Context, c *caller, psid string) error {
			_, err := c.desk.RejectOffer(ctx, connect.NewRequest(&deskv1.RejectOfferRequest{Ref: ref(psid), Fence: 2, Reason: "busy"}))
			return err
		}},
	"send": {in: []string{"active"}, reason: thread.WrongPhase,
		give: func(ctx context.Context, c *caller, psid string) error {
			_, err := c.send(ctx, psid, uuid.NewString(), "Пътува.")
			return err
		}},
	"resend": {in: []string{"active"}, reason: thread.WrongPhase,
		give: func(ctx context.Context, c *caller, psid string) error {
			_, err := c.resend(ctx, psid, uuid.NewString(), "lost-"+psid)
			return err
		}},
	"abandon": {in: []string{"active", "wrap-up"}, reason: thread.WrongPhase,
		give: func(ctx context.Context, c *caller, psid string) error {
			_, err := c.desk.AbandonSend(ctx, connect.NewRequest(&deskv1.AbandonSendRequest{Ref: ref(psid), Item: "lost-" + psid}))
			return err
		}},
	"note": {in: []string{"active", "waiting", "wrap-up"}, reason: thread.WrongPhase,
		give: func(ctx context.Context, c *caller, psid string) error {
			_, err := c.note(ctx, psid, uuid.NewString(), "VIP")
			return err
		}},
	"end": {in: []string{"active"}, done: []string{"wrap-up"}, reason: thread.WrongPhase,
		give: func(ctx context.Context, c *caller, psid string) error {
			_, err := c.desk.EndConversation(ctx, connect.NewRequest(&deskv1.EndConversationRequest{Ref: ref(psid)}))
			return err
		}},
	"close": {in: []string{"wrap-up"}, done: []string{"closed"}, reason: thread.WrongPhase,
		give: func(ctx context.Context, c *caller, psid string) error {
			_, err := c.desk.CloseConversation(ctx, connect.NewRequest(&deskv1.CloseConversationRequest{Ref: ref(psid)}))
			return err
		}},
	"park": {in: []string{"active"}, done: []string{"waiting"}, reason: thread.WrongPhase,
		give: func(ctx context.Context, c *caller, psid string) error {
			_, err := c.desk.ParkConversation(ctx, connect.NewRequest(&deskv1.ParkConversationRequest{Ref: ref(psid)}))
			return err
		}},
	"resume": {in: []string{"waiting"}, done: []string{"active"}, reason: thread.WrongPhase,
		give: func(ctx context.Context, c *caller, psid string) error {
			_, err := c.desk.ResumeConversation(ctx, connect.NewRequest(&deskv1.ResumeConversationRequest{Ref: ref(psid)}))
			return err
		}},
	"release": {in: []string{"active"}, reason: thread.WrongPhase,
		give: func(ctx context.Context, c *caller, psid string) error {
			_, err := c.desk.ReleaseConversation(ctx, connect.NewRequest(&deskv1.ReleaseConversationRequest{Ref: ref(psid)}))
			return err
		}},
}

func (c *caller) send(ctx context.Context, psid, id, text string) (*deskv1.TimelineItem, error) {
	r, err := c.desk.SendMessage(ctx, connect.NewRequest(&deskv1.SendMessageRequest{Ref: ref(psid), ClientId: id, Text: text}))
	if err != nil {
		return nil, err
	}
	return r.Msg.GetItem(), nil
}

func (c *caller) resend(ctx context.Context, psid, id, item string) (*deskv1.TimelineItem, error) {
	r, err := c.desk.ResendMessage(ctx, connect.NewRequest(&deskv1.ResendMessageRequest{Ref: ref(psid), ClientId: id, Item: item}))
	if err != nil {
		return nil, err
	}
	return r.Msg.GetItem(), nil
}

func (c *caller) note(ctx context.Context, psid, id, text string) (*deskv1.TimelineItem, error) {
	r, err := c.desk.AddNote(ctx, connect.NewRequest(&deskv1.AddNoteRequest{Ref: ref(psid), ClientId: id, Text: text}))
	if err != nil {
		return nil, err
	}
	return r.Msg.GetItem(), nil
}

// TestEveryCommandInEveryPhase: a command is obeyed, or was already, or is
// refused with the reason, the phase and what may be done instead, and then
// nothing is changed.
func TestEveryCommandInEveryPhase(t *testing.T) {
	h := newHouse(t)
	mila := h.agent("mila")
	for i, p := range phases {
		for name, command := range commands {
			t.Run(p.name+"/"+name, func(t *testing.T) {
				psid := fmt.Sprint(i, "-", name)
				h.lead(psid, p.name, time.Now())
				before := len(h.history(psid))
				err := command.give(t.Context(), mila, psid)
				changed := len(h.history(psid)) > before
				if slices.Contains(command.in, p.name) || slices.Contains(command.done, p.name) {
					if err != nil || changed != slices.Contains(command.in, p.name) {
						t.Errorf("answered %v; the thread changed is %v", err, changed)
					}
					return
				}
				refusal, ok := detail[*deskv1.Refusal](err)
				if connect.CodeOf(err) != connect.CodeFailedPrecondition || !ok || refusal.GetReason() != command.reason ||
					refusal.GetPhase() != p.phase || !slices.Equal(refusal.GetAllowed(), p.allowed) {
					t.Errorf("refused by %v with %v, want %s", err, refusal, command.reason)
				}
				if changed {
					t.Error("and the thread changed")
				}
			})
		}
	}
}

// TestOtherRefusals are those that hang on more than the phase.
func TestOtherRefusals(t *testing.T) {
	h := newHouse(t)
	mila := h.agent("mila")
	h.lead("late", "active", time.Now().Add(-25*time.Hour))
	h.lead("now", "active", time.Now())
	h.lead("offer", "offered", time.Now())
	active, offered := phases[1], phases[0]
	for name, tc := range map[string]struct {
		err     error
		code    connect.Code
		reason  string
		phase   threadv1.Phase
		allowed []string
	}{
		"the window is closed": {errOf(mila.send(t.Context(), "late", uuid.NewString(), "x")),
			connect.CodeFailedPrecondition, thread.WindowClosed, active.phase, active.allowed},
		"the window is closed for a repetition": {errOf(mila.resend(t.Context(), "late", uuid.NewString(), "lost-late")),
			connect.CodeFailedPrecondition, thread.WindowClosed, active.phase, active.allowed},
		"repeating a note": {errOf(mila.resend(t.Context(), "now", uuid.NewString(), "m-now")),
			connect.CodeFailedPrecondition, thread.WrongStatus, active.phase, active.allowed},
		"giving up what was refused": {errOf(mila.desk.AbandonSend(t.Context(), connect.NewRequest(&deskv1.AbandonSendRequest{Ref: ref("now"), Item: "half-now"}))),
			connect.CodeFailedPrecondition, thread.NoSuchSend, active.phase, active.allowed},
		"another fence": {errOf(mila.desk.AcceptOffer(t.Context(), connect.NewRequest(&deskv1.AcceptOfferRequest{Ref: ref("offer"), Fence: 1}))),
			connect.CodeFailedPrecondition, thread.OfferGone, offered.phase, offered.allowed},
		"an offer that is not reserved": {errOf(mila.desk.AcceptOffer(t.Context(), connect.NewRequest(&deskv1.AcceptOfferRequest{Ref: ref("offer"), Fence: unreserved}))),
			connect.CodeFailedPrecondition, thread.OfferGone, offered.phase, offered.allowed},
	} {
		refusal, ok := detail[*deskv1.Refusal](tc.err)
		if connect.CodeOf(tc.err) != tc.code || !ok || refusal.GetReason() != tc.reason || refusal.GetPhase() != tc.phase ||
			!slices.Equal(refusal.GetAllowed(), tc.allowed) {
			t.Errorf("%s: %v with %v", name, tc.err, refusal)
		}
	}
	if _, err := mila.resend(t.Context(), "now", uuid.NewString(), "nothing"); connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("repeating a message that is not there: %v", err)
	} else if info, ok := detail[*errdetails.ErrorInfo](err); !ok || info.GetDomain() != fault.Domain || info.GetReason() != "NO_SUCH_ITEM" {
		t.Errorf("the reason comes as %v", info)
	}
}

func errOf[T any](_ T, err error) error { return err }

// TestBadInputNamesTheField, all fields at once, and changes nothing.
func TestBadInputNamesTheField(t *testing.T) {
	h := newHouse(t)
	mila := h.agent("mila")
	h.lead("p", "active", time.Now())
	before := len(h.history("p"))
	id, long := uuid.NewString(), strings.Repeat("x", 129)
	for name, tc := range map[string]struct {
		err    error
		fields string
	}{
		"empty text":        {errOf(mila.send(t.Context(), "p", id, "")), "[text]"},
		"blank text":        {errOf(mila.send(t.Context(), "p", id, " \n\t\u00a0")), "[text]"},
		"text too long":     {errOf(mila.send(t.Context(), "p", id, strings.Repeat("ж", 20_001))), "[text]"},
		"note too long":     {errOf(mila.note(t.Context(), "p", id, strings.Repeat("ж", 4_001))), "[text]"},
		"no client id":      {errOf(mila.send(t.Context(), "p", "", "x")), "[client_id]"},
		"no UUID":           {errOf(mila.note(t.Context(), "p", "1", "x")), "[client_id]"},
		"UUID in braces":    {errOf(mila.send(t.Context(), "p", "{"+id+"}", "x")), "[client_id]"},
		"no item":           {errOf(mila.resend(t.Context(), "p", id, "")), "[item]"},
		"long ids":          {errOf(mila.resend(t.Context(), long, id, long)), "[ref.psid ref.conversation item]"},
		"nothing at all":    {errOf(mila.desk.SendMessage(t.Context(), connect.NewRequest(&deskv1.SendMessageRequest{}))), "[ref.page ref.psid ref.conversation client_id text]"},
		"no fence":          {errOf(mila.desk.AcceptOffer(t.Context(), connect.NewRequest(&deskv1.AcceptOfferRequest{Ref: ref("p")}))), "[fence]"},
		"reason too long":   {errOf(mila.desk.RejectOffer(t.Context(), connect.NewRequest(&deskv1.RejectOfferRequest{Ref: ref("p"), Fence: 2, Reason: strings.Repeat("x", 501)}))), "[reason]"},
		"no presence":       {errOf(mila.desk.SetPresence(t.Context(), connect.NewRequest(&deskv1.SetPresenceRequest{}))), "[presence]"},
		"presence INACTIVE": {errOf(mila.desk.SetPresence(t.Context(), connect.NewRequest(&deskv1.SetPresenceRequest{Presence: 6}))), "[presence]"},
		"page too large":    {errOf(mila.desk.ListTimeline(t.Context(), connect.NewRequest(&deskv1.ListTimelineRequest{Ref: ref("p"), Limit: 201}))), "[limit]"},
		"negative page":     {errOf(mila.desk.ListTimeline(t.Context(), connect.NewRequest(&deskv1.ListTimelineRequest{Ref: ref("p"), Limit: -1}))), "[limit]"},
	} {
		bad, _ := detail[*errdetails.BadRequest](tc.err)
		var fields []string
		for _, v := range bad.GetFieldViolations() {
			fields = append(fields, v.GetField())
		}
		fields = slices.Compact(fields)
		if connect.CodeOf(tc.err) != connect.CodeInvalidArgument || fmt.Sprint(fields) != tc.fields {
			t.Errorf("%s: %v names %v", name, tc.err, fields)
		}
	}
	if after := len(h.history("p")); after != before {
		t.Errorf("the thread got %d facts", after-before)
	}
	if item, err := mila.send(t.Context(), "p", id, strings.Repeat("😀", 20_000)); err != nil || len([]rune(item.GetText())) < 20_000 {
		t.Errorf("the longest text: %v", err)
	}
	if _, err := mila.send(t.Context(), "p", id, strings.Repeat("x", 600_000)); connect.CodeOf(err) != connect.CodeResourceExhausted {
		t.Errorf("a body without end: %v", err)
	}
}

// TestRepeatingACommandChangesNothing: a client id is one message, however
// often, in what turn of the conversation and by how many at once it is given.
func TestRepeatingACommandChangesNothing(t *testing.T) {
	h := newHouse(t)
	mila := h.agent("mila")
	for name, give := range map[string]func(psid, id string) (*deskv1.TimelineItem, error){
		"send": func(psid, id string) (*deskv1.TimelineItem, error) {
			return mila.send(t.Context(), psid, id, "Пътува.")
		},
		"note": func(psid, id string) (*deskv1.TimelineItem, error) { return mila.note(t.Context(), psid, id, "VIP") },
		"resend": func(psid, id string) (*deskv1.TimelineItem, error) {
			return mila.resend(t.Context(), psid, id, "half-"+psid)
		},
	} {
		t.Run(name, func(t *testing.T) {
			psid, id := "r-"+name, uuid.NewString()
			h.lead(psid, "active", time.Now())
			items := make([]*deskv1.TimelineItem, 8)
			var crowd sync.WaitGroup
			for i := range items {
				crowd.Go(func() {
					item, err := give(psid, id)
					if err != nil {
						t.Error(err)
					}
					items[i] = item
				})
			}
			crowd.Wait()
			for _, end := range []string{"end", "close"} {
				if err := commands[end].give(t.Context(), mila, psid); err != nil {
					t.Fatal(err)
				}
				item, err := give(psid, id)
				if err != nil {
					t.Errorf("after %s: %v", end, err)
				}
				items = append(items, item)
			}
			for _, item := range items {
				if item.GetId() == "" || item.GetId() != items[0].GetId() || item.GetClientId() != id {
					t.Errorf("answered %v, and once %v", items[0], item)
				}
			}
			made := 0
			for _, f := range h.history(psid) {
				if f.GetSendRequested().GetClientId() == id || f.GetNoteAdded().GetClientId() == id {
					made++
				}
			}
			if made != 1 {
				t.Errorf("%d were stored", made)
			}
		})
	}
}

// TestAClientIDIsOneKindOfCommand: taken for another it would answer with what
// was made before, and nothing would be made.
func TestAClientIDIsOneKindOfCommand(t *testing.T) {
	h := newHouse(t)
	mila := h.agent("mila")
	h.lead("p", "active", time.Now())
	give := map[string]func(id string) (*deskv1.TimelineItem, error){
		"a message":                 func(id string) (*deskv1.TimelineItem, error) { return mila.send(t.Context(), "p", id, "Пътува.") },
		"a note":                    func(id string) (*deskv1.TimelineItem, error) { return mila.note(t.Context(), "p", id, "VIP") },
		"a repetition of a message": func(id string) (*deskv1.TimelineItem, error) { return mila.resend(t.Context(), "p", id, "half-p") },
	}
	for first, one := range give {
		id := uuid.NewString()
		if _, err := one(id); err != nil {
			t.Fatalf("%s: %v", first, err)
		}
		before := len(h.history("p"))
		for second, other := range give {
			item, err := other(id)
			if first == second {
				if err != nil || item.GetClientId() != id {
					t.Errorf("%s again: %v, %v", first, item, err)
				}
				continue
			}
			bad, _ := detail[*errdetails.BadRequest](err)
			info, _ := detail[*errdetails.ErrorInfo](err)
			if connect.CodeOf(err) != connect.CodeInvalidArgument || info.GetReason() != "CLIENT_ID_USED" || len(bad.GetFieldViolations()) != 1 ||
				bad.GetFieldViolations()[0].GetField() != "client_id" || !strings.Contains(err.Error(), "was used for "+first+" before and cannot make "+second) {
				t.Errorf("%s after %s: %v", second, first, err)
			}
		}
		if after := len(h.history("p")); after != before {
			t.Errorf("after %s the others stored %d facts", first, after-before)
		}
	}
}

// TestResendSendsWhatIsMissing: of a message whose first part the customer
// has, only the second goes out again.
func TestResendSendsWhatIsMissing(t *testing.T) {
	h := newHouse(t)
	h.lead("p", "active", time.Now())
	item, err := h.agent("mila").resend(t.Context(), "p", uuid.NewString(), "half-p")
	if err != nil || item.GetText() != "two" || item.GetDetails()["repeats"] != "half-p" {
		t.Errorf("sent again is %v, %v", item, err)
	}
}

// TestAnAgentNeedNotWaitForProof: a message in doubt can be left as it is, once; it
// is not sent again while it may still be proved, and is shown as sent when it is.
func TestAnAgentNeedNotWaitForProof(t *testing.T) {
	h := newHouse(t)
	mila := h.agent("mila")
	h.lead("p", "active", time.Now())
	h.commit("p", thread.Of(&threadv1.SendRequested{Id: "doubt", ClientId: uuid.NewString(), Agent: "mila", Parts: []string{"Утре."}, Human: true}),
		thread.Of(&threadv1.SendAttempted{Id: "doubt", Attempt: 1}), thread.Of(&threadv1.SendUncertain{Id: "doubt", Reason: "TIMEOUT"}))
	leave := func() error {
		return errOf(mila.desk.AbandonSend(t.Context(), connect.NewRequest(&deskv1.AbandonSendRequest{Ref: ref("p"), Item: "doubt"})))
	}
	if err := leave(); err != nil {
		t.Fatal(err)
	}
	if refusal, _ := detail[*deskv1.Refusal](leave()); refusal.GetReason() != thread.WrongStatus {
		t.Errorf("left twice: %v", refusal)
	}
	if refusal, _ := detail[*deskv1.Refusal](errOf(mila.resend(t.Context(), "p", uuid.NewString(), "doubt"))); refusal.GetReason() != thread.WrongStatus {
		t.Errorf("sent again while it may be proved: %v", refusal)
	}
	stands := func() deskv1.Delivery {
		r, err := mila.desk.ListTimeline(t.Context(), connect.NewRequest(&deskv1.ListTimelineRequest{Ref: ref("p")}))
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range r.Msg.GetItems() {
			if item.GetId() == "doubt" {
				return item.GetDelivery()
			}
		}
		return deskv1.Delivery_DELIVERY_UNSPECIFIED
	}
	if got := stands(); got != deskv1.Delivery_DELIVERY_ABANDONED {
		t.Errorf("it stands as %v", got)
	}
	h.commit("p", thread.Of(&threadv1.SendSucceeded{Id: "doubt", Mid: "m", Proof: thread.ProofEcho, SentMs: 1}))
	if got := stands(); got != deskv1.Delivery_DELIVERY_SENT {
		t.Errorf("proved, it stands as %v", got)
	}
}

// TestResendIsDecidedOnTheThreadAsItStands: an echo that comes while the agent
// asks for a repetition makes it needless.
func TestResendIsDecidedOnTheThreadAsItStands(t *testing.T) {
	h := newHouse(t)
	mila := h.agent("mila")
	for n := range 20 {
		psid := fmt.Sprint("race-", n)
		h.lead(psid, "active", time.Now())
		var race sync.WaitGroup
		race.Go(func() {
			_, _, _ = h.bus.Update(t.Context(), subject.Thread{Page: pageID, PSID: psid}, func(s *threadv1.State, _ uint64) ([]*threadv1.Fact, error) {
				if thread.FindSend(s, "lost-"+psid) == nil {
					return nil, nil // it was given up for the repetition
				}
				return []*threadv1.Fact{thread.Of(&threadv1.SendSucceeded{Id: "lost-" + psid, Mid: "echo", SentMs: 1})}, nil
			})
		})
		race.Go(func() { _, _ = mila.resend(t.Context(), psid, uuid.NewString(), "lost-"+psid) })
		race.Wait()
		proved, repeated := false, false
		for _, f := range h.history(psid) {
			proved = proved || f.GetSendSucceeded().GetId() == "lost-"+psid
			repeated = repeated || f.GetSendRequested().GetRepeats() == "lost-"+psid
		}
		if proved == repeated {
			t.Errorf("proved to have arrived is %v, sent again is %v", proved, repeated)
		}
	}
}
