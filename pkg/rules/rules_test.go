package rules_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/rules"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	routingv1 "github.com/parley-desk/parley/proto/gen/parley/routing/v1"
)

// A Friday, 10:30 in Sofia.
var friday = time.Date(2026, 11, 27, 8, 30, 0, 0, time.UTC)

func meta(id string) *configv1.Meta { return &configv1.Meta{Id: id} }

func queue(id string, with func(*configv1.Queue)) *configv1.Queue {
	q := &configv1.Queue{Meta: meta(id), Agents: []string{"mila"}}
	if with != nil {
		with(q)
	}
	return q
}

func open(days configv1.Weekday, from, to string) *configv1.Schedule {
	return &configv1.Schedule{TimeZone: "Europe/Sofia", Week: []*configv1.WeekHours{
		{Days: []configv1.Weekday{days}, Open: []*configv1.Interval{{From: from, To: to}}}}}
}

func outOfHours(action configv1.OverflowAction, queue string) *configv1.OverflowRule {
	return &configv1.OverflowRule{Condition: configv1.OverflowCondition_OVERFLOW_CONDITION_OUT_OF_HOURS, Action: action, Queue: queue}
}

func fullAt(n int32, action configv1.OverflowAction, queue string) *configv1.OverflowRule {
	return &configv1.OverflowRule{Condition: configv1.OverflowCondition_OVERFLOW_CONDITION_ITEMS, Items: n, Action: action, Queue: queue}
}

const (
	assign   = configv1.OverflowAction_OVERFLOW_ACTION_ASSIGN
	transfer = configv1.OverflowAction_OVERFLOW_ACTION_TRANSFER
	end      = configv1.OverflowAction_OVERFLOW_ACTION_END
)

// world has a workstream "care" with routing rules, and queues in every state.
func world(routes []*configv1.RoutingRule, classification ...*configv1.Ruleset) *directory.Snapshot {
	with := func(id string, s *configv1.Schedule) *configv1.Schedule { s.Meta = meta(id); return s }
	ws := &configv1.Workstream{Meta: meta("care"), Queue: "general", FallbackQueue: "spare", Routing: "routes",
		Variables: []*configv1.Variable{{Name: "tier", Initial: "none"}}}
	all := []directory.Resource{
		with("mondays", open(configv1.Weekday_WEEKDAY_MONDAY, "08:00", "17:00")),
		with("saturdays", open(configv1.Weekday_WEEKDAY_SATURDAY, "08:00", "17:00")),
		with("fridays", open(configv1.Weekday_WEEKDAY_FRIDAY, "08:00", "17:00")),
		queue("general", nil), queue("spare", nil), queue("sales", nil),
		queue("empty", func(q *configv1.Queue) { q.Agents = nil }),
		queue("monday", func(q *configv1.Queue) { q.Schedule = "mondays" }),
		queue("saturday", func(q *configv1.Queue) { q.Schedule = "saturdays" }),
		queue("friday", func(q *configv1.Queue) { q.Schedule = "fridays" }),
		queue("ends", func(q *configv1.Queue) {
			q.Schedule, q.Overflow = "mondays", []*configv1.OverflowRule{outOfHours(end, "")}
		}),
		queue("moves", func(q *configv1.Queue) {
			q.Schedule, q.Overflow = "mondays", []*configv1.OverflowRule{outOfHours(transfer, "sales")}
		}),
		queue("moves-to-closed", func(q *configv1.Queue) {
			q.Schedule, q.Overflow = "mondays", []*configv1.OverflowRule{outOfHours(transfer, "saturday")}
		}),
		queue("small", func(q *configv1.Queue) { q.Overflow = []*configv1.OverflowRule{fullAt(2, transfer, "sales")} }),
		queue("tiny", func(q *configv1.Queue) { q.Overflow = []*configv1.OverflowRule{fullAt(1, end, "")} }),
		&configv1.Skill{Meta: meta("bulgarian"), Lowest: 1, Highest: 5},
		&configv1.Skill{Meta: meta("french"), Inactive: true},
		&configv1.CapacityProfile{Meta: meta("chat"), Limit: 3},
		&configv1.Ruleset{Meta: meta("routes"), Route: routes},
		&configv1.Page{Meta: meta("shop"), PageId: "1001", Workstream: "care"},
	}
	for _, set := range classification {
		ws.Classification = append(ws.Classification, set.GetMeta().GetId())
		all = append(all, set)
	}
	return directory.NewSnapshot(append(all, ws)...)
}

