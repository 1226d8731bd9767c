package admin_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/directory"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	"github.com/parley-desk/parley/services/admin/admintest"
)

// town is a house in which every kind has every part.
func town() []*adminv1.Resource {
	share := []*configv1.Share{{Queue: "front", Percent: 40}, {Queue: "back", Percent: 60}}
	return append(house().GetResources(),
		&adminv1.Resource{Kind: &adminv1.Resource_Schedule{Schedule: &configv1.Schedule{Meta: meta("hours"), TimeZone: "Europe/Sofia",
			Week:        []*configv1.WeekHours{{Days: []configv1.Weekday{configv1.Weekday_WEEKDAY_MONDAY}, Open: []*configv1.Interval{{From: "08:30", To: "17:00"}}}},
			SpecialDays: []*configv1.SpecialDays{{Reason: "Christmas", From: "12-24", Until: "12-26", Yearly: true}}}}},
		&adminv1.Resource{Kind: &adminv1.Resource_Skill{Skill: &configv1.Skill{Meta: meta("german"), Type: "language", Lowest: 1, Highest: 3, Ratings: []*configv1.RatingName{{Value: 3, Name: "fluent"}}}}},
		&adminv1.Resource{Kind: &adminv1.Resource_CapacityProfile{CapacityProfile: &configv1.CapacityProfile{Meta: meta("chats"), Limit: 3, Reset_: configv1.ProfileReset_PROFILE_RESET_IMMEDIATE, Blocks: true}}},
		&adminv1.Resource{Kind: &adminv1.Resource_Status{Status: &configv1.Status{Meta: meta("lunch"), Base: distributionv1.Presence_PRESENCE_AWAY, Description: "Back within the hour", Inactive: true}}},
		wrap(&configv1.Agent{Meta: meta("vera"), Capacity: 2, Language: "bg", Roles: []string{"agent", "supervisor"}, DefaultStatus: "lunch", Schedule: "hours",
			Skills: []*configv1.Proficiency{{Skill: "german", Value: 2}}, Profiles: []*configv1.ProfileHolding{{Profile: "chats", Limit: 2}}}),
		wrap(&configv1.Queue{Meta: meta("back"), Agents: []string{"vera"}, Assignment: configv1.Assignment_ASSIGNMENT_HIGHEST_CAPACITY, Priority: 7, HeadStartSeconds: 30, Schedule: "hours",
			Overflow: []*configv1.OverflowRule{{Condition: configv1.OverflowCondition_OVERFLOW_CONDITION_OUT_OF_HOURS, Action: configv1.OverflowAction_OVERFLOW_ACTION_TRANSFER, Queue: "front"}},
			Wait:     &configv1.WaitRule{Seconds: 600, Action: configv1.OverflowAction_OVERFLOW_ACTION_TRANSFER, Queue: "front"}}),
		&adminv1.Resource{Kind: &adminv1.Resource_Ruleset{Ruleset: &configv1.Ruleset{Meta: meta("sorting"), Classify: []*configv1.ClassificationRule{{Name: "german",
			Set: &configv1.Attributes{Priority: proto.Int32(5), Skills: []*configv1.Proficiency{{Skill: "german", Value: 2}}, CapacityProfiles: []string{"chats"}}}}}}},
		&adminv1.Resource{Kind: &adminv1.Resource_Ruleset{Ruleset: &configv1.Ruleset{Meta: meta("ways"), Route: []*configv1.RoutingRule{{Name: "all", Queues: share}}}}},
		&adminv1.Resource{Kind: &adminv1.Resource_Ruleset{Ruleset: &configv1.Ruleset{Meta: meta("buckets"), Prioritise: []*configv1.PrioritisationRule{
			{Name: "vip", When: `variables.vip == "1"`, Order: configv1.ItemOrder_ITEM_ORDER_LAST_MESSAGE, Disabled: true}}}}},
		&adminv1.Resource{Kind: &adminv1.Resource_Ruleset{Ruleset: &configv1.Ruleset{Meta: meta("steps"), Assign: []*configv1.AssignmentRule{
			{Name: "near", When: "agent.working", Order: configv1.AgentOrder_AGENT_ORDER_PROFICIENCY, Disabled: true}, {Name: "any"}}}}},
		wrap(&configv1.Queue{Meta: meta("special"), Agents: []string{"vera"}, Assignment: configv1.Assignment_ASSIGNMENT_CUSTOM, Custom: &configv1.CustomAssignment{
			Prioritisation: "buckets", Assignment: "steps", Selections: []*configv1.Selection{{Name: "vip", When: `variables.vip == "1"`, Ruleset: "steps", Disabled: true}}}}),
		&adminv1.Resource{Kind: &adminv1.Resource_NotificationTemplate{NotificationTemplate: &configv1.NotificationTemplate{Meta: meta("handed-over"), Seconds: 60, HideCountdown: true, NoReject: true,
			Desktop: configv1.DesktopNotification_DESKTOP_NOTIFICATION_BACKGROUND, Texts: []*configv1.NotificationTexts{{Language: "bg", Title: "От {AgentName}", Accept: "Поеми",
				Rows: []*configv1.NotificationRow{{Label: "VIP", Text: "{$vip$}"}}}}}}},
		wrap(&configv1.Workstream{Meta: meta("sales"), Notifications: &configv1.Notifications{Transfer: "handed-over", Consult: "handed-over"}, Queue: "front", FallbackQueue: "back", Units: 2, OfferSeconds: 30, MessageTag: true, WrapUp: configv1.WrapUp_WRAP_UP_TIMED, WrapUpSeconds: 60,
			Mode: configv1.WorkMode_WORK_MODE_PUSH, Pickable: true, CapacityProfiles: []string{"chats"}, Presences: []distributionv1.Presence{distributionv1.Presence_PRESENCE_AWAY},
			SkillMatching: configv1.SkillMatching_SKILL_MATCHING_CLOSEST, Affinity: configv1.Affinity_AFFINITY_PREFERRED, AffinitySeconds: 300, AutoAssign: true,
			Classification: []string{"sorting"}, Routing: "ways", Variables: []*configv1.Variable{{Name: "vip", Type: configv1.VariableType_VARIABLE_TYPE_NUMBER, Initial: "1"}}}),
	)
}

