package validate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
)

// Presences that agents have by themselves.
const (
	available    = distributionv1.Presence_PRESENCE_AVAILABLE
	busy         = distributionv1.Presence_PRESENCE_BUSY
	doNotDisturb = distributionv1.Presence_PRESENCE_DO_NOT_DISTURB
	away         = distributionv1.Presence_PRESENCE_AWAY
	offline      = distributionv1.Presence_PRESENCE_OFFLINE
)

const maxDescription = 200 // characters of what a status is for

const (
	pick      = configv1.WorkMode_WORK_MODE_PICK
	preferred = configv1.Affinity_AFFINITY_PREFERRED
	strict    = configv1.Affinity_AFFINITY_STRICT
)

// units checks what a conversation of w takes of an agent: units, or a place in
// every profile that is named, or both (L65, L67).
func (p *problems) units(w *configv1.Workstream, world *directory.Snapshot) {
	profiles := w.GetCapacityProfiles()
	switch {
	case w.GetUnits() != 0:
		p.within("units", w.GetUnits(), 1, 1000)
	case len(profiles) == 0:
		p.add("units", "0 is out of range; use 1 to 1000, or name capacity_profiles to count in instead")
	}
	if p.atMost("capacity_profiles", "capacity profiles", len(profiles), maxProfiles) {
		p.references("capacity_profiles[%d]", directory.Profiles, profiles, world)
	}
}

// terms checks what w says of how its conversations come to agents.
func (p *problems) terms(w *configv1.Workstream) {
	p.known("mode", w.GetMode().String(), configv1.WorkMode_name, int32(w.GetMode()))
	p.known("skill_matching", w.GetSkillMatching().String(), configv1.SkillMatching_name, int32(w.GetSkillMatching()))
	p.known("affinity", w.GetAffinity().String(), configv1.Affinity_name, int32(w.GetAffinity()))
	p.presences("presences", w.GetPresences(), available, busy, doNotDisturb, away)
	switch seconds := w.GetAffinitySeconds(); {
	case w.GetAffinity() == preferred:
		p.within("affinity_seconds", seconds, 5, 86_400)
	case seconds != 0:
		p.add("affinity_seconds", "%d has no effect unless affinity is AFFINITY_PREFERRED; set that, or leave the seconds out", seconds)
	}
	if w.GetMode() != pick {
		return
	}
	if w.GetPickable() {
		p.add("pickable", "true says nothing more with WORK_MODE_PICK, where every conversation is picked; leave it out")
	}
	if w.GetAutoAssign() {
		p.add("auto_assign", "true does not go with WORK_MODE_PICK, where agents get only what they pick; leave it out, or make a workstream of WORK_MODE_PUSH")
	}
	if a := w.GetAffinity(); a == preferred || a == strict { // L28
		p.add("affinity", "%s does not go with WORK_MODE_PICK, where agents get only what they pick; leave it out, or make a workstream of WORK_MODE_PUSH", a)
	}
}

// presences checks a list of presences, each of those that may be named there.
func (p *problems) presences(path string, list []distributionv1.Presence, may ...distributionv1.Presence) {
	for i, one := range list {
		field := fmt.Sprintf("%s[%d]", path, i)
		if at := slices.Index(list, one); at < i {
			p.add(field, "%s stands in %s[%d] already; remove one", one, path, at)
			continue
		}
		p.presence(field, one, may...)
	}
}

func (p *problems) presence(field string, one distributionv1.Presence, may ...distributionv1.Presence) {
	if last := len(may) - 1; !slices.Contains(may, one) {
		p.add(field, "%s cannot be named here; use %s or %s", one, strings.Join(each(may[:last], distributionv1.Presence.String), ", "), may[last])
	}
}

// status checks a presence with a name of the administrators' own (L74).
func (p *problems) status(s *configv1.Status, world *directory.Snapshot) {
	if other := sameName(world.Statuses, s); other != "" {
		p.add("meta.display_name", "%q is the name of status %q already; choose another", clip(s.GetMeta().GetDisplayName()), other)
	}
	if s.GetBase() == distributionv1.Presence_PRESENCE_UNSPECIFIED {
		p.add("base", "is missing; say what the status counts as, such as PRESENCE_BUSY or PRESENCE_AWAY")
	} else {
		p.presence("base", s.GetBase(), available, busy, doNotDisturb, away, offline)
	}
	p.oneLine("description", s.GetDescription(), maxDescription)
}

// signIn checks what holds when an agent signs in (L75).
func (p *problems) signIn(a *configv1.Agent, world *directory.Snapshot) {
	if one := a.GetDefaultPresence(); one != distributionv1.Presence_PRESENCE_UNSPECIFIED {
		p.presence("default_presence", one, available, busy, doNotDisturb, away, offline)
		if a.GetDefaultStatus() != "" {
			p.add("default_status", "%q has a presence of its own, and default_presence is %s; leave out one of the two", clip(a.GetDefaultStatus()), one)
		}
	}
	if a.GetDefaultStatus() != "" {
		p.reference("default_status", directory.Statuses, a.GetDefaultStatus(), world)
	}
}
