package load_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/proto/gen/parley/desk/v1/deskv1connect"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/sandbox"
	"github.com/parley-desk/parley/test/load"
)

// desk is a small desk with one conversation. It loses streams, and answers of
// commands that it obeyed: what an agent must live with.
type desk struct {
	deskv1connect.UnimplementedSessionServiceHandler
	deskv1connect.UnimplementedDeskServiceHandler

	mu       sync.Mutex
	phase    threadv1.Phase
	items    []*deskv1.TimelineItem
	answers  map[string]int // times obeyed, by client id
	sends    int            // times asked
	doubt    bool           // first answers fail, or are not confirmed
	again    map[string]int // times sent again, by item
	left     map[string]int // times given up, by item
	streams  int
	revision uint64
	changed  chan struct{}
}

func newDesk(messages int) *desk {
	d := &desk{phase: threadv1.Phase_PHASE_OPEN, answers: map[string]int{}, again: map[string]int{}, left: map[string]int{}, changed: make(chan struct{})}
	for i := range messages {
		d.items = append(d.items, &deskv1.TimelineItem{Id: fmt.Sprint("m", i), Revision: uint64(i + 1), Author: deskv1.Author_AUTHOR_CUSTOMER})
	}
	return d
}

// touch says that something changed; the caller holds the lock.
func (d *desk) touch() {
	d.revision++
	close(d.changed)
	d.changed = make(chan struct{})
}

func (d *desk) view() *deskv1.ConversationView {
	v := &deskv1.ConversationView{Ref: &deskv1.ConversationRef{Page: "1", Psid: "2", Conversation: "c"}, Phase: d.phase, Revision: d.revision}
	switch d.phase {
	case threadv1.Phase_PHASE_OPEN:
		v.Offer, v.Allowed = &threadv1.Offer{Fence: 1}, []string{"accept", "reject"}
	case threadv1.Phase_PHASE_ACTIVE:
		v.Allowed = []string{"send", "note", "end"}
	case threadv1.Phase_PHASE_WRAP_UP:
		v.Allowed = []string{"close"}
	}
	return v
}

func signedIn(h http.Header) error {
	if r := (&http.Request{Header: h}); len(r.Cookies()) == 1 && r.Cookies()[0].Value == "let me in" {
		return nil
	}
	return connect.NewError(connect.CodeUnauthenticated, errors.New("sign in"))
}

func (d *desk) WhoAmI(_ context.Context, r *connect.Request[deskv1.WhoAmIRequest]) (*connect.Response[deskv1.WhoAmIResponse], error) {
	return connect.NewResponse(&deskv1.WhoAmIResponse{}), signedIn(r.Header())
}

func (d *desk) SignIn(_ context.Context, r *connect.Request[deskv1.SignInRequest]) (*connect.Response[deskv1.SignInResponse], error) {
	if r.Msg.GetPassword() != "secret" {
		return nil, connect.NewError(connect.CodeUnauthenticated, errors.New("no"))
	}
	resp := connect.NewResponse(&deskv1.SignInResponse{})
	resp.Header().Set("Set-Cookie", (&http.Cookie{Name: "__Host-desk", Value: "let me in", Secure: true, Path: "/"}).String())
	return resp, nil
}

func (d *desk) SetPresence(_ context.Context, r *connect.Request[deskv1.SetPresenceRequest]) (*connect.Response[deskv1.SetPresenceResponse], error) {
	return connect.NewResponse(&deskv1.SetPresenceResponse{}), signedIn(r.Header())
}

