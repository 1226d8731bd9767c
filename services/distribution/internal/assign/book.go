package assign

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/keyspace"
)

// ErrEpoch says that the book has no generation in force: Redis was emptied or
// restarted, or another server leads. Nothing was done; somebody must Rebuild.
var ErrEpoch = errors.New("assign: no generation in force")

// Config says whose book it is and how patient it is.
type Config struct {
	Group  keyspace.Group // routing group: agents and queues that belong together
	Lease  time.Duration  // without a heartbeat for so long an agent is lost
	Grace  time.Duration  // after which a lost agent's conversations go back
	Policy Policy
	Edit   Edit // nil but in tests
}

// Policy is what follows from answers of agents.
type Policy struct {
	Declines  int  // of one agent, after which it is not offered a conversation again (L62); 0: 3
	Decliners int  // agents who declined a conversation, after whom it is offered to nobody (L62); 0: 100
	Missed    bool // a missed offer makes the agent Inactive (L94)
	Rejected  bool // a rejected offer sets Do not disturb (L94)
}

// Book is the book of reservations: who is ready, who waits, and which units
// are taken. Every method is one atomic step, may be repeated without harm, and
// takes the time from the caller. Methods answer ErrEpoch while the book is
// not loaded and fault.Unavailable when Redis does not answer.
type Book struct {
	cfg Config
	rdb redis.UniversalClient
	key string // of the hash that every script declares
	lua *scripts
}

const (
	defaultDeclines  = 3
	defaultDecliners = 100
)

// NewBook makes the book of a group; Redis is not asked.
func NewBook(rdb redis.UniversalClient, cfg Config) (*Book, error) {
	if cfg.Policy.Declines == 0 {
		cfg.Policy.Declines = defaultDeclines
	}
	if cfg.Policy.Decliners == 0 {
		cfg.Policy.Decliners = defaultDecliners
	}
	lua, err := newScripts(cfg)
	return &Book{cfg: cfg, rdb: rdb, key: cfg.Group.Key("m"), lua: lua}, err
}

// Apply brings an item in line with the log. A revision that is not newer than
// the book's changes nothing. It answers the phase that the item has then.
func (b *Book) Apply(ctx context.Context, now time.Time, item Item) (Phase, error) {
	return b.apply(ctx, now, item, "")
}

// Settle is Apply that also gives up what the book reserved under fence on this
// very revision: an offer that the thread refused, or, under fence 0, a Hold
// that nobody followed.
func (b *Book) Settle(ctx context.Context, now time.Time, item Item, fence int64) (Phase, error) {
	return b.apply(ctx, now, item, strconv.FormatInt(fence, 10))
}

func (b *Book) apply(ctx context.Context, now time.Time, item Item, givenUp string) (Phase, error) {
	reply, err := b.run(ctx, b.lua.apply, now, commitOf(item), givenUp)
	if err != nil {
		return "", err
	}
	return Phase(text(reply, len(reply)-1)), nil
}

// Answer tells whether the offer is still reserved for the agent. With reject
// it also marks the offer as rejected, so that the rejection happens even if
// the caller dies before it is in the log.
func (b *Book) Answer(ctx context.Context, now time.Time, item string, fence int64, agent string, reject bool) (bool, error) {
	reply, err := b.run(ctx, b.lua.answer, now, item, fence, agent, flag(reject))
	return text(reply, 0) == "OK", err
}

// Hold takes the units of a Done item for an agent who returns to it, even
// beyond the agent's capacity. False means that the book has gone past the
// item's revision or that somebody else holds it. A hold that no Apply follows
// comes back from Tick as a Settle.
func (b *Book) Hold(ctx context.Context, now time.Time, item Item, agent string) (bool, error) {
	reply, err := b.run(ctx, b.lua.hold, now, item.Key, item.Conversation, item.Revision, agent, item.Class.String())
	return text(reply, 0) == "OK", err
}

// Shown says that a desk shows the offer: the time to answer begins, at the
// first time. It answers when the offer lapses; the zero time when it is gone.
// An offer that is not shown by the time its thread allows beyond its length
// ends as UNDELIVERED, and counts as no decline.
func (b *Book) Shown(ctx context.Context, now time.Time, item string, fence int64, agent string) (time.Time, error) {
	reply, err := b.run(ctx, b.lua.shown, now, item, fence, agent)
	if until := number(reply, 0); until > 0 {
		return time.UnixMilli(until), err
	}
	return time.Time{}, err
}

