package api

import (
	"context"
	"sync"
	"time"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/telemetry/key"
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
	source   distributionv1.Source
}

// wishOf is the agent's own choice, which the page remembers, or what follows
// from being here.
func wishOf(chosen distributionv1.Presence) wish {
	if chosen == distributionv1.Presence_PRESENCE_UNSPECIFIED {
		return wish{distributionv1.Presence_PRESENCE_AVAILABLE, distributionv1.Source_SOURCE_SESSION}
	}
	return wish{chosen, distributionv1.Source_SOURCE_AGENT}
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
	_, err := s.setPresence(ctx, agent, w.presence, w.source)
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
