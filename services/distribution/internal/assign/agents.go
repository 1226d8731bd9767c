package assign

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Agent is what administrators set for an agent.
type Agent struct {
	ID       string
	Revision uint64 // of the directory's snapshot it was read from
	Capacity int32
	Queues   []string // sorted
	Skills   []Rating
	Profiles []Limit
	DayMS    int64 // when the agent's day ends, for profiles that are reset then; 0: never
	DawnMS   int64 // when it began; for a load alone
}

// Rating is how well an agent has a skill.
type Rating struct {
	Skill string
	Value int32 // on the skill's scale
	Level int32 // where that lies on it, 0 to 100
}

// Limit is how much an agent takes of a capacity profile.
type Limit struct {
	Profile string
	Limit   int32
	Blocks  bool // at the limit the agent gets nothing of any sort (L66)
	Daily   bool // what was taken counts until the day ends (L69)
}

// Method is how a queue chooses among free agents.
type Method string

// The methods, by the word the scripts use.
const (
	LeastActive     Method = "active"   // capacity freed longest ago first
	HighestCapacity Method = "capacity" // most free units first, then assigned longest ago
	RoundRobin      Method = "rotation" // got one from this queue longest ago first, new members last
	Custom          Method = "custom"   // rules choose, and Reserve
)

// Queue is what administrators set for a queue.
type Queue struct {
	ID       string
	Revision uint64
	Method   Method
	Priority int32
	Classes  []Class       // what its items are known to ask; others are learned
	Wait     time.Duration // how long an item may wait in it; 0: for ever
	// HeadStart is what a point of priority is worth: an item is taken to have come
	// so much earlier. 0: a higher priority comes first however late.
	HeadStart time.Duration
}

// Standing is where an agent stands.
type Standing struct {
	Agent          string
	Presence       string // as in the API, without its prefix: AVAILABLE, ...
	Used, Capacity int32
	SinceMS        int64
	Status         string // of the administrators' own, by id
	Source         string // of the presence, as in the API without its prefix
	Profiles       []Load
}

// Load is what an agent uses of a capacity profile.
type Load struct {
	Profile     string
	Used, Limit int32
}

// SetAgent takes over an agent's settings and gives new room what waits for it.
func (b *Book) SetAgent(ctx context.Context, now time.Time, a Agent) error {
	_, err := b.run(ctx, b.lua.agent, now, b.agentArgs(a, false)...)
	return err
}

// DropAgent takes an agent out: offers are revoked, conversations go back.
func (b *Book) DropAgent(ctx context.Context, now time.Time, id string, revision uint64) error {
	_, err := b.run(ctx, b.lua.agent, now, b.agentArgs(Agent{ID: id, Revision: revision}, true)...)
	return err
}

func (b *Book) agentArgs(a Agent, gone bool) []any {
	skills, profiles := a.terms()
	return []any{a.ID, a.Revision, a.Capacity, strings.Join(a.Queues, ","), flag(gone), skills, profiles, a.DayMS}
}

// terms are skills and profiles as the scripts read them.
func (a *Agent) terms() (skills, profiles string) {
	var rated, limited []string
	for _, s := range a.Skills {
		rated = append(rated, fmt.Sprintf("%s.%d.%d", s.Skill, s.Value, s.Level))
	}
	for _, l := range a.Profiles {
		flags := ""
		if l.Blocks {
			flags += "b"
		}
		if l.Daily {
			flags += "e"
		}
		limited = append(limited, fmt.Sprintf("%s.%d.%s", l.Profile, l.Limit, flags))
	}
	return strings.Join(rated, "+"), strings.Join(limited, "+")
}

// SetDay says when an agent's day ends next, as Tick asked.
func (b *Book) SetDay(ctx context.Context, now time.Time, agent string, end time.Time) error {
	_, err := b.run(ctx, b.lua.day, now, agent, end.UnixMilli())
	return err
}

// SetQueue takes over a queue's settings.
func (b *Book) SetQueue(ctx context.Context, now time.Time, q Queue) error {
	_, err := b.run(ctx, b.lua.queue, now, queueArgs(q)...)
	return err
}

func queueArgs(q Queue) []any {
	var classes []string
	for _, c := range q.Classes {
		classes = append(classes, c.String())
	}
	return []any{q.ID, q.Revision, string(q.Method), q.Priority, strings.Join(classes, ","),
		q.Wait.Milliseconds(), q.HeadStart.Milliseconds()}
}

// Agents lists the agents the book has settings of.
func (b *Book) Agents(ctx context.Context, epoch int64) ([]string, error) {
	ids, err := b.rdb.SMembers(ctx, b.root(epoch)+"as").Result()
	return ids, away(err, "list agents")
}

// SetPresence sets what an agent is ready for, from p.Now, p.Source and p.Status,
// and starts a heartbeat lease. Whoever signs in (SESSION) available is what the
// load says. The second result is false for an agent the book does not know.
func (b *Book) SetPresence(ctx context.Context, now time.Time, agent string, p Presence) (Standing, bool, error) {
	reply, err := b.run(ctx, b.lua.presence, now, agent, p.Now, p.Source, p.Status)
	if err != nil || text(reply, 0) != "OK" {
		return Standing{}, false, err
	}
	return standing(reply, 1), true, nil
}

// Heartbeat renews the leases of agents and answers where those that the book
// knows stand.
func (b *Book) Heartbeat(ctx context.Context, now time.Time, agents []string) ([]Standing, error) {
	var args []any
	for _, a := range agents {
		args = append(args, a)
	}
	reply, err := b.run(ctx, b.lua.heartbeat, now, args...)
	return standings(reply), err
}

// Roster answers where those of the agents that the book knows stand.
func (b *Book) Roster(ctx context.Context, now time.Time, agents []string) ([]Standing, error) {
	var args []any
	for _, a := range agents {
		args = append(args, a)
	}
	reply, err := b.run(ctx, b.lua.roster, now, args...)
	return standings(reply), err
}

// fields is how many strings make a standing.
const fields = 8

func standings(reply []any) []Standing {
	out := make([]Standing, 0, len(reply)/fields)
	for n := 0; n+fields <= len(reply); n += fields {
		out = append(out, standing(reply, n))
	}
	return out
}

func standing(reply []any, n int) Standing {
	s := Standing{Agent: text(reply, n), Presence: text(reply, n+1), Used: int32(number(reply, n+2)),
		Capacity: int32(number(reply, n+3)), SinceMS: number(reply, n+4), Status: text(reply, n+5), Source: text(reply, n+6)}
	for l := range strings.SplitSeq(text(reply, n+7), "+") {
		if part := strings.Split(l, "."); len(part) == 3 {
			s.Profiles = append(s.Profiles, Load{Profile: part[0], Used: int32(integer(part[1])), Limit: int32(integer(part[2]))})
		}
	}
	return s
}
