package attempt_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/outbound/internal/attempt"
)

func policy() attempt.Policy {
	return attempt.Policy{
		Start: 5 * time.Second, Orphan: 30 * time.Second, Echo: 60 * time.Second, Check: 30 * time.Second,
		CheckAgain: 5 * time.Second, Backoff: 2 * time.Second, BackoffMax: time.Minute, Attempts: 5,
		Patience: 10 * time.Minute, Park: 10 * time.Minute,
	}
}

// TestAtMostOnePostWithoutADefiniteNo plays a deployment: several processes
// that drive one thread at once, freeze, wake up with old knowledge and crash
// at any point; a Meta that delivers or not and answers truthfully, not at
// all, in doubt, or with a "later" that is not true; a page whose token dies and
// comes back, of which each process knows something else; echoes that come at
// any time, several times, or never; an agent who gives up; a conversation that
// ends.
func TestAtMostOnePostWithoutADefiniteNo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		t.Repeat(map[string]func(*rapid.T){
			"":        w.check,
			"time":    w.pass,
			"look":    w.look,
			"act":     w.act,
			"post":    w.post,
			"answer":  w.answer,
			"crash":   w.crash,
			"echo":    w.echo,
			"abandon": w.abandon,
			"close":   w.close,
			"message": w.message,
		})
	})
}

// part names one part of one send.
type part struct {
	id    string
	index int32
}

// posted is one POST as Meta saw it.
type posted struct {
	ref       attempt.Ref
	mid       string
	delivered bool
	lied      bool          // it was delivered, and the answer says "later"
	echoed    bool          // its echo was filed
	out       graph.Outcome // what the answer says, if it arrives
}

// holder is a process that has committed an attempt.
type holder struct {
	attempted *threadv1.SendAttempted
	post      *posted // nil before the POST
	late      bool    // it came too late to post
}

type world struct {
	policy  attempt.Policy
	now     time.Time
	state   *threadv1.State
	rev     uint64
	steps   []attempt.Step // what processes mean to do, from what they once saw
	holders []*holder
	posts   map[part][]*posted
	order   []*posted         // all of them
	shown   map[part][]string // mids that the log has proved, by part
	twice   map[part]int      // how often it says that the customer has a part once more
	failed  []string          // broken promises, found while acting
	human   bool              // whether the message in hand was written by a person
}

func newWorld(t *rapid.T) *world {
	w := &world{policy: policy(), now: time.UnixMilli(1_700_000_000_000), state: thread.New("102030", "4040"), posts: map[part][]*posted{},
		shown: map[part][]string{}, twice: map[part]int{}}
	w.commit(thread.Of(&threadv1.MessageReceived{Mid: "m_in", Text: "hello", SentMs: w.now.UnixMilli()}))
	w.commit(thread.Of(&threadv1.ConversationOpened{Id: "c1", Workstream: "facebook", MessageTag: rapid.Bool().Draw(t, "tag"), Units: 1, OfferSeconds: 60}))
	for i := range rapid.IntRange(1, 3).Draw(t, "sends") {
		parts := make([]string, rapid.IntRange(1, 3).Draw(t, "parts"))
		for j := range parts {
			parts[j] = strconv.Itoa(i) + "." + strconv.Itoa(j)
		}
		w.request("s"+strconv.Itoa(i), parts, rapid.Bool().Draw(t, "automated"))
	}
	return w
}

// request puts an open send into the state, as an agent's command does, or what
// is said by itself.
func (w *world) request(id string, parts []string, automated bool) {
	agent, trigger := "mila", threadv1.Trigger_TRIGGER_UNSPECIFIED
	if automated {
		agent, trigger = "", threadv1.Trigger_TRIGGER_GREETING
	}
	w.state.Sends = append(w.state.Sends, &threadv1.Send{Id: id, Conversation: "c1", Agent: agent, Trigger: trigger, Parts: int32(len(parts)),
		Status: threadv1.SendStatus_SEND_STATUS_REQUESTED, RequestedMs: w.now.UnixMilli(), AfterRevision: w.rev})
}

// commit appends facts as the log does; they must fit.
func (w *world) commit(facts ...*threadv1.Fact) {
	if len(facts) == 0 {
		return
	}
	c, err := thread.Extend(w.state, w.rev, w.now, "test", facts...)
	if err != nil {
		w.failed = append(w.failed, "a fact does not fit: "+facts[0].String()+": "+err.Error())
		return
	}
	for _, f := range facts {
		w.audit(f)
	}
	w.state, w.rev = c.GetState(), w.rev+1
}

