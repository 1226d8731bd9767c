// Package webtest is a desk server without a house behind it: it keeps a few
// conversations in memory, so that the page can be driven by tests, and does
// only what it is told. What the real desk decides is not repeated here.
package webtest

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/proto/gen/parley/desk/v1/deskv1connect"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/internal/page"
	"github.com/parley-desk/parley/services/desk/web"
)

// Agent and Password sign in, and so do the others with the same password; but
// Stranger has no right to the desk.
const (
	Agent    = "mila"
	Other    = "orlin"
	Stranger = "sonya"
	Boss     = "vera"
	Admin    = "petar"
	Auditor  = "anton"
	Password = "parley-demo"
)

// House is the server's state. Its methods may be called from any goroutine.
type House struct {
	mu        sync.Mutex
	epoch     string
	events    []*deskv1.Event
	changed   chan struct{} // closed at the next event, or when the line is cut
	cut       bool
	dies      bool // at the next message, when it is stored
	templates []*deskv1.ReadyTemplate
	failures  []error         // for the next sends, in order
	held      <-chan struct{} // the next page of history waits for it; nil: it does not
	views     map[string]*deskv1.ConversationView
	talks     map[string][]string               // conversations by psid, the last is the latest
	items     map[string][]*deskv1.TimelineItem // by psid, in order of the log
	standing  *distributionv1.AgentStanding
	revision  uint64
	sends     int
	streams   int
	wish      distributionv1.Presence // of the last stream
	ahead     time.Duration           // of the browser's clock
	unsealed  bool                    // the audit cannot be written
	over      string                  // why the session has ended; empty: it has not
	crowded   bool                    // as many sign-ins have the desk open as may
	bar       time.Duration           // how long nobody may sign in
	open      []*deskv1.OpenItem
	queues    *deskv1.Queues
	asked     []proto.Message            // hand-overs and offers shown, as they came
	floor     []*deskv1.ConversationView // those of everybody, as a supervisor sees them
	own       []*deskv1.PersonalReply
	form      *deskv1.WrapUpForm
	closed    []*deskv1.ClosedItem
	slow      <-chan struct{} // an End waits for it; nil: it does not
	skilled   bool            // agents say which skills conversations need
	files     <-chan struct{} // files wait for it; nil: they do not

	Uploads Uploads
	Office  *Office // the control plane, to which calls are passed on
}

// New makes a house with an available agent and nothing to do.
func New() *House {
	return &House{
		Office: &Office{answers: map[string]func(proto.Message) (proto.Message, error){}, asked: map[string][]proto.Message{}},
		epoch:  "e1", changed: make(chan struct{}),
		views: map[string]*deskv1.ConversationView{}, talks: map[string][]string{}, items: map[string][]*deskv1.TimelineItem{},
		standing: &distributionv1.AgentStanding{Agent: Agent, Presence: distributionv1.Presence_PRESENCE_AVAILABLE, Capacity: 3},
	}
}

// Handler serves the built page and the API, with the headers of the real desk;
// pictures may come from the origins in images.
func (h *House) Handler(images ...string) (http.Handler, error) {
	return h.HandlerBehind(page.Door{Local: true}, images...)
}

// HandlerBehind is Handler with another door. Whoever goes to the company's account
// comes back signed in as Agent.
func (h *House) HandlerBehind(door page.Door, images ...string) (http.Handler, error) {
	built, err := page.New(web.Files(), door)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", built)
	mux.HandleFunc("GET /files", h.file)
	if door.Federated != "" {
		mux.HandleFunc("GET /sso", func(w http.ResponseWriter, r *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: cookie, Value: Agent, Path: "/", HttpOnly: true})
			http.Redirect(w, r, "/", http.StatusSeeOther)
		})
	}
	h.mountUploads(mux)
	mux.Handle(deskv1connect.NewSessionServiceHandler(sessions{h}))
	mux.Handle(deskv1connect.NewDeskServiceHandler(desk{h: h}))
	mux.Handle(deskv1connect.NewContactServiceHandler(newContacts()))
	mux.Handle(deskv1connect.NewReplyServiceHandler(replies{desk: desk{h: h}}))
	return page.Harden(h.line(h.passOn(mux)), images...), nil
}

