package validate_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	"github.com/parley-desk/parley/services/admin/internal/validate"
)

const canary = "canary-c0ffee"

func meta(id string) *configv1.Meta { return &configv1.Meta{Id: id} }

func text(v string) *configv1.Secret { return &configv1.Secret{Value: v} }

const (
	outOfHours = configv1.OverflowCondition_OVERFLOW_CONDITION_OUT_OF_HOURS
	items      = configv1.OverflowCondition_OVERFLOW_CONDITION_ITEMS
	assign     = configv1.OverflowAction_OVERFLOW_ACTION_ASSIGN
	transfer   = configv1.OverflowAction_OVERFLOW_ACTION_TRANSFER
	end        = configv1.OverflowAction_OVERFLOW_ACTION_END
)

// world is a good world; cases break one resource of it.
func world() []directory.Resource {
	return []directory.Resource{
		&configv1.Schedule{Meta: meta("office"), TimeZone: "Europe/Sofia", Week: []*configv1.WeekHours{
			{Days: []configv1.Weekday{configv1.Weekday_WEEKDAY_MONDAY}, Open: []*configv1.Interval{{From: "08:00", To: "17:00"}}}}},
		&configv1.Skill{Meta: &configv1.Meta{Id: "bulgarian", DisplayName: "Bulgarian"}, Type: "language", Lowest: 1, Highest: 5,
			Ratings: []*configv1.RatingName{{Value: 5, Name: "native"}, {Value: 1, Name: "a little"}}},
		&configv1.Skill{Meta: &configv1.Meta{Id: "billing", DisplayName: "Billing"}},
		&configv1.CapacityProfile{Meta: meta("chat"), Limit: 2},
		&configv1.Status{Meta: &configv1.Meta{Id: "lunch", DisplayName: "At lunch"}, Base: distributionv1.Presence_PRESENCE_AWAY, Description: "Back within the hour"},
		&configv1.Status{Meta: &configv1.Meta{Id: "training", DisplayName: "In training"}, Base: distributionv1.Presence_PRESENCE_DO_NOT_DISTURB},
		&configv1.Agent{Meta: meta("mila"), Capacity: 3, Roles: []string{"agent"}, Language: "bg",
			Skills:   []*configv1.Proficiency{{Skill: "bulgarian", Value: 5}, {Skill: "billing"}},
			Profiles: []*configv1.ProfileHolding{{Profile: "chat", Limit: 3}}},
		&configv1.Queue{Meta: meta("front"), Agents: []string{"mila"}, Schedule: "office",
			Overflow: []*configv1.OverflowRule{{Condition: outOfHours, Action: transfer, Queue: "night"}, {Condition: items, Items: 50, Action: end}},
			Wait:     &configv1.WaitRule{Seconds: 60, Action: transfer, Queue: "night"}},
		&configv1.Queue{Meta: meta("night"), Agents: []string{"mila"}},
		&configv1.Ruleset{Meta: meta("urgent"), Classify: []*configv1.ClassificationRule{
			{Name: "one", When: "true", Set: &configv1.Attributes{Priority: new(int32), Skills: []*configv1.Proficiency{{Skill: "bulgarian", Value: 3}},
				CapacityProfiles: []string{"chat"}, Variables: map[string]string{"Tier_1": "gold", "n": ""}}},
			{Name: "two"}}},
		&configv1.Ruleset{Meta: meta("where"), Route: []*configv1.RoutingRule{
			{Name: "split", Queues: []*configv1.Share{{Queue: "front", Percent: 70}, {Queue: "night", Percent: 30}}},
			{Name: "rest", Queues: []*configv1.Share{{Queue: "front"}}, Overflow: []*configv1.OverflowRule{{Condition: outOfHours, Action: assign}}}}},
		&configv1.Ruleset{Meta: meta("empty")},
		&configv1.Ruleset{Meta: meta("first"), Prioritise: []*configv1.PrioritisationRule{{Name: "urgent", When: "conversation.priority > 100"}}},
		&configv1.Ruleset{Meta: meta("whom"), Assign: []*configv1.AssignmentRule{
			{Name: "near", When: "agent.working", Order: configv1.AgentOrder_AGENT_ORDER_PROFICIENCY}, {Name: "any"}}},
		&configv1.Queue{Meta: meta("special"), Agents: []string{"mila"}, Assignment: configv1.Assignment_ASSIGNMENT_CUSTOM,
			Custom: &configv1.CustomAssignment{Prioritisation: "first", Assignment: "whom"}},
		&configv1.Workstream{Meta: meta("facebook"), Queue: "front", Units: 1, OfferSeconds: 60, Classification: []string{"urgent", "empty"}, Routing: "where",
			Variables: []*configv1.Variable{{Name: "Tier_1", Initial: "none"}, {Name: "n", Type: configv1.VariableType_VARIABLE_TYPE_NUMBER, Initial: "-0.5"}}},
		&configv1.ChannelAccount{Meta: meta("demo"), AppId: "42", GraphVersion: "v26.0"},
		&configv1.Page{Meta: meta("shop"), PageId: "10", Account: "demo", Workstream: "facebook", Language: "bg"},
	}
}