func to(when string, queues ...string) *configv1.RoutingRule {
	r := &configv1.RoutingRule{Name: strings.Join(queues, "+"), When: when}
	for _, q := range queues {
		r.Queues = append(r.Queues, &configv1.Share{Queue: q})
	}
	return r
}

// full are queues that have no room: with so many waiting, whatever the limit.
func full(queues ...string) func([]rules.Limit) rules.Room {
	return func(limits []rules.Limit) rules.Room {
		return rules.Room{Known: true, Index: slices.IndexFunc(limits, func(l rules.Limit) bool { return l.Items == 0 || !slices.Contains(queues, l.Queue) })}
	}
}

func away([]rules.Limit) rules.Room { return rules.Room{} }

func route(d *directory.Snapshot, room func([]rules.Limit) rules.Room) rules.Outcome {
	choice := rules.New(d).Route(about(), "c-1", friday, nil)
	free := rules.Room{}
	if limits := choice.Limits(); limits != nil {
		free = room(limits)
	}
	return choice.Settle(free)
}

// S37: rules decide the queue; without them, or when none matches, it is the
// workstream's.
func TestRouting(t *testing.T) {
	const yes, no, broken = "true", "false", "1 / (conversation.previous - 2) > 0"
	for name, c := range map[string]struct {
		rules []*configv1.RoutingRule
		room  func([]rules.Limit) rules.Room
		want  string // queue, rule; or "ends"
	}{
		"L35 first rule that matches":                 {[]*configv1.RoutingRule{to(no, "friday"), to(yes, "sales"), to(yes, "general")}, away, "sales by routes/sales"},
		"L36 no rule":                                 {nil, away, "general by workstream care"},
		"L36 no rule matches":                         {[]*configv1.RoutingRule{to(no, "sales")}, away, "general by workstream care"},
		"L36 a rule that fails does not match":        {[]*configv1.RoutingRule{to(broken, "sales")}, away, "general by workstream care"},
		"L39 a disabled rule":                         {[]*configv1.RoutingRule{{Name: "off", Disabled: true, Queues: to("", "sales").Queues}}, away, "general by workstream care"},
		"L42 no hours: always open":                   {[]*configv1.RoutingRule{to(yes, "sales")}, away, "sales by routes/sales"},
		"L37 the first that is not closed":            {[]*configv1.RoutingRule{to(yes, "monday"), to(yes, "friday"), to(yes, "sales")}, away, "friday by routes/friday"},
		"L37 the first that is not full":              {[]*configv1.RoutingRule{to(yes, "small"), to(yes, "tiny"), to(yes, "sales")}, full("small"), "tiny by routes/tiny"},
		"L37 all full: the first open one's overflow": {[]*configv1.RoutingRule{to(yes, "monday"), to(yes, "small"), to(yes, "tiny")}, full("small", "tiny"), "sales by overflow: small is full"},
		"L37 all closed: the one that opens first":    {[]*configv1.RoutingRule{to(yes, "monday"), to(yes, "saturday")}, away, "saturday by routes/saturday"},
		"L51 full: end":                               {[]*configv1.RoutingRule{to(yes, "tiny")}, full("tiny"), "ends by overflow: tiny is full"},
		"L51 full: transfer":                          {[]*configv1.RoutingRule{to(yes, "small")}, full("small"), "sales by overflow: small is full"},
		"L51 closed: assign to the queue anyway":      {[]*configv1.RoutingRule{to(yes, "monday")}, away, "monday by routes/monday"},
		"L51 closed: end":                             {[]*configv1.RoutingRule{to(yes, "ends")}, away, "ends by overflow: ends is closed"},
		"L51 closed: transfer":                        {[]*configv1.RoutingRule{to(yes, "moves")}, away, "sales by overflow: moves is closed"},
		"L46 a transfer to a closed queue is refused": {[]*configv1.RoutingRule{to(yes, "moves-to-closed")}, away, "moves-to-closed by routes/moves-to-closed"},
		"L46 a queue without agents is passed by":     {[]*configv1.RoutingRule{to(yes, "empty"), to(yes, "sales")}, away, "sales by routes/sales"},
		"L46 only queues without agents":              {[]*configv1.RoutingRule{to(yes, "empty")}, away, "general by workstream care"},
		"a queue that is gone":                        {[]*configv1.RoutingRule{to(yes, "nowhere")}, away, "general by workstream care"},
		"L52 a rule's own overflow":                   {[]*configv1.RoutingRule{{Name: "own", Queues: to("", "small").Queues, Overflow: []*configv1.OverflowRule{fullAt(9, end, "")}}}, full("small"), "ends by overflow: small is full"},
		"L55 nobody knows how many wait: as if none":  {[]*configv1.RoutingRule{to(yes, "small"), to(yes, "sales")}, away, "small by routes/small"},
		"L38 one of several, none of the others":      {[]*configv1.RoutingRule{{Name: "split", Queues: []*configv1.Share{{Queue: "sales", Percent: 100}, {Queue: "friday"}}}}, away, "sales by routes/split"},
	} {
		t.Run(name, func(t *testing.T) {
			d := world(c.rules)
			out := route(d, c.room)
			got := out.Queue
			if out.Ends {
				got = "ends"
			}
			if got += " by " + out.Rule; got != c.want {
				t.Errorf("%s, want %s (passed %q)", got, c.want, out.Passed)
			}
			told := rules.New(d).Explain(about(), "c-1", friday, 0, c.room)
			if told.GetQueue() != out.Queue || told.GetRule() != out.Rule || told.GetEnds() != out.Ends {
				t.Errorf("explained as %q by %q", told.GetQueue(), told.GetRule())
			}
		})
	}
}

