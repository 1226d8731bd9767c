package assign_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/keyspace"
	"github.com/parley-desk/parley/pkg/keyspace/keyspacetest"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

// TestWhyKnowsRoomAsTheScriptsDo holds what people are told of an agent's room
// against what the scripts then do: an item that one agent could take, says Why,
// is reserved, and no other is. So it is where rules choose, whose matching
// reckons with room a third time.
func TestWhyKnowsRoomAsTheScriptsDo(t *testing.T) {
	rdb := keyspacetest.Embedded(t)
	cases := 0
	rapid.Check(t, func(rt *rapid.T) {
		cases++
		book, err := assign.NewBook(rdb, assign.Config{Group: keyspace.Group(fmt.Sprintf("g%d", cases)), Lease: time.Hour, Grace: time.Hour})
		f := &filled{t: rt, desk: &desk{t: t, book: book, now: time.UnixMilli(1_764_000_000_000)}}
		f.must(err)
		_, err = book.Rebuild(t.Context(), f.now, assign.World{Items: func(func(assign.Item, error) bool) {},
			Queues: []assign.Queue{{ID: "front", Method: assign.LeastActive}, {ID: "rules", Method: assign.Custom}}})
		f.must(err)
		f.agent()
		f.served()
		f.ruled()
	})
}

// filled is a desk with one agent, who may have no room left.
type filled struct {
	*desk
	t *rapid.T
}

func (f *filled) agent() {
	a := assign.Agent{ID: "ana", Revision: 1, Capacity: rapid.Int32Range(0, 4).Draw(f.t, "capacity"), Queues: []string{"front", "rules"}}
	for _, p := range []string{"chat", "vip"} {
		if rapid.Bool().Draw(f.t, "holds "+p) {
			a.Profiles = append(a.Profiles, assign.Limit{Profile: p, Limit: rapid.Int32Range(0, 2).Draw(f.t, "limit"),
				Blocks: rapid.Bool().Draw(f.t, "blocks"), Daily: rapid.Bool().Draw(f.t, "daily")})
		}
	}
	if rapid.Bool().Draw(f.t, "speaks") {
		a.Skills = []assign.Rating{{Skill: "bg", Value: rapid.Int32Range(1, 3).Draw(f.t, "how well"), Level: 50}}
	}
	f.must(f.book.SetAgent(f.desk.t.Context(), f.now, a))
	presence := rapid.SampledFrom([]string{"AVAILABLE", "AVAILABLE", "BUSY", "DO_NOT_DISTURB", "AWAY", "INACTIVE", "OFFLINE"}).Draw(f.t, "presence")
	_, _, err := f.book.SetPresence(f.desk.t.Context(), f.now, a.ID, assign.Presence{Now: presence, Source: "AGENT"})
	f.must(err)
	for n := range rapid.IntRange(0, 3).Draw(f.t, "has") {
		f.apply(assign.Item{Key: fmt.Sprintf("1.had%d", n), Conversation: "c", Phase: assign.Active, Queue: "front", Class: f.class(), Agent: a.ID,
			Fence: int64(n + 1), Highest: int64(n + 1), OfferMS: 60_000})
	}
}

func (f *filled) class() assign.Class {
	c := assign.Class{Presences: rapid.SampledFrom([]string{"A", "AB", "ABDW"}).Draw(f.t, "presences")}
	for _, p := range []string{"chat", "vip"} {
		if rapid.Bool().Draw(f.t, "counts in "+p) {
			c.Profiles = append(c.Profiles, p)
		}
	}
	c.Units = rapid.Int32Range(map[bool]int32{true: 0, false: 1}[len(c.Profiles) > 0], 3).Draw(f.t, "units")
	if rapid.IntRange(0, 3).Draw(f.t, "skilled") == 0 {
		c.Skills = []assign.Need{{Skill: "bg", Value: rapid.Int32Range(1, 3).Draw(f.t, "needs")}}
		c.Closest = rapid.Bool().Draw(f.t, "closest")
	}
	return c
}

// said is what Why tells of the one member.
func (f *filled) said(key string) assign.Why {
	why, err := f.book.Why(f.desk.t.Context(), f.now, key)
	f.must(err)
	if why.Standing != assign.StandsWaiting || why.Members != 1 {
		f.t.Fatalf("the item waits for one member: %+v", why)
	}
	return why
}

// served has an item wait in a queue that the scripts serve, which is paused
// while Why is asked.
func (f *filled) served() {
	ctx := f.desk.t.Context()
	f.must(f.book.Pause(ctx, f.now, "front", assign.Pause{By: "mila", SinceMS: 1}))
	i, _ := f.apply(f.item("1.front", "front"))
	why := f.said(i.Key)
	f.must(f.book.Pause(ctx, f.now, "front", assign.Pause{}))
	_, phase := f.apply(i)
	if reserved := phase == assign.Offered; reserved != (why.Ready == 1) {
		f.t.Fatalf("served: %v, but Why told %+v", reserved, why)
	}
}

// ruled reserves an item of a queue where rules choose.
func (f *filled) ruled() {
	ctx := f.desk.t.Context()
	i, _ := f.apply(f.item("1.rules", "rules"))
	why := f.said(i.Key)
	status, err := f.book.Status(ctx)
	f.must(err)
	all, err := f.book.Members(ctx, status.Epoch, []string{"ana"})
	f.must(err)
	got, _, err := f.book.Reserve(ctx, f.now, assign.Reservation{Item: i.Key, Conversation: i.Conversation, Revision: i.Revision,
		Agent: "ana", Version: all[0].Version, Ready: 1, First: []string{"ana"}, Rule: "whom/all"})
	f.must(err)
	if (got == assign.ReservedIt) != (why.Ready == 1) {
		f.t.Fatalf("reserving: %s, but Why told %+v", got, why)
	}
	if could := all[0].Ready() && all[0].Room(i.Class); could != (why.Ready == 1) {
		f.t.Fatalf("matching: %v, but Why told %+v", could, why)
	}
}

func (f *filled) item(key, queue string) assign.Item {
	return assign.Item{Key: key, Conversation: key, Phase: assign.Waiting, Queue: queue, Class: f.class(),
		QueuedMS: f.now.UnixMilli(), SinceMS: f.now.UnixMilli(), OfferMS: 60_000}
}
