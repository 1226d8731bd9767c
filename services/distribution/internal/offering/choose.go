package offering

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/rules"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
	"github.com/parley-desk/parley/services/distribution/internal/matching"
)

const (
	listening  = 25 * time.Millisecond // between two looks for news
	again      = time.Second           // after which rules are asked anew: time passes in them
	everything = 10 * time.Second      // after which everything is read anew
	newsLimit  = 5000                  // taken at once
	// A cycle is followed by a rest of so many times as long as it took, so that
	// rules, however many, leave the process and Redis to others.
	restful = 4
)

// choose has rules choose agents in queues that assign by rules, until the
// generation ends: when somebody comes into such a queue, when an agent of one
// changes, and every second (L56).
func (d *Distributor) choose(ctx context.Context, epoch int64) error {
	c := &chooser{Distributor: d, epoch: epoch}
	for ctx.Err() == nil {
		changed := d.Directory.Changed()
		if r := d.rules.Of(d.Directory.Now()); r != c.rules {
			c.begin(r)
		}
		if len(c.queues) == 0 {
			select {
			case <-ctx.Done():
			case <-changed:
			}
			continue
		}
		began := time.Now() // of the machine: what was worked is what is rested
		err := c.turn(ctx)
		switch {
		case errors.Is(err, assign.ErrEpoch):
			return err
		case err != nil && ctx.Err() == nil:
			d.Log.WarnContext(ctx, "rules wait to choose agents", slog.Any(key.Err, err))
			c.read = time.Time{} // what was read may have been read in part
			pause(ctx, setback)
		case c.trouble != nil && ctx.Err() == nil:
			d.Log.WarnContext(ctx, "some conversations cannot be read for rules", slog.Any(key.Err, c.trouble))
			pause(ctx, setback)
		default:
			pause(ctx, min(max(listening, restful*time.Since(began)), everything))
		}
	}
	return nil
}

// chooser knows who waits in queues that assign by rules, and their agents. It
// reads again only what the book tells has changed, and from time to time all.
type chooser struct {
	*Distributor
	epoch  int64
	rules  *rules.Rules
	queues []string // that assign by rules, those of highest priority first
	agents map[string]*matching.Agent
	items  map[string]*matching.Item
	behind map[string]int
	more   bool            // that wait were not tried last time
	stale  map[string]bool // to be read again, as the book names them: "i:" items, "a:" agents
	read   time.Time       // when everything was
	tried  time.Time       // when rules were asked last
	// trouble is with some items, which stay stale; the others are served.
	trouble error
}

// begin knows nothing, and sees what comes by r.
func (c *chooser) begin(r *rules.Rules) {
	c.rules, c.queues, c.read, c.tried, c.trouble = r, customQueues(r.World), time.Time{}, time.Time{}, nil
	c.agents, c.items, c.behind, c.stale = map[string]*matching.Agent{}, map[string]*matching.Item{}, map[string]int{}, map[string]bool{}
}

func customQueues(s *directory.Snapshot) []string {
	var out []string
	for id, q := range s.Queues {
		if q.GetAssignment() == configv1.Assignment_ASSIGNMENT_CUSTOM {
			out = append(out, id)
		}
	}
	slices.SortFunc(out, func(x, y string) int {
		return cmp.Or(cmp.Compare(s.Queues[y].GetPriority(), s.Queues[x].GetPriority()), strings.Compare(x, y))
	})
	return out
}

// turn hears what is new and, if anything is or it is time, has rules choose.
func (c *chooser) turn(ctx context.Context) error {
	agents, items, err := c.Book.News(ctx, c.epoch, newsLimit)
	if err != nil {
		return err
	}
	now := c.Now()
	if now.Sub(c.read) >= everything {
		agents, items, err = c.all(ctx)
	}
	for s := range c.stale {
		if kind, id, _ := strings.Cut(s, ":"); kind == "a" {
			agents = append(agents, id)
		} else {
			items = append(items, id)
		}
	}
	if err != nil || len(agents)+len(items) == 0 && !c.more && now.Sub(c.tried) < again {
		return err
	}
	clear(c.stale)
	if err := errors.Join(c.readAgents(ctx, agents), c.readItems(ctx, items)); err != nil {
		return err
	}
	going, err := c.Book.Going(ctx, c.epoch, c.queues)
	if err != nil {
		return err
	}
	c.tried = now
	return c.carry(ctx, matching.Match(c.world(now, going)))
}

