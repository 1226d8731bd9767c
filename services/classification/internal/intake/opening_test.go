package intake_test

import (
	"cmp"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/classification/internal/intake"
)

// S38, L23: a conversation keeps the terms that its workstream had when it opened.
func TestTerms(t *testing.T) {
	available, away := distributionv1.Presence_PRESENCE_AVAILABLE, distributionv1.Presence_PRESENCE_AWAY
	quick, plain := &threadv1.Approach{Template: "quick", Seconds: 15, AutoAssign: true}, &threadv1.Approach{Template: "plain", Seconds: 120}
	for _, c := range []struct {
		name string
		ws   *configv1.Workstream
		want *threadv1.ConversationOpened
	}{
		{"nothing said", &configv1.Workstream{}, &threadv1.ConversationOpened{Units: 1, Terms: &threadv1.Terms{}}},
		{"what is the default, said", &configv1.Workstream{Units: 2, Mode: configv1.WorkMode_WORK_MODE_PUSH,
			SkillMatching: configv1.SkillMatching_SKILL_MATCHING_EXACT, Affinity: configv1.Affinity_AFFINITY_NONE},
			&threadv1.ConversationOpened{Units: 2, Terms: &threadv1.Terms{}}},
		{"L22 pick", &configv1.Workstream{Mode: configv1.WorkMode_WORK_MODE_PICK},
			&threadv1.ConversationOpened{Units: 1, Terms: &threadv1.Terms{PickOnly: true, Pickable: true}}},
		{"L22 push, pickable too", &configv1.Workstream{Mode: configv1.WorkMode_WORK_MODE_PUSH, Pickable: true},
			&threadv1.ConversationOpened{Units: 1, Terms: &threadv1.Terms{Pickable: true}}},
		{"L65 profiles instead of units", &configv1.Workstream{CapacityProfiles: []string{"chat", "vip"}},
			&threadv1.ConversationOpened{CapacityProfiles: []string{"chat", "vip"}, Terms: &threadv1.Terms{}}},
		{"L67 profiles beside units", &configv1.Workstream{Units: 4, CapacityProfiles: []string{"vip"}},
			&threadv1.ConversationOpened{Units: 4, CapacityProfiles: []string{"vip"}, Terms: &threadv1.Terms{}}},
		{"a profile that is gone", &configv1.Workstream{CapacityProfiles: []string{"gone"}},
			&threadv1.ConversationOpened{Units: 1, Terms: &threadv1.Terms{}}},
		{"L23 presences", &configv1.Workstream{Presences: []distributionv1.Presence{available, away}},
			&threadv1.ConversationOpened{Units: 1, Terms: &threadv1.Terms{Presences: []distributionv1.Presence{available, away}}}},
		{"L71 closest", &configv1.Workstream{SkillMatching: configv1.SkillMatching_SKILL_MATCHING_CLOSEST},
			&threadv1.ConversationOpened{Units: 1, Terms: &threadv1.Terms{Matching: threadv1.Matching_MATCHING_CLOSEST}}},
		{"L71 none", &configv1.Workstream{SkillMatching: configv1.SkillMatching_SKILL_MATCHING_NONE},
			&threadv1.ConversationOpened{Units: 1, Terms: &threadv1.Terms{Matching: threadv1.Matching_MATCHING_NONE}}},
		{"L28 preferred", &configv1.Workstream{Affinity: configv1.Affinity_AFFINITY_PREFERRED, AffinitySeconds: 90},
			&threadv1.ConversationOpened{Units: 1, Terms: &threadv1.Terms{AffinitySeconds: 90}}},
		{"L28 strict", &configv1.Workstream{Affinity: configv1.Affinity_AFFINITY_STRICT},
			&threadv1.ConversationOpened{Units: 1, Terms: &threadv1.Terms{AffinitySeconds: -1}}},
		{"L95 at once", &configv1.Workstream{AutoAssign: true},
			&threadv1.ConversationOpened{Units: 1, Terms: &threadv1.Terms{AutoAssign: true}}},
		{"L91 its own time", &configv1.Workstream{OfferSeconds: 45}, &threadv1.ConversationOpened{Units: 1, OfferSeconds: 45, Terms: &threadv1.Terms{}}},
		{"L90, S40 a template a use", &configv1.Workstream{Notifications: &configv1.Notifications{IncomingKnown: "quick", IncomingUnknown: "plain", Transfer: "quick", Consult: "plain"}},
			&threadv1.ConversationOpened{Units: 1, Terms: &threadv1.Terms{Known: quick, Unknown: plain, Transfer: quick}}},
		{"L90 a template that is gone", &configv1.Workstream{Notifications: &configv1.Notifications{Transfer: "gone"}},
			&threadv1.ConversationOpened{Units: 1, Terms: &threadv1.Terms{}}},
	} {
		c.ws.Meta = &configv1.Meta{Id: "facebook"}
		d := directory.NewSnapshot(c.ws, &configv1.Page{Meta: &configv1.Meta{Id: "shop"}, PageId: "10", Workstream: "facebook"},
			&configv1.CapacityProfile{Meta: &configv1.Meta{Id: "chat"}}, &configv1.CapacityProfile{Meta: &configv1.Meta{Id: "vip"}},
			&configv1.NotificationTemplate{Meta: &configv1.Meta{Id: "quick"}, Seconds: 15, AutoAssign: true}, &configv1.NotificationTemplate{Meta: &configv1.Meta{Id: "plain"}})
		c.want.Id, c.want.Workstream, c.want.OfferSeconds = "c", "facebook", cmp.Or(c.want.OfferSeconds, 120) // L91
		if d := gocmp.Diff(c.want, intake.Open(d, "10", "c"), protocmp.Transform()); d != "" {
			t.Errorf("%s: opened otherwise:\n%s", c.name, d)
		}
	}
}
