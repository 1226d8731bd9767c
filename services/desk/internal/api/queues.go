package api

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"connectrpc.com/connect"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/rights"
	authv1 "github.com/parley-desk/parley/proto/gen/parley/auth/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// ListQueues tells an agent how full the agent's queues are, and a supervisor
// how full those are that the supervisor looks after.
func (s deskService) ListQueues(ctx context.Context, _ *connect.Request[deskv1.ListQueuesRequest]) (*connect.Response[deskv1.ListQueuesResponse], error) {
	world, who, need := s.Directory.Now(), s.who(ctx), callerOf(ctx).need
	ids := slices.DeleteFunc(slices.Collect(maps.Keys(world.Queues)), func(id string) bool {
		return !who.May(need, rights.Object{Queues: []string{id}})
	})
	figures, _ := s.figures(ctx, world, ids) // how many wait is worth telling alone
	for _, f := range figures {
		if who.Beyond(authv1.Permission_PERMISSION_FLOOR_READ, rights.Object{Queues: []string{f.GetQueue()}}) {
			f.Figures = s.Lately.hour(s.Now(), s.thresholds(who, f.GetQueue()))
		}
	}
	return connect.NewResponse(&deskv1.ListQueuesResponse{Queues: figures}), nil
}

// Tally tells agents how full their queues are. What distribution does not tell
// is told as not known.
func (s *Server) Tally(ctx context.Context, agents []string) error {
	world, queues := s.Directory.Now(), map[string]bool{}
	for _, agent := range agents {
		for _, id := range world.Served(agent) {
			queues[id] = true
		}
	}
	figures, err := s.figures(ctx, world, slices.Collect(maps.Keys(queues)))
	for _, agent := range agents {
		told := &deskv1.Queues{}
		for _, f := range figures {
			if slices.Contains(world.Queues[f.GetQueue()].GetAgents(), agent) {
				told.Queues = append(told.Queues, f)
			}
		}
		s.Hub.Tally(agent, told)
	}
	return err
}

// figures are how full queues are, by name. An error comes with what is known
// without distribution.
func (s *Server) figures(ctx context.Context, world *directory.Snapshot, ids []string) ([]*deskv1.QueueFigure, error) {
	waiting, now, set := s.Hub.Queues(), s.Now(), s.rules.Of(world)
	byID := make(map[string]*deskv1.QueueFigure, len(ids))
	for _, id := range ids {
		q, w := world.Queues[id], waiting[id]
		byID[id] = &deskv1.QueueFigure{Queue: id, Name: q.GetMeta().GetDisplayName(), Waiting: w.Waiting, SinceMs: w.SinceMS,
			Tag: w.Tag, Agents: int32(len(q.GetAgents())), WaitSeconds: -1, Ready: -1}
		hours := set.Hours(id, now)
		byID[id].Closed, byID[id].Special = !hours.Open, hours.Reason
		if !hours.Changes.IsZero() {
			byID[id].ChangesMs = hours.Changes.UnixMilli()
		}
	}
	var failed error
	for some := range slices.Chunk(slices.Sorted(slices.Values(ids)), subject.MostAsked) {
		response := &distributionv1.QueueFiguresResponse{}
		if err := s.Bus.Call(ctx, "distribution.queues", &distributionv1.QueueFiguresRequest{Queues: some}, response); err != nil {
			failed = fault.Wrap(err, "asking how full queues are")
			break
		}
		for _, f := range response.GetQueues() {
			if told := byID[f.GetQueue()]; told != nil {
				told.Ready, told.WaitSeconds = f.GetReady(), f.GetWaitSeconds()
				told.PausedBy, told.PausedSinceMs = called(world, f.GetPausedBy()), f.GetPausedSinceMs()
			}
		}
	}
	for id, f := range byID {
		var to string
		if f.Overflows, to = set.Overflows(id, f.GetWaiting(), now); f.Overflows {
			f.OverflowsTo = cmp.Or(world.Queues[to].GetMeta().GetDisplayName(), to)
		}
	}
	return slices.SortedFunc(maps.Values(byID), func(a, b *deskv1.QueueFigure) int {
		return cmp.Or(cmp.Compare(a.GetName(), b.GetName()), cmp.Compare(a.GetQueue(), b.GetQueue()))
	}), failed
}

// errNoQueue is the answer for a queue that is not there or not the caller's to ask
// about: nobody learns which.
func errNoQueue(id string) error {
	return fault.New(fault.NotFound, "NO_SUCH_QUEUE", "there is no queue %q", id)
}

// called is what an agent is called.
func called(world *directory.Snapshot, agent string) string {
	return cmp.Or(world.Agents[agent].GetMeta().GetDisplayName(), agent)
}

// PauseQueue has nothing offered of what waits in a queue, or goes on with it.
func (s deskService) PauseQueue(ctx context.Context, r *connect.Request[deskv1.PauseQueueRequest]) (*connect.Response[deskv1.PauseQueueResponse], error) {
	var c check
	if c.id("queue", r.Msg.GetQueue()); c.err() != nil {
		return nil, c.err()
	}
	world, response := s.Directory.Now(), &distributionv1.PauseQueueResponse{}
	if err := s.mine(ctx, r.Msg.GetQueue()); err != nil {
		return nil, err
	}
	err := s.Bus.Call(ctx, "distribution.pause", &distributionv1.PauseQueueRequest{Queue: r.Msg.GetQueue(),
		Pause: r.Msg.GetPause(), By: callerOf(ctx).session.Agent}, response)
	if err != nil {
		return nil, fault.Wrap(err, "pausing the queue")
	}
	return connect.NewResponse(&deskv1.PauseQueueResponse{By: called(world, response.GetBy()), SinceMs: response.GetSinceMs()}), nil
}

// mine refuses a queue that is not there, and one that is not the supervisor's in the
// same words.
func (s deskService) mine(ctx context.Context, queue string) error {
	if s.Directory.Now().Queues[queue] == nil || !s.who(ctx).Beyond(callerOf(ctx).need, rights.Object{Queues: []string{queue}}) {
		return errNoQueue(queue)
	}
	return nil
}

// place tells of each item its place in the queue, as far as distribution can.
func (s deskService) place(ctx context.Context, items []*deskv1.OpenItem) {
	request, response := &distributionv1.PositionRequest{}, &distributionv1.PositionResponse{}
	for _, item := range items {
		request.Threads = append(request.Threads, &distributionv1.ThreadRef{Page: item.GetRef().GetPage(), Psid: item.GetRef().GetPsid()})
	}
	if len(items) == 0 || s.Bus.Call(ctx, "distribution.position", request, response) != nil {
		return
	}
	for n, p := range response.GetPositions()[:min(len(items), len(response.GetPositions()))] {
		items[n].Position = p.GetPosition()
	}
}
