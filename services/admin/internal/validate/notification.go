package validate

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/slug"
	"github.com/parley-desk/parley/pkg/wording"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// Limits of a template of notifications.
const (
	maxNoticeTitle = 100 // characters
	maxPress       = 30  // characters of what is pressed
	maxNoticeRows  = 10
	maxRowLabel    = 50  // characters
	maxRowText     = 200 // characters
)

// notification checks a template of notifications (L91), and that it fits the
// workstreams that name it.
func (p *problems) notification(t *configv1.NotificationTemplate, world *directory.Snapshot) {
	if t.GetSeconds() != 0 {
		p.within("seconds", t.GetSeconds(), 5, 600)
	}
	p.known("desktop", t.GetDesktop().String(), configv1.DesktopNotification_name, int32(t.GetDesktop()))
	if t.GetAutoAssign() && t.GetNoReject() {
		p.add("no_reject", "true says nothing more with auto_assign, where nobody is asked; leave it out")
	}
	p.noticeTexts(t)
	for _, id := range slices.Sorted(maps.Keys(world.Workstreams)) {
		w := world.Workstreams[id]
		for _, use := range directory.Uses(w) {
			if use.Template != t.GetMeta().GetId() {
				continue
			}
			if wrong := misuse(w, use, t); wrong != "" {
				p.add("auto_assign", "%s; workstream %q names the template as notifications.%s", wrong, id, use.Field)
			}
		}
	}
}

// misuse tells why a template does not fit a use of w; empty when it does.
func misuse(w *configv1.Workstream, use directory.Use, t *configv1.NotificationTemplate) string {
	switch {
	case !t.GetAutoAssign():
		return ""
	case use.Field == "consult": // L95
		return "true does not go with consults, on which an agent is asked; use another template there"
	case w.GetMode() == pick:
		return "true does not go with WORK_MODE_PICK, where agents get only what they pick; use another template there"
	}
	return ""
}

// noticeTexts checks what agents read, by language.
func (p *problems) noticeTexts(t *configv1.NotificationTemplate) {
	if !p.atMost("texts", "languages", len(t.GetTexts()), maxLanguages) {
		return
	}
	first := map[string]int{}
	for i, text := range t.GetTexts() {
		at := fmt.Sprintf("texts[%d]", i)
		switch earlier, twice := first[text.GetLanguage()]; {
		case text.GetLanguage() == "":
			p.add(at+".language", `is missing; write a BCP 47 tag, such as "bg" or "en-GB"`)
		case twice:
			p.add(at+".language", "%q stands in texts[%d] already; remove one", clip(text.GetLanguage()), earlier)
		}
		first[text.GetLanguage()] = i
		p.language(at+".language", text.GetLanguage())
		p.noticeText(at+".title", text.GetTitle(), maxNoticeTitle, slug.Notices())
		p.pressed(at+".accept", text.GetAccept())
		p.pressed(at+".reject", text.GetReject())
		switch {
		case text.GetReject() != "" && t.GetAutoAssign():
			p.add(at+".reject", "has no effect with auto_assign, where nobody is asked; leave it out")
		case text.GetReject() != "" && t.GetNoReject():
			p.add(at+".reject", "has no effect with no_reject; leave out one of the two")
		}
		p.noticeRows(at+".rows", text.GetRows())
	}
}

func (p *problems) noticeRows(path string, rows []*configv1.NotificationRow) {
	if !p.atMost(path, "rows", len(rows), maxNoticeRows) {
		return
	}
	for i, row := range rows {
		at := fmt.Sprintf("%s[%d]", path, i)
		if strings.TrimSpace(row.GetLabel()) == "" {
			p.add(at+".label", "is missing; write 1 to %d characters", maxRowLabel)
		}
		p.oneLine(at+".label", row.GetLabel(), maxRowLabel)
		if strings.TrimSpace(row.GetText()) == "" {
			p.add(at+".text", "is missing; write 1 to %d characters, such as {QueueName}", maxRowText)
		}
		p.noticeText(at+".text", row.GetText(), maxRowText, slug.Notices())
	}
}

