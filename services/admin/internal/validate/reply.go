package validate

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/slug"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// Limits of a canned reply; those of its quick replies are Meta's, in UTF-16
// units.
const (
	maxWorkstreams   = 100
	maxAnswers       = 13
	maxAnswer        = 20
	maxAnswerPayload = 1000
)

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
	p.answers(r.GetQuickReplies())
}

// answers checks what the customer may press below a canned reply.
func (p *problems) answers(list []*configv1.ReplyAnswer) {
	if !p.atMost("quick_replies", "quick replies", len(list), maxAnswers) {
		return
	}
	first := map[string]int{}
	for i, a := range list {
		at := fmt.Sprintf("quick_replies[%d]", i)
		title, payload := len(utf16.Encode([]rune(a.GetTitle()))), len(utf16.Encode([]rune(a.GetPayload())))
		switch earlier, twice := first[a.GetTitle()]; {
		case !utf8.ValidString(a.GetTitle()):
			p.add(at+".title", "is not UTF-8; save the file as UTF-8")
		case strings.TrimSpace(a.GetTitle()) == "":
			p.add(at+".title", "is missing; write what the customer reads")
		case title > maxAnswer:
			p.add(at+".title", "has %d characters; Meta takes at most %d, and counts an emoji as two", title, maxAnswer)
		case strings.ContainsFunc(a.GetTitle(), unicode.IsControl):
			p.add(at+".title", "has a control character; write one line")
		case strings.ContainsAny(a.GetTitle(), "{}"):
			p.add(at+".title", "has a brace, and nothing is filled in here; leave braces out")
		case twice:
			p.add(at+".title", "%q is that of quick_replies[%d] already; choose another", clip(a.GetTitle()), earlier)
		}
		first[a.GetTitle()] = i
		switch {
		case !utf8.ValidString(a.GetPayload()):
			p.add(at+".payload", "is not UTF-8; save the file as UTF-8")
		case payload > maxAnswerPayload:
			p.add(at+".payload", "has %d characters; Meta takes at most %d", payload, maxAnswerPayload)
		case strings.HasPrefix(a.GetPayload(), "parley:") || a.GetPayload() == "" && strings.HasPrefix(a.GetTitle(), "parley:"):
			p.add(at+".payload", `begins with "parley:", which the house keeps for itself; choose another`)
		case a.GetPayload() != "" && strings.TrimSpace(a.GetPayload()) == "":
			p.add(at+".payload", "is white space alone; write something, or leave it out for the title")
		}
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
