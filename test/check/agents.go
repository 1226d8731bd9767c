package check

import (
	"cmp"
	"slices"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/sandbox"
)

// hand is who has a conversation while a thread's facts are replayed.
type hand struct {
	live  bool
	owner string
	offer *threadv1.OfferMade
	fence int64
}

// owners replays each thread and finds a conversation in two hands.
func (r *Report) owners(log map[sandbox.Thread]history) {
	for t, h := range log {
		var now hand
		revision := uint64(0)
		for _, c := range h {
			if c.GetRevision() <= revision {
				r.add(TwoOwners, t, "revision %d is in the export twice", c.GetRevision())
			}
			revision = c.GetRevision()
			for _, f := range c.GetCommit().GetFacts() {
				if wrong := now.follow(f); wrong != "" {
					r.add(TwoOwners, t, "revision %d: %s", revision, wrong)
				}
			}
		}
	}
}

// follow applies a fact and says what is wrong with it.
func (h *hand) follow(f *threadv1.Fact) (wrong string) {
	switch k := f.GetKind().(type) {
	case *threadv1.Fact_ConversationOpened:
		if h.live {
			wrong = "a second conversation opened beside a live one"
		}
		*h = hand{live: true, fence: h.fence}
	case *threadv1.Fact_OfferMade:
		wrong = h.offered(k.OfferMade)
	case *threadv1.Fact_OfferEnded:
		h.offer = nil
	case *threadv1.Fact_AgentAssigned:
		wrong = h.assigned(k.AgentAssigned)
	case *threadv1.Fact_ConversationReleased, *threadv1.Fact_ConversationParked, *threadv1.Fact_ConversationRevived,
		*threadv1.Fact_ConversationEnded:
		h.owner, h.offer = "", nil
	case *threadv1.Fact_ConversationClosed:
		h.live, h.owner, h.offer = false, "", nil
	}
	return wrong
}

func (h *hand) offered(o *threadv1.OfferMade) (wrong string) {
	switch {
	case h.owner != "":
		wrong = "offered to " + o.GetAgent() + " while " + h.owner + " has it"
	case h.offer != nil:
		wrong = "offered to " + o.GetAgent() + " while " + h.offer.GetAgent() + " still has an offer"
	case o.GetFence() <= h.fence:
		wrong = "offered with a fence that was used before"
	}
	h.offer, h.fence = o, max(h.fence, o.GetFence())
	return wrong
}

func (h *hand) assigned(a *threadv1.AgentAssigned) (wrong string) {
	switch {
	case h.owner != "" && h.owner != a.GetAgent() && a.GetCause() != threadv1.Cause_CAUSE_TRANSFERRED:
		wrong = "assigned to " + a.GetAgent() + " while " + h.owner + " has it"
	case a.GetCause() != threadv1.Cause_CAUSE_ACCEPTED && a.GetCause() != threadv1.Cause_CAUSE_AUTO_ASSIGNED:
	case h.offer == nil || h.offer.GetAgent() != a.GetAgent() || h.offer.GetFence() != a.GetFence():
		wrong = "accepted by " + a.GetAgent() + ", to whom it was not on offer"
	}
	h.owner, h.offer = a.GetAgent(), nil
	return wrong
}

// hold is what a conversation takes from an agent, from one commit to the next.
type hold struct {
	agent   string
	units   int32
	untilMS int64 // 0: until another commit
}

// holdOf reads it from a state: an offer, an active conversation, and a wrap-up
// that blocks each take their units.
func holdOf(c *threadv1.Conversation, weigh func(*threadv1.Conversation) int32) hold {
	units := weigh(c)
	switch c.GetPhase() {
	case threadv1.Phase_PHASE_OPEN:
		if c.GetOffer() != nil {
			return hold{agent: c.GetOffer().GetAgent(), units: units}
		}
	case threadv1.Phase_PHASE_ACTIVE:
		return hold{agent: c.GetAgent(), units: units}
	case threadv1.Phase_PHASE_WRAP_UP:
		if c.GetWrapUpBlocks() {
			return hold{agent: c.GetAgent(), units: units, untilMS: c.GetDueMs()}
		}
	}
	return hold{}
}

