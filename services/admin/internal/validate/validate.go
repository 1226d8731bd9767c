// Package validate says what is wrong with a resource: each bad field with its
// value and the remedy. Its functions are pure; the world they check references
// against is the one that would result, so resources of one change may refer to
// each other. A secret's value is never repeated. What is good but odd is for an
// Observer to remark on.
package validate

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

const (
	maxName   = 100 // characters of a display name (L1, L2)
	maxSecret = 100 // characters of an app secret and a verify token (L1)
	maxToken  = 500 // characters of an access token (L2)
)

// problems collects violations; fields are paths within one resource.
type problems []fault.Violation

func (p *problems) add(field, format string, args ...any) {
	*p = append(*p, fault.Violation{Field: field, Description: fmt.Sprintf(format, args...)})
}

// Resource gives everything wrong with r as part of world, which holds r.
func Resource(r directory.Resource, world *directory.Snapshot) []fault.Violation {
	var p problems
	p.meta(r.GetMeta())
	switch r := r.(type) {
	case *configv1.ChannelAccount:
		p.account(r, world)
	case *configv1.Page:
		p.page(r, world)
	case *configv1.Workstream:
		p.workstream(r, world)
	case *configv1.Queue:
		p.queue(r, world)
	case *configv1.Agent:
		p.agent(r, world)
	case *configv1.Skill:
		p.skill(r, world)
	case *configv1.CapacityProfile:
		p.capacityProfile(r)
	case *configv1.Status:
		p.status(r, world)
	case *configv1.Ruleset:
		p.ruleset(r, world)
		p.conditions(r, world)
	case *configv1.Schedule:
		p.schedule(r)
	case *configv1.AutomatedMessage:
		p.message(r, world)
	case *configv1.CannedReply:
		p.reply(r, world)
	case *configv1.NotificationTemplate:
		p.notification(r, world)
	}
	return p
}

func (p *problems) meta(m *configv1.Meta) {
	if id := m.GetId(); !idShape.MatchString(id) {
		p.add("meta.id", "%q is not an id; use 1 to 63 of a-z, 0-9 and '-', starting with a letter", clip(id))
	}
	p.line("meta.display_name", m.GetDisplayName())
}

func (p *problems) account(a *configv1.ChannelAccount, world *directory.Snapshot) {
	if id := a.GetAppId(); !digits(id) {
		p.add("app_id", "%q is not a Facebook app id; it is up to 20 digits, shown on the app's dashboard", clip(id))
	} else if other := sameApp(world, a); other != "" {
		p.add("app_id", "%q is the app of account %q already, and Meta sends all its webhooks to one address; add its pages to that account", id, other)
	}
	if v := a.GetGraphVersion(); v != "" && !versionShape.MatchString(v) {
		p.add("graph_version", "%q is not a Graph API version; write it as v26.0, or leave it out for the current one", clip(v))
	}
	p.key("app_secret", a.GetAppSecret(), 16, maxSecret)
	p.key("previous_secret", a.GetPreviousSecret(), 16, maxSecret)
	p.key("verify_token", a.GetVerifyToken(), 8, maxSecret)
	p.overrides(a.GetMessages())
}

// sameApp is another account of world with the same app, the first by id.
func sameApp(world *directory.Snapshot, a *configv1.ChannelAccount) string {
	first := ""
	for id, other := range world.Accounts {
		if id != a.GetMeta().GetId() && other.GetAppId() == a.GetAppId() && (first == "" || id < first) {
			first = id
		}
	}
	return first
}

func (p *problems) page(page *configv1.Page, world *directory.Snapshot) {
	if id := page.GetPageId(); !digits(id) {
		p.add("page_id", "%q is not a page id; it is up to 20 digits, shown under the page's transparency details", clip(id))
	} else if other := usedBy(world, page); other != nil {
		// S20: a page belongs to one channel account.
		p.add("page_id", "%q is already connected as page %q of account %q%s; delete that one first, or change it instead",
			id, other.GetMeta().GetId(), other.GetAccount(), taking(other))
	}
	p.reference("account", directory.ChannelAccounts, page.GetAccount(), world)
	if page.GetWorkstream() != "" {
		p.reference("workstream", directory.Workstreams, page.GetWorkstream(), world)
	}
	p.language("language", page.GetLanguage())
	p.known("message_tag", page.GetMessageTag().String(), configv1.Switch_name, int32(page.GetMessageTag()))
	p.known("persona", page.GetPersona().String(), configv1.Switch_name, int32(page.GetPersona()))
	p.known("mark_seen", page.GetMarkSeen().String(), configv1.Switch_name, int32(page.GetMarkSeen()))
	p.known("agent_attachments", page.GetAgentAttachments().String(), configv1.Switch_name, int32(page.GetAgentAttachments()))
	p.known("customer_attachments", page.GetCustomerAttachments().String(), configv1.Switch_name, int32(page.GetCustomerAttachments()))
	p.key("access_token", page.GetAccessToken(), 16, maxToken)
	p.overrides(page.GetMessages())
	p.templates(page.GetTemplates())
	p.survey("survey", page.GetSurvey())
	p.survey("bot_survey", page.GetBotSurvey())
}

