package cli

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/parley-desk/parley/pkg/manifest"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// kind is one kind of resource as the command line knows it.
type kind struct {
	document string // kind of its documents, "Queue"
	columns  []string
	row      func(manifest.Resource) []string // under columns
}

func (k kind) one() string { return strings.ToLower(k.document) }

func (k kind) many() string { return strings.ToLower(k.documents()) }

// documents is the kind as methods name many: "ListStatuses".
func (k kind) documents() string {
	if strings.HasSuffix(k.document, "s") {
		return k.document + "es"
	}
	if stem, ok := strings.CutSuffix(k.document, "y"); ok {
		return stem + "ies"
	}
	return k.document + "s"
}

// kinds are all of them, in the order in which one may refer to another.
func kinds() []kind {
	return []kind{
		kindOf("Schedule", "TIMEZONE WEEK SPECIAL", func(s *configv1.Schedule) []string {
			return []string{s.GetTimeZone(), count(s.GetWeek()), count(s.GetSpecialDays())}
		}),
		kindOf("Skill", "TYPE SCALE ACTIVE", func(s *configv1.Skill) []string {
			return []string{s.GetType(), scale(s), strconv.FormatBool(!s.GetInactive())}
		}),
		kindOf("CapacityProfile", "LIMIT RESET BLOCKS", func(p *configv1.CapacityProfile) []string {
			return []string{number(p.GetLimit()), manifest.Word(p.GetReset_()), strconv.FormatBool(p.GetBlocks())}
		}),
		kindOf("Status", "BASE ACTIVE", func(s *configv1.Status) []string {
			return []string{manifest.Word(s.GetBase()), strconv.FormatBool(!s.GetInactive())}
		}),
		kindOf("Agent", "CAPACITY ROLES SKILLS PROFILES PRESENCE SCHEDULE LANGUAGE PASSWORD", func(a *configv1.Agent) []string {
			return []string{number(a.GetCapacity()), words(a.GetRoles()), words(skills(a)), words(profiles(a)),
				cmp.Or(a.GetDefaultStatus(), manifest.Word(a.GetDefaultPresence())), a.GetSchedule(), a.GetLanguage(), fingerprint(a.GetPassword())}
		}),
		kindOf("Queue", "AGENTS ASSIGNMENT PRIORITY HEADSTART SCHEDULE OVERFLOW", func(q *configv1.Queue) []string {
			return []string{words(q.GetAgents()), manifest.Word(q.GetAssignment()), number(q.GetPriority()), headStart(q), q.GetSchedule(), words(overflow(q))}
		}),
		kindOf("Ruleset", "DOES RULES DISABLED", ruleset),
		kindOf("NotificationTemplate", "SECONDS ASKS DESKTOP LANGUAGES", func(t *configv1.NotificationTemplate) []string {
			return []string{set(t.GetSeconds()), strconv.FormatBool(!t.GetAutoAssign()), manifest.Word(t.GetDesktop()), words(languages(t))}
		}),
		kindOf("Workstream", "QUEUE FALLBACK CLASSIFICATION ROUTING MODE UNITS PROFILES MATCHING AFFINITY OFFER TAG FILES", func(w *configv1.Workstream) []string {
			return []string{w.GetQueue(), w.GetFallbackQueue(), words(w.GetClassification()), w.GetRouting(), mode(w),
				number(w.GetUnits()), words(w.GetCapacityProfiles()), manifest.Word(w.GetSkillMatching()), affinity(w), offer(w), strconv.FormatBool(w.GetMessageTag()), words(filesOf(w))}
		}),
		kindOf("AutomatedMessage", "TRIGGER ACTIVE LANGUAGES", func(m *configv1.AutomatedMessage) []string {
			return []string{manifest.Word(m.GetTrigger()), strconv.FormatBool(m.GetActive()), words(slices.Sorted(maps.Keys(m.GetTexts())))}
		}),
		kindOf("CannedReply", "LOCALE TAGS WORKSTREAMS TEXT", func(r *configv1.CannedReply) []string {
			return []string{r.GetLocale(), words(r.GetTags()), words(r.GetWorkstreams()), firstLine(r.GetText())}
		}),
		kindOf("ChannelAccount", "APP GRAPH SECRET PREVIOUS VERIFY PRIVACY", func(a *configv1.ChannelAccount) []string {
			return []string{a.GetAppId(), a.GetGraphVersion(), fingerprint(a.GetAppSecret()),
				fingerprint(a.GetPreviousSecret()), fingerprint(a.GetVerifyToken()), a.GetPrivacy().GetBy()}
		}),
		kindOf("Page", "PAGE ACCOUNT WORKSTREAM LANGUAGE TOKEN", func(p *configv1.Page) []string {
			return []string{p.GetPageId(), p.GetAccount(), p.GetWorkstream(), p.GetLanguage(), fingerprint(p.GetAccessToken())}
		}),
	}
}

// kindOf is a kind with its columns, the cells under them made of one type.
func kindOf[R manifest.Resource](document, columns string, cells func(R) []string) kind {
	return kind{document, strings.Fields(columns), func(r manifest.Resource) []string {
		typed, _ := r.(R)
		return cells(typed)
	}}
}

