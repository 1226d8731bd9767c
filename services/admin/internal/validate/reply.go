package validate

import (
	"maps"
	"slices"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/slug"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// maxWorkstreams of a canned reply.
const maxWorkstreams = 100

// reply checks a canned reply (L115).
func (p *problems) reply(r *configv1.CannedReply, world *directory.Snapshot) {
	if r.GetMeta().GetDisplayName() == "" {
		p.add("meta.display_name", "is missing; write a title of 1 to %d characters", maxName)
	}
	p.language("locale", r.GetLocale())
	if p.atMost("workstreams", "workstreams", len(r.GetWorkstreams()), maxWorkstreams) {
		p.references("workstreams[%d]", directory.Workstreams, r.GetWorkstreams(), world)
	}
	for _, w := range append(slug.CheckText(r.GetText(), declared(r, world)), slug.CheckTags(r.GetTags())...) {
		p.add(w.Field, "%s", w.Description)
	}
}

// told checks that a workstream has the variables of the canned replies that its
// agents see.
func (p *problems) told(w *configv1.Workstream, world *directory.Snapshot) {
	for _, id := range slices.Sorted(maps.Keys(world.Replies)) {
		r := world.Replies[id]
		if len(r.GetWorkstreams()) > 0 && !slices.Contains(r.GetWorkstreams(), w.GetMeta().GetId()) {
			continue
		}
		for _, wrong := range slug.CheckText(r.GetText(), declared(r, world)) {
			p.add("variables", "canned reply %q: %s %s", id, wrong.Field, wrong.Description)
		}
	}
}

// declared tells which context variables every workstream of a reply has; of one
// for all workstreams, which any has: in the others they are empty.
func declared(r *configv1.CannedReply, world *directory.Snapshot) func(string) bool {
	has := func(id, name string) bool {
		return slices.ContainsFunc(world.Workstreams[id].GetVariables(), func(v *configv1.Variable) bool { return v.GetName() == name })
	}
	return func(name string) bool {
		if len(r.GetWorkstreams()) == 0 {
			return slices.ContainsFunc(slices.Collect(maps.Keys(world.Workstreams)), func(id string) bool { return has(id, name) })
		}
		return !slices.ContainsFunc(r.GetWorkstreams(), func(id string) bool { return !has(id, name) })
	}
}
