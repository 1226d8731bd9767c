// Package reply finds the canned replies that fit a conversation, and keeps those
// that agents write for themselves (L115).
package reply

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"golang.org/x/text/language"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/slug"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// longest is how many characters of a filled text are shown: a message has no
// more.
const longest = 20_000

// Fitting are the replies for agent in the conversation of a thread, filled in:
// those of the page's language first, then by title. Shared ones are those of
// the conversation's workstream, in the language of the page or the agent.
func Fitting(world *directory.Snapshot, s *threadv1.State, agent string, own []*deskv1.PersonalReply) []*deskv1.ReadyReply {
	page, mine := world.PagesByMeta[s.GetPage()].GetLanguage(), world.Agents[agent].GetLanguage()
	values := Values(world, s, agent)
	var all []*deskv1.ReadyReply
	for _, id := range slices.Sorted(maps.Keys(world.Replies)) {
		if r := world.Replies[id]; serves(r, s.GetConversation().GetWorkstream()) && spoken(r.GetLocale(), page, mine) {
			all = append(all, &deskv1.ReadyReply{Id: id, Title: r.GetMeta().GetDisplayName(), Locale: r.GetLocale(), Text: fill(r.GetText(), values), Tags: r.GetTags(), QuickReplies: answers(r.GetQuickReplies())})
		}
	}
	for _, r := range own {
		all = append(all, &deskv1.ReadyReply{Id: r.GetId(), Personal: true, Title: r.GetTitle(), Locale: r.GetLocale(), Text: fill(r.GetText(), values), Tags: r.GetTags()})
	}
	slices.SortStableFunc(all, func(a, b *deskv1.ReadyReply) int {
		return cmp.Or(later(!same(a.GetLocale(), page), !same(b.GetLocale(), page)),
			strings.Compare(strings.ToLower(a.GetTitle()), strings.ToLower(b.GetTitle())))
	})
	return all
}

// answers are the quick replies of a canned one as Meta takes them: each has a
// payload.
func answers(list []*configv1.ReplyAnswer) (all []*threadv1.QuickReply) {
	for _, a := range list {
		all = append(all, &threadv1.QuickReply{Title: a.GetTitle(), Payload: cmp.Or(a.GetPayload(), a.GetTitle())})
	}
	return all
}

func later(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// Values are what slugs stand for in a conversation that agent answers.
func Values(world *directory.Snapshot, s *threadv1.State, agent string) slug.Values {
	a := world.Agents[agent]
	v := slug.Values{"AgentNickname": cmp.Or(a.GetNickname(), a.GetMeta().GetDisplayName())}
	v.Person("Customer", s.GetCustomer().GetName())
	v.Person("Agent", a.GetMeta().GetDisplayName())
	for _, declared := range world.Workstreams[s.GetConversation().GetWorkstream()].GetVariables() {
		v[slug.Variable(declared.GetName())] = declared.GetInitial()
	}
	v.Variables(s.GetConversation().GetVariables())
	return v
}

func fill(text string, values slug.Values) string {
	filled := []rune(slug.Fill(text, values))
	return string(filled[:min(len(filled), longest)])
}

func serves(r *configv1.CannedReply, workstream string) bool {
	return len(r.GetWorkstreams()) == 0 || slices.Contains(r.GetWorkstreams(), workstream)
}

// spoken tells whether a reply is in one of the languages, or for all. Where no
// language is set, all will do.
func spoken(locale string, languages ...string) bool {
	set := false
	for _, l := range languages {
		if same(locale, l) {
			return true
		}
		set = set || l != ""
	}
	return locale == "" || !set
}

// same tells whether two tags are of one language, whatever the country.
func same(a, b string) bool {
	if a == "" || b == "" {
		return false
	}
	first, _ := language.Make(a).Base()
	second, _ := language.Make(b).Base()
	return first == second
}

// Matching are those that a query finds: every word stands in the title or the
// text, every "#tag" begins one of the tags, whatever the case.
func Matching(all []*deskv1.ReadyReply, query string) []*deskv1.ReadyReply {
	words := strings.Fields(strings.ToLower(query))
	return slices.DeleteFunc(all, func(r *deskv1.ReadyReply) bool {
		said := strings.ToLower(r.GetTitle() + "\n" + r.GetText())
		return slices.ContainsFunc(words, func(word string) bool {
			tag, is := strings.CutPrefix(word, "#")
			if !is {
				return !strings.Contains(said, word)
			}
			return !slices.ContainsFunc(r.GetTags(), func(t string) bool { return strings.HasPrefix(strings.ToLower(t), tag) }) && tag != ""
		})
	})
}
