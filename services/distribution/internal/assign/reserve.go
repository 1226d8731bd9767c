package assign

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// lane is the class under which a queue that assigns by rules keeps its items.
const lane = "custom"

// Member is an agent as rules may ask about it, at a version.
type Member struct {
	ID            string
	Version       string // changes with anything below
	Presence      string // as in the API, without its prefix
	Status        string // of the administrators' own, by id
	Units, Used   int32
	Conversations int32 // offered to it, or had by it
	Skills        []Rating
	Profiles      []Quota
	Queues        []string
	Assigned      int64            // when it got one last, by the book's count
	Freed         int64            // when capacity of it was freed last, 0: it has just signed in
	Turns         map[string]int64 // when it got one last, by queue
}

// Quota is a capacity profile of an agent.
type Quota struct {
	Profile     string
	Used, Limit int32
	Blocks      bool
}

// Left is how many places there are left.
func (q Quota) Left() int32 { return max(q.Limit-q.Used, 0) }

// Ready tells whether an agent may be offered anything at all.
func (m *Member) Ready() bool { return letterOf(m.Presence) != "" }

// Room tells whether an agent has room for a class: units, and a place in every
// profile. Presence and skills are another matter.
func (m *Member) Room(c Class) bool {
	if slices.ContainsFunc(m.Profiles, func(q Quota) bool { return q.Blocks && q.Left() == 0 }) {
		return false
	}
	if c.Units > 0 && m.Units-m.Used < c.Units {
		return false
	}
	for _, p := range c.Profiles {
		n := slices.IndexFunc(m.Profiles, func(q Quota) bool { return q.Profile == p })
		if n < 0 || m.Profiles[n].Left() == 0 {
			return false
		}
	}
	return true
}

// Take is what an agent is once it is offered an item of a class, from a queue,
// as the turn-th event.
func (m *Member) Take(c Class, queue string, turn int64) *Member {
	next := *m
	next.Used, next.Conversations, next.Assigned = m.Used+c.Units, m.Conversations+1, turn
	next.Profiles, next.Turns = slices.Clone(m.Profiles), map[string]int64{queue: turn}
	for q, t := range m.Turns {
		if q != queue {
			next.Turns[q] = t
		}
	}
	for n, q := range next.Profiles {
		if slices.Contains(c.Profiles, q.Profile) {
			next.Profiles[n].Used++
		}
	}
	return &next
}

// Lined is an item that waits for rules to choose.
type Lined struct {
	Key          string
	Conversation string
	Revision     uint64
	Queue        string
	Class        Class // its units and profiles; nothing else of it counts
	QueuedMS     int64
	Place        string         // among those queued at the same time
	Declines     map[string]int // by agent, in halves: see Policy
}

// News takes what changed in queues that assign by rules since it was taken
// last, at most so much of it: agents and items. Who takes it must look at all of
// it afterwards, and after an error at everything. Either of its two commands may
// be repeated; what changes between them is still seen by who looks.
func (b *Book) News(ctx context.Context, epoch int64, limit int64) (agents, items []string, err error) {
	all, err := b.rdb.SRandMemberN(ctx, b.root(epoch)+"cn", limit).Result()
	if err != nil {
		return nil, nil, away(err, "read news")
	}
	if len(all) > 0 {
		err = b.rdb.SRem(ctx, b.root(epoch)+"cn", all).Err()
	}
	if err != nil {
		return nil, nil, away(err, "take news")
	}
	for _, n := range all {
		if kind, id, _ := strings.Cut(n, ":"); kind == "a" {
			agents = append(agents, id)
		} else {
			items = append(items, id)
		}
	}
	slices.Sort(agents)
	slices.Sort(items)
	return agents, items, nil
}

// LinedUp are the items that wait in a queue for rules to choose.
func (b *Book) LinedUp(ctx context.Context, epoch int64, queue string) ([]string, error) {
	all, err := b.rdb.ZRange(ctx, b.root(epoch)+"w:"+queue+":"+lane, 0, -1).Result()
	for n, wk := range all {
		_, all[n], _ = strings.Cut(wk, ":")
	}
	return all, away(err, "read who waits")
}

