package rules

import (
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	routingv1 "github.com/parley-desk/parley/proto/gen/parley/routing/v1"
)

// Limit is a queue that has room as long as fewer than Items wait in it.
type Limit struct {
	Queue string
	Items int32 // 0: always
}

// Room is which of Choice.Limits has room for the conversation.
type Room struct {
	Known bool // false: nobody could tell
	Index int  // -1: none of them
}

// Choice is the queues that come into question for a conversation, in order.
type Choice struct {
	rules      *Rules
	now        time.Time
	candidates []*candidate
	skipped    []string // queues that rules name and that nobody serves, one line each
	failed     []string
	nowhere    string // without candidates: why
}

// candidate is one queue that comes into question.
type candidate struct {
	queue    string
	rule     string // for people; "workstream front", "routes/vip"
	overflow []*configv1.OverflowRule
	closed   bool
	reason   string    // why it is closed
	opens    time.Time // when a closed one opens; zero: not within sight
	final    bool      // the fallback queue: nothing overflows it (L36)
}

// items is how many may wait in it; 0: any number.
func (c *candidate) items() int32 {
	if o := c.when(configv1.OverflowCondition_OVERFLOW_CONDITION_ITEMS); o != nil {
		return o.GetItems()
	}
	return 0
}

func (c *candidate) when(condition configv1.OverflowCondition) *configv1.OverflowRule {
	for _, o := range c.overflow {
		if o.GetCondition() == condition {
			return o
		}
	}
	return nil
}

// Outcome is where a conversation goes.
type Outcome struct {
	Queue  string   // resource id; empty: nowhere for now, or it ends
	Rule   string   // rule that chose it, "fallback: <reason>" or "overflow: <reason>"
	Ends   bool     // an overflow rule ends it
	Passed []string // why not another queue, one line each
	Failed []string // rules of routing that failed
}

// Route runs the routing of the context's workstream for the conversation of
// that id at now: the rules that match give their queues, in order (L37). When
// none does it is the workstream's queue, and when that one is gone or has no
// agents, the fallback queue.
func (r *Rules) Route(c *routingv1.RoutingContext, conversation string, now time.Time, t *Trace) *Choice {
	choice := &Choice{rules: r, now: now}
	id := c.GetConversation().GetWorkstream()
	ws := r.World.Workstreams[id]
	switch {
	case ws == nil && r.World.PagesByMeta[c.GetPage().GetPageId()] == nil:
		choice.nowhere = "page is not connected"
		return choice
	case ws == nil:
		choice.nowhere = "page has no workstream"
		return choice
	}
	choice.match(ws.GetRouting(), c, conversation, t)
	if len(choice.candidates) == 0 {
		choice.byDefault(ws, id)
	}
	return choice
}

// match collects the queues of the rules that match. Without a trace it ends
// with the first queue that surely takes the conversation.
func (c *Choice) match(id string, in *routingv1.RoutingContext, conversation string, t *Trace) {
	if id == "" {
		return
	}
	steps, seen, sure := t.ruleset(id), see(in), false
	for _, rule := range c.rules.World.Rulesets[id].GetRoute() {
		matched, failed := c.rules.try(rule.GetName(), Text{When: rule.GetWhen()}, rule.GetDisabled(), sure, seen, steps)
		name := id + "/" + rule.GetName()
		if failed {
			c.failed = append(c.failed, name)
		}
		if !matched {
			continue
		}
		steps.queues(rule.GetQueues())
		queue := share(rule.GetQueues(), conversation+"/"+name)
		found := c.consider(queue, name, rule.GetOverflow())
		if sure = found != nil && !found.closed && found.items() == 0; sure && t == nil {
			return
		}
	}
}

// consider adds a queue, unless it is there already, or is gone, or nobody
// would ever take a conversation from it.
func (c *Choice) consider(queue, rule string, overflow []*configv1.OverflowRule) *candidate {
	q := c.rules.World.Queues[queue]
	switch {
	case slices.ContainsFunc(c.candidates, func(k *candidate) bool { return k.queue == queue }):
		return nil
	case q == nil:
		c.skipped = append(c.skipped, queue+": gone")
		return nil
	case len(q.GetAgents()) == 0:
		c.skipped = append(c.skipped, queue+": has no agents")
		return nil
	}
	if len(overflow) == 0 {
		overflow = q.GetOverflow()
	}
	found := &candidate{queue: queue, rule: rule, overflow: overflow}
	found.closed, found.reason, found.opens = c.rules.Closed(queue, c.now)
	c.candidates = append(c.candidates, found)
	return found
}

// byDefault is for a conversation that no rule takes. A queue without agents is
// still better than none, for agents can be added to it.
func (c *Choice) byDefault(ws *configv1.Workstream, id string) {
	if c.consider(ws.GetQueue(), "workstream "+id, nil) != nil {
		return
	}
	queue, known := c.rules.World.Queues[ws.GetQueue()]
	fallback, spare := c.rules.World.Queues[ws.GetFallbackQueue()]
	last := func(queue, rule string) {
		c.candidates = append(c.candidates, &candidate{queue: queue, rule: rule, final: true})
	}
	switch {
	case known && spare && len(fallback.GetAgents()) > 0:
		last(ws.GetFallbackQueue(), "fallback: queue "+queue.GetMeta().GetId()+" has no agents")
	case known:
		last(ws.GetQueue(), "workstream "+id)
	case spare:
		last(ws.GetFallbackQueue(), "fallback: "+missing(ws.GetQueue()))
	default:
		c.nowhere = missing(ws.GetQueue())
	}
}