// all names everybody who waits or works in these queues, and forgets the others.
func (c *chooser) all(ctx context.Context) (agents, items []string, err error) {
	for _, q := range c.queues {
		lined, err := c.Book.LinedUp(ctx, c.epoch, q)
		if err != nil {
			return nil, nil, err
		}
		items = append(items, lined...)
		agents = append(agents, c.rules.World.Queues[q].GetAgents()...)
	}
	slices.Sort(agents)
	agents = slices.Compact(agents)
	before := c.items
	c.agents, c.items, c.read = map[string]*matching.Agent{}, map[string]*matching.Item{}, c.Now()
	for _, k := range items {
		if i := before[k]; i != nil {
			c.items[k] = i
		}
	}
	return agents, items, nil
}

func (c *chooser) readAgents(ctx context.Context, ids []string) error {
	found, err := c.Book.Members(ctx, c.epoch, ids)
	for _, id := range ids {
		delete(c.agents, id)
	}
	for _, m := range found {
		c.agents[m.ID] = agentOf(c.rules, m, c.Now())
	}
	return err
}

// readItems looks what became of items. The log is asked only about those that
// it has gone on with.
func (c *chooser) readItems(ctx context.Context, keys []string) error {
	lined, err := c.Book.Lined(ctx, c.epoch, keys)
	if err != nil {
		return err
	}
	before := map[string]*matching.Item{}
	for _, k := range keys {
		before[k] = c.items[k]
		delete(c.items, k)
	}
	var unseen []assign.Lined
	for _, l := range lined {
		if known := before[l.Key]; known != nil && known.Revision == l.Revision && known.Conversation == l.Conversation {
			known.Lined = l
			c.items[l.Key] = known
			continue
		}
		c.stale["i:"+l.Key] = true
		unseen = append(unseen, l)
	}
	var seen []*matching.Item
	seen, c.trouble = c.see(ctx, c.rules, unseen)
	for _, i := range seen {
		c.items[i.Key] = i
		delete(c.stale, "i:"+i.Key)
	}
	return nil
}

// world is what is known, as it is now, of the queues that are going.
func (c *chooser) world(now time.Time, going map[string]bool) matching.World {
	w := matching.World{Rules: c.rules, Enough: c.Book.Enough(), Behind: c.behind}
	for _, a := range c.agents {
		a.Face.Agent.Working = c.rules.Working(a.ID, now)
		w.Agents = append(w.Agents, a)
	}
	lines := map[string][]*matching.Item{}
	for _, i := range c.items {
		i.Sight.At(now)
		lines[i.Queue] = append(lines[i.Queue], i)
	}
	for _, q := range c.queues {
		if going[q] && len(lines[q]) > 0 {
			w.Lines = append(w.Lines, matching.Line{Queue: q, Items: lines[q]})
		}
	}
	return w
}

// carry reserves what was chosen, in order. Where the book refuses, item and
// agent are read again, and nothing more is given to that agent meanwhile: it
// was chosen by what it was.
func (c *chooser) carry(ctx context.Context, out matching.Outcome) error {
	c.behind, c.more = out.Behind, out.More
	versions := map[string]string{}
	for _, choice := range out.Choices {
		i, a := choice.Item, choice.Agent.ID
		version, moved := versions[a]
		if moved && version == "" {
			continue
		}
		verdict, version, err := c.Book.Reserve(ctx, c.Now(), assign.Reservation{Item: i.Key, Conversation: i.Conversation, Revision: i.Revision,
			Agent: a, Version: cmp.Or(version, choice.Agent.Version), Ready: choice.Ready, First: choice.First, Rule: choice.Rule, Bucket: choice.Bucket})
		if err != nil {
			return err
		}
		c.count.choice(verdict == assign.ReservedIt)
		c.stale["i:"+i.Key], c.stale["a:"+a] = true, true
		if versions[a] = version; verdict == assign.ReservedIt {
			delete(c.items, i.Key)
		}
	}
	return nil
}