// audit holds a fact against what truly happened.
func (w *world) audit(f *threadv1.Fact) {
	if a := f.GetSendAttempted(); a != nil && len(w.shown[part{a.GetId(), a.GetPart()}]) > 0 {
		w.failed = append(w.failed, "attempted, though the log has a proof")
	}
	if a := f.GetSendAttempted(); a != nil && !w.allowed(a.GetMessagingType(), a.GetTag()) {
		w.failed = append(w.failed, "attempted, though the window does not allow it: "+a.String())
	}
	if r := f.GetSendRefused(); r != nil {
		if r.GetReason() == graph.ReasonPageDisconnected {
			w.failed = append(w.failed, "refused for the page, which is not its fault")
		}
		if r.GetReason() == graph.ReasonWindowClosed && r.GetCode() == 0 && (w.allowed("RESPONSE", "") || w.allowed("MESSAGE_TAG", "HUMAN_AGENT")) {
			w.failed = append(w.failed, "refused, though the window is open")
		}
		for _, p := range w.posts[part{r.GetId(), r.GetPart()}] {
			if p.delivered && !p.lied {
				w.failed = append(w.failed, "refused, though the customer has it")
			}
		}
	}
	if s := f.GetSendSucceeded(); s != nil {
		w.proved(part{s.GetId(), s.GetPart()}, s.GetMid(), false)
	}
	if e := f.GetSendEchoed(); e != nil {
		w.proved(part{e.GetId(), e.GetPart()}, e.GetMid(), e.GetTwice())
	}
}

// allowed tells, from Meta's rules, whether a message may leave so.
func (w *world) allowed(kind, tag string) bool {
	const day = 24 * time.Hour
	age := w.now.Sub(time.UnixMilli(w.state.GetWindowMs()))
	switch {
	case age < day-time.Minute:
		return kind == "RESPONSE" && tag == ""
	case age < 7*day-time.Minute:
		return kind == "MESSAGE_TAG" && tag == "HUMAN_AGENT" && w.human && w.state.GetConversation().GetMessageTag()
	}
	return false
}

func (w *world) proved(of part, mid string, twice bool) {
	if !slices.ContainsFunc(w.posts[of], func(p *posted) bool { return p.delivered && p.mid == mid }) {
		w.failed = append(w.failed, "shown as sent, though the customer does not have it")
	}
	if !slices.Contains(w.shown[of], mid) {
		w.shown[of] = append(w.shown[of], mid)
	}
	if twice {
		w.twice[of]++
	}
}

func (w *world) check(t *rapid.T) {
	for _, broken := range w.failed {
		t.Error(broken)
	}
	for p, posts := range w.posts {
		for _, earlier := range posts[:len(posts)-1] {
			if earlier.delivered && !earlier.lied || (earlier.out.Class != graph.Later && earlier.out.Class != graph.Parked) {
				t.Errorf("%v was posted again after an outcome %q", p, earlier.out.Class)
			}
		}
		if p.index > 0 {
			before := w.posts[part{p.id, p.index - 1}]
			if !slices.ContainsFunc(before, func(p *posted) bool { return p.delivered }) {
				t.Errorf("%v was posted before the part ahead of it had arrived", p)
			}
		}
		for _, post := range posts {
			if post.echoed && !slices.Contains(w.shown[p], post.mid) {
				t.Errorf("%v reached the customer as %s, Meta said so, and the log does not", p, post.mid)
			}
		}
		if again := max(0, len(w.shown[p])-1); w.twice[p] != again {
			t.Errorf("%v reached the customer %d times more, and the log says %d", p, again, w.twice[p])
		}
	}
	w.checkNext(t)
	for _, send := range w.state.GetSends() {
		if send.GetStatus() == threadv1.SendStatus_SEND_STATUS_UNCONFIRMED && !thread.Live(w.state.GetConversation()) {
			t.Errorf("%s waits for a decision that nobody can take", send.GetId())
		}
	}
}

