package intake

import (
	"slices"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/rules"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// defaultUnits are those of a conversation whose page has no workstream to say
// them.
const defaultUnits = 1

// Open is the conversation that opens under id when a customer of page (Meta's
// id) speaks now: with the settings of the page's workstream at this moment,
// which it keeps. Nil when the directory does not have the page.
func Open(d *directory.Snapshot, page, id string) *threadv1.ConversationOpened {
	resource, known := d.PagesByMeta[page]
	if !known {
		return nil
	}
	opened := &threadv1.ConversationOpened{Id: id, Units: defaultUnits, OfferSeconds: directory.OfferSeconds}
	ws, known := d.Workstreams[resource.GetWorkstream()]
	if !known {
		return opened
	}
	opened.Workstream = resource.GetWorkstream()
	opened.MessageTag = d.Tagged(resource)
	opened.Units, opened.CapacityProfiles = rules.Weight(d, ws)
	if ws.GetOfferSeconds() > 0 {
		opened.OfferSeconds = ws.GetOfferSeconds()
	}
	opened.Terms = terms(d, ws)
	opened.Bot = ws.GetBot() != nil
	return opened
}

// terms are what ws says of how its conversations come to agents.
func terms(d *directory.Snapshot, ws *configv1.Workstream) *threadv1.Terms {
	pick := ws.GetMode() == configv1.WorkMode_WORK_MODE_PICK
	t := &threadv1.Terms{
		Presences:  slices.Clone(ws.GetPresences()),
		PickOnly:   pick,
		Pickable:   pick || ws.GetPickable(),
		AutoAssign: ws.GetAutoAssign() && !pick,
		Known:      approach(d, ws.GetNotifications().GetIncomingKnown()),
		Unknown:    approach(d, ws.GetNotifications().GetIncomingUnknown()),
		Transfer:   approach(d, ws.GetNotifications().GetTransfer()),
	}
	switch ws.GetSkillMatching() {
	case configv1.SkillMatching_SKILL_MATCHING_CLOSEST:
		t.Matching = threadv1.Matching_MATCHING_CLOSEST
	case configv1.SkillMatching_SKILL_MATCHING_NONE:
		t.Matching = threadv1.Matching_MATCHING_NONE
	case configv1.SkillMatching_SKILL_MATCHING_UNSPECIFIED, configv1.SkillMatching_SKILL_MATCHING_EXACT:
	}
	switch ws.GetAffinity() {
	case configv1.Affinity_AFFINITY_PREFERRED:
		t.AffinitySeconds = ws.GetAffinitySeconds()
	case configv1.Affinity_AFFINITY_STRICT:
		t.AffinitySeconds = -1 // for as long as it takes
	case configv1.Affinity_AFFINITY_UNSPECIFIED, configv1.Affinity_AFFINITY_NONE:
	}
	return t
}

// approach is how a template of notifications has agents asked; nil for what is
// built in.
func approach(d *directory.Snapshot, template string) *threadv1.Approach {
	t := d.Templates[template]
	if t == nil {
		return nil
	}
	return &threadv1.Approach{Template: template, Seconds: directory.AnswerSeconds(t), AutoAssign: t.GetAutoAssign()}
}
