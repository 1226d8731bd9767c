package say

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/rules"
	"github.com/parley-desk/parley/pkg/thread"
	"github.com/parley-desk/parley/pkg/wording"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// World is what is decided by beside the thread.
type World struct {
	Rules *rules.Rules  // of the directory
	Now   time.Time     //
	Keep  time.Duration // how long a message is of use after what it answers
	// Link is the address of the survey of a conversation of s, empty when there
	// can be none now; nil: nobody said where its page is.
	Link func(s *threadv1.State, conversation string) string
}

// What became of a call, for the metric.
const (
	Said    = "said"
	Late    = "late"          // what it answers is long past
	Closed  = "window_closed" // Meta takes none now
	Foreign = "thread_owned"  // another app has the thread
)

// ever is when what is said once in a conversation is said again.
const ever = 100 * 365 * 24 * time.Hour

// Outcome is what became of one trigger.
type Outcome struct {
	Trigger trigger
	Result  string
}

// Answer gives the facts by which the commit that is the record of revision is
// answered on the newest state s, and what became of each trigger that is on.
func Answer(s *threadv1.State, revision uint64, c *threadv1.Commit, w World) (facts []*threadv1.Fact, outcomes []Outcome) {
	facts = Consents(c, s)
	of, now := c.GetState().GetConversation(), s.GetConversation()
	if thread.Answered(s, revision) || now == nil || of.GetId() != now.GetId() {
		return facts, nil
	}
	for _, call := range Calls(c) {
		a := answer{World: w, s: s, page: w.Rules.World.PagesByMeta[s.GetPage()], agent: call.Agent,
			said: &threadv1.Automated{Conversation: now.GetId(), Answers: revision, UntilMs: c.GetAtMs() + w.Keep.Milliseconds()}}
		triggers := call.Triggers
		if call.Waits {
			triggers = a.waits()
		}
		said, out := a.first(triggers)
		facts = append(facts, said...)
		if out.Result != "" {
			outcomes = append(outcomes, out)
		}
	}
	return facts, outcomes
}

// Concerns tells whether a commit may call for anything at all in a world, by a
// glance that needs no newest state: most commits do not, and no page may have
// messages on.
func Concerns(c *threadv1.Commit, w World) bool {
	for _, f := range c.GetFacts() {
		if _, answered := consent(f); answered {
			return true
		}
	}
	a := answer{World: w, s: c.GetState(), page: w.Rules.World.PagesByMeta[c.GetState().GetPage()]}
	for _, call := range Calls(c) {
		triggers := call.Triggers
		if call.Waits {
			triggers = a.waits()
		}
		for _, trigger := range triggers {
			if a.on(trigger) {
				return true
			}
		}
	}
	return false
}

// Word is a trigger as metrics and the desk name it: "agent_joined".
func Word(t threadv1.Trigger) string {
	return strings.ToLower(strings.TrimPrefix(t.String(), "TRIGGER_"))
}

// answer is one call on its way to a fact.
type answer struct {
	World
	s     *threadv1.State
	page  *configv1.Page
	agent string
	said  *threadv1.Automated
	again time.Time // until when hours that are over keep silent
	wait  string    // of a place, in minutes; empty: nobody can say
}

// waits are the triggers of a conversation that waits: for hours to begin, or
// for somebody who could take it.
func (a *answer) waits() []trigger {
	c := a.s.GetConversation()
	if c.GetPhase() != threadv1.Phase_PHASE_OPEN {
		return nil
	}
	closed, why, opens := a.Rules.Closed(c.GetQueue(), a.Now)
	if closed {
		a.again = opens
		if opens.IsZero() {
			a.again = a.Now.Add(ever)
		}
		outOfHours, holiday := threadv1.Trigger_TRIGGER_OUT_OF_HOURS, threadv1.Trigger_TRIGGER_HOLIDAY
		if strings.Contains(why, "(") { // it has a reason of its own
			return []trigger{holiday, outOfHours}
		}
		return []trigger{outOfHours}
	}
	obstacle, _ := a.Rules.Obstacle(c.GetQueue(), a.Now)
	if obstacle == rules.QueueUnknown || obstacle == rules.QueueEmpty {
		return []trigger{threadv1.Trigger_TRIGGER_AGENT_NOT_ASSIGNED}
	}
	return nil
}

// on tells whether the page has the trigger said.
func (a *answer) on(trigger trigger) bool {
	switch {
	case inSurvey(trigger):
		return a.surveyOn(trigger)
	case trigger == threadv1.Trigger_TRIGGER_QUESTION:
		return a.page != nil && a.questionOn()
	}
	if trigger == threadv1.Trigger_TRIGGER_SESSION_ENDED && thread.SurveyWaits(a.s) {
		return false // Messenger takes the answers to press away with the next message
	}
	return a.page != nil && wording.Of(a.Rules.World, a.page, trigger, "").Active
}

// first says the first of triggers that is on, if anything may be said.
func (a *answer) first(triggers []trigger) ([]*threadv1.Fact, Outcome) {
	for _, trigger := range triggers {
		if !a.on(trigger) {
			continue
		}
		if a.had(trigger) {
			return nil, Outcome{}
		}
		if result := a.prevented(trigger); result != Said {
			return nil, Outcome{trigger, result}
		}
		if facts, own := a.ofWorkstream(trigger); own {
			if len(facts) > 0 {
				return facts, Outcome{trigger, Said}
			}
			return nil, Outcome{}
		}
		if fact := a.fact(trigger, wording.Of(a.Rules.World, a.page, trigger, a.s.GetCustomer().GetLocale())); fact != nil {
			return []*threadv1.Fact{fact}, Outcome{trigger, Said}
		}
		return nil, Outcome{}
	}
	return nil, Outcome{}
}