// checkNext holds the send that is driven against the order that is promised: it
// is passed by nobody but what a person wrote, and then only when it was posted, and
// nobody wrote it or its agent would not wait.
func (w *world) checkNext(t *rapid.T) {
	next := thread.NextSend(w.state)
	for _, send := range w.state.GetSends() {
		switch {
		case send == next:
			return
		case send.GetStatus() == threadv1.SendStatus_SEND_STATUS_UNCONFIRMED:
		case send.GetStatus() == threadv1.SendStatus_SEND_STATUS_UNCERTAIN && (send.GetAgent() == "" || send.GetLeft()) && next.GetAgent() != "":
		case send.GetStatus() == threadv1.SendStatus_SEND_STATUS_REQUESTED && send.GetAgent() == "" && next.GetAgent() != "":
			if w.state.GetSends()[0].GetStatus() == threadv1.SendStatus_SEND_STATUS_REQUESTED {
				t.Errorf("%s is passed before it was posted", send.GetId())
			}
		default:
			t.Errorf("%s in %v is passed by %s", send.GetId(), send.GetStatus(), next.GetId())
		}
	}
	if next != nil {
		t.Errorf("%s is no open send", next.GetId())
	}
	for n, send := range w.state.GetSends() {
		if (send.GetAgent() == "" || send.GetLeft()) && (next == send || next.GetAgent() == "") && send.GetStatus() == threadv1.SendStatus_SEND_STATUS_UNCERTAIN &&
			slices.ContainsFunc(w.state.GetSends()[n:], func(o *threadv1.Send) bool {
				return o.GetAgent() != "" && !o.GetLeft() && o.GetStatus() != threadv1.SendStatus_SEND_STATUS_UNCONFIRMED
			}) {
			t.Errorf("a person waits for %s", send.GetId())
		}
	}
}

func (w *world) pass(t *rapid.T) {
	w.now = w.now.Add(time.Duration(rapid.SampledFrom([]int{1, 3, 6, 36, 61, 96, 700, 90_000}).Draw(t, "seconds")) * time.Second)
}

// look has a process see the state and make up its mind.
func (w *world) look(t *rapid.T) {
	step := w.policy.Next(w.state, w.now, w.page(t))
	if step.Do != attempt.Idle && step.Do != attempt.Wait {
		w.steps = append(w.steps, step)
	}
}

// page is what a process believes of the page.
func (w *world) page(t *rapid.T) attempt.Page {
	page := attempt.Page{Setup: rapid.SampledFrom([]string{"old", "new"}).Draw(t, "setup"), Open: rapid.Bool().Draw(t, "open")}
	if !page.Open && rapid.Bool().Draw(t, "may be tried") {
		page.Try = w.now.Add(time.Duration(rapid.IntRange(-1, 600).Draw(t, "when")) * time.Second)
	}
	return page
}

// act has one of them do it, now or much later: the log decides whether it
// still may.
func (w *world) act(t *rapid.T) {
	if len(w.steps) == 0 {
		t.Skip("nobody means to do anything")
	}
	i := rapid.IntRange(0, len(w.steps)-1).Draw(t, "process")
	step := w.steps[i]
	w.steps = slices.Delete(w.steps, i, i+1)
	switch step.Do {
	case attempt.Post:
		human := rapid.Bool().Draw(t, "human")
		w.human = human
		if rapid.IntRange(0, 4).Draw(t, "connection") == 0 {
			w.commit(w.policy.Hold(w.state, step.Ref, human, w.now)...)
			return
		}
		facts := w.policy.Begin(w.state, step.Ref, human, w.now)
		w.commit(facts...)
		if len(facts) == 1 && facts[0].GetSendAttempted() != nil {
			w.holders = append(w.holders, &holder{attempted: facts[0].GetSendAttempted()})
		}
	case attempt.Presume:
		w.commit(w.policy.Lost(w.state, step.Ref)...)
	case attempt.Check:
		for _, p := range w.posts[part{step.Ref.ID, step.Ref.Part}] {
			if p.delivered && rapid.Bool().Draw(t, "found") {
				w.commit(w.policy.Proven(w.state, step.Ref, p.mid, w.now)...)
				return
			}
		}
		w.commit(w.policy.Unproven(w.state, step.Ref)...)
	case attempt.GiveUp:
		w.commit(w.policy.Unproven(w.state, step.Ref)...)
	case attempt.Idle, attempt.Wait:
	}
}