// taking names the workstream that takes a page's conversations.
func taking(page *configv1.Page) string {
	if page.GetWorkstream() == "" {
		return ""
	}
	return fmt.Sprintf(", in workstream %q", page.GetWorkstream())
}

// usedBy is another page of world with the same page id, the first by id.
func usedBy(world *directory.Snapshot, page *configv1.Page) *configv1.Page {
	for r := range world.All() {
		other, ok := r.(*configv1.Page)
		if ok && other.GetPageId() == page.GetPageId() && other.GetMeta().GetId() != page.GetMeta().GetId() {
			return other
		}
	}
	return nil
}

func (p *problems) reference(field, kind, id string, world *directory.Snapshot) {
	if id == "" {
		p.add(field, "is missing; name one of the %s", Noun(kind, true))
		return
	}
	if _, ok := world.Find(kind, id); !ok {
		p.add(field, "there is no %s %q; create it first or in the same manifest", Noun(kind, false), clip(id))
	}
}

// references checks that all of ids exist and that none is given twice; path is
// of one of them, "skills[%d].skill".
func (p *problems) references(path, kind string, ids []string, world *directory.Snapshot) {
	first := map[string]int{}
	for i, id := range ids {
		field := fmt.Sprintf(path, i)
		if at, twice := first[id]; twice {
			p.add(field, "%q stands in "+path+" already; remove one", clip(id), at)
			continue
		}
		first[id] = i
		p.reference(field, kind, id, world)
	}
}

// names checks names that people give to parts of a resource, each another;
// path is of one of them, "classify[%d].name".
func (p *problems) names(path string, names []string) {
	first := map[string]int{}
	for i, name := range names {
		field := fmt.Sprintf(path, i)
		p.name(field, name)
		if at, twice := first[name]; twice && name != "" {
			p.add(field, "%q is the name in "+path+" already; choose another", clip(name), at)
			continue
		}
		first[name] = i
	}
}

// name checks a name for people that must be there.
func (p *problems) name(field, name string) {
	if name == "" {
		p.add(field, "is missing; write 1 to %d characters", maxName)
		return
	}
	p.line(field, name)
}

// line checks a short text for people; it may be empty.
func (p *problems) line(field, text string) { p.oneLine(field, text, maxName) }

func (p *problems) oneLine(field, text string, most int) {
	switch n := utf8.RuneCountInString(text); {
	case !utf8.ValidString(text):
		p.add(field, "is not UTF-8; save the file as UTF-8")
	case n > most:
		p.add(field, "%q has %d characters; use at most %d", clip(text), n, most)
	case strings.ContainsFunc(text, unicode.IsControl):
		p.add(field, "%q holds control characters; remove them", clip(text))
	}
}

// atMost tells whether a list has no more items than it may have.
func (p *problems) atMost(field, of string, n, most int) bool {
	if n > most {
		p.add(field, "has %d %s; use at most %d", n, of, most)
	}
	return n <= most
}

func (p *problems) within(field string, v, low, high int32) {
	if v < low || v > high {
		p.add(field, "%d is out of range; use %d to %d", v, low, high)
	}
}

func (p *problems) known(field, value string, names map[int32]string, number int32) {
	if _, ok := names[number]; !ok {
		p.add(field, "%s is not a value this version knows; update the server or choose another", value)
	}
}

// secret checks a value that is being set; none keeps what is stored.
func (p *problems) secret(field string, s *configv1.Secret, low, high int) {
	v := s.GetValue()
	if v == "" {
		return
	}
	switch n := utf8.RuneCountInString(v); {
	case !utf8.ValidString(v) || strings.ContainsFunc(v, unicode.IsControl):
		p.add(field, "the value holds bytes that are no printable text, perhaps an end of line; remove them")
	case strings.TrimSpace(v) != v:
		p.add(field, "the value has white space at its start or end; remove it")
	case n < low || n > high:
		p.add(field, "the value has %d characters; use %d to %d", n, low, high)
	}
}

// key checks a secret that a machine made: there is no white space in it.
func (p *problems) key(field string, s *configv1.Secret, low, high int) {
	if v := strings.TrimSpace(s.GetValue()); v == s.GetValue() && strings.ContainsFunc(v, unicode.IsSpace) && !strings.ContainsFunc(v, unicode.IsControl) {
		p.add(field, "the value has white space in it; copy it again, it is one word")
		return
	}
	p.secret(field, s, low, high)
}

func digits(s string) bool {
	return s != "" && len(s) <= 20 && strings.Trim(s, "0123456789") == ""
}

// language checks a BCP 47 tag; there may be none.
func (p *problems) language(field, tag string) {
	if tag == "" {
		return
	}
	if _, err := language.Parse(tag); err != nil || strings.Contains(tag, "_") {
		p.add(field, `%q is not a language; write its BCP 47 tag, such as "bg" or "en-GB"`, clip(tag))
	}
}

// clip keeps a value short enough for a message.
func clip(s string) string {
	const limit = 80
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}
