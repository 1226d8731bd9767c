package api_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/pkg/session"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/proto/gen/parley/desk/v1/deskv1connect"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/desk/internal/api"
	"github.com/parley-desk/parley/services/desk/internal/board"
	"github.com/parley-desk/parley/services/desk/internal/door"
	"github.com/parley-desk/parley/services/desk/internal/feed"
	"github.com/parley-desk/parley/services/desk/internal/transcript"
)

const (
	available = distributionv1.Presence_PRESENCE_AVAILABLE
	away      = distributionv1.Presence_PRESENCE_AWAY
	offline   = distributionv1.Presence_PRESENCE_OFFLINE
	inactive  = distributionv1.Presence_PRESENCE_INACTIVE
	none      = distributionv1.Presence_PRESENCE_UNSPECIFIED
)

// presences is distribution as far as presence goes; it has one agent.
type presences struct {
	rebuilding atomic.Int32 // how many calls it will not answer yet

	mu  sync.Mutex
	now distributionv1.Presence
}

func (p *presences) standing() *distributionv1.AgentStanding {
	p.mu.Lock()
	defer p.mu.Unlock()
	return &distributionv1.AgentStanding{Agent: "mila", Presence: p.now, Capacity: 3}
}

func (p *presences) hear(context.Context, *distributionv1.HeartbeatRequest) (*distributionv1.HeartbeatResponse, error) {
	if p.rebuilding.Add(-1) >= 0 {
		return nil, fault.New(fault.Unavailable, "REBUILDING", "the distribution state is being rebuilt")
	}
	return &distributionv1.HeartbeatResponse{Standings: []*distributionv1.AgentStanding{p.standing()}}, nil
}

func (p *presences) set(_ context.Context, r *distributionv1.SetPresenceRequest) (*distributionv1.SetPresenceResponse, error) {
	p.mu.Lock()
	p.now = r.GetPresence()
	p.mu.Unlock()
	return &distributionv1.SetPresenceResponse{Standing: p.standing()}, nil
}

// reception is a desk on a real bus, with distribution played.
type reception struct {
	presences
	client deskv1connect.DeskServiceClient
	cookie string
}

func receive(t *testing.T, b *bus.Bus) *reception {
	t.Helper()
	r := &reception{}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(running.Wait)
	t.Cleanup(stop)
	running.Go(func() { _ = bus.Serve(ctx, b, "distribution.heartbeat", r.hear) })
	running.Go(func() { _ = bus.Serve(ctx, b, "distribution.presence", r.set) })
	mila := &configv1.Agent{Meta: &configv1.Meta{Id: "mila"}, Roles: []string{"agent"}}
	value, err := directory.Encode(mila)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Bucket(subject.ConfigBucket).Write(ctx, bus.Write{Key: directory.Key(mila), Value: value, Revision: bus.AnyRevision}); err != nil {
		t.Fatal(err)
	}
	names := directory.Follow(b.Bucket(subject.ConfigBucket))
	running.Go(func() { _ = names.Run(ctx) })
	if err := names.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	box, err := secret.New()
	if err != nil {
		t.Fatal(err)
	}
	sessions := session.NewStore(b.Bucket(subject.SessionBucket), box, func(id string) *configv1.Agent { return names.Now().Agents[id] }, session.Limits{Idle: time.Hour, Absolute: time.Hour}, time.Now)
	id, _, err := sessions.Begin(ctx, "mila")
	if err != nil {
		t.Fatal(err)
	}
	r.cookie = door.Cookie{}.Set(id).String()
	ready := make(chan struct{})
	close(ready)
	server := &api.Server{
		Log: slog.New(slog.DiscardHandler), Tracer: noop.NewTracerProvider().Tracer(""), Now: time.Now, Bus: b, Directory: names,
		Hub:   feed.NewHub(feed.Limits{Events: 64, Streams: 3, Sessions: 10}, func() board.World { return board.World{Names: names.Now()} }, time.Now),
		World: func() board.World { return board.World{Names: names.Now()} },
		Shelf: transcript.NewShelf(b, 100), Sessions: sessions, Address: func(*http.Request) string { return "" },
		Meter: api.NewMeter(prometheus.NewRegistry()), Ready: ready,
	}
	mux := http.NewServeMux()
	server.Mount(mux, ctx.Done())
	desk := httptest.NewServer(mux)
	t.Cleanup(desk.Close)
	r.client = deskv1connect.NewDeskServiceClient(desk.Client(), desk.URL, connect.WithProtoJSON())
	return r
}

// told opens a stream and gives the presence the page is told last, when it is
// the one wanted or when nothing else comes.
func (r *reception) told(t *testing.T, ask *deskv1.EventsRequest, want distributionv1.Presence) distributionv1.Presence {
	t.Helper()
	ctx, hangUp := context.WithTimeout(t.Context(), time.Minute)
	defer hangUp()
	request := connect.NewRequest(ask)
	request.Header().Set("Cookie", r.cookie)
	events, err := r.client.Events(ctx, request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = events.Close() }()
	var last distributionv1.Presence
	for events.Receive() {
		standing := events.Msg().GetStanding()
		if standing == nil {
			standing = events.Msg().GetSnapshot().GetStanding()
		}
		if standing != nil {
			last = standing.GetPresence()
		}
		if standing != nil && last == want {
			break
		}
	}
	return last
}

// TestAgentComesBack opens streams as a page does that was there before the
// house was killed, which has forgotten who was ready for work.
func TestAgentComesBack(t *testing.T) {
	b := bustest.Open(t)
	before := func(chosen distributionv1.Presence) *deskv1.EventsRequest {
		return &deskv1.EventsRequest{Epoch: "before", Seq: 7, Presence: chosen}
	}
	for name, c := range map[string]struct {
		now, chosen, want distributionv1.Presence
		rebuilding        int32
	}{
		"nothing chosen":                 {now: offline, chosen: none, want: available},
		"never heard of":                 {now: none, chosen: none, want: available},
		"away chosen":                    {now: offline, chosen: away, want: away},
		"offline chosen":                 {now: offline, chosen: offline, want: offline},
		"not forgotten":                  {now: away, chosen: available, want: away},
		"missed an offer":                {now: inactive, chosen: available, want: inactive},
		"distribution is still counting": {now: offline, chosen: none, want: available, rebuilding: 2},
	} {
		t.Run(name, func(t *testing.T) {
			r := receive(t, b)
			r.presences.now = c.now
			r.rebuilding.Store(c.rebuilding)
			if got := r.told(t, before(c.chosen), c.want); got != c.want {
				t.Errorf("told %v, want %v", got, c.want)
			}
			if got := r.standing().GetPresence(); got != c.want {
				t.Errorf("distribution has %v, want %v", got, c.want)
			}
		})
	}
}
