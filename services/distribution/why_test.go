package distribution_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/keyspace/keyspacetest"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// TestWhoAsksIsToldWhy over the bus, as others ask: what keeps every member of the
// queue from a conversation that waits, and in the log who came into question when it
// was offered.
func TestWhoAsksIsToldWhy(t *testing.T) {
	keyspacetest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		f := open(t, bustest.Open(t), rdb, 1)
		f.run(f.bus, "one")
		f.presence("mila", distributionv1.Presence_PRESENCE_AWAY)
		who := f.arrive(1)
		f.inBook(who)
		why := &distributionv1.WhyResponse{}
		f.must(f.call("distribution.why", &distributionv1.WhyRequest{Page: who.Page, Psid: who.PSID}, why))
		excluded := map[string]int32{}
		for _, e := range why.GetExcluded() {
			excluded[e.GetReason()+" "+e.GetOf()] = e.GetAgents()
		}
		if why.GetStanding() != "waiting" || why.GetQueue() != "front" || why.GetMembers() != 2 || why.GetReady() != 0 ||
			len(excluded) != 2 || excluded["presence AWAY"] != 1 || excluded["offline "] != 1 {
			t.Errorf("it waits, as is told, because of %v", why)
		}
		f.presence("orlin", available)
		choice := f.offered(who, nil)
		f.must(f.call("distribution.why", &distributionv1.WhyRequest{Page: who.Page, Psid: who.PSID}, why))
		if why.GetStanding() != "offered" || why.GetAgent() != "orlin" || choice.GetOffer().GetAgent() != "orlin" {
			t.Errorf("of an offer is told %v", why)
		}
		if c := f.choice(who); c.GetMethod() != "active" || c.GetReady() != 1 || len(c.GetFirst()) != 1 || c.GetFirst()[0] != "orlin" {
			t.Errorf("the log tells of the choice %v", c)
		}
	})
}

// choice is what the log tells of how the last offer of a thread was made.
func (f *floor) choice(who subject.Thread) (made *threadv1.Choice) {
	f.t.Helper()
	for rec, err := range f.bus.History(f.t.Context(), who, 0) {
		f.must(err)
		for _, fact := range rec.Commit.GetFacts() {
			if o := fact.GetOfferMade(); o != nil {
				made = o.GetChoice()
			}
		}
	}
	return made
}