// line hangs up on everybody while it is cut.
func (h *House) line(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		cut, dies := h.cut, h.dies && strings.HasSuffix(r.URL.Path, "/SendMessage")
		h.mu.Unlock()
		switch {
		case dies:
			next.ServeHTTP(httptest.NewRecorder(), r)
			h.Cut(true)
		case !cut:
			next.ServeHTTP(w, r)
			return
		}
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = conn.Close()
		}
	})
}

// Cut breaks the line to all desks and refuses new ones, or mends it.
func (h *House) Cut(cut bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cut, h.dies = cut, false
	h.wake()
}

// DieInMidSend stores the next message and cuts the line before anybody is told.
func (h *House) DieInMidSend() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dies = true
}

// Crowd refuses desks because the agent has too many open, or lets them in again.
func (h *House) Crowd(crowded bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.crowded = crowded
}

// Ahead puts the clock of the house before the browser's. Call it first.
func (h *House) Ahead(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ahead = d
}

func (h *House) now() time.Time { return time.Now().Add(h.ahead) }

// FailNext makes the next sends fail with these errors.
func (h *House) FailNext(errs ...error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failures = errs
}

// Sends is how many sends were stored: repeated ones count once.
func (h *House) Sends() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.sends
}

// Streams is how many event streams are open.
func (h *House) Streams() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.streams
}

// Wish is the presence that the last stream was opened with: what the page says
// its agent chose.
func (h *House) Wish() distributionv1.Presence {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.wish
}

func (h *House) wished(p distributionv1.Presence) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wish = p
}

// End ends the session for a reason, as the stream tells it; the next sign-in
// begins another.
func (h *House) End(reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over = reason; reason != "" {
		h.emit(&deskv1.Event{Kind: &deskv1.Event_SessionEnded{SessionEnded: &deskv1.SessionEnded{Reason: reason}}})
	}
}

func (h *House) ended() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.over
}

// Bar refuses sign-ins: there were too many tries. 0 lets everybody in again.
func (h *House) Bar(wait time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bar = wait
}

func (h *House) barred() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.bar
}

// Customer is somebody to add with Add.
type Customer struct {
	PSID, Name, Queue string
	Phase             threadv1.Phase
	// Window is how long a reply may still be sent.
	Window time.Duration
	// Silent is how long ago the customer wrote last.
	Silent time.Duration
	// Offer is for how long the conversation is offered; 0: it is not.
	Offer time.Duration
	// Given is for how long the agent is told that the conversation was given; 0: it
	// was not.
	Given time.Duration
	// Title stands for it in lists.
	Title string
	// Told is how the agent is told of it.
	Told *deskv1.Notification
	// Files are taken from the agent.
	Files *deskv1.FileLimits
}

// Add opens a conversation with a first message, the next one of the customer
// if there was one before. Desks are told of the conversation as it stands: what
// was said before it was theirs they must read.
func (h *House) Add(c Customer, texts ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	v := &deskv1.ConversationView{
		Ref:      &deskv1.ConversationRef{Page: "1020304050607080", Psid: c.PSID, Conversation: fmt.Sprintf("c-%s-%d", c.PSID, len(h.talks[c.PSID]))},
		Customer: &threadv1.Customer{Name: c.Name, Locale: "bg_BG", Timezone: proto.Float64(2)},
		Phase:    c.Phase, Queue: c.Queue, PageName: "Магазин Витоша", Agent: Agent,
		OpenedMs: now.Add(-c.Silent - 20*time.Minute).UnixMilli(), QueuedMs: now.Add(-c.Silent - 19*time.Minute).UnixMilli(),
		Window: &deskv1.Window{Kind: "closed"}, Files: c.Files,
	}
	if c.Window > 0 {
		kind := "response"
		if c.Silent > 24*time.Hour {
			kind = "human_agent"
		}
		v.Window = &deskv1.Window{Kind: kind, UntilMs: now.Add(c.Window).UnixMilli()}
	}
	if c.Offer > 0 {
		v.Offer = &threadv1.Offer{Agent: Agent, Fence: 7, MadeMs: now.UnixMilli(), UntilMs: now.Add(c.Offer).UnixMilli()}
	}
	v.Title = c.Title
	if v.Notification = c.Told; c.Given > 0 {
		v.Notification = cmp.Or(c.Told, &deskv1.Notification{})
		v.Notification.GivenUntilMs = now.Add(c.Given).UnixMilli()
	}
	h.talks[c.PSID] = append(h.talks[c.PSID], v.GetRef().GetConversation())
	h.views[v.GetRef().GetConversation()] = v
	for i, text := range texts {
		at := now.Add(-c.Silent - time.Duration(len(texts)-1-i)*time.Minute)
		h.keep(v, &deskv1.TimelineItem{Id: fmt.Sprintf("m.%s.%d", v.GetRef().GetConversation(), i),
			Author: deskv1.Author_AUTHOR_CUSTOMER, Text: text, AtMs: at.UnixMilli()})
		v.Preview, v.NewestMs, v.Unanswered = text, at.UnixMilli(), v.GetUnanswered()+1
	}
	h.show(v)
}