// check gives what is wrong with r in that world, where it stands instead of
// the one with its key.
func check(r directory.Resource) map[string]string {
	found := map[string]string{}
	for _, v := range validate.Resource(r, directory.NewSnapshot(append(world(), r)...)) {
		found[v.Field] = v.Description
	}
	return found
}

func TestGoodWorldIsGood(t *testing.T) {
	for _, r := range world() {
		if found := check(r); len(found) > 0 {
			t.Errorf("%s: %v", directory.Key(r), found)
		}
	}
}

func broken[R directory.Resource](change func(R)) directory.Resource {
	for _, r := range world() {
		if typed, ok := r.(R); ok {
			c := proto.Clone(typed).(R)
			change(c)
			return c
		}
	}
	return nil
}

func TestEachMistakeNamesFieldValueAndRemedy(t *testing.T) {
	for _, c := range []struct {
		name     string
		resource directory.Resource
		field    string
		says     string
	}{
		{"id empty", broken(func(a *configv1.Agent) { a.Meta.Id = "" }), "meta.id", `"" is not an id; use 1 to 63`},
		{"id capital", broken(func(a *configv1.Agent) { a.Meta.Id = "Mila" }), "meta.id", `"Mila" is not an id`},
		{"id begins with a digit", broken(func(a *configv1.Agent) { a.Meta.Id = "1a" }), "meta.id", `starting with a letter`},
		{"id with a dot", broken(func(a *configv1.Agent) { a.Meta.Id = "a.b" }), "meta.id", `is not an id`},
		{"id too long", broken(func(a *configv1.Agent) { a.Meta.Id = strings.Repeat("a", 64) }), "meta.id", `is not an id`},
		{"name too long", broken(func(a *configv1.Agent) { a.Meta.DisplayName = strings.Repeat("ж", 101) }), "meta.display_name", `has 101 characters; use at most 100`},
		{"name with a line end", broken(func(a *configv1.Agent) { a.Meta.DisplayName = "a\nb" }), "meta.display_name", `control characters; remove them`},
		{"capacity below", broken(func(a *configv1.Agent) { a.Capacity = -1 }), "capacity", `-1 is out of range; use 0 to 100000`},
		{"capacity above", broken(func(a *configv1.Agent) { a.Capacity = 100001 }), "capacity", `100001 is out of range`},
		{"role", broken(func(a *configv1.Agent) { a.Roles = []string{"agent", "king"} }), "roles[1]", `"king" is not a role; use`},
		{"role twice", broken(func(a *configv1.Agent) { a.Roles = []string{"agent", "agent"} }), "roles[1]", `"agent" is given twice`},
		{"language", broken(func(a *configv1.Agent) { a.Language = "de" }), "language", `"de" is not a language of the desk; use`},
		{"password short", broken(func(a *configv1.Agent) { a.Password = text("7 chars") }), "password", `has 7 characters; use 8 to 256`},
		{"password padded", broken(func(a *configv1.Agent) { a.Password = text(canary + " ") }), "password", `white space at its start or end; remove it`},
		{"agent gone", broken(func(a *configv1.Queue) { a.Agents = []string{"mila", "gone"} }), "agents[1]", `there is no agent "gone"; create it first`},
		{"agent twice", broken(func(a *configv1.Queue) { a.Agents = []string{"mila", "mila"} }), "agents[1]", `stands in agents[0] already; remove one`},
		{"assignment", broken(func(a *configv1.Queue) { a.Assignment = 9 }), "assignment", `not a value this version knows`},
		{"priority", broken(func(a *configv1.Queue) { a.Priority = 1001 }), "priority", `1001 is out of range; use 0 to 1000`},
		{"no queue", broken(func(a *configv1.Workstream) { a.Queue = "" }), "queue", `is missing; name one of the queues`},
		{"queue gone", broken(func(a *configv1.Workstream) { a.Queue = "gone" }), "queue", `there is no queue "gone"`},
		{"fallback gone", broken(func(a *configv1.Workstream) { a.FallbackQueue = "gone" }), "fallback_queue", `there is no queue "gone"`},
		{"units", broken(func(a *configv1.Workstream) { a.Units = 0 }), "units", `0 is out of range; use 1 to 1000`},
		{"offer short", broken(func(a *configv1.Workstream) { a.OfferSeconds = 4 }), "offer_seconds", `4 is out of range; use 5 to 600`},
		{"offer long", broken(func(a *configv1.Workstream) { a.OfferSeconds = 601 }), "offer_seconds", `601 is out of range`},
		{"wrap-up seconds missing", broken(func(a *configv1.Workstream) { a.WrapUp = configv1.WrapUp_WRAP_UP_TIMED }), "wrap_up_seconds", `0 is out of range; use 30 to 3600`},
		{"wrap-up seconds idle", broken(func(a *configv1.Workstream) { a.WrapUpSeconds = 60 }), "wrap_up_seconds", `has no effect unless`},
		{"app id", broken(func(a *configv1.ChannelAccount) { a.AppId = "x" }), "app_id", `"x" is not a Facebook app id`},
		{"graph version", broken(func(a *configv1.ChannelAccount) { a.GraphVersion = "26.0" }), "graph_version", `"26.0" is not a Graph API version; write it as v26.0`},
		{"app secret short", broken(func(a *configv1.ChannelAccount) { a.AppSecret = text("short") }), "app_secret", `has 5 characters; use 16 to 100`},
		{"verify token", broken(func(a *configv1.ChannelAccount) { a.VerifyToken = text(canary + "\n") }), "verify_token", `perhaps an end of line; remove`},
		{"page id", broken(func(a *configv1.Page) { a.PageId = "12a" }), "page_id", `"12a" is not a page id`},
		{"page id taken", broken(func(a *configv1.Page) { a.Meta.Id = "other" }), "page_id", `"10" is already connected as page "shop" of account "demo", in workstream "facebook"; delete that one first`},
		{"page id missing", broken(func(a *configv1.Page) { a.PageId = "" }), "page_id", `"" is not a page id; it is up to 20 digits`},
		{"page id with a sign", broken(func(a *configv1.Page) { a.PageId = "-10" }), "page_id", `"-10" is not a page id`},
		{"page id in other digits", broken(func(a *configv1.Page) { a.PageId = "١٢" }), "page_id", `"١٢" is not a page id`},
		{"page id too long", broken(func(a *configv1.Page) { a.PageId = strings.Repeat("1", 21) }), "page_id", `is not a page id; it is up to 20 digits`},
		{"no account", broken(func(a *configv1.Page) { a.Account = "" }), "account", `is missing; name one of the channel accounts`},
		{"account gone", broken(func(a *configv1.Page) { a.Account = "gone" }), "account", `there is no channel account "gone"`},
		{"workstream gone", broken(func(a *configv1.Page) { a.Workstream = "gone" }), "workstream", `there is no workstream "gone"; create it first`},
		{"token long", broken(func(a *configv1.Page) { a.AccessToken = text(strings.Repeat("x", 501)) }), "access_token", `has 501 characters; use 16 to 500`},
		{"token short", broken(func(a *configv1.Page) { a.AccessToken = text(strings.Repeat("x", 15)) }), "access_token", `has 15 characters; use 16 to 500`},
		{"token of two words", broken(func(a *configv1.Page) { a.AccessToken = text(canary + " " + canary) }), "access_token", `has white space in it; copy it again, it is one word`},
		{"token of two lines", broken(func(a *configv1.Page) { a.AccessToken = text(canary + "\r\n" + canary) }), "access_token", `no printable text, perhaps an end of line; remove`},
		{"token padded", broken(func(a *configv1.Page) { a.AccessToken = text(" " + canary + canary) }), "access_token", `white space at its start or end; remove it`},
		{"page name too long", broken(func(a *configv1.Page) { a.Meta.DisplayName = strings.Repeat("ж", 101) }), "meta.display_name", `has 101 characters; use at most 100`},
		{"app id missing", broken(func(a *configv1.ChannelAccount) { a.AppId = "" }), "app_id", `"" is not a Facebook app id`},
		{"app id too long", broken(func(a *configv1.ChannelAccount) { a.AppId = strings.Repeat("4", 21) }), "app_id", `it is up to 20 digits`},
		{"app secret long", broken(func(a *configv1.ChannelAccount) { a.AppSecret = text(strings.Repeat("x", 101)) }), "app_secret", `has 101 characters; use 16 to 100`},
		{"app secret of two words", broken(func(a *configv1.ChannelAccount) { a.AppSecret = text(canary + "\u00a0" + canary) }), "app_secret", `has white space in it`},
		{"verify token long", broken(func(a *configv1.ChannelAccount) { a.VerifyToken = text(strings.Repeat("x", 101)) }), "verify_token", `has 101 characters; use 8 to 100`},
		{"verify token short", broken(func(a *configv1.ChannelAccount) { a.VerifyToken = text("seven77") }), "verify_token", `has 7 characters; use 8 to 100`},
	} {
		t.Run(c.name, func(t *testing.T) {
			found := check(c.resource)
			if !strings.Contains(found[c.field], c.says) || len(found) != 1 {
				t.Errorf("found %v, want only %s: %s", found, c.field, c.says)
			}
			if strings.Contains(found[c.field], canary) {
				t.Error("a secret is repeated")
			}
		})
	}
}

