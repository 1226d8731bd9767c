package desk_test

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"
	"github.com/parley-desk/parley/pkg/session"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/standing"
	"github.com/parley-desk/parley/pkg/thread"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	outboundv1 "github.com/parley-desk/parley/proto/gen/parley/outbound/v1"
	provisionv1 "github.com/parley-desk/parley/proto/gen/parley/provision/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

func mustURL(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// live is an agent's stream as a page follows it.
type live struct {
	*connect.ServerStreamForClient[deskv1.Event]
	t *testing.T
}

func (h *house) follow(c *caller) live {
	h.t.Helper()
	s, err := c.desk.Events(h.t.Context(), connect.NewRequest(&deskv1.EventsRequest{}))
	if err != nil {
		h.t.Fatal(err)
	}
	return live{s, h.t}
}

// until reads events up to the one that is wanted and gives all it read.
func (l live) until(what string, wanted func(*deskv1.Event) bool) (seen []*deskv1.Event) {
	l.t.Helper()
	late := time.AfterFunc(patient, func() { _ = l.Close() })
	defer late.Stop()
	for l.Receive() {
		if seen = append(seen, l.Msg()); wanted(l.Msg()) {
			return seen
		}
	}
	l.t.Fatalf("waited in vain for %s: %v", what, l.Err())
	return nil
}

func inPhase(psid string, p threadv1.Phase) func(*deskv1.Event) bool {
	return func(e *deskv1.Event) bool {
		return e.GetConversation().GetRef().GetPsid() == psid && e.GetConversation().GetPhase() == p
	}
}

func saying(text string) func(*deskv1.Event) bool {
	return func(e *deskv1.Event) bool { return e.GetTimeline().GetItem().GetText() == text }
}

// held is how many timeline items the desk keeps in memory.
func (h *house) held() float64 {
	h.t.Helper()
	families, err := h.registry.Gather()
	if err != nil {
		h.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "parley_desk_timeline_items" {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	h.t.Fatal("there is no such metric")
	return 0
}

// TestAConversation goes from offer to end, as a page sees it.
func TestAConversation(t *testing.T) {
	h := newHouse(t)
	mila := h.agent("mila")
	stream := h.follow(mila)
	stream.until("the snapshot", func(e *deskv1.Event) bool { return e.GetSnapshot() != nil })

	h.lead("p", "offered", time.Now())
	h.commit("p", thread.Of(&threadv1.MessageReceived{Mid: "m2", Text: "Ало?", SentMs: time.Now().UnixMilli()}))
	seen := stream.until("the second message", func(e *deskv1.Event) bool { return e.GetConversation().GetPreview() == "Ало?" })
	offer := seen[len(seen)-1].GetConversation()
	if offer.GetQueue() != "Front desk" || offer.GetOffer().GetFence() != 2 || !slices.Equal(offer.GetAllowed(), []string{"accept", "reject"}) {
		t.Errorf("the offer shows %v", offer)
	}
	if slices.ContainsFunc(seen, func(e *deskv1.Event) bool { return e.GetTimeline() != nil }) || h.held() != 0 {
		t.Errorf("for an offer the history was read: %v, %v items", seen, h.held())
	}
	if _, err := mila.desk.AcceptOffer(t.Context(), connect.NewRequest(&deskv1.AcceptOfferRequest{Ref: offer.GetRef(), Fence: 2})); err != nil {
		t.Fatal(err)
	}
	stream.until("the conversation", inPhase("p", threadv1.Phase_PHASE_ACTIVE))
	page, err := mila.desk.ListTimeline(t.Context(), connect.NewRequest(&deskv1.ListTimelineRequest{Ref: offer.GetRef()}))
	if err != nil {
		t.Fatal(err)
	}
	items := page.Msg.GetItems()
	if last := items[len(items)-1]; last.GetText() != "agent_assigned" || !slices.ContainsFunc(items, func(i *deskv1.TimelineItem) bool { return i.GetText() == "Ало?" }) {
		t.Errorf("the history lacks what came before the page had it: %v", items)
	}

	h.commit("p", thread.Of(&threadv1.MessageReceived{Mid: "m3", Text: "Тук съм", SentMs: time.Now().UnixMilli()}))
	stream.until("a message", saying("Тук съм"))
	for name, wanted := range map[string]func(*deskv1.Event) bool{"send": saying("Пътува."), "note": saying("VIP")} {
		if err := commands[name].give(t.Context(), mila, "p"); err != nil {
			t.Fatal(err)
		}
		stream.until(name, wanted)
	}
	for _, turn := range []struct {
		command string
		phase   threadv1.Phase
	}{{"park", threadv1.Phase_PHASE_WAITING}, {"resume", threadv1.Phase_PHASE_ACTIVE}, {"end", threadv1.Phase_PHASE_WRAP_UP}} {
		if err := commands[turn.command].give(t.Context(), mila, "p"); err != nil {
			t.Fatal(err)
		}
		stream.until(turn.command, inPhase("p", turn.phase))
	}
	if err := commands["close"].give(t.Context(), mila, "p"); err != nil {
		t.Fatal(err)
	}
	stream.until("the end", func(e *deskv1.Event) bool { return e.GetRemoved().GetPsid() == "p" })
}

// TestHistoryInPages of a thread with more items than fit on one.
func TestHistoryInPages(t *testing.T) {
	h := newHouse(t)
	mila := h.agent("mila")
	h.lead("p", "active", time.Now())
	for n := range 60 {
		h.commit("p", thread.Of(&threadv1.MessageReceived{Mid: strings.Repeat("x", n+1), Text: "x", SentMs: int64(n + 1)}))
	}
	var all []*deskv1.TimelineItem
	for before := uint64(0); ; {
		page, err := mila.desk.ListTimeline(t.Context(), connect.NewRequest(&deskv1.ListTimelineRequest{Ref: ref("p"), BeforeRevision: before}))
		if err != nil {
			t.Fatal(err)
		}
		if n := len(page.Msg.GetItems()); n > 50 {
			t.Errorf("%d items on a page", n)
		}
		all = append(page.Msg.GetItems(), all...)
		if before = page.Msg.GetNextBeforeRevision(); before == 0 {
			break
		}
	}
	if !slices.IsSortedFunc(all, func(a, b *deskv1.TimelineItem) int { return int(a.GetRevision()) - int(b.GetRevision()) }) || len(all) < 67 {
		t.Errorf("%d items, or not in the order of the log", len(all))
	}
}

// TestNames: what names an agent or a queue has the name for people beside it,
// in history, on the stream and in the answer to a command; who has none has none.
func TestNames(t *testing.T) {
	h := newHouse(t)
	mila := h.agent("mila")
	stream := h.follow(mila)
	h.lead("p", "active", time.Now())
	page, err := mila.desk.ListTimeline(t.Context(), connect.NewRequest(&deskv1.ListTimelineRequest{Ref: ref("p")}))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for _, item := range page.Msg.GetItems() {
		seen[item.GetText()] = item.GetAgentName() + item.GetDetails()["queue_name"]
	}
	if seen["conversation_routed"] != "Front desk" || seen["agent_assigned"] != "Мила Йорданова" || seen["Здравейте"] != "Мила Йорданова" {
		t.Errorf("named are %v", seen)
	}
	note, err := mila.desk.AddNote(t.Context(), connect.NewRequest(&deskv1.AddNoteRequest{Ref: ref("p"), ClientId: uuid.NewString(), Text: "Вчера вече писа."}))
	if err != nil || note.Msg.GetItem().GetAgentName() != "Мила Йорданова" {
		t.Errorf("a note is by %v, %v", note, err)
	}
	stream.until("the note by name", func(e *deskv1.Event) bool {
		i := e.GetTimeline().GetItem()
		return i.GetId() == note.Msg.GetItem().GetId() && i.GetAgentName() == "Мила Йорданова"
	})
	h.commit("p", thread.Of(&threadv1.NoteAdded{Id: "n-orlin", Agent: "orlin", Text: "Поемам."}))
	stream.until("a note of one without a name", func(e *deskv1.Event) bool {
		i := e.GetTimeline().GetItem()
		return i.GetId() == "n-orlin" && i.GetAgent() == "orlin" && i.GetAgentName() == ""
	})
}

// TestPresence is set with distribution and told on the stream.
func TestPresence(t *testing.T) {
	h := newHouse(t)
	mila := h.agent("mila")
	stream := h.follow(mila)
	away := distributionv1.Presence_PRESENCE_AWAY
	got, err := mila.desk.SetPresence(t.Context(), connect.NewRequest(&deskv1.SetPresenceRequest{Presence: away}))
	if err != nil || got.Msg.GetStanding().GetPresence() != away {
		t.Fatalf("%v, %v", got, err)
	}
	stream.until("the presence", func(e *deskv1.Event) bool {
		return e.GetStanding().GetPresence() == away || e.GetSnapshot().GetStanding().GetPresence() == away
	})
}

// TestSignIn: every sign-in is another session, in a cookie that scripts and
// other sites do not get; signing out ends it on every tab.
func TestSignIn(t *testing.T) {
	h := newHouse(t)
	mila := h.agent("mila")
	first := mila.http.Jar.Cookies(mustURL(t, h.url))
	r, err := mila.sessions.SignIn(t.Context(), connect.NewRequest(&deskv1.SignInRequest{Agent: "mila", Password: password}))
	if err != nil {
		t.Fatal(err)
	}
	cookie, err := http.ParseSetCookie(r.Header().Get("Set-Cookie"))
	if err != nil || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Value == first[0].Value || len(cookie.Value) < 22 {
		t.Errorf("the cookie is %v, %v", cookie, err)
	}
	stream := h.follow(mila)
	thief := h.agent("")
	thief.http.Jar.SetCookies(mustURL(t, h.url), first)
	if _, err := thief.sessions.WhoAmI(t.Context(), connect.NewRequest(&deskv1.WhoAmIRequest{})); connect.CodeOf(err) != connect.CodeUnauthenticated {
		t.Errorf("the session before lives on: %v", err)
	}
	if who, err := mila.sessions.WhoAmI(t.Context(), connect.NewRequest(&deskv1.WhoAmIRequest{})); err != nil || who.Msg.GetMe().GetAgent() != "mila" {
		t.Errorf("signed in is %v, %v", who, err)
	}
	if _, err := mila.sessions.SignOut(t.Context(), connect.NewRequest(&deskv1.SignOutRequest{})); err != nil {
		t.Fatal(err)
	}
	stream.until("the end of the session", func(e *deskv1.Event) bool { return e.GetSessionEnded().GetReason() == "signed_out" })
	for _, c := range []*deskv1.SignInRequest{{Agent: "mila", Password: "guess"}, {Agent: "nobody", Password: password}} {
		_, err := mila.sessions.SignIn(t.Context(), connect.NewRequest(c))
		if connect.CodeOf(err) != connect.CodeUnauthenticated || !strings.Contains(err.Error(), "no agent has this name and password") {
			t.Errorf("%s: %v", c.GetAgent(), err)
		}
	}
	if _, err := mila.sessions.SignIn(t.Context(), connect.NewRequest(&deskv1.SignInRequest{})); connect.CodeOf(err) != connect.CodeInvalidArgument {
		t.Errorf("nobody with no password: %v", err)
	}
}

// TestSignedOutEverywhere: one call ends the sessions of every browser, with their
// streams, and those of nobody else (SK4); so does an administrator's.
func TestSignedOutEverywhere(t *testing.T) {
	h := newHouse(t)
	here, there, orlin := h.agent("mila"), h.agent("mila"), h.agent("orlin")
	stream, others := h.follow(there), h.follow(orlin)
	answer, err := here.sessions.SignOutEverywhere(t.Context(), connect.NewRequest(&deskv1.SignOutEverywhereRequest{}))
	if err != nil || answer.Msg.GetSessions() != 2 || !strings.Contains(answer.Header().Get("Set-Cookie"), "Max-Age=0") {
		t.Fatalf("%v, %v", answer, err)
	}
	asked := time.Now()
	stream.until("the end of the session", func(e *deskv1.Event) bool { return e.GetSessionEnded().GetReason() == "signed_out" })
	t.Logf("the stream ended after %v", time.Since(asked))
	for _, c := range []*caller{here, there} {
		if _, err := c.sessions.WhoAmI(t.Context(), connect.NewRequest(&deskv1.WhoAmIRequest{})); connect.CodeOf(err) != connect.CodeUnauthenticated {
			t.Errorf("still in: %v", err)
		}
	}
	control := session.NewStore(h.bus.Bucket(subject.SessionBucket), nil, func(id string) *configv1.Agent { return h.world.Agents[id] }, session.Limits{}, time.Now)
	live, err := control.List(t.Context(), "")
	if err != nil || len(live) != 1 || live[0].Agent != "orlin" {
		t.Fatalf("left are %v, %v", live, err)
	}
	if n, err := control.EndAll(t.Context(), "orlin", "", session.Dismissed); n != 1 || err != nil {
		t.Fatalf("%d ended, %v", n, err)
	}
	asked = time.Now()
	others.until("the end by an administrator", func(e *deskv1.Event) bool { return e.GetSessionEnded().GetReason() == "ended" })
	t.Logf("the stream ended after %v", time.Since(asked))
	if _, err := orlin.sessions.WhoAmI(t.Context(), connect.NewRequest(&deskv1.WhoAmIRequest{})); connect.CodeOf(err) != connect.CodeUnauthenticated || !strings.Contains(err.Error(), "an administrator ended") {
		t.Errorf("orlin is told %v", err)
	}
}

// TestStop: the process ends although pages are open, and they are told.
func TestStop(t *testing.T) {
	h := newHouse(t)
	stream := h.follow(h.agent("mila"))
	stream.until("the snapshot", func(e *deskv1.Event) bool { return e.GetSnapshot() != nil })
	began := time.Now()
	h.stop()
	for stream.Receive() {
	}
	if connect.CodeOf(stream.Err()) != connect.CodeUnavailable || time.Since(began) > 8*time.Second {
		t.Errorf("after %v the stream says %v", time.Since(began), stream.Err())
	}
}

// TestThePageIsServed as built, beside the API, and every file it names is there.
func TestThePageIsServed(t *testing.T) {
	h := newHouse(t)
	c := h.agent("")
	fetch := func(path string) (*http.Response, string) {
		t.Helper()
		r, err := c.http.Get(h.url + path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Body.Close() }()
		var body strings.Builder
		if err := r.Write(&body); err != nil {
			t.Fatal(err)
		}
		return r, body.String()
	}
	r, text := fetch("/")
	if r.StatusCode != http.StatusOK || r.Header.Get("Content-Security-Policy") == "" || r.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("the page: %d %v", r.StatusCode, r.Header)
	}
	names := 0
	for _, part := range strings.Split(text, `"/`)[1:] {
		path, _, _ := strings.Cut(part, `"`)
		names++
		if r, _ := fetch("/" + path); r.StatusCode != http.StatusOK || !strings.Contains(r.Header.Get("Cache-Control"), "immutable") {
			t.Errorf("/%s: %d %v", path, r.StatusCode, r.Header)
		}
	}
	if names < 2 {
		t.Errorf("the page names %d files", names)
	}
	if r, _ := fetch("/parley.desk.v1.DeskService/Nothing"); r.StatusCode != http.StatusNotFound || r.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("a method that is not there: %d %v", r.StatusCode, r.Header)
	}
}

// TestADisconnectedPageIsTold to whoever has a conversation on it, as soon as
// outbound or admin says so and before anybody tries to reply.
func TestADisconnectedPageIsTold(t *testing.T) {
	h := newHouse(t)
	h.lead("p", "active", time.Now())
	mila := h.agent("mila")
	stream := h.follow(mila)
	trouble := func(reason string) func(*deskv1.Event) bool {
		return func(e *deskv1.Event) bool {
			return e.GetConversation().GetRef().GetPsid() == "p" && e.GetConversation().GetPageTrouble() == reason
		}
	}
	stream.until("the snapshot", func(e *deskv1.Event) bool { return e.GetSnapshot() != nil })
	basis := standing.Basis(h.world, h.world.Pages["shop"])
	h.say(subject.TokenKey(pageID), &provisionv1.TokenUsed{AtMs: 1, Basis: basis, Code: 190})
	stream.until("what outbound says", trouble("PAGE_DISCONNECTED"))
	list, err := mila.desk.ListConversations(t.Context(), connect.NewRequest(&deskv1.ListConversationsRequest{}))
	if err != nil || list.Msg.GetConversations()[0].GetPageTrouble() != "PAGE_DISCONNECTED" {
		t.Errorf("the list says %v, %v", list, err)
	}
	h.say(subject.TokenKey(pageID), &provisionv1.TokenUsed{AtMs: 2, Basis: basis})
	stream.until("that it works", trouble(""))
	h.say(subject.StandingKey(pageID), &provisionv1.Standing{Basis: basis, HeardMs: 2, Disconnected: true})
	stream.until("what admin says", trouble("PAGE_DISCONNECTED"))
}

// TestTheLoadIsToldAtOnce: distribution is asked for the load of whoever takes a
// conversation, and not only when it is told who is here.
func TestTheLoadIsToldAtOnce(t *testing.T) {
	h := newHouse(t)
	mila := h.agent("mila")
	stream := h.follow(mila)
	// What is known when a stream begins comes with its snapshot.
	load := func(e *deskv1.Event) *distributionv1.AgentStanding {
		return cmp.Or(e.GetStanding(), e.GetSnapshot().GetStanding())
	}
	stream.until("the load", func(e *deskv1.Event) bool { return load(e).GetCapacity() == 3 })
	h.follow(h.agent("orlin")).until("orlin to be here", func(e *deskv1.Event) bool { return load(e).GetAgent() == "orlin" })
	h.lead("p", "offered", time.Now())
	h.used.Store("mila", int32(1))
	if _, err := mila.desk.AcceptOffer(t.Context(), connect.NewRequest(&deskv1.AcceptOfferRequest{Ref: ref("p"), Fence: 2})); err != nil {
		t.Fatal(err)
	}
	stream.until("the new load", func(e *deskv1.Event) bool { return e.GetStanding().GetUsed() == 1 })
}

// say writes an entry of PROVISION.
func (h *house) say(at string, m proto.Message) {
	h.t.Helper()
	value, err := proto.Marshal(m)
	if err == nil {
		err = h.bus.Bucket(subject.ProvisionBucket).Write(h.t.Context(), bus.Write{Key: at, Value: value, Revision: bus.AnyRevision})
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

// TestAnotherAppHasTheThread: whoever has the conversation is told, can send
// nothing, and takes control where Meta allows it; else it says why not.
func TestAnotherAppHasTheThread(t *testing.T) {
	h := newHouse(t)
	allowed := make(chan bool, 2)
	serve(h, "outbound.control", func(ctx context.Context, r *outboundv1.TakeControlRequest) (*outboundv1.TakeControlResponse, error) {
		if !<-allowed {
			return nil, &thread.Refusal{Reason: "CONTROL_BLOCKED"}
		}
		revision, err := h.turn(ctx, r.GetPage(), r.GetPsid(), func(s *threadv1.State) ([]*threadv1.Fact, error) {
			return thread.TakeControl(s, time.Now(), r.GetConversation(), r.GetAgent())
		})
		return &outboundv1.TakeControlResponse{Revision: revision}, err
	})
	h.lead("p", "active", time.Now())
	mila := h.agent("mila")
	stream := h.follow(mila)
	stream.until("the snapshot", func(e *deskv1.Event) bool { return e.GetSnapshot() != nil })
	h.commit("p", thread.Of(&threadv1.ControlMoved{How: "take", ToApp: "263902037430900", SentMs: time.Now().UnixMilli()}))
	seen := stream.until("the owner", func(e *deskv1.Event) bool { return e.GetConversation().GetOwner() != nil })
	view := seen[len(seen)-1].GetConversation()
	if view.GetOwner().GetApp() != "263902037430900" || !slices.Contains(view.GetAllowed(), "take_control") || slices.Contains(view.GetAllowed(), "send") {
		t.Errorf("it shows %v, %v", view.GetOwner(), view.GetAllowed())
	}
	stream.until("the line about it", saying("control_lost"))
	_, err := mila.send(t.Context(), "p", uuid.NewString(), "Пътува.")
	if r, _ := detail[*deskv1.Refusal](err); r.GetReason() != thread.ThreadOwned {
		t.Errorf("sending: %v", err)
	}

	take := func() (*deskv1.ConversationView, error) {
		r, err := mila.desk.TakeControl(t.Context(), connect.NewRequest(&deskv1.TakeControlRequest{Ref: ref("p")}))
		if err != nil {
			return nil, err
		}
		return r.Msg.GetConversation(), nil
	}
	allowed <- false
	_, err = take()
	if r, _ := detail[*deskv1.Refusal](err); r.GetReason() != "CONTROL_BLOCKED" || connect.CodeOf(err) != connect.CodeFailedPrecondition {
		t.Errorf("where Meta does not allow it: %v", err)
	}
	allowed <- true
	got, err := take()
	if err != nil || got.GetOwner() != nil || !slices.Contains(got.GetAllowed(), "send") {
		t.Errorf("taken: %v, %v", got, err)
	}
	stream.until("the line about that", saying("control_taken"))
}