// ofWorkstream are the facts of a trigger that workstreams say the words of.
func (a *answer) ofWorkstream(trigger trigger) (facts []*threadv1.Fact, own bool) {
	switch {
	case inSurvey(trigger):
		return a.surveyFacts(trigger), true
	case trigger == threadv1.Trigger_TRIGGER_QUESTION:
		return a.questionFacts(), true
	}
	return nil, false
}

// prevented tells why nothing may be said now.
func (a *answer) prevented(trigger trigger) string {
	switch _, owned := thread.OwnerAt(a.s, a.Now); {
	case a.Now.UnixMilli() > a.said.GetUntilMs():
		return Late
	case trigger == threadv1.Trigger_TRIGGER_CUSTOMER_DISCONNECTED: // Meta has no part in it
	case owned:
		return Foreign
	case thread.WindowAt(a.s, a.Now).Kind != thread.Response:
		return Closed
	case a.linkless(trigger):
		return NoAddress
	}
	return Said
}

// had tells whether the trigger was said and is not said again now. Hours that
// are over are told once, on a holiday or not; that messages do not arrive, once
// until the customer writes again.
func (a *answer) had(trigger trigger) bool {
	c := a.s.GetConversation()
	switch trigger {
	case threadv1.Trigger_TRIGGER_OUT_OF_HOURS, threadv1.Trigger_TRIGGER_HOLIDAY:
		for _, one := range []*threadv1.Said{thread.SaidIn(c, threadv1.Trigger_TRIGGER_OUT_OF_HOURS), thread.SaidIn(c, threadv1.Trigger_TRIGGER_HOLIDAY)} {
			if one.GetAgainMs() > a.Now.UnixMilli() {
				return true
			}
		}
	case threadv1.Trigger_TRIGGER_AGENT_NOT_ASSIGNED:
		return thread.SaidIn(c, trigger) != nil
	case threadv1.Trigger_TRIGGER_CUSTOMER_DISCONNECTED:
		one := thread.SaidIn(c, trigger)
		return one != nil && a.s.GetWindowMs() < one.GetAtMs()
	}
	return false
}

// fact is the message of a trigger, in words; nil when there are none.
func (a *answer) fact(trigger trigger, m wording.Message) *threadv1.Fact {
	text := m.Say(trigger, a.values())
	parts := thread.Split(text)
	if len(parts) == 0 {
		return nil
	}
	a.said.Trigger = trigger
	if !a.again.IsZero() {
		a.said.AgainMs = a.again.UnixMilli()
	}
	if trigger == threadv1.Trigger_TRIGGER_CUSTOMER_DISCONNECTED {
		return thread.Of(&threadv1.AgentTold{Automated: a.said, Text: text})
	}
	request := &threadv1.SendRequested{Id: a.id(), Parts: parts, Automated: a.said}
	if trigger == threadv1.Trigger_TRIGGER_NOTICE {
		if a.said.Notice = digest(text); a.said.GetNotice() == a.s.GetConsent().GetNotice() {
			return nil // the customer knows
		}
		if m.Ask {
			yes, no := wording.Agreement(m.Language)
			request.QuickReplies = []*threadv1.QuickReply{
				{Title: yes, Payload: agree + a.said.GetNotice()}, {Title: no, Payload: disagree + a.said.GetNotice()}}
		}
	}
	return thread.Of(request)
}

// values are what is put in place in a text.
func (a *answer) values() wording.Values {
	world, c := a.Rules.World, a.s.GetConversation()
	return wording.Values{
		Agent:       named(a.agent, world.Agents[a.agent].GetMeta()),
		Queue:       named(c.GetQueue(), world.Queues[c.GetQueue()].GetMeta()),
		Position:    strconv.Itoa(int(a.said.GetPosition())),
		WaitMinutes: a.wait,
		Variables:   variables(world, c),
	}
}

// id is the message's own, the same whoever makes it.
func (a *answer) id() string {
	occasion := strconv.FormatUint(a.said.GetAnswers(), 10)
	if a.said.GetAnswers() == 0 { // the same place may be told again after another wait has begun
		occasion = fmt.Sprintf("%d in %s since %d", a.said.GetPosition(), a.s.GetConversation().GetQueue(), thread.WaitingSince(a.s.GetConversation()).UnixMilli())
	}
	return thread.MessageID(a.said.GetConversation() + "/" + a.said.GetTrigger().String() + "/" + occasion)
}

// digest names a notice by its text.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

func named(id string, m *configv1.Meta) string {
	if name := m.GetDisplayName(); name != "" {
		return name
	}
	return id
}

// variables are those of the conversation's workstream as they stand (L116).
func variables(world *directory.Snapshot, c *threadv1.Conversation) map[string]string {
	values := map[string]string{}
	for _, v := range world.Workstreams[c.GetWorkstream()].GetVariables() {
		values[v.GetName()] = v.GetInitial()
	}
	maps.Copy(values, c.GetVariables())
	return values
}