func missing(queue string) string {
	if queue == "" {
		return "workstream has no queue"
	}
	return "queue " + queue + " is gone"
}

// Limits are the queues about which somebody has to be asked whether they have
// room, in order, up to the first that has in any case; none: nothing has to be
// asked. The last one is that first, if there is one.
func (c *Choice) Limits() []Limit {
	var limits []Limit
	asks := false
	for _, k := range c.candidates {
		if k.closed && !k.final {
			continue
		}
		limits = append(limits, Limit{k.queue, k.items()})
		if k.items() == 0 {
			break
		}
		asks = true
	}
	if !asks {
		return nil
	}
	return limits
}

// Settle says where the conversation goes, once it is known which queue has
// room. When nobody could tell, a queue counts as one that has.
func (c *Choice) Settle(room Room) Outcome {
	out := Outcome{Failed: c.failed, Passed: slices.Clone(c.skipped)}
	if len(c.candidates) == 0 {
		out.Rule = "fallback: " + c.nowhere
		return out
	}
	limits := c.Limits()
	full := func(k *candidate) bool {
		at := slices.IndexFunc(limits, func(l Limit) bool { return l.Queue == k.queue })
		return room.Known && at >= 0 && (room.Index < 0 || at < room.Index)
	}
	for _, k := range c.candidates {
		switch {
		case k.final || !k.closed && !full(k):
			out.Queue, out.Rule = k.queue, k.rule
			return out
		case k.closed:
			out.Passed = append(out.Passed, k.queue+": "+k.reason)
		default:
			out.Passed = append(out.Passed, fmt.Sprintf("%s: %d or more wait", k.queue, k.items()))
		}
	}
	c.overflow(&out)
	return out
}

// overflow is for a conversation that no queue takes as it is: the overflow
// rule of the first open queue decides, or of the one that opens first (L37).
func (c *Choice) overflow(out *Outcome) {
	k, condition := c.candidates[0], configv1.OverflowCondition_OVERFLOW_CONDITION_OUT_OF_HOURS
	if open := slices.IndexFunc(c.candidates, func(k *candidate) bool { return !k.closed }); open >= 0 {
		k, condition = c.candidates[open], configv1.OverflowCondition_OVERFLOW_CONDITION_ITEMS
	} else {
		for _, other := range c.candidates[1:] {
			if !other.opens.IsZero() && (k.opens.IsZero() || other.opens.Before(k.opens)) {
				k = other
			}
		}
	}
	out.Queue, out.Rule = k.queue, k.rule
	rule := k.when(condition)
	why := "overflow: " + k.queue + " " + word(condition)
	switch rule.GetAction() {
	case configv1.OverflowAction_OVERFLOW_ACTION_END:
		out.Queue, out.Rule, out.Ends = "", why, true
	case configv1.OverflowAction_OVERFLOW_ACTION_TRANSFER:
		// A target that nobody serves now would be worse: there it would wait
		// without anybody having wanted it so.
		if refused := c.refuses(rule.GetQueue()); refused != "" {
			out.Passed = append(out.Passed, rule.GetQueue()+": "+refused)
			return
		}
		out.Queue, out.Rule = rule.GetQueue(), why
	case configv1.OverflowAction_OVERFLOW_ACTION_UNSPECIFIED, configv1.OverflowAction_OVERFLOW_ACTION_ASSIGN:
	}
}

// Overflows tells whether a conversation that comes to a queue now goes elsewhere by
// the queue's own rules (L52): to the queue target, or to its end when that is empty.
// waiting is how many wait there; below 0: nobody knows, and it counts as one with room.
func (r *Rules) Overflows(queue string, waiting int32, now time.Time) (goes bool, target string) {
	c := &Choice{rules: r, now: now}
	k := c.consider(queue, "", nil)
	if k == nil {
		return false, ""
	}
	room := Room{Known: waiting >= 0}
	if items := k.items(); items > 0 && waiting >= items {
		room.Index = -1
	}
	out := c.Settle(room)
	return out.Ends || out.Queue != queue, out.Queue
}

// refuses tells why a queue takes no conversation that overflows into it; empty
// when it does.
func (c *Choice) refuses(queue string) string {
	q := c.rules.World.Queues[queue]
	closed, reason, _ := c.rules.Closed(queue, c.now)
	switch {
	case q == nil:
		return "gone"
	case len(q.GetAgents()) == 0:
		return "has no agents"
	case closed:
		return reason
	}
	return ""
}

func word(condition configv1.OverflowCondition) string {
	if condition == configv1.OverflowCondition_OVERFLOW_CONDITION_ITEMS {
		return "is full"
	}
	return "is closed"
}

// share picks the queue of a rule. Of several each gets its part of all seeds,
// and one seed always the same queue (L38).
func share(queues []*configv1.Share, seed string) string {
	if len(queues) == 1 {
		return queues[0].GetQueue()
	}
	const hundred = 100
	h := fnv.New64a()
	_, _ = h.Write([]byte(seed))          // never fails
	at := int32(mix(h.Sum64()) % hundred) // below a hundred
	for _, s := range queues {
		if at -= s.GetPercent(); at < 0 {
			return s.GetQueue()
		}
	}
	return queues[len(queues)-1].GetQueue()
}

// mix spreads every bit of h over all of them: FNV alone leaves ids that differ
// in their last characters close together. Finalizer of MurmurHash3 (Appleby).
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