// Take takes a customer's conversation from the agent; back gives it back as
// it was.
func (h *House) Take(psid string) (back func()) {
	h.mu.Lock()
	v := h.latest(psid)
	h.mu.Unlock()
	desk{h: h}.drop(v.GetRef())
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.views[v.GetRef().GetConversation()] = v
		h.show(v)
	}
}

// Say adds an item to a customer's thread and tells the desks.
func (h *House) Say(psid string, item *deskv1.TimelineItem) {
	h.mu.Lock()
	defer h.mu.Unlock()
	v := h.latest(psid)
	if item.GetAtMs() == 0 {
		item.AtMs = h.now().UnixMilli()
	}
	h.put(v, item)
	switch item.GetAuthor() {
	case deskv1.Author_AUTHOR_CUSTOMER:
		v.Preview, v.NewestMs, v.Unanswered = item.GetText(), item.GetAtMs(), v.GetUnanswered()+1
	case deskv1.Author_AUTHOR_AGENT:
		v.Preview, v.NewestMs, v.Unanswered = item.GetText(), item.GetAtMs(), 0
	}
	h.show(v)
}

// Defer has the newest agent's message of a thread wait until a time, for a
// reason; with no time it is being tried again.
func (h *House) Defer(psid, reason string, until time.Duration) {
	h.change(psid, func(item *deskv1.TimelineItem) {
		item.Delivery, item.Reason, item.Details = deskv1.Delivery_DELIVERY_SENDING, reason, nil
		if until > 0 {
			item.Details = map[string]string{"retry_ms": fmt.Sprint(h.now().Add(until).UnixMilli())}
		}
	})
}

// Park has the newest agent's message of a thread wait for its page.
func (h *House) Park(psid string) {
	h.change(psid, func(item *deskv1.TimelineItem) {
		item.Delivery, item.Reason, item.Details = deskv1.Delivery_DELIVERY_SENDING, "PAGE_DISCONNECTED", map[string]string{"parked": "1"}
	})
}

// Disconnect tells why nothing can be sent from the page of a conversation; empty
// when it works again.
func (h *House) Disconnect(psid, reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	v := h.latest(psid)
	v.PageTrouble = reason
	h.emit(&deskv1.Event{Kind: &deskv1.Event_Conversation{Conversation: proto.CloneOf(v)}})
}

// Deliver moves the newest agent's message of a thread on.
func (h *House) Deliver(psid string, to deskv1.Delivery) {
	h.change(psid, func(item *deskv1.TimelineItem) { item.Delivery, item.Reason, item.Details = to, "", nil })
}

// change changes the newest agent's message of a thread.
func (h *House) change(psid string, f func(*deskv1.TimelineItem)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := h.items[psid]
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].GetAuthor() == deskv1.Author_AUTHOR_AGENT {
			item := proto.CloneOf(all[i])
			f(item)
			h.put(h.latest(psid), item)
			return
		}
	}
}

// Stand sets what the agent is told about presence and load.
func (h *House) Stand(p distributionv1.Presence) { h.stand(p, "") }

func (h *House) stand(p distributionv1.Presence, status string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.standing = proto.CloneOf(h.standing)
	h.standing.Presence, h.standing.Status = p, status
	h.emit(&deskv1.Event{Kind: &deskv1.Event_Standing{Standing: h.standing}})
}

