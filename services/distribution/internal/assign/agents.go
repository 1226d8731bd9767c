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
}

// Method is how a queue chooses among free agents.
type Method string

// The methods, by the word the scripts use.
const (
	LeastActive     Method = "active"   // capacity freed longest ago first
	HighestCapacity Method = "capacity" // most free units first, then assigned longest ago
)

// Queue is what administrators set for a queue.
type Queue struct {
	ID       string
	Revision uint64
	Method   Method
	Priority int32
	Classes  []int32       // units its items are known to take; others are learned
	Wait     time.Duration // how long an item may wait in it; 0: for ever
}

// Standing is where an agent stands.
type Standing struct {
	Agent          string
	Presence       string // as in the API, without its prefix: AVAILABLE, ...
	Used, Capacity int32
	SinceMS        int64
}

// SetAgent takes over an agent's settings and gives new room what waits for it.
func (b *Book) SetAgent(ctx context.Context, now time.Time, a Agent) error {
	_, err := b.run(ctx, b.lua.agent, now, b.agentArgs(a, false, "", "")...)
	return err
}

// DropAgent takes an agent out: offers are revoked, conversations go back.
func (b *Book) DropAgent(ctx context.Context, now time.Time, id string, revision uint64) error {
	_, err := b.run(ctx, b.lua.agent, now, b.agentArgs(Agent{ID: id, Revision: revision}, true, "", "")...)
	return err
}

func (b *Book) agentArgs(a Agent, gone bool, presence, was string) []any {
	return []any{a.ID, a.Revision, a.Capacity, strings.Join(a.Queues, ","), flag(gone), presence, was,
		b.cfg.Lease.Milliseconds()}
}

// SetQueue takes over a queue's settings.
func (b *Book) SetQueue(ctx context.Context, now time.Time, q Queue) error {
	_, err := b.run(ctx, b.lua.queue, now, queueArgs(q)...)
	return err
}

func queueArgs(q Queue) []any {
	return []any{q.ID, q.Revision, string(q.Method), q.Priority,
		strings.Trim(strings.ReplaceAll(fmt.Sprint(q.Classes), " ", ","), "[]"), q.Wait.Milliseconds()}
}

// Agents lists the agents the book has settings of.
func (b *Book) Agents(ctx context.Context, epoch int64) ([]string, error) {
	ids, err := b.rdb.SMembers(ctx, b.root(epoch)+"as").Result()
	return ids, away(err, "list agents")
}

// SetPresence sets what an agent is ready for and starts a heartbeat lease. The
// second result is false for an agent the book does not know.
func (b *Book) SetPresence(ctx context.Context, now time.Time, agent, presence string) (Standing, bool, error) {
	reply, err := b.run(ctx, b.lua.presence, now, agent, presence, b.cfg.Lease.Milliseconds())
	if err != nil || text(reply, 0) != "OK" {
		return Standing{}, false, err
	}
	return standing(reply, 1), true, nil
}

// Heartbeat renews the leases of agents and answers where those that the book
// knows stand.
func (b *Book) Heartbeat(ctx context.Context, now time.Time, agents []string) ([]Standing, error) {
	args := []any{b.cfg.Lease.Milliseconds()}
	for _, a := range agents {
		args = append(args, a)
	}
	reply, err := b.run(ctx, b.lua.heartbeat, now, args...)
	if err != nil {
		return nil, err
	}
	out := make([]Standing, 0, len(reply)/5)
	for n := 0; n+4 < len(reply); n += 5 {
		out = append(out, standing(reply, n))
	}
	return out, nil
}

func standing(reply []any, n int) Standing {
	return Standing{Agent: text(reply, n), Presence: text(reply, n+1), Used: int32(number(reply, n+2)),
		Capacity: int32(number(reply, n+3)), SinceMS: number(reply, n+4)}
}
