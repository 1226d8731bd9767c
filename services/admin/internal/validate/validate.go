// Package validate says what is wrong with a resource: each bad field with its
// value and the remedy. Its functions are pure; the world they check references
// against is the one that would result, so resources of one change may refer to
// each other. A secret's value is never repeated.
package validate

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

const (
	maxName   = 100 // characters of a display name (L1, L2)
	maxSecret = 100 // characters of an app secret and a verify token (L1)
	maxToken  = 500 // characters of an access token (L2)
	maxAgents = 1000
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
		p.agent(r)
	case *configv1.Schedule:
		p.schedule(r)
	}
	return p
}

func (p *problems) meta(m *configv1.Meta) {
	if id := m.GetId(); !idShape.MatchString(id) {
		p.add("meta.id", "%q is not an id; use 1 to 63 of a-z, 0-9 and '-', starting with a letter", clip(id))
	}
	name := m.GetDisplayName()
	switch {
	case !utf8.ValidString(name):
		p.add("meta.display_name", "is not UTF-8; save the file as UTF-8")
	case utf8.RuneCountInString(name) > maxName:
		p.add("meta.display_name", "%q has %d characters; use at most %d", clip(name), utf8.RuneCountInString(name), maxName)
	case strings.ContainsFunc(name, unicode.IsControl):
		p.add("meta.display_name", "%q holds control characters; remove them", clip(name))
	}
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
	p.key("access_token", page.GetAccessToken(), 16, maxToken)
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

func (p *problems) workstream(w *configv1.Workstream, world *directory.Snapshot) {
	p.reference("queue", directory.Queues, w.GetQueue(), world)
	if w.GetFallbackQueue() != "" {
		p.reference("fallback_queue", directory.Queues, w.GetFallbackQueue(), world)
	}
	p.within("units", w.GetUnits(), 1, 1000)
	p.within("offer_seconds", w.GetOfferSeconds(), 5, 600)
	p.known("wrap_up", w.GetWrapUp().String(), configv1.WrapUp_name, int32(w.GetWrapUp()))
	switch seconds := w.GetWrapUpSeconds(); {
	case w.GetWrapUp() == configv1.WrapUp_WRAP_UP_TIMED:
		p.within("wrap_up_seconds", seconds, 30, 3600)
	case seconds != 0:
		p.add("wrap_up_seconds", "%d has no effect unless wrap_up is WRAP_UP_TIMED; set that, or leave the seconds out", seconds)
	}
}

func (p *problems) queue(q *configv1.Queue, world *directory.Snapshot) {
	if n := len(q.GetAgents()); n > maxAgents {
		p.add("agents", "has %d agents; split the queue, one takes at most %d", n, maxAgents)
		return
	}
	seen := map[string]int{}
	for i, id := range q.GetAgents() {
		field := fmt.Sprintf("agents[%d]", i)
		if first, twice := seen[id]; twice {
			p.add(field, "%q stands in agents[%d] already; remove one", clip(id), first)
			continue
		}
		seen[id] = i
		p.reference(field, directory.Agents, id, world)
	}
	p.known("assignment", q.GetAssignment().String(), configv1.Assignment_name, int32(q.GetAssignment()))
	p.within("priority", q.GetPriority(), 0, 1000)
}

func (p *problems) agent(a *configv1.Agent) {
	p.within("capacity", a.GetCapacity(), 0, 100_000)
	p.secret("password", a.GetPassword(), 8, 256)
	seen := map[string]bool{}
	for i, role := range a.GetRoles() {
		field := fmt.Sprintf("roles[%d]", i)
		switch {
		case role != "agent" && role != "supervisor" && role != "admin":
			p.add(field, `%q is not a role; use "agent", "supervisor" or "admin"`, clip(role))
		case seen[role]:
			p.add(field, "%q is given twice; remove one", role)
		}
		seen[role] = true
	}
	if l := a.GetLanguage(); l != "" && l != "bg" && l != "en" {
		p.add("language", `%q is not a language of the desk; use "bg" or "en", or leave it out to follow the browser`, clip(l))
	}
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

// clip keeps a value short enough for a message.
func clip(s string) string {
	const limit = 80
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}