// Lapse says something of the customer that no desk is told, and begins a new
// epoch: desks are given a snapshot.
func (h *House) Lapse(psid string, item *deskv1.TimelineItem) {
	h.mu.Lock()
	defer h.mu.Unlock()
	item.AtMs = h.now().UnixMilli()
	h.keep(h.latest(psid), item)
	h.epoch, h.events = rand.Text(), nil
	h.wake()
}

// HoldHistory makes the next page of history wait: as it stands when it is
// asked for, it is answered when let is called.
func (h *House) HoldHistory() (let func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	held := make(chan struct{})
	h.held = held
	return sync.OnceFunc(func() { close(held) })
}

// Held is whether a page of history is still to be asked for.
func (h *House) Held() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.held != nil
}

// latest is the latest conversation of a customer. The lock is held.
func (h *House) latest(psid string) *deskv1.ConversationView {
	all := h.talks[psid]
	return h.views[all[len(all)-1]]
}

// put stores an item, new or changed, and tells the desks. The lock is held.
func (h *House) put(v *deskv1.ConversationView, item *deskv1.TimelineItem) {
	h.keep(v, item)
	h.emit(&deskv1.Event{Kind: &deskv1.Event_Timeline{Timeline: &deskv1.TimelineChange{Ref: v.GetRef(), Item: item}}})
}

// keep stores an item, new or changed. The lock is held.
func (h *House) keep(v *deskv1.ConversationView, item *deskv1.TimelineItem) {
	h.revision++
	psid := v.GetRef().GetPsid()
	if item.GetRevision() == 0 {
		item.Revision = h.revision
	}
	item.ChangedRevision, item.Conversation = h.revision, v.GetRef().GetConversation()
	at := slices.IndexFunc(h.items[psid], func(x *deskv1.TimelineItem) bool { return x.GetId() == item.GetId() })
	if at >= 0 {
		h.items[psid][at] = item
	} else {
		h.items[psid] = append(h.items[psid], item)
	}
}

// show tells the desks how a conversation stands. The lock is held.
func (h *House) show(v *deskv1.ConversationView) {
	h.revision++
	v.Revision = h.revision
	h.allow(v)
	h.emit(&deskv1.Event{Kind: &deskv1.Event_Conversation{Conversation: proto.CloneOf(v)}})
}

// emit numbers an event and wakes the streams. The lock is held.
func (h *House) emit(e *deskv1.Event) {
	e.Epoch, e.Seq = h.epoch, uint64(len(h.events)+1)
	h.events = append(h.events, proto.CloneOf(e))
	h.wake()
}

func (h *House) wake() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// snapshot is what a desk that knows nothing is told. The lock is held.
func (h *House) snapshot() *deskv1.Event {
	s := &deskv1.Snapshot{Standing: proto.CloneOf(h.standing), Queues: h.queues, NowMs: h.now().UnixMilli()}
	for _, id := range slices.Sorted(maps.Keys(h.views)) {
		s.Conversations = append(s.Conversations, proto.CloneOf(h.views[id]))
	}
	return &deskv1.Event{Epoch: h.epoch, Seq: uint64(len(h.events)), Kind: &deskv1.Event_Snapshot{Snapshot: s}}
}

// after is what a stream is told next, and a channel that is closed when there
// is more: what came after the cursor, or a snapshot. The first answer is never
// empty.
func (h *House) after(epoch string, seq int, first bool) ([]*deskv1.Event, <-chan struct{}, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.cut:
		return nil, nil, connect.NewError(connect.CodeUnavailable, errors.New("the line is cut"))
	case h.crowded:
		return nil, nil, failure(connect.CodeResourceExhausted, "TOO_MANY_SESSIONS")
	case epoch != h.epoch:
		return []*deskv1.Event{h.snapshot()}, h.changed, nil
	case first:
		alive := &deskv1.Event{Epoch: h.epoch, Seq: uint64(seq), Kind: &deskv1.Event_Heartbeat{
			Heartbeat: &deskv1.Heartbeat{NowMs: h.now().UnixMilli()}}}
		return append([]*deskv1.Event{alive}, h.events[seq:]...), h.changed, nil
	}
	return h.events[seq:], h.changed, nil
}

// count counts open streams.
func (h *House) count(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.streams += n
}
