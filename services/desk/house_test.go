package desk_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/proto/gen/parley/desk/v1/deskv1connect"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/desk"
)

const (
	pageID = "1020304050607080"
	// silentPage is one from which agents send no files.
	silentPage = "1020304050607081"
	password   = "parley-demo"
	// cheap is a hash of password that costs next to nothing to check.
	cheap = "$argon2id$v=19$m=8,t=1,p=1$cGFybGV5LXRlc3Qtc2FsdA$DuzOjWNRMSny9LDduC3/TeiLuzkKvrq3xZoCK4zfIGw"
	// unreserved is the fence of an offer for which distribution reserves
	// nothing any more.
	unreserved = 99
)

// display are the names of agents for people; Orlin has none.
var display = map[string]string{"mila": "Мила Йорданова", "sonya": "Соня Колева"}

// house is a desk on a log of its own. Mila and Orlin are agents, Sonya is a
// supervisor, Irina one of the back office alone; Petar has an account, but is
// neither.
type house struct {
	t        *testing.T
	bus      *bus.Bus
	registry *prometheus.Registry
	url      string
	start    func() // another process of the desk in place of the one that stopped
	stop     func()
	world    *directory.Snapshot
	used     sync.Map     // units in use that distribution tells an agent asked about alone
	stands   sync.Map     // *distributionv1.AgentStanding of agents who are not available
	ahead    atomic.Int64 // by how much the desk's clock is
}

// knows are the skills of agents.
var knows = map[string][]*configv1.Proficiency{"orlin": {{Skill: "billing", Value: 9}, {Skill: "bulgarian", Value: 2}}, "vera": {{Skill: "bulgarian", Value: 4}, {Skill: "billing", Value: 3}}}

func newHouse(t *testing.T, change ...func(*desk.Config)) *house {
	t.Helper()
	cfg := desk.Config{Listen: "127.0.0.1:0", Events: 256, Streams: 3, Connections: 1000, Sessions: 10, LocalAccounts: true, SessionIdle: time.Hour, SessionAge: time.Hour, Invitation: time.Minute, PersonalReplies: 3, Items: 10_000, Uploads: 3, UploadAge: time.Hour, ScanTimeout: time.Minute}
	for _, f := range change {
		f(&cfg)
	}
	h := &house{t: t, bus: bustest.Open(t)}
	box, err := secret.New()
	if err != nil {
		t.Fatal(err)
	}
	account := func(id string, roles ...string) *configv1.Agent {
		a := &configv1.Agent{Meta: &configv1.Meta{Id: id, DisplayName: display[id]}, Roles: roles, Skills: knows[id]}
		if a.Password, err = box.Seal(directory.Place(a, "password"), cheap, 1); err != nil {
			t.Fatal(err)
		}
		return a
	}
	h.world = directory.NewSnapshot(account("mila", "agent"), account("orlin", "agent"), account("sonya", "supervisor"), account("petar", "admin"),
		account("vera", "supervisor"), account("irina", "supervisor"), account("paula", "operator"), account("anton", "auditor"), account("nino"),
		&configv1.Queue{Meta: &configv1.Meta{Id: "vip"}, Agents: []string{"orlin"}, Supervisors: []string{"vera"}, ServiceLevelSeconds: 20},
		&configv1.Queue{Meta: &configv1.Meta{Id: "front", DisplayName: "Front desk"}, Agents: []string{"mila", "orlin"}, Supervisors: []string{"sonya", "vera"}},
		&configv1.Queue{Meta: &configv1.Meta{Id: "back", DisplayName: "Back office"}, Agents: []string{"orlin"}},
		&configv1.Queue{Meta: &configv1.Meta{Id: "empty"}},
		&configv1.Queue{Meta: &configv1.Meta{Id: "night"}, Agents: []string{"orlin"}, Schedule: "never",
			Overflow: []*configv1.OverflowRule{{Condition: configv1.OverflowCondition_OVERFLOW_CONDITION_OUT_OF_HOURS, Action: configv1.OverflowAction_OVERFLOW_ACTION_TRANSFER, Queue: "front"}}},
		&configv1.Skill{Meta: &configv1.Meta{Id: "bulgarian", DisplayName: "Bulgarian"}, Type: "language", Lowest: 1, Highest: 5, Ratings: []*configv1.RatingName{{Value: 5, Name: "native"}}},
		&configv1.Skill{Meta: &configv1.Meta{Id: "billing"}}, &configv1.Skill{Meta: &configv1.Meta{Id: "telex"}, Inactive: true},
		&configv1.Schedule{Meta: &configv1.Meta{Id: "never"}, TimeZone: "Europe/Sofia"},
		&configv1.Workstream{Meta: &configv1.Meta{Id: "facebook"}, Queue: "front", Units: 1, OfferSeconds: 60, AgentSkills: true, Variables: []*configv1.Variable{{Name: "order", Initial: "?"},
			{Name: "mail", Tells: configv1.Tells_TELLS_EMAIL}, {Name: "call", Tells: configv1.Tells_TELLS_PHONE}}},
		&configv1.Workstream{Meta: &configv1.Meta{Id: "claims"}, Queue: "front", Units: 1, OfferSeconds: 60, Notifications: &configv1.Notifications{Consult: "advice"}, Dispositions: &configv1.Dispositions{
			Required: true, NoteRequired: true, Codes: []*configv1.DispositionCode{{Code: "paid", Name: "Paid"}, {Code: "refused", Name: "Refused"}, {Code: "old", Name: "Old", Inactive: true}, {Code: "third", Name: "Third"}}}},
		&configv1.NotificationTemplate{Meta: &configv1.Meta{Id: "advice"}, Seconds: 300, Texts: []*configv1.NotificationTexts{{Language: "en", Title: "{AgentName} wants to know"}}},
		&configv1.CannedReply{Meta: &configv1.Meta{Id: "hello", DisplayName: "Hello"}, Text: "Здравейте, {CustomerFirstName}!", Tags: []string{"greeting"}, Workstreams: []string{"facebook"}},
		&configv1.CannedReply{Meta: &configv1.Meta{Id: "else", DisplayName: "Elsewhere"}, Text: "Not here", Workstreams: []string{"other"}},
		&configv1.ChannelAccount{Meta: &configv1.Meta{Id: "demo"}}, &configv1.Page{Meta: &configv1.Meta{Id: "shop"}, PageId: pageID, Account: "demo", AgentAttachments: configv1.Switch_SWITCH_ON, Workstream: "discreet",
			Templates: []*configv1.UtilityTemplate{{Name: "order_update", Language: "en", Text: "Order {{1}} is {{2}}."}, {Name: "ready", Language: "en", Text: "{{customer}}, it is ready."}}},
		&configv1.Workstream{Meta: &configv1.Meta{Id: "discreet"}, Masks: []*configv1.MaskingRule{{Name: "cards", Preset: configv1.MaskingPreset_MASKING_PRESET_CREDIT_CARD}}},
		&configv1.Page{Meta: &configv1.Meta{Id: "silent"}, PageId: silentPage, Account: "demo"})
	h.distribute()
	h.start = func() { h.run(cfg, box) }
	h.start()
	return h
}

