package offering_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/keyspace/keyspacetest"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

// ruled is an office with a queue that assigns by rules: gold first, to who
// speaks French; after a minute to anybody who is available.
func ruled(t *testing.T, rdb redis.UniversalClient) *office {
	t.Helper()
	id := func(id string) *configv1.Meta { return &configv1.Meta{Id: id} }
	o := &office{t: t, log: newThreads()}
	o.furnish(rdb, directory.Fixed(directory.NewSnapshot(
		&configv1.Skill{Meta: id("french")},
		&configv1.Workstream{Meta: id("care"), Variables: []*configv1.Variable{{Name: "tier"}}},
		&configv1.Ruleset{Meta: id("first"), Prioritise: []*configv1.PrioritisationRule{{Name: "gold", When: `variables.tier == "gold"`}}},
		&configv1.Ruleset{Meta: id("whom"), Assign: []*configv1.AssignmentRule{
			{Name: "speaks", When: `"french" in agent.skills && agent.presence == "available"`, Order: configv1.AgentOrder_AGENT_ORDER_PROFICIENCY},
			{Name: "anybody", When: `conversation.waited >= 60 && agent.presence in ["available", "busy"]`, Order: configv1.AgentOrder_AGENT_ORDER_UNITS}}},
		&configv1.Queue{Meta: id("front"), Agents: []string{"mila", "orlin"}, Assignment: configv1.Assignment_ASSIGNMENT_CUSTOM,
			Custom: &configv1.CustomAssignment{Prioritisation: "first", Assignment: "whom"}},
		&configv1.Agent{Meta: id("mila"), Capacity: 9},
		&configv1.Agent{Meta: id("orlin"), Capacity: 1, Skills: []*configv1.Proficiency{{Skill: "french", Value: 7}}},
	)), bustest.Open(t))
	o.lead()
	return o
}

// comes queues a conversation of a tier, which has waited for so long already.
func (o *office) comes(n int, tier string, waited time.Duration) subject.Thread {
	o.t.Helper()
	who := customer(n)
	s := waiting(who, 0)
	s.Conversation.Workstream, s.Conversation.Variables = "care", map[string]string{"tier": tier}
	s.Conversation.QueuedMs = o.log.now().Add(-waited).UnixMilli()
	o.must(o.Follow(o.t.Context(), bus.Record{Thread: who, Revision: o.log.put(who, s), Commit: &threadv1.Commit{State: s}}))
	return who
}

func (o *office) why(who subject.Thread) *distributionv1.WhyResponse {
	o.t.Helper()
	why, err := o.Why(o.t.Context(), &distributionv1.WhyRequest{Page: who.Page, Psid: who.PSID})
	o.must(err)
	return why
}

// TestRulesChoose is L60: buckets, steps that relax, what is told of it, and
// that an agent's presence and the passing of time are reason enough to look
// again (L56).
func TestRulesChoose(t *testing.T) {
	keyspacetest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		o := ruled(t, rdb)
		o.available("mila")
		iron, gold := o.comes(1, "iron", time.Second), o.comes(2, "gold", 0)
		why := o.why(gold)
		if why.GetStanding() != assign.StandsWaiting || why.GetMethod() != "custom" || why.GetBucket() != "first/gold" || why.GetRuleset() != "whom" ||
			why.GetAhead() != 0 || why.GetReady() != 0 || why.GetClass() != "1 unit" {
			t.Errorf("of gold is told %v", why)
		}
		if got := fmt.Sprint(why.GetSteps()); !strings.Contains(got, "whom/speaks") || len(why.GetSteps()) != 2 {
			t.Errorf("steps %s", got)
		}
		if e := fmt.Sprint(why.GetExcluded()); len(why.GetExcluded()) != 2 || !strings.Contains(e, "offline") || !strings.Contains(e, "rule") {
			t.Errorf("excluded %s", e)
		}
		if why := o.why(iron); why.GetBucket() != "" || why.GetAhead() != 1 {
			t.Errorf("of iron is told %v", why)
		}
		o.available("orlin")
		await(t, "an offer of gold to who speaks french", func() bool { return o.offer(gold).GetAgent() == "orlin" })
		old := o.comes(3, "iron", time.Hour)
		await(t, "an offer to anybody", func() bool { return o.offer(old).GetAgent() == "mila" })
		if o.offer(iron) != nil {
			t.Error("iron was offered before its time")
		}
		if used := o.used("orlin"); used != 1 {
			t.Errorf("orlin uses %d, want 1", used)
		}
	})
}

// TestDeclinedByRules is L62 where rules choose: who declined is asked last, and
// thrice is enough.
func TestDeclinedByRules(t *testing.T) {
	o := ruled(t, keyspacetest.Embedded(t))
	o.available("mila", "orlin")
	who := o.comes(1, "gold", time.Hour)
	var asked []string
	for range 6 {
		await(t, "an offer", func() bool { return o.offer(who) != nil })
		made := o.offer(who)
		asked = append(asked, made.GetAgent())
		o.must(o.answer(who, made))
		o.must(o.Tick(t.Context()))
		await(t, "the offer's end", func() bool { return o.offer(who).GetFence() != made.GetFence() })
	}
	count := map[string]int{}
	for _, a := range asked {
		count[a]++
	}
	if asked[0] != "orlin" || asked[1] != "mila" || count["orlin"] != 3 || count["mila"] != 3 {
		t.Errorf("asked %v, want orlin, then mila, and each thrice", asked)
	}
	why := o.why(who)
	if e := fmt.Sprint(why.GetExcluded()); why.GetReady() != 0 || !strings.Contains(e, "declined") {
		t.Errorf("told %v", why)
	}
}

// answer rejects an offer.
func (o *office) answer(who subject.Thread, made *threadv1.Offer) error {
	s, _ := o.log.read(who)
	_, err := o.AnswerOffer(o.t.Context(), &distributionv1.AnswerOfferRequest{Page: who.Page, Psid: who.PSID,
		Conversation: s.GetConversation().GetId(), Agent: made.GetAgent(), Fence: made.GetFence()})
	return err
}
