package validate_test

import (
	"strings"
	"testing"

	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	"github.com/parley-desk/parley/services/admin/internal/validate"
)

const (
	push      = configv1.WorkMode_WORK_MODE_PUSH
	pick      = configv1.WorkMode_WORK_MODE_PICK
	preferred = configv1.Affinity_AFFINITY_PREFERRED
	strict    = configv1.Affinity_AFFINITY_STRICT

	available    = distributionv1.Presence_PRESENCE_AVAILABLE
	busy         = distributionv1.Presence_PRESENCE_BUSY
	doNotDisturb = distributionv1.Presence_PRESENCE_DO_NOT_DISTURB
	away         = distributionv1.Presence_PRESENCE_AWAY
	offline      = distributionv1.Presence_PRESENCE_OFFLINE
	inactive     = distributionv1.Presence_PRESENCE_INACTIVE
)

type (
	status    = configv1.Status
	presences = []distributionv1.Presence
)

func TestMistakesOfTerms(t *testing.T) {
	stream := func(change func(*workstream)) directory.Resource { return broken(change) }
	for _, m := range []mistake{
		{"L65", "neither units nor profiles", stream(func(w *workstream) { w.Units = 0 }), "units", "0 is out of range; use 1 to 1000, or name capacity_profiles to count in instead"},
		{"L65", "less than no units", stream(func(w *workstream) { w.Units, w.CapacityProfiles = -1, []string{"chat"} }), "units", "-1 is out of range; use 1 to 1000"},
		{"L67", "profile gone", stream(func(w *workstream) { w.CapacityProfiles = []string{"chat", "gone"} }), "capacity_profiles[1]", `there is no capacity profile "gone"; create it first`},
		{"L67", "profile twice", stream(func(w *workstream) { w.CapacityProfiles = []string{"chat", "chat"} }), "capacity_profiles[1]", `"chat" stands in capacity_profiles[0] already; remove one`},
		{"L67", "more profiles than an agent can have", stream(func(w *workstream) { w.CapacityProfiles = some(21, func(int) string { return "chat" }) }), "capacity_profiles", "has 21 capacity profiles; use at most 20"},
		{"L22", "mode of another version", stream(func(w *workstream) { w.Mode = 9 }), "mode", "9 is not a value this version knows"},
		{"L22", "pick, and pickable", stream(func(w *workstream) { w.Mode, w.Pickable = pick, true }), "pickable", "WORK_MODE_PICK, where every conversation is picked; leave it out"},
		{"L95", "pick, and given", stream(func(w *workstream) { w.Mode, w.AutoAssign = pick, true }), "auto_assign", "true does not go with WORK_MODE_PICK"},
		{"L28", "pick, and back to the agent", stream(func(w *workstream) { w.Mode, w.Affinity = pick, strict }), "affinity", "AFFINITY_STRICT does not go with WORK_MODE_PICK"},
		{"L28", "pick, and back to the agent for a while", stream(func(w *workstream) { w.Mode, w.Affinity, w.AffinitySeconds = pick, preferred, 60 }), "affinity", "AFFINITY_PREFERRED does not go with WORK_MODE_PICK"},
		{"L23", "offered to the absent", stream(func(w *workstream) { w.Presences = presences{available, offline} }), "presences[1]", "PRESENCE_OFFLINE cannot be named here; use PRESENCE_AVAILABLE, PRESENCE_BUSY, PRESENCE_DO_NOT_DISTURB or PRESENCE_AWAY"},
		{"L23", "offered to the inactive", stream(func(w *workstream) { w.Presences = presences{inactive} }), "presences[0]", "PRESENCE_INACTIVE cannot be named here"},
		{"L23", "presence of no name", stream(func(w *workstream) { w.Presences = presences{0} }), "presences[0]", "PRESENCE_UNSPECIFIED cannot be named here"},
		{"L23", "presence twice", stream(func(w *workstream) { w.Presences = presences{busy, available, busy} }), "presences[2]", "PRESENCE_BUSY stands in presences[0] already; remove one"},
		{"L71", "matching of another version", stream(func(w *workstream) { w.SkillMatching = 9 }), "skill_matching", "9 is not a value this version knows"},
		{"L28", "affinity of another version", stream(func(w *workstream) { w.Affinity = 9 }), "affinity", "9 is not a value this version knows"},
		{"L28", "no time to wait", stream(func(w *workstream) { w.Affinity = preferred }), "affinity_seconds", "0 is out of range; use 5 to 86400"},
		{"L28", "too long a time to wait", stream(func(w *workstream) { w.Affinity, w.AffinitySeconds = preferred, 86_401 }), "affinity_seconds", "86401 is out of range"},
		{"L28", "a time that has no effect", stream(func(w *workstream) { w.Affinity, w.AffinitySeconds = strict, 60 }), "affinity_seconds", "60 has no effect unless affinity is AFFINITY_PREFERRED; set that, or leave the seconds out"},
		{"L57", "head start too long", broken(func(q *queue) { q.HeadStartSeconds = 3601 }), "head_start_seconds", "3601 is out of range; use 0 to 3600"},
		{"L57", "head start the wrong way", broken(func(q *queue) { q.HeadStartSeconds = -1 }), "head_start_seconds", "-1 is out of range; use 0 to 3600"},
		{"L58", "assignment of another version", broken(func(q *queue) { q.Assignment = 9 }), "assignment", "9 is not a value this version knows"},
	} {
		m.check(t)
	}
}

