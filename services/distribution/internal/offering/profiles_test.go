package offering_test

import (
	"fmt"
	"sync/atomic"
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
)

// counting is an office at eight in the morning, UTC, whose conversations count in
// the profile chat, three of them a day. Mila, whose hours are Sofia's, has a limit
// of her own in it.
func counting(t *testing.T, rdb redis.UniversalClient) (o *office, pass func(time.Duration)) {
	t.Helper()
	id := func(id string) *configv1.Meta { return &configv1.Meta{Id: id} }
	began, passed := time.Date(2027, 1, 15, 8, 0, 0, 0, time.UTC), &atomic.Int64{}
	o = &office{t: t, log: newThreads()}
	o.log.now = func() time.Time { return began.Add(time.Duration(passed.Load())) }
	o.furnish(rdb, directory.Fixed(directory.NewSnapshot(
		&configv1.CapacityProfile{Meta: id("chat"), Limit: 3, Reset_: configv1.ProfileReset_PROFILE_RESET_END_OF_DAY},
		&configv1.Schedule{Meta: id("sofia"), TimeZone: "Europe/Sofia"},
		&configv1.Queue{Meta: id("front"), Agents: []string{"mila"}}, &configv1.Queue{Meta: id("back"), Agents: []string{"orlin"}},
		&configv1.Agent{Meta: id("mila"), Schedule: "sofia", Profiles: []*configv1.ProfileHolding{{Profile: "chat", Limit: 1}}},
		&configv1.Agent{Meta: id("orlin"), Profiles: []*configv1.ProfileHolding{{Profile: "chat"}}},
	)), bustest.Open(t))
	o.lead()
	o.available("mila", "orlin")
	return o, func(d time.Duration) {
		passed.Add(int64(d))
		_, err := o.Heartbeat(t.Context(), &distributionv1.HeartbeatRequest{Agents: []string{"mila", "orlin"}})
		o.must(err)
		for range 2 {
			o.must(o.Tick(t.Context()))
		}
	}
}

// counts queues a conversation that counts in chat.
func (o *office) counts(n int, queue string) subject.Thread {
	o.t.Helper()
	s := waiting(customer(n), 0)
	s.Conversation.Queue, s.Conversation.Units, s.Conversation.CapacityProfiles = queue, 0, []string{"chat"}
	s.Conversation.Terms = &threadv1.Terms{Presences: []distributionv1.Presence{1, 2, 3}} // also of who is full
	s.Conversation.OfferSeconds, s.Conversation.QueuedMs = 600, o.log.now().UnixMilli()
	o.stands(customer(n), s)
	return customer(n)
}

func (o *office) stands(who subject.Thread, s *threadv1.State) {
	o.t.Helper()
	o.must(o.Follow(o.t.Context(), bus.Record{Thread: who, Revision: o.log.put(who, s), Commit: &threadv1.Commit{State: s}}))
}

// done has what is offered accepted, and closes it.
func (o *office) done(who subject.Thread) {
	o.t.Helper()
	await(o.t, "an offer of "+who.PSID, func() bool { return o.offer(who) != nil })
	s, _ := o.log.read(who)
	_, err := o.AnswerOffer(o.t.Context(), &distributionv1.AnswerOfferRequest{Page: who.Page, Psid: who.PSID, Conversation: s.GetConversation().GetId(),
		Agent: o.offer(who).GetAgent(), Fence: o.offer(who).GetFence(), Accept: true})
	o.must(err)
	s, _ = o.log.read(who)
	s.Conversation.Phase = threadv1.Phase_PHASE_CLOSED
	o.stands(who, s)
}

// full checks that a conversation waits for want of a place in chat.
func (o *office) full(who subject.Thread, when string) {
	o.t.Helper()
	why := o.why(who)
	if e := fmt.Sprint(why.GetExcluded()); why.GetStanding() != "waiting" || len(why.GetExcluded()) != 1 || why.GetExcluded()[0].GetReason() != "profile" {
		o.t.Errorf("%s: %s, %s", when, why.GetStanding(), e)
	}
}

// TestProfilesAreAsAdministratorsSetThem (L66): the limit of the profile, or the
// agent's own; what counts by the day counts until the day ends where the agent
// works, and every day anew (L69).
func TestProfilesAreAsAdministratorsSetThem(t *testing.T) {
	keyspacetest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		o, pass := counting(t, rdb)
		for n := range 3 {
			o.done(o.counts(10+n, "back"))
		}
		o.full(o.counts(13, "back"), "a fourth one of three")
		o.done(o.counts(1, "front"))
		second := o.counts(2, "front")
		o.full(second, "a second one of one")
		pass(14*time.Hour - time.Second)
		o.full(second, "before midnight in Sofia")
		pass(time.Second)
		o.done(second)
		third := o.counts(3, "front")
		o.full(third, "on the next day")
		pass(2 * time.Hour)
		o.done(customer(13)) // midnight of who has no hours
		o.full(third, "after midnight elsewhere")
		pass(12 * time.Hour)
		o.full(third, "at noon")
		pass(10 * time.Hour)
		o.done(third)
	})
}