// findKind takes "queue", "queues", "Queue" and "channel-account" alike.
func findKind(name string) (kind, error) {
	plain := strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(name))
	for _, k := range kinds() {
		if plain == k.one() || plain == k.many() {
			return k, nil
		}
	}
	return kind{}, fmt.Errorf("%q is not a kind; use one of %s", name, allKinds())
}

// allKinds names them as people write them.
func allKinds() string {
	var names []string
	for _, k := range kinds() {
		names = append(names, k.many())
	}
	return strings.Join(names, ", ")
}

func ruleset(r *configv1.Ruleset) []string {
	does := ""
	switch {
	case len(r.GetClassify()) > 0:
		does = "classifies"
	case len(r.GetRoute()) > 0:
		does = "routes"
	case len(r.GetPrioritise()) > 0:
		does = "prioritises"
	case len(r.GetAssign()) > 0:
		does = "assigns"
	}
	return []string{does, strconv.Itoa(len(r.GetClassify()) + len(r.GetRoute()) + len(r.GetPrioritise()) + len(r.GetAssign())),
		strconv.Itoa(disabled(r.GetClassify()) + disabled(r.GetRoute()) + disabled(r.GetPrioritise()) + disabled(r.GetAssign()))}
}

func disabled[R interface{ GetDisabled() bool }](rules []R) (n int) {
	for _, r := range rules {
		if r.GetDisabled() {
			n++
		}
	}
	return n
}

func scale(s *configv1.Skill) string {
	if s.GetLowest() == 0 && s.GetHighest() == 0 {
		return "1-10"
	}
	return number(s.GetLowest()) + "-" + number(s.GetHighest())
}

// skills are what an agent can do, and how well: "billing:7".
func skills(a *configv1.Agent) []string {
	var out []string
	for _, p := range a.GetSkills() {
		out = append(out, valued(p.GetSkill(), p.GetValue()))
	}
	return out
}

func profiles(a *configv1.Agent) []string {
	var out []string
	for _, p := range a.GetProfiles() {
		out = append(out, valued(p.GetProfile(), p.GetLimit()))
	}
	return out
}

// headStart is what a point of priority is worth; empty: it always comes first.
func headStart(q *configv1.Queue) string {
	return set(q.GetHeadStartSeconds())
}

// mode is how conversations come to agents: "push", "pick" or, when they are
// pushed and may be picked, "push,pick".
func mode(w *configv1.Workstream) string {
	switch {
	case w.GetMode() == configv1.WorkMode_WORK_MODE_PICK:
		return "pick"
	case w.GetPickable():
		return "push,pick"
	}
	return "push"
}

// affinity is whether a conversation goes back to its agent: "preferred:90s".
func affinity(w *configv1.Workstream) string {
	if w.GetAffinitySeconds() == 0 {
		return manifest.Word(w.GetAffinity())
	}
	return manifest.Word(w.GetAffinity()) + ":" + seconds(w.GetAffinitySeconds())
}

// offer is how long agents have to accept where no template says it; "auto": they
// do not have to; empty: as long as usual.
func offer(w *configv1.Workstream) string {
	if w.GetAutoAssign() {
		return "auto"
	}
	return set(w.GetOfferSeconds())
}

// languages are those in which a template of notifications has texts.
func languages(t *configv1.NotificationTemplate) (all []string) {
	for _, text := range t.GetTexts() {
		all = append(all, text.GetLanguage())
	}
	return all
}

// valued is a name with its value, when it has one.
func valued(name string, value int32) string {
	if value == 0 {
		return name
	}
	return name + ":" + number(value)
}

// overflow is what happens to conversations before and in a queue:
// "out_of_hours:assign", "items=50:night", "wait=300s:end".
func overflow(q *configv1.Queue) []string {
	then := func(when string, action configv1.OverflowAction, queue string) string {
		if queue != "" {
			return when + ":" + queue
		}
		return when + ":" + manifest.Word(action)
	}
	var out []string
	for _, o := range q.GetOverflow() {
		when := manifest.Word(o.GetCondition())
		if o.GetItems() != 0 {
			when += "=" + number(o.GetItems())
		}
		out = append(out, then(when, o.GetAction(), o.GetQueue()))
	}
	if w := q.GetWait(); w.GetSeconds() != 0 {
		out = append(out, then("wait="+seconds(w.GetSeconds()), w.GetAction(), w.GetQueue()))
	}
	return out
}

func number(n int32) string { return strconv.Itoa(int(n)) }

func seconds(n int32) string { return number(n) + "s" }

// set is seconds where any are said.
func set(n int32) string {
	if n == 0 {
		return ""
	}
	return seconds(n)
}

func count[T any](list []T) string { return strconv.Itoa(len(list)) }

// filesOf is who may send files.
func filesOf(w *configv1.Workstream) (who []string) {
	if w.GetCustomerAttachments() {
		who = append(who, "customers")
	}
	if w.GetAgentAttachments() {
		who = append(who, "agents")
	}
	return who
}

func words(list []string) string { return strings.Join(list, ",") }

// firstLine is the beginning of a text, short enough for a table.
func firstLine(text string) string {
	line, _, more := strings.Cut(text, "\n")
	if runes := []rune(line); len(runes) > 40 {
		line, more = string(runes[:40]), true
	}
	if more {
		line += "…"
	}
	return line
}

// fingerprint shows whether a secret is set, and which.
func fingerprint(s *configv1.Secret) string { return s.GetFingerprint() }
