package api

import (
	"context"

	"connectrpc.com/connect"

	"github.com/parley-desk/parley/pkg/fault"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
)

// SetPresence sets what the agent is ready for.
func (s deskService) SetPresence(ctx context.Context, r *connect.Request[deskv1.SetPresenceRequest]) (*connect.Response[deskv1.SetPresenceResponse], error) {
	var c check
	c.presence(r.Msg.GetPresence())
	status := r.Msg.GetStatus()
	c.that(status == "" || offered(s.Directory.Now(), status, r.Msg.GetPresence()) != nil, "status",
		"must be one that WhoAmI offers, with its base as presence")
	if err := c.err(); err != nil {
		return nil, err
	}
	standing, err := s.setPresence(ctx, &distributionv1.SetPresenceRequest{Agent: callerOf(ctx).session.Agent,
		Presence: r.Msg.GetPresence(), Status: status, Source: distributionv1.Source_SOURCE_AGENT})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.SetPresenceResponse{Standing: standing}), nil
}

// SetAgentPresence sets what another agent is ready for (L79).
func (s deskService) SetAgentPresence(ctx context.Context, r *connect.Request[deskv1.SetAgentPresenceRequest]) (*connect.Response[deskv1.SetAgentPresenceResponse], error) {
	var c check
	c.id("of_agent", r.Msg.GetOfAgent())
	c.presence(r.Msg.GetPresence())
	if err := c.err(); err != nil {
		return nil, err
	}
	world, of := s.Directory.Now(), r.Msg.GetOfAgent()
	if world.Agents[of] == nil || !s.who(ctx).Beyond(callerOf(ctx).need, among(world.Served(of))) {
		return nil, fault.New(fault.NotFound, "NO_SUCH_AGENT", "there is no agent %q", of)
	}
	standing, err := s.setPresence(ctx, &distributionv1.SetPresenceRequest{Agent: of,
		Presence: r.Msg.GetPresence(), Source: distributionv1.Source_SOURCE_SUPERVISOR})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.SetAgentPresenceResponse{Standing: standing}), nil
}

func (c *check) presence(p distributionv1.Presence) {
	switch p {
	case distributionv1.Presence_PRESENCE_AVAILABLE, distributionv1.Presence_PRESENCE_BUSY,
		distributionv1.Presence_PRESENCE_DO_NOT_DISTURB, distributionv1.Presence_PRESENCE_AWAY,
		distributionv1.Presence_PRESENCE_OFFLINE:
	default:
		c.that(false, "presence", "must be AVAILABLE, BUSY, DO_NOT_DISTURB, AWAY or OFFLINE")
	}
}

func (s deskService) setPresence(ctx context.Context, wanted *distributionv1.SetPresenceRequest) (*distributionv1.AgentStanding, error) {
	response := &distributionv1.SetPresenceResponse{}
	err := s.Bus.Call(ctx, "distribution.presence", wanted, response)
	if err != nil {
		return nil, fault.Wrap(err, "setting the presence")
	}
	if response.GetStanding() != nil {
		s.settled.set(wanted.GetAgent(), s.Now(), func() { s.Hub.Stand(response.GetStanding()) })
	}
	return response.GetStanding(), nil
}
