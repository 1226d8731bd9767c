package offering

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	"github.com/parley-desk/parley/pkg/thread"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

const (
	prefix       = "PRESENCE_"
	sourcePrefix = "SOURCE_"
)

// sourceName is the word the book has for a source; whoever tells none is the
// agent.
func sourceName(s distributionv1.Source) string {
	if s == distributionv1.Source_SOURCE_UNSPECIFIED {
		s = distributionv1.Source_SOURCE_AGENT
	}
	return strings.TrimPrefix(s.String(), sourcePrefix)
}

// races is how often a resume is tried again when the thread goes on meanwhile.
const races = 4

// SetPresence sets what an agent is ready for. Going offline has taken its
// offers back when it returns, as far as the log could be reached.
func (d *Distributor) SetPresence(ctx context.Context, req *distributionv1.SetPresenceRequest) (*distributionv1.SetPresenceResponse, error) {
	name, known := distributionv1.Presence_name[int32(req.GetPresence())]
	if !known || req.GetPresence() == distributionv1.Presence_PRESENCE_UNSPECIFIED {
		return nil, fault.New(fault.Invalid, "PRESENCE_UNKNOWN", "presence %d is unknown", req.GetPresence())
	}
	if err := d.checkStatus(req.GetStatus(), req.GetPresence()); err != nil {
		return nil, err
	}
	wanted := assign.Presence{Now: strings.TrimPrefix(name, prefix), Status: req.GetStatus(), Source: sourceName(req.GetSource())}
	var standing assign.Standing
	err := d.loaded(ctx, func() (err error) {
		var ok bool
		standing, ok, err = d.Book.SetPresence(ctx, d.Now(), req.GetAgent(), wanted)
		if err == nil && !ok {
			return fault.New(fault.NotFound, "AGENT_UNKNOWN", "agent %q is not in the directory", req.GetAgent())
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := d.Presences.Write(ctx, entry(standing.Agent, assign.Presence{Now: standing.Presence,
		Source: standing.Source, Status: standing.Status})); err != nil {
		d.Log.WarnContext(ctx, "presences wait to be kept", slog.Any(key.Err, err))
	}
	if req.GetPresence() == distributionv1.Presence_PRESENCE_OFFLINE {
		d.hurry(ctx)
	}
	return &distributionv1.SetPresenceResponse{Standing: standingOf(standing)}, nil
}

// checkStatus refuses a status that agents may not choose, or that counts as
// another presence.
func (d *Distributor) checkStatus(id string, base distributionv1.Presence) error {
	if id == "" {
		return nil
	}
	s, known := d.Directory.Now().Statuses[id]
	switch {
	case !known || s.GetInactive():
		return fault.New(fault.Invalid, "STATUS_UNKNOWN", "there is no status %q to choose", id)
	case s.GetBase() != base:
		return fault.New(fault.Invalid, "STATUS_BASE", "status %q counts as %v and not as %v; set that presence with it", id, s.GetBase(), base)
	}
	return nil
}

// hurry carries out what is due without waiting for the ticker, which does it
// anyway.
func (d *Distributor) hurry(ctx context.Context) {
	if err := d.Tick(ctx); err != nil {
		d.Log.DebugContext(ctx, "due work is left to the ticker", slog.Any(key.Err, err))
	}
}

// Heartbeat says that the agents' desks live, and tells where they stand.
func (d *Distributor) Heartbeat(ctx context.Context, req *distributionv1.HeartbeatRequest) (*distributionv1.HeartbeatResponse, error) {
	resp := &distributionv1.HeartbeatResponse{}
	err := d.loaded(ctx, func() error {
		standings, err := d.Book.Heartbeat(ctx, d.Now(), req.GetAgents())
		for _, s := range standings {
			resp.Standings = append(resp.Standings, standingOf(s))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return resp, nil
}

func standingOf(s assign.Standing) *distributionv1.AgentStanding {
	out := &distributionv1.AgentStanding{
		Agent: s.Agent, Presence: distributionv1.Presence(distributionv1.Presence_value[prefix+s.Presence]),
		Used: s.Used, Capacity: s.Capacity, SinceMs: s.SinceMS, Status: s.Status,
		Source: distributionv1.Source(distributionv1.Source_value[sourcePrefix+s.Source]),
	}
	if out.GetSource() == distributionv1.Source_SOURCE_LOST {
		out.Status = "" // kept for when the agent comes back
	}
	for _, l := range s.Profiles {
		out.Profiles = append(out.Profiles, &distributionv1.ProfileLoad{Profile: l.Profile, Used: l.Used, Limit: l.Limit})
	}
	return out
}

// Roster tells where agents stand.
func (d *Distributor) Roster(ctx context.Context, req *distributionv1.RosterRequest) (*distributionv1.RosterResponse, error) {
	if len(req.GetAgents()) > subject.MostAsked {
		return nil, fault.New(fault.Invalid, "AGENTS_COUNT", "%d agents are asked for; ask for at most %d", len(req.GetAgents()), subject.MostAsked)
	}
	resp := &distributionv1.RosterResponse{}
	err := d.loaded(ctx, func() error {
		standings, err := d.Book.Roster(ctx, d.Now(), req.GetAgents())
		for _, s := range standings {
			resp.Standings = append(resp.Standings, standingOf(s))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return resp, nil
}

// Shown says that a desk shows an offer, from when on the agent's time runs.
func (d *Distributor) Shown(ctx context.Context, req *distributionv1.ShownRequest) (*distributionv1.ShownResponse, error) {
	resp := &distributionv1.ShownResponse{}
	err := d.loaded(ctx, func() error {
		until, err := d.Book.Shown(ctx, d.Now(), subject.Thread{Page: req.GetPage(), PSID: req.GetPsid()}.Key(), req.GetFence(), req.GetAgent())
		if err == nil && !until.IsZero() {
			resp.UntilMs = until.UnixMilli()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return resp, nil
}

// AnswerOffer accepts or rejects an offer. An offer that the book has not
// reserved is never accepted, whatever the log says of it.
func (d *Distributor) AnswerOffer(ctx context.Context, req *distributionv1.AnswerOfferRequest) (*distributionv1.AnswerOfferResponse, error) {
	t := subject.Thread{Page: req.GetPage(), PSID: req.GetPsid()}
	var reserved bool
	err := d.loaded(ctx, func() (err error) {
		reserved, err = d.Book.Answer(ctx, d.Now(), t.Key(), req.GetFence(), req.GetAgent(), !req.GetAccept())
		return err
	})
	if err != nil {
		return nil, err
	}
	item, err := d.change(ctx, t, 0, func(s *threadv1.State) ([]*threadv1.Fact, error) {
		if !req.GetAccept() {
			return thread.RejectOffer(s, req.GetConversation(), req.GetAgent(), req.GetFence(), req.GetReason())
		}
		facts, err := thread.AcceptOffer(s, req.GetConversation(), req.GetAgent(), req.GetFence())
		if err == nil && len(facts) > 0 && !reserved {
			return nil, &thread.Refusal{Reason: thread.OfferGone, Phase: s.GetConversation().GetPhase()}
		}
		return facts, err
	})
	if item.Key != "" {
		d.tell(ctx, item)
	}
	if err != nil {
		return nil, faultOf(err)
	}
	return &distributionv1.AnswerOfferResponse{Revision: item.Revision}, nil
}

// tell brings an item to the book at once; the follower will do it anyway.
func (d *Distributor) tell(ctx context.Context, item assign.Item) {
	if err := d.gather.apply(ctx, item, nil); err != nil {
		d.Log.DebugContext(ctx, "the book is left to the follower", slog.Any(key.Err, err))
		return
	}
	d.known.note(item)
}

// Resume brings an agent back to a conversation set aside. Its units are taken
// before the log is asked, so that no offer is made of them meanwhile.
func (d *Distributor) Resume(ctx context.Context, req *distributionv1.ResumeRequest) (*distributionv1.ResumeResponse, error) {
	t := subject.Thread{Page: req.GetPage(), PSID: req.GetPsid()}
	for range races {
		item, err := d.resume(ctx, t, req.GetConversation(), req.GetAgent())
		if item.Key != "" {
			d.tell(ctx, item)
		}
		if err == nil {
			return &distributionv1.ResumeResponse{Revision: item.Revision}, nil
		}
		if !errors.Is(err, errMoved) {
			return nil, faultOf(err)
		}
	}
	return nil, fault.New(fault.Conflict, "THREAD_BUSY", "the conversation is changing; try again")
}

// resume is one attempt, on one revision of the thread.
func (d *Distributor) resume(ctx context.Context, t subject.Thread, conversation, agent string) (assign.Item, error) {
	state, revision, err := d.Threads.Load(ctx, t)
	if err != nil {
		return assign.Item{}, err
	}
	item := d.itemOf(t, state, revision)
	back := func(s *threadv1.State) ([]*threadv1.Fact, error) {
		facts, err := thread.Resume(s, conversation, agent)
		for _, f := range facts {
			f.GetAgentAssigned().MessageTag = d.Directory.Now().TagOf(t.Page)
		}
		return facts, err
	}
	facts, err := back(state)
	if err != nil || len(facts) == 0 {
		return item, err
	}
	var held bool
	err = d.loaded(ctx, func() (err error) {
		held, err = d.Book.Hold(ctx, d.Now(), item, agent)
		return err
	})
	if err != nil {
		return assign.Item{}, err
	}
	if !held {
		return item, errMoved
	}
	return d.change(ctx, t, revision, back)
}

// faultOf gives a refusal of the thread its kind.
func faultOf(err error) error {
	if r, ok := errors.AsType[*thread.Refusal](err); ok {
		return &fault.Error{Kind: fault.Precondition, Reason: r.Reason, Message: "the conversation does not allow it now", Cause: err}
	}
	return err
}