// Lined reads those of some items that wait for rules to choose.
func (b *Book) Lined(ctx context.Context, epoch int64, keys []string) ([]Lined, error) {
	var out []Lined
	for part := range slices.Chunk(keys, members) {
		pipe := b.rdb.Pipeline()
		var kept []*redis.StringCmd
		for _, key := range part {
			kept = append(kept, pipe.Get(ctx, b.root(epoch)+"i:"+key))
		}
		if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
			return nil, away(err, "read items")
		}
		for n, key := range part {
			r := parseRecord(kept[n].Val())
			if Phase(r.phase) != Waiting || r.list != "w:"+r.queue+":"+lane {
				continue
			}
			class, _ := parseClass(r.class)
			out = append(out, Lined{Key: key, Conversation: r.conversation, Revision: uint64(integer(r.revision)), Queue: r.queue, Class: bare(class),
				QueuedMS: integer(r.queued), Place: r.ticket(key), Declines: declined(r.declines)})
		}
	}
	return out, nil
}

// everyPresence is any but offline and inactive.
const everyPresence = "ABDW"

// bare is a class without what rules ask for instead.
func bare(c Class) Class {
	return Class{Units: c.Units, Profiles: c.Profiles, Presences: everyPresence}
}

func declined(ex string) map[string]int {
	out := map[string]int{}
	for d := range strings.SplitSeq(ex, ",") {
		if name, n, ok := strings.Cut(d, ":"); ok {
			out[name] = int(integer(n))
		}
	}
	return out
}

// Enough is after how many declines, in halves, an agent is not asked again.
func (b *Book) Enough() int { return 2 * b.cfg.Policy.Declines }

// Members reads agents, those left out that the book does not know.
func (b *Book) Members(ctx context.Context, epoch int64, ids []string) ([]*Member, error) {
	var out []*Member
	for part := range slices.Chunk(ids, members) {
		pipe := b.rdb.Pipeline()
		var kept []*redis.StringCmd
		var set []*redis.SliceCmd
		for _, id := range part {
			kept = append(kept, pipe.Get(ctx, b.root(epoch)+"a:"+id))
			set = append(set, pipe.HMGet(ctx, b.root(epoch)+"s:"+id, "qs", "sk"))
		}
		if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
			return nil, away(err, "read agents")
		}
		for n, id := range part {
			if m := memberOf(id, kept[n].Val(), set[n].Val()); m != nil {
				out = append(out, m)
			}
		}
	}
	return out, nil
}

func memberOf(id, kept string, set []any) *Member {
	if len(set) == 0 || set[0] == nil {
		return nil
	}
	d := parseDoings(kept)
	m := &Member{ID: id, Version: cmp.Or(d.version, "0"), Presence: d.presence, Status: d.status, Units: int32(integer(d.units)), Used: int32(integer(d.used)),
		Conversations: int32(len(d.items())), Assigned: integer(d.assigned), Freed: integer(d.freed), Turns: map[string]int64{}, Queues: listed(text(set, 0))}
	for _, q := range m.Queues {
		m.Turns[q] = named(d.turns, q)
	}
	for s := range strings.SplitSeq(text(set, 1), "+") {
		if part := strings.Split(s, "."); len(part) == 3 {
			m.Skills = append(m.Skills, Rating{part[0], int32(integer(part[1])), int32(integer(part[2]))})
		}
	}
	for l := range strings.SplitSeq(d.limits, "+") {
		if part := strings.Split(l, "."); len(part) == 3 {
			m.Profiles = append(m.Profiles, Quota{part[0], int32(named(d.counts, part[0])), int32(integer(part[1])), strings.Contains(part[2], "b")})
		}
	}
	return m
}

// Reservation is an item and the agent that rules chose for it.
type Reservation struct {
	Item, Conversation string
	Revision           uint64
	Agent, Version     string   // of the Member that was chosen
	Ready              int      // agents whom the rule found
	First              []string // the first of them in order
	Rule, Bucket       string
}

// Verdict is what Reserve answers.
type Verdict string

// The answers.
const (
	ReservedIt       Verdict = "OK"
	ReserveMoved     Verdict = "ITEM"     // the item does not wait any more as it did
	ReserveOther     Verdict = "AGENT"    // the agent is not what it was
	ReserveFull      Verdict = "FULL"     // the agent has no room for it
	ReserveUnwelcome Verdict = "DECLINED" // the agent declined it too often
)

// Reserve offers an item to the agent that rules chose, if item and agent are
// what they were then. It gives the version that the agent has after.
func (b *Book) Reserve(ctx context.Context, now time.Time, r Reservation) (Verdict, string, error) {
	reply, err := b.run(ctx, b.lua.reserve, now, r.Item, r.Conversation, strconv.FormatUint(r.Revision, 10), r.Agent, r.Version,
		r.Ready, strings.Join(r.First, ","), r.Rule, r.Bucket)
	return Verdict(text(reply, 0)), text(reply, 1), err
}