// Picked is what Pick answers.
type Picked string

// The answers.
const (
	PickHeld    Picked = "OK"       // its units are taken
	PickMoved   Picked = "OLD"      // the book has another revision
	PickBusy    Picked = "BUSY"     // it is offered, or somebody has it
	PickOutside Picked = "QUEUE"    // the agent is not a member of its queue
	PickUnready Picked = "PRESENCE" // the agent's presence does not allow it
	PickNoWay   Picked = "FULL"     // the agent has no room for it
)

// Pick takes the capacity of a Waiting item for an agent who wants it, before
// the log is asked. A pick that no Apply follows comes back from Tick as a
// Settle.
func (b *Book) Pick(ctx context.Context, now time.Time, item Item, agent string) (Picked, error) {
	reply, err := b.run(ctx, b.lua.pick, now, item.Key, item.Conversation, item.Revision, agent)
	return Picked(text(reply, 0)), err
}

// IntentKind is what a due timer wants done to a thread.
type IntentKind string

// The kinds.
const (
	EndOffer IntentKind = "END"    // end the offer with the outcome
	Leave    IntentKind = "LEAVE"  // take the conversation from a lost agent
	Resettle IntentKind = "SETTLE" // look what became of a Hold
	Overflow IntentKind = "WAIT"   // take it out of a queue where it waited too long
	NewDay   IntentKind = "DAY"    // say when the agent's day ends next: SetDay
)

// Intent is what a due timer wants done. It comes again until a commit of the
// thread, brought to Apply, settles it.
type Intent struct {
	Kind         IntentKind
	Item         string
	Conversation string
	Agent        string
	Fence        int64
	Outcome      string // REJECTED, TIMED_OUT, UNDELIVERED or REVOKED, with EndOffer
}

// Tick handles at most limit due timers and answers what they want of the log.
func (b *Book) Tick(ctx context.Context, now time.Time, limit int) ([]Intent, error) {
	reply, err := b.run(ctx, b.lua.tick, now, limit, b.cfg.Grace.Milliseconds())
	if err != nil {
		return nil, err
	}
	intents := make([]Intent, 0, len(reply)/6)
	for n := 0; n+5 < len(reply); n += 6 {
		intents = append(intents, Intent{
			Kind: IntentKind(text(reply, n)), Item: text(reply, n+1), Conversation: text(reply, n+2),
			Agent: text(reply, n+3), Fence: number(reply, n+4), Outcome: text(reply, n+5),
		})
	}
	return intents, nil
}

// run executes a step on the generation in force.
func (b *Book) run(ctx context.Context, s *keyspace.Script, now time.Time, args ...any) ([]any, error) {
	return b.runIn(ctx, s, "", now, args...)
}

func (b *Book) runIn(ctx context.Context, s *keyspace.Script, generation string, now time.Time, args ...any) ([]any, error) {
	all := append([]any{generation, now.UnixMilli()}, args...)
	reply, err := s.Run(ctx, b.rdb, b.key, all...)
	return reply, scriptError(s, err)
}

func scriptError(s *keyspace.Script, err error) error {
	switch {
	case err == nil:
		return nil
	case redis.HasErrorPrefix(err, "EPOCH"):
		return fmt.Errorf("%s: %w", s.Name(), ErrEpoch)
	case redis.HasErrorPrefix(err, "HISTORY"):
		return &fault.Error{Kind: fault.Unavailable, Reason: "REDIS_UNFIT",
			Message: "Redis does not tell the history of its data; allow its user INFO", Cause: err}
	case fault.KindOf(err) != fault.Internal:
		return err
	}
	return fmt.Errorf("script %s: %w", s.Name(), err)
}

func flag(v bool) string {
	if v {
		return "1"
	}
	return "0"
}

func text(reply []any, n int) string {
	if n < 0 || n >= len(reply) {
		return ""
	}
	switch v := reply[n].(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	}
	return ""
}

func number(reply []any, n int) int64 {
	v, _ := strconv.ParseInt(text(reply, n), 10, 64) // an absent number is 0
	return v
}

// root is where the keys of a generation lie.
func (b *Book) root(epoch int64) string {
	return strings.TrimSuffix(b.key, "m") + strconv.FormatInt(epoch, 10) + ":"
}
