package api

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
)

// Pauses between the tries to announce an agent.
const (
	firstPause = 250 * time.Millisecond
	longPause  = 5 * time.Second
)

// welcome tells distribution at once that the agent is here, so that a short
// break costs nothing, and gives one who arrives the presence wished for when
// there is none in force (L75): also where the house has forgotten it, as one
// process does that was killed. It tries until it is done or the page leaves.
func (s deskService) welcome(ctx context.Context, agent string, w wish) {
	for pause := firstPause; ; pause = min(2*pause, longPause) {
		err := s.announce(ctx, agent, w)
		if err == nil || ctx.Err() != nil {
			return
		}
		if pause == firstPause {
			s.Log.WarnContext(ctx, "agent not announced to distribution yet", key.Agent, agent, key.Err, err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// wish is the presence an agent arrives with, and whose it is.
type wish struct {
	presence distributionv1.Presence
	status   string
	source   distributionv1.Source
}

// wishOf is the agent's own choice, which the page remembers, or else what
// administrators have set for one who signs in (L75), or what follows from being
// here.
func wishOf(d *directory.Snapshot, agent string, chosen distributionv1.Presence, status string) wish {
	if offered(d, status, chosen) != nil || status == "" && chosen != distributionv1.Presence_PRESENCE_UNSPECIFIED {
		return wish{chosen, status, distributionv1.Source_SOURCE_AGENT}
	}
	a := d.Agents[agent]
	if s := d.Statuses[a.GetDefaultStatus()]; s != nil && !s.GetInactive() {
		return wish{s.GetBase(), a.GetDefaultStatus(), distributionv1.Source_SOURCE_SESSION}
	}
	return wish{cmp.Or(a.GetDefaultPresence(), distributionv1.Presence_PRESENCE_AVAILABLE), "", distributionv1.Source_SOURCE_SESSION}
}

// offered is the status of an id when agents may choose it and it counts as base.
func offered(d *directory.Snapshot, id string, base distributionv1.Presence) *configv1.Status {
	if s := d.Statuses[id]; s != nil && !s.GetInactive() && s.GetBase() == base {
		return s
	}
	return nil
}

func (s deskService) announce(ctx context.Context, agent string, w wish) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := s.Beat(ctx, []string{agent}); err != nil {
		return err
	}
	standing := s.Hub.Standing(agent)
	if standing == nil {
		return fault.New(fault.Unavailable, "AGENT_UNKNOWN", "distribution does not know agent %q yet", agent)
	}
	if !restores(standing.GetPresence(), w.presence) {
		return nil
	}
	_, err := s.setPresence(ctx, &distributionv1.SetPresenceRequest{Agent: agent, Presence: w.presence, Status: w.status, Source: w.source})
	return err
}

// restores tells whether what is wished for is to take the place of the
// presence in force. Who chose to be offline stays so.
func restores(now, wish distributionv1.Presence) bool {
	gone := now == distributionv1.Presence_PRESENCE_OFFLINE || now == distributionv1.Presence_PRESENCE_UNSPECIFIED
	return gone && wish != distributionv1.Presence_PRESENCE_OFFLINE && wish != distributionv1.Presence_PRESENCE_UNSPECIFIED
}

// settled knows when presences were set from here: what a heartbeat that was
// asked before tells of an agent is older than what the agent has been told.
type settled struct {
	mu   sync.Mutex
	last map[string]time.Time
}

// set notes that agent's presence is set as of now, and tells it.
func (s *settled) set(agent string, now time.Time, tell func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = map[string]time.Time{}
	}
	s.last[agent] = now
	tell()
}

// heard tells what was asked at a time, unless it is old.
func (s *settled) heard(agent string, asked time.Time, tell func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !asked.Before(s.last[agent]) {
		tell()
	}
}