// L52: what a queue does with a conversation that comes is told without one, and is
// what becomes of those that rules of routing send there.
func TestAQueueTellsWhetherItOverflows(t *testing.T) {
	for _, c := range []struct {
		queue   string
		waiting int32
		want    string // "enters", "ends", or the other queue
	}{
		{"sales", 1000, "enters"},
		{"small", 1, "enters"}, {"small", 2, "sales"}, {"small", -1, "enters"},
		{"tiny", 0, "enters"}, {"tiny", 1, "ends"},
		{"friday", 0, "enters"},
		{"monday", 0, "enters"}, {"ends", 0, "ends"}, {"moves", 0, "sales"}, {"moves-to-closed", 0, "enters"},
		{"empty", 1000, "enters"}, {"nowhere", 0, "enters"},
	} {
		d := world([]*configv1.RoutingRule{to("true", c.queue)})
		goes, target := rules.New(d).Overflows(c.queue, c.waiting, friday)
		got := target
		if !goes {
			got = "enters"
		} else if target == "" {
			got = "ends"
		}
		if got != c.want {
			t.Errorf("%s with %d: %s, want %s", c.queue, c.waiting, got, c.want)
		}
		room := full()
		if c.queue == "small" && c.waiting >= 2 || c.queue == "tiny" && c.waiting >= 1 {
			room = full("small", "tiny")
		}
		if out := route(d, room); goes && (out.Queue != target || out.Ends != (target == "")) || !goes && out.Ends {
			t.Errorf("%s with %d: told %s and routed to %+v", c.queue, c.waiting, got, out)
		}
	}
}

// L36, L44: the overflow rules of the fallback queue do not count, and where there
// is none a workstream's own queue has its place.
func TestFallbackNeverOverflows(t *testing.T) {
	for name, ws := range map[string]*configv1.Workstream{
		"the queue is gone":      {Queue: "nowhere", FallbackQueue: "ends"},
		"the queue has no agent": {Queue: "empty", FallbackQueue: "ends"},
	} {
		d := world(nil)
		ws.Meta = meta("care")
		d.Workstreams["care"] = ws
		if out := route(d, away); out.Queue != "ends" || out.Ends || !strings.HasPrefix(out.Rule, "fallback: queue ") {
			t.Errorf("%s: %+v", name, out)
		}
	}
	d := world(nil)
	d.Workstreams["care"] = &configv1.Workstream{Meta: meta("care")}
	if out := route(d, away); out.Queue != "" || out.Ends || out.Rule != "fallback: workstream has no queue" {
		t.Errorf("nowhere to go: %+v", out)
	}
}

func classify(name, when string, set *configv1.Attributes) *configv1.ClassificationRule {
	return &configv1.ClassificationRule{Name: name, When: when, Set: set}
}