// What is exactly as long as it may be is good, and so is a page that no
// workstream takes yet (S12).
func TestTheLimitsThemselvesAreGood(t *testing.T) {
	for name, r := range map[string]directory.Resource{
		"names":         broken(func(a *configv1.ChannelAccount) { a.Meta.DisplayName = strings.Repeat("ж", 100) }),
		"app id":        broken(func(a *configv1.ChannelAccount) { a.AppId = strings.Repeat("4", 20) }),
		"app secret":    broken(func(a *configv1.ChannelAccount) { a.AppSecret = text(strings.Repeat("x", 100)) }),
		"access token":  broken(func(a *configv1.Page) { a.AccessToken = text(strings.Repeat("x", 500)) }),
		"page id":       broken(func(a *configv1.Page) { a.PageId = strings.Repeat("1", 20) }),
		"no workstream": broken(func(a *configv1.Page) { a.Workstream = "" }),
		"password":      broken(func(a *configv1.Agent) { a.Password = text("of several words") }),
	} {
		if found := check(r); len(found) > 0 {
			t.Errorf("%s: %v", name, found)
		}
	}
}

// Meta sends all webhooks of an app to one address.
func TestAnAppHasOneAccount(t *testing.T) {
	second := &configv1.ChannelAccount{Meta: meta("other"), AppId: "42"}
	found := validate.Resource(second, directory.NewSnapshot(append(world(), second)...))
	if len(found) != 1 || found[0].Field != "app_id" || !strings.Contains(found[0].Description, `"42" is the app of account "demo" already`) {
		t.Errorf("found %v", found)
	}
}

func TestReferrers(t *testing.T) {
	w := directory.NewSnapshot(world()...)
	for target, want := range map[string]string{
		"agents.mila": "queues.front queues.night queues.special", "rulesets.first": "queues.special", "rulesets.whom": "queues.special", "queues.front": "rulesets.where workstreams.facebook",
		"queues.night": "queues.front rulesets.where", "schedules.office": "queues.front", "skills.bulgarian": "agents.mila rulesets.urgent",
		"capacityProfiles.chat": "agents.mila rulesets.urgent", "rulesets.where": "workstreams.facebook",
		"workstreams.facebook": "pages.shop", "channelAccounts.demo": "pages.shop", "pages.shop": "",
	} {
		kind, id, _ := strings.Cut(target, ".")
		if got := strings.Join(validate.Referrers(w, kind, id), " "); got != want {
			t.Errorf("%s is used by %q, want %q", target, got, want)
		}
	}
}