// exported is everything that the lists of the API give, as it can be applied.
func exported(t *testing.T, s *admintest.Server) (all []*adminv1.Resource) {
	t.Helper()
	c := adminv1.NewConfigServiceClient(s.Dial(t))
	ctx := t.Context()
	add := func(err error, resources ...*adminv1.Resource) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, resources...)
	}
	schedules, err := c.ListSchedules(ctx, &adminv1.ListSchedulesRequest{})
	add(err)
	for _, r := range schedules.GetSchedules() {
		add(nil, &adminv1.Resource{Kind: &adminv1.Resource_Schedule{Schedule: r}})
	}
	skills, err := c.ListSkills(ctx, &adminv1.ListSkillsRequest{})
	add(err)
	for _, r := range skills.GetSkills() {
		add(nil, &adminv1.Resource{Kind: &adminv1.Resource_Skill{Skill: r}})
	}
	profiles, err := c.ListCapacityProfiles(ctx, &adminv1.ListCapacityProfilesRequest{})
	add(err)
	for _, r := range profiles.GetCapacityProfiles() {
		add(nil, &adminv1.Resource{Kind: &adminv1.Resource_CapacityProfile{CapacityProfile: r}})
	}
	statuses, err := c.ListStatuses(ctx, &adminv1.ListStatusesRequest{})
	add(err)
	for _, r := range statuses.GetStatuses() {
		add(nil, &adminv1.Resource{Kind: &adminv1.Resource_Status{Status: r}})
	}
	messages, err := c.ListAutomatedMessages(ctx, &adminv1.ListAutomatedMessagesRequest{})
	add(err)
	for _, r := range messages.GetAutomatedMessages() {
		add(nil, &adminv1.Resource{Kind: &adminv1.Resource_AutomatedMessage{AutomatedMessage: r}})
	}
	agents, err := c.ListAgents(ctx, &adminv1.ListAgentsRequest{})
	add(err)
	for _, r := range agents.GetAgents() {
		add(nil, wrap(r))
	}
	queues, err := c.ListQueues(ctx, &adminv1.ListQueuesRequest{})
	add(err)
	for _, r := range queues.GetQueues() {
		add(nil, wrap(r))
	}
	rulesets, err := c.ListRulesets(ctx, &adminv1.ListRulesetsRequest{})
	add(err)
	for _, r := range rulesets.GetRulesets() {
		add(nil, &adminv1.Resource{Kind: &adminv1.Resource_Ruleset{Ruleset: r}})
	}
	templates, err := c.ListNotificationTemplates(ctx, &adminv1.ListNotificationTemplatesRequest{})
	add(err)
	for _, r := range templates.GetNotificationTemplates() {
		add(nil, &adminv1.Resource{Kind: &adminv1.Resource_NotificationTemplate{NotificationTemplate: r}})
	}
	workstreams, err := c.ListWorkstreams(ctx, &adminv1.ListWorkstreamsRequest{})
	add(err)
	for _, r := range workstreams.GetWorkstreams() {
		add(nil, wrap(r))
	}
	accounts, err := c.ListChannelAccounts(ctx, &adminv1.ListChannelAccountsRequest{})
	add(err)
	for _, r := range accounts.GetChannelAccounts() {
		add(nil, wrap(r))
	}
	pages, err := c.ListPages(ctx, &adminv1.ListPagesRequest{})
	add(err)
	for _, r := range pages.GetPages() {
		add(nil, wrap(r))
	}
	return all
}

// An export applied to the same house changes nothing; applied to an empty one,
// with the one secret that it needs, it makes the same house.
func TestAnExportOfAllKindsRoundTrips(t *testing.T) {
	one, two := begin(t), begin(t)
	one.put("", town()...)
	first := exported(t, one.server)
	if len(first) != len(town()) {
		t.Fatalf("%d resources are exported, want %d", len(first), len(town()))
	}
	if v := one.put("", first...); v != 1 {
		t.Errorf("applying the export made version %d", v)
	}
	for _, r := range first {
		m, _ := r.ProtoReflect().Get(r.ProtoReflect().WhichOneof(r.ProtoReflect().Descriptor().Oneofs().ByName("kind"))).Message().Interface().(directory.Resource)
		m.GetMeta().Etag = ""
		if a := r.GetChannelAccount(); a != nil {
			a.AppSecret = value("app-secret-" + canary)
		}
	}
	two.put("", first...)
	a, b := one.server.Directory.Now(), two.server.Directory.Now()
	for r := range a.All() {
		other, ok := b.Find(directory.Kind(r), r.GetMeta().GetId())
		if !ok || !proto.Equal(plain(r), plain(other)) {
			t.Errorf("%s became %v from %v", directory.Key(r), other, r)
		}
	}
}

// plain is a resource without what each house makes by itself.
func plain(r directory.Resource) directory.Resource {
	p := proto.Clone(r).(directory.Resource)
	p.GetMeta().UpdatedMs = 0
	switch p := p.(type) {
	case *configv1.ChannelAccount:
		p.AppSecret, p.PreviousSecret, p.VerifyToken = nil, nil, nil
	case *configv1.Page:
		p.AccessToken = nil
	case *configv1.Agent:
		p.Password = nil
	}
	return p
}