// L32-L34, L67, L116.
func TestClassification(t *testing.T) {
	first := &configv1.Ruleset{Meta: meta("first"), Classify: []*configv1.ClassificationRule{
		classify("never", "false", &configv1.Attributes{Priority: proto.Int32(1)}),
		classify("broken", `int(variables.tier) > 0`, &configv1.Attributes{Priority: proto.Int32(2)}),
		classify("gold", `variables.tier == "none" && customer.language == "bg"`, &configv1.Attributes{
			Priority: proto.Int32(500), Variables: map[string]string{"tier": "gold"},
			Skills: []*configv1.Proficiency{{Skill: "bulgarian", Value: 2}, {Skill: "french", Value: 2}, {Skill: "gone", Value: 2}}}),
		classify("later", "true", &configv1.Attributes{Priority: proto.Int32(3)}),
	}}
	second := &configv1.Ruleset{Meta: meta("second"), Classify: []*configv1.ClassificationRule{
		classify("sees the first", `variables.tier == "gold" && conversation.priority == 500 && conversation.skills["bulgarian"] == 2`,
			&configv1.Attributes{CapacityProfiles: []string{"chat", "gone"}, Skills: []*configv1.Proficiency{{Skill: "bulgarian"}}}),
	}}
	c := about()
	c.Variables["tier"] = "none"
	found := rules.New(world(nil, first, second)).Classify(c, nil)
	if got := strings.Join(found.GetRules(), ", "); got != "first/gold, second/sees the first" {
		t.Errorf("applied: %s", got)
	}
	if got := strings.Join(found.GetFailed(), ", "); got != "first/broken" {
		t.Errorf("failed: %s", got)
	}
	if found.GetPriority() != 500 || found.GetVariables()["tier"] != "gold" {
		t.Errorf("priority %d, variables %v", found.GetPriority(), found.GetVariables())
	}
	if s := found.GetSkills(); len(s) != 1 || s[0].GetSkill() != "bulgarian" || s[0].GetValue() != 1 || s[0].GetLevel() != 0 {
		t.Errorf("skills %v", s)
	}
	if p := found.GetCapacityProfiles(); len(p) != 1 || p[0] != "chat" {
		t.Errorf("profiles %v", p)
	}
	if none := rules.New(world(nil)).Classify(about(), nil); none != nil {
		t.Errorf("without rulesets: %v", none)
	}
}

// L71: a need says where it lies on the scale of its skill, 1 to 5 here.
func TestANeedHasALevel(t *testing.T) {
	for value, level := range map[int32]int32{0: 0, 1: 0, 2: 25, 3: 50, 5: 100} {
		set := &configv1.Attributes{Skills: []*configv1.Proficiency{{Skill: "bulgarian", Value: value}}}
		first := &configv1.Ruleset{Meta: meta("first"), Classify: []*configv1.ClassificationRule{classify("all", "true", set)}}
		second := &configv1.Ruleset{Meta: meta("second")}
		found := rules.New(world(nil, first, second)).Classify(about(), nil)
		if s := found.GetSkills(); len(s) != 1 || s[0].GetLevel() != level {
			t.Errorf("value %d: %v, want level %d", value, s, level)
		}
	}
}

// L33: whatever the rules, what is found is what a naive reading of the list
// finds; and recording changes nothing.
func TestRulesAreReadInOrder(t *testing.T) {
	outcomes := []string{"true", "false", "1 / (conversation.previous - 2) > 0"}
	rapid.Check(t, func(rt *rapid.T) {
		var sets []*configv1.Ruleset
		var applied, failed []string
		var priority *int32
		for i := range rapid.IntRange(0, 4).Draw(rt, "rulesets") {
			set := &configv1.Ruleset{Meta: meta(fmt.Sprintf("set-%d", i))}
			done := false
			for j := range rapid.IntRange(0, 5).Draw(rt, "rules") {
				outcome := rapid.IntRange(0, 2).Draw(rt, "outcome")
				rule := classify(fmt.Sprintf("rule %d", j), outcomes[outcome], &configv1.Attributes{Priority: proto.Int32(int32(10*i + j))}) // small
				rule.Disabled = rapid.Bool().Draw(rt, "disabled")
				set.Classify = append(set.Classify, rule)
				if done || rule.Disabled {
					continue
				}
				switch name := set.GetMeta().GetId() + "/" + rule.GetName(); outcome {
				case 0:
					applied, done, priority = append(applied, name), true, rule.GetSet().Priority
				case 2:
					failed = append(failed, name)
				}
			}
			sets = append(sets, set)
		}
		d := world(nil, sets...)
		found := rules.New(d).Classify(about(), nil)
		if !slices.Equal(found.GetRules(), applied) || !slices.Equal(found.GetFailed(), failed) {
			rt.Fatalf("applied %v and failed %v, want %v and %v", found.GetRules(), found.GetFailed(), applied, failed)
		}
		if found != nil && (found.Priority == nil) != (priority == nil) || found.GetPriority() != value(priority) {
			rt.Fatalf("priority %v, want %v", found.GetPriority(), value(priority))
		}
		var told []string
		for _, set := range rules.New(d).Explain(about(), "c-1", friday, 0, away).GetRulesets() {
			for _, rule := range set.GetRules() {
				if rule.GetOutcome() == routingv1.RuleOutcome_RULE_OUTCOME_APPLIED {
					told = append(told, set.GetRuleset()+"/"+rule.GetRule())
				}
			}
		}
		if !slices.Equal(told, applied) {
			rt.Fatalf("told %v, want %v", told, applied)
		}
	})
}