// Events gives a snapshot at every change and breaks after a few.
func (d *desk) Events(ctx context.Context, _ *connect.Request[deskv1.EventsRequest], stream *connect.ServerStream[deskv1.Event]) error {
	for n := range 4 {
		d.mu.Lock()
		if n == 0 {
			d.streams++
		}
		changed := d.changed
		var views []*deskv1.ConversationView
		if d.phase != threadv1.Phase_PHASE_CLOSED {
			views = append(views, d.view())
		}
		d.mu.Unlock()
		if err := stream.Send(&deskv1.Event{Kind: &deskv1.Event_Snapshot{Snapshot: &deskv1.Snapshot{Conversations: views}}}); err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return connect.NewError(connect.CodeUnavailable, errors.New("going away"))
}

func (d *desk) to(phase threadv1.Phase) *deskv1.ConversationView {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.phase = phase
	d.touch()
	return d.view()
}

func (d *desk) AcceptOffer(context.Context, *connect.Request[deskv1.AcceptOfferRequest]) (*connect.Response[deskv1.AcceptOfferResponse], error) {
	return connect.NewResponse(&deskv1.AcceptOfferResponse{Conversation: d.to(threadv1.Phase_PHASE_ACTIVE)}), nil
}

func (d *desk) EndConversation(context.Context, *connect.Request[deskv1.EndConversationRequest]) (*connect.Response[deskv1.EndConversationResponse], error) {
	return connect.NewResponse(&deskv1.EndConversationResponse{Conversation: d.to(threadv1.Phase_PHASE_WRAP_UP)}), nil
}

func (d *desk) CloseConversation(context.Context, *connect.Request[deskv1.CloseConversationRequest]) (*connect.Response[deskv1.CloseConversationResponse], error) {
	d.to(threadv1.Phase_PHASE_CLOSED)
	return connect.NewResponse(&deskv1.CloseConversationResponse{}), nil
}

func (d *desk) ListTimeline(context.Context, *connect.Request[deskv1.ListTimelineRequest]) (*connect.Response[deskv1.ListTimelineResponse], error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return connect.NewResponse(&deskv1.ListTimelineResponse{Items: append([]*deskv1.TimelineItem(nil), d.items...)}), nil
}

// SendMessage obeys, and loses every third answer.
func (d *desk) SendMessage(_ context.Context, r *connect.Request[deskv1.SendMessageRequest]) (*connect.Response[deskv1.SendMessageResponse], error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sends++
	id := r.Msg.GetClientId()
	item := &deskv1.TimelineItem{Id: "i" + id, Author: deskv1.Author_AUTHOR_AGENT, ClientId: id, Delivery: deskv1.Delivery_DELIVERY_SENT}
	if d.doubt {
		item.Delivery = deskv1.Delivery_DELIVERY_UNCONFIRMED
		if len(d.answers)%4 == 0 {
			item.Delivery = deskv1.Delivery_DELIVERY_FAILED
		}
	}
	if d.answers[id]++; d.answers[id] == 1 {
		d.items = append(d.items, item)
		d.touch()
	}
	if d.sends%3 == 0 {
		return nil, connect.NewError(connect.CodeUnavailable, errors.New("the answer is lost"))
	}
	return connect.NewResponse(&deskv1.SendMessageResponse{Item: item}), nil
}

// ResendMessage obeys; what is sent again is as doubtful as it was.
func (d *desk) ResendMessage(_ context.Context, r *connect.Request[deskv1.ResendMessageRequest]) (*connect.Response[deskv1.ResendMessageResponse], error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	old := d.find(r.Msg.GetItem())
	item := &deskv1.TimelineItem{Id: "i" + r.Msg.GetClientId(), Author: deskv1.Author_AUTHOR_AGENT, ClientId: r.Msg.GetClientId(),
		Text: "once more", Delivery: old.GetDelivery(), Details: map[string]string{"repeats": old.GetId()}}
	d.answers[r.Msg.GetClientId()]++
	if d.again[old.GetId()]++; d.again[old.GetId()] == 1 {
		d.items = append(d.items, item)
		d.touch()
	}
	return connect.NewResponse(&deskv1.ResendMessageResponse{Item: item}), nil
}

func (d *desk) AbandonSend(_ context.Context, r *connect.Request[deskv1.AbandonSendRequest]) (*connect.Response[deskv1.AbandonSendResponse], error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left[r.Msg.GetItem()]++
	gone := proto.CloneOf(d.find(r.Msg.GetItem()))
	gone.Delivery, gone.ChangedRevision = deskv1.Delivery_DELIVERY_ABANDONED, d.revision+1
	d.items[slices.Index(d.items, d.find(gone.GetId()))] = gone
	d.touch()
	return connect.NewResponse(&deskv1.AbandonSendResponse{}), nil
}

func (d *desk) find(id string) *deskv1.TimelineItem {
	for _, it := range d.items {
		if it.GetId() == id {
			return it
		}
	}
	return nil
}

func serve(t *testing.T, d *desk) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle(deskv1connect.NewSessionServiceHandler(d))
	mux.Handle(deskv1connect.NewDeskServiceHandler(d))
	server := httptest.NewServer(mux)
	t.Cleanup(server.CloseClientConnections)
	t.Cleanup(server.Close)
	return server.URL
}