// change is a change of an agent's load.
type change struct {
	ms     int64
	agent  string
	units  int32
	forced bool // a person asked for it, beyond the limit if need be
	thread sandbox.Thread
	at     uint64 // revision
}

// capacity replays all threads at once in the order in which the broker stored
// them. Capacity is taken before an offer is stored and given back after its end
// is, so the log never shows an agent over the limit; when two commits bear the
// same millisecond, the one that gives back counts as the first.
func (r *Report) capacity(in Input, log map[sandbox.Thread]history) {
	r.limits(in, log, "units", unitsOf, func(agent string) int32 {
		if limit, ok := in.Capacity[agent]; ok {
			return limit
		}
		return in.Default
	})
}

// unitsOf is what a conversation takes; one that counts in profiles may take
// none.
func unitsOf(c *threadv1.Conversation) int32 {
	if len(c.GetCapacityProfiles()) > 0 {
		return c.GetUnits()
	}
	return max(1, c.GetUnits())
}

// profiles is capacity of each capacity profile.
func (r *Report) profiles(in Input, log map[sandbox.Thread]history) {
	for profile, limit := range in.Profiles {
		counts := func(c *threadv1.Conversation) int32 {
			if slices.Contains(c.GetCapacityProfiles(), profile) {
				return 1
			}
			return 0
		}
		r.limits(in, log, "places in "+profile, counts, func(string) int32 { return limit })
	}
}

func (r *Report) limits(in Input, log map[sandbox.Thread]history, what string, weigh func(*threadv1.Conversation) int32, limitOf func(agent string) int32) {
	var changes []change
	for t, h := range log {
		changes = append(changes, loads(t, h, weigh, in.Slack.Milliseconds())...)
	}
	slices.SortStableFunc(changes, func(a, b change) int {
		return cmp.Or(cmp.Compare(a.ms, b.ms), cmp.Compare(a.units, b.units))
	})
	used := map[string]int32{}
	for _, c := range changes {
		used[c.agent] += c.units
		if limit := limitOf(c.agent); c.units > 0 && !c.forced && used[c.agent] > limit {
			r.add(OverCapacity, c.thread, "revision %d gives %s %d %s of %d", c.at, c.agent, used[c.agent], what, limit)
		}
		r.Counts["changes of load"]++
	}
}

// loads are the changes of load that one thread caused.
func loads(t sandbox.Thread, h history, weigh func(*threadv1.Conversation) int32, slackMS int64) []change {
	var out []change
	var now hold
	for _, c := range h {
		next := holdOf(c.GetCommit().GetState().GetConversation(), weigh)
		if next == now {
			continue
		}
		ms := c.GetStoredMs()
		same := next.agent == now.agent && next.units == now.units && (now.untilMS == 0 || now.untilMS > ms)
		if now.units > 0 && !same {
			end := ms
			if now.untilMS > 0 {
				end = min(end, now.untilMS)
			}
			out = append(out, change{ms: end - slackMS, agent: now.agent, units: -now.units, thread: t, at: c.GetRevision()})
		}
		if next.units > 0 && !same {
			out = append(out, change{ms: ms, agent: next.agent, units: next.units, forced: forced(c), thread: t, at: c.GetRevision()})
		}
		now = next
	}
	if now.units > 0 && now.untilMS > 0 {
		out = append(out, change{ms: now.untilMS - slackMS, agent: now.agent, units: -now.units, thread: t})
	}
	return out
}

// forced tells whether a person took or gave the conversation whatever the load.
func forced(c *adminv1.ExportTranscriptResponse) bool {
	for _, f := range c.GetCommit().GetFacts() {
		switch f.GetAgentAssigned().GetCause() {
		case threadv1.Cause_CAUSE_RESUMED, threadv1.Cause_CAUSE_ASSIGNED, threadv1.Cause_CAUSE_TRANSFERRED:
			return true
		}
	}
	return false
}
