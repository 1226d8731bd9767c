package api

import (
	"context"
	"sync"
	"time"

	"connectrpc.com/connect"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/rights"
	"github.com/parley-desk/parley/pkg/session"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	"github.com/parley-desk/parley/services/desk/internal/feed"
)

const (
	// beat is how often a stream says that it lives and asks whether its
	// session does.
	beat = 15 * time.Second
	// stall is how long a page may leave an event unread before it is cut.
	stall = 15 * time.Second
)

// deskService is the work of one signed-in agent.
type deskService struct {
	*Server
	stopping <-chan struct{}
}

// Events streams what the agent's page must know until the page leaves, the
// session ends or the process stops.
func (s deskService) Events(ctx context.Context, r *connect.Request[deskv1.EventsRequest], out *connect.ServerStream[deskv1.Event]) error {
	caller := callerOf(ctx)
	ended, forget := s.Sessions.Ended(caller.session.Key)
	defer forget()
	cursor := feed.Cursor{Epoch: r.Msg.GetEpoch(), Seq: r.Msg.GetSeq()}
	stream, err := s.Hub.Join(caller.session.Agent, caller.session.Key, cursor)
	if err != nil {
		return err
	}
	defer stream.Leave()
	_ = caller.conn.SetReadDeadline(time.Time{}) // it is for the request, which is read
	// The end of the stream is written after this, and may not take for ever either.
	defer func() { _ = caller.conn.SetWriteDeadline(time.Now().Add(stall)) }()

	ctx, cancel := context.WithCancel(ctx)
	var welcome sync.WaitGroup
	defer welcome.Wait()
	defer cancel()
	var w wish
	if stream.Arrived {
		w = wishOf(s.Directory.Now(), caller.session.Agent, r.Msg.GetPresence(), r.Msg.GetStatus())
	}
	welcome.Go(func() { s.welcome(ctx, caller.session.Agent, w) })

	p := pump{deskService: s, caller: caller, stream: stream, out: out, cursor: cursor}
	return p.run(ctx, ended)
}

// Beat tells distribution that agents are here, and them where they stand.
func (s *Server) Beat(ctx context.Context, agents []string) error {
	if len(agents) == 0 {
		return nil
	}
	asked, response := s.Now(), &distributionv1.HeartbeatResponse{}
	err := s.Bus.Call(ctx, "distribution.heartbeat", &distributionv1.HeartbeatRequest{Agents: agents}, response)
	if err != nil {
		return fault.Wrap(err, "telling distribution who is here")
	}
	for _, standing := range response.GetStandings() {
		s.settled.heard(standing.GetAgent(), asked, func() { s.Hub.Stand(standing) })
	}
	return nil
}

// pump moves events from a feed to one page.
type pump struct {
	deskService
	caller *caller
	stream *feed.Stream
	out    *connect.ServerStream[deskv1.Event]
	cursor feed.Cursor
}

func (p *pump) run(ctx context.Context, ended <-chan struct{}) error {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for first := true; ; first = false {
		changed := p.Directory.Changed()
		agent := p.Directory.Now().Agents[p.caller.session.Agent]
		events, next, more := p.stream.After(p.cursor, p.Now())
		p.cursor = next
		if first || agent != p.caller.agent {
			// Something is sent at once, so that the page knows it is through,
			// and the session looked at after Ended: it may be over already.
			// So it may be when administrators change the agent.
			p.caller.agent = agent
			if done, err := p.heartbeat(ctx, first && len(events) == 0); done {
				return err
			}
		}
		for _, e := range events {
			if err := p.send(e); err != nil {
				return err
			}
		}
		select {
		case <-more:
		case <-changed:
		case <-tick.C:
			if done, err := p.heartbeat(ctx, true); done {
				return err
			}
		case <-ended:
			return p.bye(p.why(ctx))
		case <-ctx.Done():
			return nil // the page left
		case <-p.stopping:
			return fault.New(fault.Unavailable, "STOPPING", "the desk is stopping; connect again")
		}
	}
}

// why is why somebody ended the session.
func (p *pump) why(ctx context.Context) session.End {
	_, end, err := p.Sessions.Look(ctx, p.caller.session.Key)
	if err != nil || end == "" {
		return session.SignedOut
	}
	return end
}

// heartbeat ends the stream when its session is over; otherwise it says, if
// asked to, that the stream lives. That is use of the session: an agent for whom
// nothing comes stays. A bucket that cannot be reached ends nobody.
func (p *pump) heartbeat(ctx context.Context, say bool) (done bool, err error) {
	end, err := p.Sessions.Keep(ctx, p.caller.session.Key)
	if err == nil && end == "" && p.World().Who(p.caller.session.Agent).Reach(p.caller.need) == rights.None {
		end = session.Stripped
	}
	if err == nil && end != "" {
		return true, p.bye(end)
	}
	if !say {
		return false, nil
	}
	err = p.send(&deskv1.Event{Epoch: p.cursor.Epoch, Seq: p.cursor.Seq,
		Kind: &deskv1.Event_Heartbeat{Heartbeat: &deskv1.Heartbeat{NowMs: p.Now().UnixMilli()}}})
	return err != nil, err
}

func (p *pump) bye(end session.End) error {
	return p.send(&deskv1.Event{Epoch: p.cursor.Epoch, Seq: p.cursor.Seq,
		Kind: &deskv1.Event_SessionEnded{SessionEnded: &deskv1.SessionEnded{Reason: string(end)}}})
}

// send writes one event; a page that does not read is cut after a while. Where
// the connection knows no deadlines, that it cannot set one changes nothing.
func (p *pump) send(e *deskv1.Event) error {
	_ = p.caller.conn.SetWriteDeadline(time.Now().Add(stall))
	p.Meter.sent(e)
	err := p.out.Send(e)
	_ = p.caller.conn.SetWriteDeadline(time.Time{})
	return err
}