// pressed checks what stands on a button; empty is what Parley brings along.
func (p *problems) pressed(field, text string) {
	p.noticeText(field, text, maxPress, nil)
	if text != "" && strings.TrimSpace(text) == "" {
		p.add(field, "is white space; write what it does, or leave it out")
	}
	if strings.ContainsAny(text, "{}") {
		p.add(field, "has a brace, and nothing is filled in here; leave braces out")
	}
}

// noticeText checks one line with slugs (L92); without any it may name none.
func (p *problems) noticeText(field, text string, most int, slugs []string) {
	switch n := utf8.RuneCountInString(text); {
	case !utf8.ValidString(text):
		p.add(field, "is not UTF-8; save the file as UTF-8")
	case n > most:
		p.add(field, "has %d characters; use at most %d", n, most)
	case strings.ContainsFunc(text, unicode.IsControl):
		p.add(field, "holds control characters; write one line")
	}
	if slugs == nil {
		return
	}
	for _, wrong := range wording.CheckSlugs(slugs, text) {
		p.add(field, "%s", wrong)
	}
}

// notifications checks the templates that a workstream names, and that what it
// says itself is not said in vain.
func (p *problems) notifications(w *configv1.Workstream, world *directory.Snapshot) {
	if w.GetOfferSeconds() != 0 {
		p.within("offer_seconds", w.GetOfferSeconds(), 5, 600)
	}
	p.sessionTitle(w)
	built := false
	for _, use := range directory.Uses(w) {
		built = built || use.Template == "" && use.Field != "consult"
		if use.Template == "" {
			continue
		}
		field := "notifications." + use.Field
		p.reference(field, directory.Notifications, use.Template, world)
		if wrong := misuse(w, use, world.Templates[use.Template]); wrong != "" {
			p.add(field, "template %q: auto_assign: %s", clip(use.Template), wrong)
		}
	}
	if built {
		return
	}
	const vain = "has no effect where templates of notifications say it for all that comes in or is handed over; leave it out"
	if w.GetOfferSeconds() != 0 {
		p.add("offer_seconds", "%d "+vain, w.GetOfferSeconds())
	}
	if w.GetAutoAssign() {
		p.add("auto_assign", "true "+vain)
	}
}

// sessionTitle checks what stands for conversations of w in lists (S40).
func (p *problems) sessionTitle(w *configv1.Workstream) {
	p.noticeText("session_title", w.GetSessionTitle(), maxNoticeTitle, slug.Notices())
	for name := range wording.Variables(w.GetSessionTitle()) {
		if !slices.ContainsFunc(w.GetVariables(), func(v *configv1.Variable) bool { return v.GetName() == name }) {
			p.add("session_title", "names the variable %q, which is none of the workstream's variables; add it there, or name another", clip(name))
		}
	}
}

// noticed remarks on a template of notifications that nobody uses, or that names
// what no workstream has.
func (o *Observer) noticed(m *remarks, t *configv1.NotificationTemplate) {
	used := false
	for _, w := range o.world.Workstreams {
		used = used || slices.ContainsFunc(directory.Uses(w), func(u directory.Use) bool { return u.Template == t.GetMeta().GetId() })
	}
	if !used {
		m.add("is used by no workstream; name it in notifications of one")
	}
	for i, text := range t.GetTexts() {
		said := map[string]string{"title": text.GetTitle()}
		for j, row := range text.GetRows() {
			said[fmt.Sprintf("rows[%d]", j)] = row.GetText()
		}
		o.said(m, fmt.Sprintf("texts[%d]", i), said)
	}
}

// agrees remarks on a promise that conversations go back to one agent only, where
// agents are asked and may decline (L30).
func (o *Observer) agrees(m *remarks, w *configv1.Workstream) {
	if w.GetAffinity() != strict || w.GetMode() == pick {
		return
	}
	for _, use := range directory.Uses(w)[:2] { // what returns comes in once more
		given := w.GetAutoAssign()
		if t := o.world.Templates[use.Template]; t != nil {
			given = t.GetAutoAssign()
		}
		if !given {
			m.add("has affinity AFFINITY_STRICT, and agents are asked (notifications.%s): one who declines a conversation, or lets it lapse, loses it to another; set auto_assign, or take AFFINITY_PREFERRED", use.Field)
			return
		}
	}
}
