package validate_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/admin/internal/validate"
)

// sorry is a good canned reply of a workstream with a variable.
func sorry(change func(*configv1.CannedReply)) *configv1.CannedReply {
	r := &configv1.CannedReply{
		Meta: &configv1.Meta{Id: "sorry", DisplayName: "Sorry"}, Locale: "en-GB", Tags: []string{"late"},
		Text: "Sorry, {CustomerFirstName}: {$order$} is late.", Workstreams: []string{"shop"},
	}
	change(r)
	return r
}

// answers gives a reply answers to press, from titles and payloads by turns.
func answers(texts ...string) func(*configv1.CannedReply) {
	return func(r *configv1.CannedReply) {
		for i := 0; i < len(texts); i += 2 {
			r.QuickReplies = append(r.QuickReplies, &configv1.ReplyAnswer{Title: texts[i], Payload: texts[i+1]})
		}
	}
}

func stall(variables ...string) []directory.Resource {
	w := &configv1.Workstream{Meta: &configv1.Meta{Id: "shop"}, Queue: "q", Units: 1, OfferSeconds: 60}
	for _, name := range variables {
		w.Variables = append(w.Variables, &configv1.Variable{Name: name})
	}
	return []directory.Resource{w, &configv1.Workstream{Meta: &configv1.Meta{Id: "other"}, Queue: "q", Units: 1, OfferSeconds: 60}, &configv1.Queue{Meta: &configv1.Meta{Id: "q"}}}
}

func TestMistakesOfCannedReplies(t *testing.T) {
	for _, c := range []struct {
		name, field, says string
		change            func(*configv1.CannedReply)
	}{
		{"good", "", "", func(*configv1.CannedReply) {}},
		{"for all", "", "", func(r *configv1.CannedReply) { r.Workstreams = nil }},
		{"no title", "meta.display_name", "is missing; write a title", func(r *configv1.CannedReply) { r.Meta.DisplayName = "" }},
		{"no language", "locale", `"en_GB" is not a language`, func(r *configv1.CannedReply) { r.Locale = "en_GB" }},
		{"no text", "text", "is missing", func(r *configv1.CannedReply) { r.Text = "" }},
		{"no such slug", "text", "{Customer} is no slug", func(r *configv1.CannedReply) { r.Text = "Dear {Customer}" }},
		{"no such variable", "text", "{$Order$} names a context variable that is not declared", func(r *configv1.CannedReply) { r.Text = "{$Order$}" }},
		{"not in every workstream", "text", "{$order$} names a context variable", func(r *configv1.CannedReply) { r.Workstreams = []string{"shop", "other"} }},
		{"no such workstream", "workstreams[1]", `there is no workstream "gone"`, func(r *configv1.CannedReply) {
			r.Text, r.Workstreams = "Sorry", []string{"shop", "gone"}
		}},
		{"workstream twice", "workstreams[1]", `"shop" stands in workstreams[0] already`, func(r *configv1.CannedReply) { r.Workstreams = []string{"shop", "shop"} }},
		{"tag of two words", "tags[0]", "write one word", func(r *configv1.CannedReply) { r.Tags = []string{"too late"} }},
		{"answers to press", "", "", answers("Yes", "YES", strings.Repeat("б", 20), "", "😀😀😀😀😀😀😀😀😀😀", strings.Repeat("p", 1000))},
		{"as many answers as may be", "", "", answers(some(26, func(i int) string { return strconv.Itoa(i) })...)},
		{"one answer too many", "quick_replies", "has 14 quick replies", answers(some(28, func(i int) string { return strconv.Itoa(i) })...)},
		{"an answer that says nothing", "quick_replies[1].title", "is missing", answers("Yes", "", " ", "NO")},
		{"an answer of 21", "quick_replies[0].title", "has 21 characters; Meta takes at most 20", answers(strings.Repeat("б", 21), "")},
		{"an emoji counts twice", "quick_replies[0].title", "has 22 characters", answers(strings.Repeat("😀", 11), "")},
		{"an answer of two lines", "quick_replies[0].title", "control character", answers("a\nb", "")},
		{"an answer with a slug", "quick_replies[0].title", "has a brace", answers("{AgentFullName}", "")},
		{"the same answer twice", "quick_replies[1].title", `"Yes" is that of quick_replies[0] already`, answers("Yes", "1", "Yes", "2")},
		{"a payload of 1001", "quick_replies[0].payload", "has 1001 characters", answers("Yes", strings.Repeat("p", 1001))},
		{"a payload of the house's", "quick_replies[0].payload", "keeps for itself", answers("Yes", "parley:consent:x")},
		{"the same by the title", "quick_replies[0].payload", "keeps for itself", answers("parley:x", "")},
		{"an empty payload", "quick_replies[0].payload", "white space alone", answers("Yes", " ")},
		{"too many tags", "tags", "has 21 tags", func(r *configv1.CannedReply) { r.Tags = some(21, func(int) string { return "x" }) }},
	} {
		r := sorry(c.change)
		found := validate.Resource(r, directory.NewSnapshot(append(stall("order"), r)...))
		switch {
		case c.field == "" && len(found) > 0:
			t.Errorf("%s: %v", c.name, found)
		case c.field != "" && (len(found) != 1 || found[0].Field != c.field || !strings.Contains(found[0].Description, c.says)):
			t.Errorf("%s: %v, want %s: %s", c.name, found, c.field, c.says)
		}
	}
}

// A variable that a canned reply speaks of stays declared (L116).
func TestWorkstreamsKeepTheVariablesOfReplies(t *testing.T) {
	for _, of := range [][]string{{"shop"}, nil} {
		r := sorry(func(r *configv1.CannedReply) { r.Workstreams = of })
		world := directory.NewSnapshot(append(stall(), r)...)
		found := validate.Resource(world.Workstreams["shop"], world)
		if len(found) != 1 || found[0].Field != "variables" || !strings.Contains(found[0].Description, `canned reply "sorry": text {$order$} names a context variable`) {
			t.Errorf("%v: %v", of, found)
		}
		if other := validate.Resource(world.Workstreams["other"], world); of != nil && len(other) > 0 {
			t.Errorf("a workstream that has nothing to do with it: %v", other)
		}
	}
	world := directory.NewSnapshot(append(stall("order"), sorry(func(*configv1.CannedReply) {}))...)
	if used := validate.Referrers(world, directory.Workstreams, "shop"); len(used) != 1 || used[0] != "cannedReplies.sorry" {
		t.Errorf("workstream used by %v", used)
	}
}
