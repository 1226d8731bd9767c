// Package figures works out how queues went in the last hour, minute by minute,
// from the commits of threads and from nothing else (L129). A commit is read by
// itself: with the state that it leads to it says all that counts. So whoever
// reads the last hour of the log knows what another knows who has read all of it,
// in whatever order threads are read.
package figures

import (
	"time"

	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Open tells how long a queue is open from one moment to another.
type Open func(queue string, from, to time.Time) time.Duration

// Deeds are what an agent did with offers in a time, and how many conversations ended
// that the agent had last.
type Deeds struct {
	Taken, Rejected, Missed, Closed int
	Handled                         time.Duration // sum of the handle times of those that ended
}

func (d Deeds) add(o Deeds) Deeds {
	return Deeds{d.Taken + o.Taken, d.Rejected + o.Rejected, d.Missed + o.Missed, d.Closed + o.Closed, d.Handled + o.Handled}
}

// Handle is the mean handle time (L129); 0 when nothing ended.
func (d Deeds) Handle() time.Duration { return d.Handled / time.Duration(max(d.Closed, 1)) }

// minute is what happened in one.
type minute struct {
	number int64 // since 1970
	queues map[string]*counts
	agents map[string]*Deeds
}

func (m *minute) queue(id string) *counts {
	if m.queues[id] == nil {
		m.queues[id] = &counts{}
	}
	return m.queues[id]
}

func (m *minute) agent(id string) *Deeds {
	if m.agents[id] == nil {
		m.agents[id] = &Deeds{}
	}
	return m.agents[id]
}

// reading is one commit on its way into a minute.
type reading struct {
	*minute
	c    *threadv1.Conversation // after it
	at   int64                  // ms since 1970
	open Open
}

// take counts a commit.
func (r reading) take(commit *threadv1.Commit) {
	enters, first := false, r.waitEnds()
	of := r.queue(r.c.GetQueue())
	for _, f := range commit.GetFacts() {
		switch k := f.GetKind().(type) {
		case *threadv1.Fact_MessageReceived:
			if m := k.MessageReceived; !m.GetStandby() && !m.GetSurvey() && !f.GetStale() {
				of.messages++
			}
		case *threadv1.Fact_PostbackReceived:
			if !k.PostbackReceived.GetStandby() && !f.GetStale() {
				of.messages++
			}
		case *threadv1.Fact_ConversationOpened:
			of.incoming++
		case *threadv1.Fact_ConversationRouted:
			enters = enters || r.c.GetQueuedMs() == r.at
		case *threadv1.Fact_ConversationRevived:
			enters = true
		case *threadv1.Fact_ConversationReleased:
			enters = true
			if k.ConversationReleased.GetCause() == threadv1.Cause_CAUSE_TRANSFERRED {
				of.transferred++
			}
		case *threadv1.Fact_OfferMade:
			of.offered++
		case *threadv1.Fact_OfferEnded:
			r.declined(of, k.OfferEnded)
		case *threadv1.Fact_AgentAssigned:
			r.assigned(of, k.AgentAssigned, first)
			first = false
		case *threadv1.Fact_SendRequested:
			if k.SendRequested.GetHuman() {
				r.answered(of)
			}
		case *threadv1.Fact_ConversationEnded:
			of.effort.add(span(r.c.GetOpenedMs(), r.at))
		case *threadv1.Fact_ConversationClosed:
			r.closed(of)
		case *threadv1.Fact_SurveyRated:
			r.rated(commit.GetState().GetSurvey().GetAsked(), k.SurveyRated)
		}
	}
	if enters {
		of.entered++
	}
}

// declined counts the end of an offer that the agent could have taken.
func (r reading) declined(of *counts, e *threadv1.OfferEnded) {
	switch e.GetOutcome() {
	case threadv1.OfferOutcome_OFFER_OUTCOME_REJECTED:
		of.rejected++
		r.agent(e.GetAgent()).Rejected++
	case threadv1.OfferOutcome_OFFER_OUTCOME_TIMED_OUT:
		of.missed++
		r.agent(e.GetAgent()).Missed++
	}
}

// assigned counts a conversation that an agent got, the first or another. Who comes
// back to one has it already.
func (r reading) assigned(of *counts, a *threadv1.AgentAssigned, first bool) {
	if a.GetCause() == threadv1.Cause_CAUSE_RESUMED {
		return
	}
	of.sessions++
	switch a.GetCause() {
	case threadv1.Cause_CAUSE_ACCEPTED, threadv1.Cause_CAUSE_AUTO_ASSIGNED:
		of.accepted++
	}
	r.agent(a.GetAgent()).Taken++
	if a.GetCause() == threadv1.Cause_CAUSE_TRANSFERRED {
		of.transferred++
	}
	if first {
		of.engaged++
		of.speed.add(span(thread.AsksSince(r.c), r.at))
	}
}

// waitEnds tells whether the wait for a first agent ended with this commit.
func (r reading) waitEnds() bool {
	return r.c.WaitedMs != nil && r.at <= r.c.GetOpenedMs()+r.c.GetWaitedMs()
}

// answered counts a message of an agent.
func (r reading) answered(of *counts) {
	if replied := r.c.RepliedMs; replied != nil && r.at <= thread.AsksSince(r.c)+*replied {
		of.first.add(r.hours(*replied))
	}
	if waited := r.c.AnsweredMs; waited != nil {
		of.response.add(r.hours(*waited))
	}
}

// hours is how much of a time that ends now the queue was open.
func (r reading) hours(ms int64) time.Duration {
	return r.open(r.c.GetQueue(), time.UnixMilli(r.at-ms), time.UnixMilli(r.at))
}

// closed counts a conversation that is over. One that its bot still had nobody
// waited for.
func (r reading) closed(of *counts) {
	switch {
	case r.c.GetBot() != nil && r.c.GetBot().GetEscalated() == threadv1.BotReason_BOT_REASON_UNSPECIFIED && r.c.GetQueue() == "":
	case r.waitEnds() && r.c.GetAgent() == "":
		of.gone.add(span(thread.AsksSince(r.c), r.at))
	default:
		handled := time.Duration(r.c.GetHandledMs()) * time.Millisecond
		of.handle.add(handled)
		if r.c.GetAgent() != "" {
			d := r.agent(r.c.GetAgent())
			d.Closed, d.Handled = d.Closed+1, d.Handled+handled
		}
		of.talk.add(span(r.c.GetOpenedMs(), r.at))
		if r.c.GetClosedBy() == threadv1.Cause_CAUSE_WRAPPED_UP || r.c.GetWrappedMs() > 0 {
			of.wrapUp.add(time.Duration(r.c.GetWrappedMs()) * time.Millisecond)
		}
	}
}

// rated counts a rating, of the queue that the conversation came from.
func (r reading) rated(asked *threadv1.SurveyAsked, rated *threadv1.SurveyRated) {
	lowest, highest := asked.GetLowest(), asked.GetHighest()
	if asked.GetConversation() != rated.GetConversation() || highest <= lowest {
		return
	}
	of := r.queue(asked.GetQueue())
	of.ratings++
	of.satisfied += int(100 * (rated.GetRating() - lowest) / (highest - lowest))
}
