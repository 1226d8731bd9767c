package matching

import (
	"cmp"
	"slices"

	"github.com/parley-desk/parley/pkg/rules"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// Ranked is an item and its bucket.
type Ranked struct {
	Item   *Item
	Bucket rules.Bucket
}

// Rank puts who waits in a queue in order: bucket by bucket, in each as its rule
// says; those that no rule takes last, and of equals who came first (L60).
func Rank(r *rules.Rules, line Line) []Ranked {
	out := make([]Ranked, 0, len(line.Items))
	for _, i := range line.Items {
		out = append(out, Ranked{i, r.Bucket(line.Queue, i.Sight)})
	}
	slices.SortFunc(out, func(x, y Ranked) int {
		return cmp.Or(cmp.Compare(x.Bucket.N, y.Bucket.N), earlier(x, y),
			cmp.Compare(x.Item.QueuedMS, y.Item.QueuedMS), cmp.Compare(x.Item.Place, y.Item.Place))
	})
	return out
}

// earlier compares two of one bucket as its rule says.
func earlier(x, y Ranked) int {
	switch x.Bucket.Order {
	case configv1.ItemOrder_ITEM_ORDER_PRIORITY:
		return cmp.Compare(y.Item.Priority, x.Item.Priority)
	case configv1.ItemOrder_ITEM_ORDER_LAST_MESSAGE:
		return cmp.Compare(x.Item.WroteMS, y.Item.WroteMS)
	case configv1.ItemOrder_ITEM_ORDER_LONGEST_WAITING, configv1.ItemOrder_ITEM_ORDER_UNSPECIFIED:
	}
	return 0
}

// Standing is how rules see one item.
type Standing struct {
	Bucket  string
	Ruleset string
	Steps   []Found
	Ready   int // agents with room whom any step takes
	Refused int // agents with room whom none does
}

// Found is whom a step finds.
type Found struct {
	Rule           string
	Agents, Failed int
}

// Explain tells how rules see an item: for every step how many of the agents who
// have room, and have not declined too often, it takes.
func Explain(r *rules.Rules, enough int, i *Item, agents []*Agent) Standing {
	var able []*Agent
	for _, a := range agents {
		if slices.Contains(a.Queues, i.Queue) && a.Ready() && a.Room(i.Class) && i.Declines[a.ID] < enough {
			able = append(able, a)
		}
	}
	s := Standing{Bucket: r.Bucket(i.Queue, i.Sight).Rule}
	ruleset, steps := r.Steps(i.Queue, i.Sight)
	s.Ruleset = ruleset
	taking := map[string]bool{}
	for _, step := range steps {
		taken, failed := Takes(step, i, able)
		for _, a := range taken {
			taking[a.ID] = true
		}
		s.Steps = append(s.Steps, Found{step.Name, len(taken), failed})
	}
	s.Ready, s.Refused = len(taking), len(able)-len(taking)
	return s
}