// run has a process of the desk serve.
func (h *house) run(cfg desk.Config, box *secret.Box) {
	heard := make(chan net.Addr, 1)
	h.registry = prometheus.NewRegistry()
	service, err := desk.New(cfg, host.Deps{
		Log: slog.New(slog.DiscardHandler), Instance: "desk", Bus: h.bus, Secrets: box, Registry: h.registry,
		Directory: directory.Fixed(h.world),
		Tracer:    noop.NewTracerProvider().Tracer(""), Health: new(host.Health), Now: func() time.Time { return time.Now().Add(time.Duration(h.ahead.Load())) },
		Listen: func(ctx context.Context, _, addr string) (net.Listener, error) {
			l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
			if err == nil {
				heard <- l.Addr()
			}
			return l, err
		},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.stop = h.background("the desk", service.Run)
	select {
	case addr := <-heard:
		h.url = "http://" + addr.String()
	case <-time.After(patient):
		h.t.Fatal("the desk does not listen")
	}
	h.await("the desk to be ready", func() bool {
		_, err := h.agent("").sessions.SignOut(h.t.Context(), connect.NewRequest(&deskv1.SignOutRequest{}))
		return err == nil
	})
}

// patient is more than any step takes on a busy machine.
const patient = time.Minute

// background runs f until the test or stop ends it.
func (h *house) background(what string, f func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := f(ctx); err != nil && !fault.Is(err, fault.Canceled) {
			h.t.Errorf("%s: %v", what, err)
		}
	}()
	stop = sync.OnceFunc(func() { cancel(); <-ended })
	h.t.Cleanup(stop)
	return stop
}

func (h *house) await(what string, done func() bool) {
	h.t.Helper()
	deadline := time.After(patient)
	for !done() {
		select {
		case <-deadline:
			h.t.Fatalf("waited in vain for %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// raced is a customer whom orlin takes whenever somebody else is about to.
const raced = "raced"

// distribute does distribution's part: it obeys the thread and reserves
// whatever is asked of it, but for one fence.
func (h *house) distribute() {
	serve(h, "distribution.answer", func(ctx context.Context, r *distributionv1.AnswerOfferRequest) (*distributionv1.AnswerOfferResponse, error) {
		revision, err := h.turn(ctx, r.GetPage(), r.GetPsid(), func(s *threadv1.State) ([]*threadv1.Fact, error) {
			switch {
			case r.GetFence() == unreserved:
				return nil, &thread.Refusal{Reason: thread.OfferGone, Phase: s.GetConversation().GetPhase()}
			case r.GetAccept():
				return thread.AcceptOffer(s, r.GetConversation(), r.GetAgent(), r.GetFence())
			}
			return thread.RejectOffer(s, r.GetConversation(), r.GetAgent(), r.GetFence(), r.GetReason())
		})
		return &distributionv1.AnswerOfferResponse{Revision: revision}, err
	})
	serve(h, "distribution.resume", func(ctx context.Context, r *distributionv1.ResumeRequest) (*distributionv1.ResumeResponse, error) {
		revision, err := h.turn(ctx, r.GetPage(), r.GetPsid(), func(s *threadv1.State) ([]*threadv1.Fact, error) {
			return thread.Resume(s, r.GetConversation(), r.GetAgent())
		})
		return &distributionv1.ResumeResponse{Revision: revision}, err
	})
	serve(h, "distribution.pick", func(ctx context.Context, r *distributionv1.PickRequest) (*distributionv1.PickResponse, error) {
		if r.GetPsid() == raced {
			h.commit(raced, thread.Of(&threadv1.AgentAssigned{Agent: "orlin", Cause: threadv1.Cause_CAUSE_PICKED}))
		}
		revision, err := h.turn(ctx, r.GetPage(), r.GetPsid(), func(s *threadv1.State) ([]*threadv1.Fact, error) {
			if s.GetConversation().GetPhase() != threadv1.Phase_PHASE_OPEN {
				return nil, &thread.Refusal{Reason: thread.WrongPhase, Phase: s.GetConversation().GetPhase()}
			}
			return []*threadv1.Fact{thread.Of(&threadv1.AgentAssigned{Agent: r.GetAgent(), Cause: threadv1.Cause_CAUSE_PICKED})}, nil
		})
		return &distributionv1.PickResponse{Revision: revision}, err
	})
	serve(h, "distribution.shown", func(_ context.Context, r *distributionv1.ShownRequest) (*distributionv1.ShownResponse, error) {
		return &distributionv1.ShownResponse{UntilMs: 1000 * r.GetFence()}, nil
	})
	serve(h, "distribution.roster", func(_ context.Context, r *distributionv1.RosterRequest) (*distributionv1.RosterResponse, error) {
		response := &distributionv1.RosterResponse{}
		for _, agent := range r.GetAgents() {
			standing := &distributionv1.AgentStanding{Agent: agent, Capacity: 3, Presence: distributionv1.Presence_PRESENCE_AVAILABLE}
			if other, known := h.stands.Load(agent); known {
				standing, _ = other.(*distributionv1.AgentStanding)
			}
			response.Standings = append(response.Standings, standing)
		}
		return response, nil
	})
	serve(h, "distribution.pause", func(_ context.Context, r *distributionv1.PauseQueueRequest) (*distributionv1.PauseQueueResponse, error) {
		return &distributionv1.PauseQueueResponse{By: r.GetBy(), SinceMs: 7}, nil
	})
	serve(h, "distribution.queues", func(_ context.Context, r *distributionv1.QueueFiguresRequest) (*distributionv1.QueueFiguresResponse, error) {
		response := &distributionv1.QueueFiguresResponse{}
		for _, q := range r.GetQueues() {
			response.Queues = append(response.Queues, &distributionv1.QueueFigures{Queue: q, Ready: 2, WaitSeconds: 90})
		}
		return response, nil
	})
	serve(h, "distribution.position", func(_ context.Context, r *distributionv1.PositionRequest) (*distributionv1.PositionResponse, error) {
		response := &distributionv1.PositionResponse{}
		for n := range r.GetThreads() {
			response.Positions = append(response.Positions, &distributionv1.Position{Position: int32(n + 1)})
		}
		return response, nil
	})
	serve(h, "distribution.presence", func(_ context.Context, r *distributionv1.SetPresenceRequest) (*distributionv1.SetPresenceResponse, error) {
		return &distributionv1.SetPresenceResponse{Standing: &distributionv1.AgentStanding{Agent: r.GetAgent(), Presence: r.GetPresence(), Source: r.GetSource()}}, nil
	})
	serve(h, "distribution.heartbeat", func(_ context.Context, r *distributionv1.HeartbeatRequest) (*distributionv1.HeartbeatResponse, error) {
		response := &distributionv1.HeartbeatResponse{}
		for _, agent := range r.GetAgents() {
			var units int32
			if used, known := h.used.Load(agent); known && len(r.GetAgents()) == 1 {
				units, _ = used.(int32)
			}
			response.Standings = append(response.Standings, &distributionv1.AgentStanding{Agent: agent, Used: units, Capacity: 3, Presence: distributionv1.Presence_PRESENCE_AVAILABLE})
		}
		return response, nil
	})
}

func serve[Req, Resp proto.Message](h *house, method string, handle func(context.Context, Req) (Resp, error)) {
	h.background(method, func(ctx context.Context) error { return bus.Serve(ctx, h.bus, method, handle) })
}

// turn changes a thread and tells a refusal as distribution does.
func (h *house) turn(ctx context.Context, page, psid string, decide func(*threadv1.State) ([]*threadv1.Fact, error)) (uint64, error) {
	_, revision, err := h.bus.Update(ctx, subject.Thread{Page: page, PSID: psid}, func(s *threadv1.State, _ uint64) ([]*threadv1.Fact, error) { return decide(s) })
	if r, ok := errors.AsType[*thread.Refusal](err); ok {
		err = &fault.Error{Kind: fault.Precondition, Reason: r.Reason, Message: "the conversation does not allow it now", Cause: err}
	}
	return revision, err
}

// commit makes these facts happen to a customer's thread.
func (h *house) commit(psid string, facts ...*threadv1.Fact) uint64 {
	h.t.Helper()
	_, revision, err := h.bus.Update(h.t.Context(), subject.Thread{Page: pageID, PSID: psid},
		func(*threadv1.State, uint64) ([]*threadv1.Fact, error) { return facts, nil })
	if err != nil {
		h.t.Fatal(err)
	}
	return revision
}

// history is all facts of a customer's thread.
func (h *house) history(psid string) (facts []*threadv1.Fact) {
	h.t.Helper()
	for r, err := range h.bus.History(h.t.Context(), subject.Thread{Page: pageID, PSID: psid}, 0) {
		if err != nil {
			h.t.Fatal(err)
		}
		facts = append(facts, r.Commit.GetFacts()...)
	}
	return facts
}

func ref(psid string) *deskv1.ConversationRef {
	return &deskv1.ConversationRef{Page: pageID, Psid: psid, Conversation: "c-" + psid}
}

// caller is a browser of an agent.
type caller struct {
	http     *http.Client
	desk     deskv1connect.DeskServiceClient
	sessions deskv1connect.SessionServiceClient
	contacts deskv1connect.ContactServiceClient
	replies  deskv1connect.ReplyServiceClient
}

// agent gives a browser in which an agent is signed in; nobody, when empty.
func (h *house) agent(id string) *caller {
	h.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	wires := &http.Transport{}
	h.t.Cleanup(wires.CloseIdleConnections)
	c := &caller{http: &http.Client{Jar: jar, Transport: wires}}
	c.desk = deskv1connect.NewDeskServiceClient(c.http, h.url, connect.WithProtoJSON())
	c.sessions = deskv1connect.NewSessionServiceClient(c.http, h.url, connect.WithProtoJSON())
	c.contacts = deskv1connect.NewContactServiceClient(c.http, h.url, connect.WithProtoJSON())
	c.replies = deskv1connect.NewReplyServiceClient(c.http, h.url, connect.WithProtoJSON())
	if id == "" {
		return c
	}
	if _, err := c.sessions.SignIn(h.t.Context(), connect.NewRequest(&deskv1.SignInRequest{Agent: id, Password: password})); err != nil {
		h.t.Fatal(err)
	}
	return c
}

// detail finds a detail of an error.
func detail[M proto.Message](err error) (found M, ok bool) {
	e := new(connect.Error)
	if !errors.As(err, &e) {
		return found, false
	}
	for _, d := range e.Details() {
		if m, err := d.Value(); err == nil {
			if found, ok = m.(M); ok {
				return found, true
			}
		}
	}
	return found, false
}