func TestAgentAnswersEveryMessageOnceOverBreaks(t *testing.T) {
	t.Parallel()
	const messages = 12
	d := newDesk(messages)
	agent := work(t, d)
	if len(d.answers) != messages {
		t.Errorf("%d messages were answered, of %d", len(d.answers), messages)
	}
	kept(t, d, agent)
	for id, n := range d.answers {
		if n > 3 {
			t.Errorf("the answer %s was asked for %d times", id, n)
		}
	}
	if d.streams < 2 {
		t.Errorf("the stream never broke, so nothing was tested")
	}
}

// What failed is sent again, once. What is not confirmed is sent again or left,
// and nothing is in doubt when the conversation ends.
func TestAgentSettlesWhatIsInDoubt(t *testing.T) {
	t.Parallel()
	const messages = 8
	d := newDesk(messages)
	d.doubt = true
	agent := work(t, d)
	kept(t, d, agent)
	repeated, leftAtOnce := 0, 0
	for _, it := range d.items {
		again, left := d.again[it.GetId()], d.left[it.GetId()]
		switch {
		case it.GetAuthor() != deskv1.Author_AUTHOR_AGENT:
		case it.GetDelivery() == deskv1.Delivery_DELIVERY_UNCONFIRMED && again == 0:
			t.Errorf("%s was left in doubt", it.GetId())
		case it.GetDetails()["repeats"] != "" && again > 0:
			t.Errorf("%s was sent for a third time", it.GetId())
		case again > 0:
			repeated++
		case left > 0 && it.GetDetails()["repeats"] == "":
			leftAtOnce++
		case it.GetDelivery() == deskv1.Delivery_DELIVERY_FAILED && it.GetDetails()["repeats"] == "":
			t.Errorf("%s failed and was not sent again", it.GetId())
		}
	}
	if repeated == 0 || leftAtOnce == 0 || repeated+leftAtOnce != messages {
		t.Errorf("of %d answers %d were sent again and %d left", messages, repeated, leftAtOnce)
	}
}

// kept checks what the agent says was acknowledged.
func kept(t *testing.T, d *desk, agent *load.Agent) {
	t.Helper()
	kept := agent.Acknowledged()
	if most := d.sends - d.sends/3 + len(d.again); len(kept) == 0 || len(kept) > most { // a break of the stream loses more
		t.Errorf("at most %d answers were acknowledged, %d are kept", most, len(kept))
	}
	for _, reply := range kept {
		if d.answers[reply.ClientID] == 0 || reply.Text == "" || reply.Thread != (sandbox.Thread{Page: "1", PSID: "2"}) {
			t.Errorf("kept %+v, which was not given", reply)
		}
	}
}

// work lets an agent work until the conversation is closed.
func work(t *testing.T, d *desk) *load.Agent {
	t.Helper()
	agent := &load.Agent{Desk: serve(t, d), Name: "mila", Password: "secret", End: true}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- agent.Run(ctx) }()
	deadline := time.After(time.Minute)
	for closed := false; !closed; {
		d.mu.Lock()
		changed := d.changed
		closed = d.phase == threadv1.Phase_PHASE_CLOSED
		d.mu.Unlock()
		if closed {
			break
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("the conversation did not close; %+v", agent.Tally())
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("the agent ended with %v", err)
	}
	return agent
}

func TestWrongPasswordEndsTheAgent(t *testing.T) {
	t.Parallel()
	agent := &load.Agent{Desk: serve(t, newDesk(0)), Name: "mila", Password: "guess"}
	if err := agent.Run(t.Context()); err == nil {
		t.Error("the agent works without having signed in")
	}
}