func value(p *int32) int32 {
	if p == nil {
		return 0
	}
	return *p
}

// L38: each queue gets its part, within four standard errors, and a
// conversation always the same one.
func TestShares(t *testing.T) {
	shares := map[string]int32{"general": 50, "sales": 30, "friday": 15, "spare": 5}
	rule := &configv1.RoutingRule{Name: "split"}
	for _, q := range []string{"general", "sales", "friday", "spare"} {
		rule.Queues = append(rule.Queues, &configv1.Share{Queue: q, Percent: shares[q]})
	}
	r := rules.New(world([]*configv1.RoutingRule{rule}))
	const n = 20_000
	got := map[string]int{}
	for i := range n {
		// As ids of one moment are: alike but for their ends.
		id := fmt.Sprintf("01938f5a-77c1-7000-8000-%012x", i)
		where := r.Route(about(), id, friday, nil).Settle(rules.Room{}).Queue
		if again := r.Route(about(), id, friday, nil).Settle(rules.Room{}).Queue; again != where {
			t.Fatalf("%s went to %s and to %s", id, where, again)
		}
		got[where]++
	}
	for q, percent := range shares {
		p := float64(percent) / 100
		if off := math.Abs(float64(got[q])/n - p); off > 4*math.Sqrt(p*(1-p)/n) {
			t.Errorf("%s got %d of %d, want %d %%", q, got[q], n, percent)
		}
	}
}

// Why a rule did not match: the part that decided, and what was there.
func TestExplainTellsWhy(t *testing.T) {
	for condition, want := range map[string]string{
		`customer.language == "de" && message.text != ""`:        `customer.language == "de" is false: customer.language is "bg"`,
		`customer.language == "bg" && conversation.previous > 5`: `conversation.previous > 5 is false: conversation.previous is 2`,
		`page.id == "x" || page.id == "y"`:                       `page.id == "x" is false: page.id is "shop"; page.id == "y" is false: page.id is "shop"`,
		`page.id == "shop" && referral.source == "ADS"`:          `page.id == "shop" is true: page.id is "shop"; referral.source == "ADS" is true: referral.source is "ADS"`,
		`!(page.id == "shop")`:                                   `page.id == "shop" is true: page.id is "shop"`,
		`["x", "y"].exists(s, referral.ref == s)`:                `["x", "y"].exists(s, referral.ref == s) is false`,
		`int(variables.tier) > 0`:                                `type conversion error`,
		``:                                                       `no condition`,
	} {
		d := world([]*configv1.RoutingRule{to(condition, "sales")})
		told := rules.New(d).Explain(about(), "c-1", friday, 0, away)
		why := strings.Join(told.GetRulesets()[0].GetRules()[0].GetWhy(), "; ")
		if !strings.Contains(why, want) {
			t.Errorf("%s: %s, want %s", condition, why, want)
		}
	}
}

// What did not change is not compiled again, and what changed is.
func TestBookFollows(t *testing.T) {
	var book rules.Book
	first, second := world([]*configv1.RoutingRule{to("true", "sales")}), world([]*configv1.RoutingRule{to("false", "sales")})
	if got := book.Of(first); got != book.Of(first) || got.World != first {
		t.Error("one snapshot has two rules")
	}
	for i, want := range []string{"sales", "general", "sales"} {
		d := []*directory.Snapshot{first, second, first}[i]
		if got := book.Of(d).Route(about(), "c", friday, nil).Settle(rules.Room{}).Queue; got != want {
			t.Errorf("snapshot %d: %s, want %s", i, got, want)
		}
	}
}

// A hundred rules, of which the last matches.
func BenchmarkHundredRules(b *testing.B) {
	set := &configv1.Ruleset{Meta: meta("set")}
	for i := range 99 {
		set.Classify = append(set.Classify, classify(fmt.Sprint(i), fmt.Sprintf(`customer.language == "bg" && message.text.contains("word %d")`, i), nil))
	}
	set.Classify = append(set.Classify, classify("last", `customer.language == "bg"`, &configv1.Attributes{Priority: proto.Int32(7)}))
	r, c := rules.New(world(nil, set)), about()
	b.ReportAllocs()
	for b.Loop() {
		if found := r.Classify(c, nil); found.GetPriority() != 7 {
			b.Fatal(found)
		}
	}
}