// post has a process that holds an attempt post it, unless it is too late.
func (w *world) post(t *rapid.T) {
	h := w.pick(t, func(h *holder) bool { return h.post == nil && !h.late })
	if w.now.After(time.UnixMilli(h.attempted.GetDeadlineMs())) {
		h.late = true
		return
	}
	ref := attempt.Ref{ID: h.attempted.GetId(), Part: h.attempted.GetPart(), Attempt: h.attempted.GetAttempt()}
	p := part{ref.ID, ref.Part}
	h.post = &posted{ref: ref, mid: "m_" + ref.ID + "." + strconv.Itoa(int(ref.Part)) + "." + strconv.Itoa(len(w.posts[p]))}
	h.post.out.Class = rapid.SampledFrom([]graph.Class{graph.Sent, graph.Refused, graph.Later, graph.Parked, graph.Uncertain}).Draw(t, "class")
	switch h.post.out.Class {
	case graph.Sent:
		h.post.delivered, h.post.out.MessageID = true, h.post.mid
	case graph.Uncertain:
		h.post.delivered = rapid.Bool().Draw(t, "delivered")
	case graph.Later, graph.Parked:
		if h.post.out.Class == graph.Parked {
			h.post.out.Reason = rapid.SampledFrom([]string{graph.ReasonPageDisconnected, graph.ReasonPermissionMissing}).Draw(t, "reason")
		}
		h.post.lied = rapid.IntRange(0, 4).Draw(t, "lie") == 0
		h.post.delivered = h.post.lied
	case graph.Refused:
	}
	w.posts[p], w.order = append(w.posts[p], h.post), append(w.order, h.post)
}

// answer has a process learn the outcome and commit it, however late.
func (w *world) answer(t *rapid.T) {
	h := w.pick(t, func(h *holder) bool { return h.post != nil || h.late })
	ref := attempt.Ref{ID: h.attempted.GetId(), Part: h.attempted.GetPart(), Attempt: h.attempted.GetAttempt()}
	out := graph.Outcome{Class: graph.Later, Reason: attempt.ReasonLate}
	if h.post != nil {
		out = h.post.out
	}
	w.commit(w.policy.Answer(w.state, ref, out, "old", w.now)...)
	w.drop(h)
}

// crash ends a process before it posts, or before it commits the answer.
func (w *world) crash(t *rapid.T) { w.drop(w.pick(t, func(*holder) bool { return true })) }

// echo delivers an echo, however late and perhaps for the second time, as
// classification files it.
func (w *world) echo(t *rapid.T) {
	var candidates []*posted
	for _, p := range w.order {
		if p.delivered {
			candidates = append(candidates, p)
		}
	}
	if len(candidates) == 0 {
		t.Skip("nothing to echo")
	}
	p := rapid.SampledFrom(candidates).Draw(t, "echo")
	p.echoed = true
	f := thread.Echoed(w.state, thread.Echo{ID: p.ref.ID, Part: p.ref.Part, Attempt: p.ref.Attempt, Mid: p.mid, SentMs: w.now.UnixMilli()})
	if e := f.GetSendEchoed(); e != nil {
		if f.EventKey = thread.EchoKey(p.mid); thread.Seen(w.state, f.EventKey) {
			return
		}
		e.Twice = slices.ContainsFunc(w.shown[part{p.ref.ID, p.ref.Part}], func(mid string) bool { return mid != p.mid })
	}
	w.commit(f)
}

// abandon has the agent leave what is not confirmed, or not wait for its proof.
func (w *world) abandon(t *rapid.T) {
	for _, send := range w.state.GetSends() {
		if send.GetStatus() == threadv1.SendStatus_SEND_STATUS_UNCONFIRMED ||
			send.GetStatus() == threadv1.SendStatus_SEND_STATUS_UNCERTAIN && thread.Written(send) && !send.GetLeft() {
			w.commit(thread.Of(&threadv1.SendAbandoned{Id: send.GetId(), Agent: send.GetAgent()}))
			return
		}
	}
	t.Skip("nothing to give up")
}

// close ends the conversation.
func (w *world) close(t *rapid.T) {
	if !thread.Live(w.state.GetConversation()) || rapid.IntRange(0, 3).Draw(t, "goes on") > 0 {
		t.Skip("it goes on")
	}
	w.commit(thread.Of(&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_FORCED}))
}

// message has the customer write, which opens the window again.
func (w *world) message(*rapid.T) {
	w.commit(thread.Of(&threadv1.MessageReceived{Mid: "m_in" + strconv.FormatUint(w.rev, 10), Text: "and?", SentMs: w.now.UnixMilli()}))
}

func (w *world) pick(t *rapid.T, which func(*holder) bool) *holder {
	var some []*holder
	for _, h := range w.holders {
		if which(h) {
			some = append(some, h)
		}
	}
	if len(some) == 0 {
		t.Skip("no such process")
	}
	return some[rapid.IntRange(0, len(some)-1).Draw(t, "process")]
}

func (w *world) drop(h *holder) {
	w.holders = slices.DeleteFunc(w.holders, func(o *holder) bool { return o == h })
}