func TestMistakesOfStatusesAndSignIn(t *testing.T) {
	for _, m := range []mistake{
		{"L74", "no base", broken(func(s *status) { s.Base = 0 }), "base", "is missing; say what the status counts as, such as PRESENCE_BUSY or PRESENCE_AWAY"},
		{"L74", "the system's base", broken(func(s *status) { s.Base = inactive }), "base", "PRESENCE_INACTIVE cannot be named here; use PRESENCE_AVAILABLE, PRESENCE_BUSY, PRESENCE_DO_NOT_DISTURB, PRESENCE_AWAY or PRESENCE_OFFLINE"},
		{"L74", "base of another version", broken(func(s *status) { s.Base = 99 }), "base", "99 cannot be named here"},
		{"L74", "name of another status", broken(func(s *status) { s.Meta.DisplayName = "In training" }), "meta.display_name", `"In training" is the name of status "training" already; choose another`},
		{"L74", "long name", broken(func(s *status) { s.Meta.DisplayName = strings.Repeat("ж", 101) }), "meta.display_name", "has 101 characters; use at most 100"},
		{"L74", "long description", broken(func(s *status) { s.Description = strings.Repeat("ж", 201) }), "description", "has 201 characters; use at most 200"},
		{"L74", "description of two lines", broken(func(s *status) { s.Description = "a\nb" }), "description", "holds control characters; remove them"},
		{"L75", "signs in inactive", broken(func(a *agent) { a.DefaultPresence = inactive }), "default_presence", "PRESENCE_INACTIVE cannot be named here; use PRESENCE_AVAILABLE"},
		{"L75", "status gone", broken(func(a *agent) { a.DefaultStatus = "gone" }), "default_status", `there is no status "gone"; create it first`},
		{"L75", "two defaults", broken(func(a *agent) { a.DefaultPresence, a.DefaultStatus = busy, "lunch" }), "default_status", `"lunch" has a presence of its own, and default_presence is PRESENCE_BUSY; leave out one of the two`},
		{"L69", "schedule gone", broken(func(a *agent) { a.Schedule = "gone" }), "schedule", `there is no schedule "gone"; create it first`},
	} {
		m.check(t)
	}
}

func TestTheLimitsOfTermsAreGood(t *testing.T) {
	for name, r := range map[string]directory.Resource{
		"L65 profiles for units":      broken(func(w *workstream) { w.Units, w.CapacityProfiles = 0, []string{"chat"} }),
		"L67 profiles beside units":   broken(func(w *workstream) { w.CapacityProfiles = []string{"chat"} }),
		"L22 pick":                    broken(func(w *workstream) { w.Mode, w.Presences = pick, presences{away} }),
		"L22 push, and pickable":      broken(func(w *workstream) { w.Mode, w.Pickable, w.AutoAssign = push, true, true }),
		"L23 every presence there is": broken(func(w *workstream) { w.Presences = presences{available, busy, doNotDisturb, away} }),
		"L28 waits shortest":          broken(func(w *workstream) { w.Affinity, w.AffinitySeconds = preferred, 5 }),
		"L28 waits longest":           broken(func(w *workstream) { w.Affinity, w.AffinitySeconds = preferred, 86_400 }),
		"L28 waits for ever":          broken(func(w *workstream) { w.Affinity = strict }),
		"L57 longest head start":      broken(func(q *queue) { q.HeadStartSeconds = 3600 }),
		"L58 in turn":                 broken(func(q *queue) { q.Assignment = configv1.Assignment_ASSIGNMENT_ROUND_ROBIN }),
		"L74 longest description":     broken(func(s *status) { s.Description = strings.Repeat("ж", 200) }),
		"L74 counts as offline":       broken(func(s *status) { s.Base = offline }),
		"L74 no name":                 broken(func(s *status) { s.Meta.DisplayName = "" }),
		"L75 signs in offline":        broken(func(a *agent) { a.DefaultPresence = offline }),
		"L75 signs in with a status":  broken(func(a *agent) { a.DefaultStatus = "training" }),
		"L69 has hours":               broken(func(a *agent) { a.Schedule = "office" }),
	} {
		if found := check(r); len(found) > 0 {
			t.Errorf("%s: %v", name, found)
		}
	}
}

// What terms name cannot be deleted under them.
func TestTermsRefer(t *testing.T) {
	w := directory.NewSnapshot(world()...)
	w.Agents["mila"].DefaultStatus, w.Agents["mila"].Schedule = "lunch", "office"
	w.Workstreams["facebook"].CapacityProfiles = []string{"chat"}
	for target, want := range map[string]string{
		"statuses.lunch": "agents.mila", "statuses.training": "",
		"schedules.office": "agents.mila queues.front", "capacityProfiles.chat": "agents.mila rulesets.urgent workstreams.facebook",
	} {
		kind, id, _ := strings.Cut(target, ".")
		if got := strings.Join(validate.Referrers(w, kind, id), " "); got != want {
			t.Errorf("%s is used by %q, want %q", target, got, want)
		}
	}
}
