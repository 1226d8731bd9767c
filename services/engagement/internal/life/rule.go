package life

import (
	"fmt"
	"strings"
	"time"

	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// turn is what a rule does to a conversation; of two the higher counts.
type turn uint8

const (
	stays turn = iota
	parks
	closes
)

// Rule is a time-out rule in force (L89).
type Rule struct {
	name            string
	spoke           threadv1.Side // who wrote last while it is due
	minutes         int32
	sinceMS         int64 // of a silence that began before only what came after counts
	turn            turn
	customer, agent texts
}

// texts are what a rule says, by language.
type texts struct {
	all      []*configv1.LocalText
	fallback string
}

// in is the text in a language, else in the one that it is a form of, "en" of
// "en-GB", else in that of the fallback; empty when there is none.
func (t texts) in(language string) string {
	broad, _, _ := strings.Cut(language, "-")
	for _, wanted := range []string{language, broad, t.fallback} {
		for _, one := range t.all {
			if one.GetLanguage() == wanted {
				return one.GetText()
			}
		}
	}
	return ""
}

// due is when a rule is due, Never when it is not. What somebody has just taken
// up again, or works on, is not set aside for a silence of before.
func (r *Rule) due(st Stand) int64 {
	phase, since := threadv1.Phase(st.Phase), max(st.SpokeMs, r.sinceMS)
	switch {
	case st.Spoke != uint8(r.spoke) || st.Told >= r.minutes:
		return Never
	case r.turn == parks && phase != threadv1.Phase_PHASE_ACTIVE:
		return Never
	case r.turn == parks:
		since = max(since, st.ActiveMs)
	case phase == threadv1.Phase_PHASE_WRAP_UP:
		return Never
	}
	return since + int64(r.minutes)*time.Minute.Milliseconds()
}

// Languages tells who reads what: a customer of a page and an agent.
type Languages interface {
	OfCustomer(page, locale string) string
	OfAgent(agent string) string
}

// run is what a rule does to a thread.
func (r *Rule) run(s *threadv1.State, now time.Time, told int32, languages Languages) []*threadv1.Fact {
	c := s.GetConversation()
	silent := threadv1.Side_SIDE_CUSTOMER
	cause := threadv1.Cause_CAUSE_CUSTOMER_SILENT
	if r.spoke == threadv1.Side_SIDE_CUSTOMER {
		silent, cause = threadv1.Side_SIDE_AGENT, threadv1.Cause_CAUSE_AGENT_SILENT
	}
	reached := &threadv1.TimeOutReached{Rule: r.name, Silent: silent, Minutes: r.minutes, ToldMinutes: told,
		Text: r.agent.in(languages.OfAgent(c.GetAgent()))}
	facts := []*threadv1.Fact{thread.Of(reached)}
	if text := r.customer.in(languages.OfCustomer(s.GetPage(), s.GetCustomer().GetLocale())); text != "" {
		_, since := thread.SilenceOf(s)
		send, why := thread.Automatic(s, now, thread.MessageID(occasion(c.GetId(), r.name, since)), text)
		if reached.Unsent = why; send != nil {
			reached.Send = send.GetSendRequested().GetId()
			facts = append(facts, send)
		}
	}
	switch r.turn {
	case closes:
		facts = append(facts, thread.CloseByTime(s, cause, r.name)...)
	case parks:
		facts = append(facts, thread.ParkByTime(s, r.name)...)
	case stays:
	}
	return facts
}

// occasion names what a rule sends in one silence: it is one message.
func occasion(conversation, rule string, sinceMS int64) string {
	return fmt.Sprintf("%s\n%s\n%d", conversation, rule, sinceMS)
}
