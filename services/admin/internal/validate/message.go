package validate

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/wording"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// maxLanguages bounds the languages of an automated message.
const maxLanguages = 50

// message checks an automated message of the organisation (L111).
func (p *problems) message(m *configv1.AutomatedMessage, world *directory.Snapshot) {
	p.trigger("trigger", m.GetTrigger())
	for _, id := range slices.Sorted(maps.Keys(world.Messages)) {
		if other := world.Messages[id]; id != m.GetMeta().GetId() && other.GetTrigger() == m.GetTrigger() {
			p.add("trigger", "%s is the trigger of automated message %q already; change that one instead", m.GetTrigger(), id)
			break
		}
	}
	p.texts("texts", m.GetTrigger(), m.GetTexts())
	if m.GetAskConsent() && m.GetTrigger() != threadv1.Trigger_TRIGGER_NOTICE {
		p.add("ask_consent", "true has no effect unless trigger is TRIGGER_NOTICE; leave it out")
	}
}

// overrides checks what an account or a page has otherwise.
func (p *problems) overrides(list []*configv1.MessageOverride) {
	if !p.atMost("messages", "automated messages", len(list), len(threadv1.Trigger_name)) {
		return
	}
	first := map[threadv1.Trigger]int{}
	for i, o := range list {
		field := fmt.Sprintf("messages[%d]", i)
		at, twice := first[o.GetTrigger()]
		first[o.GetTrigger()] = i
		switch {
		case twice:
			p.add(field+".trigger", "%s stands in messages[%d] already; make one of the two", o.GetTrigger(), at)
			continue
		case o.GetActive() == configv1.Switch_SWITCH_UNSPECIFIED && len(o.GetTexts()) == 0:
			p.add(field, "says nothing otherwise; give it active or texts, or leave it out")
		}
		p.trigger(field+".trigger", o.GetTrigger())
		p.known(field+".active", o.GetActive().String(), configv1.Switch_name, int32(o.GetActive()))
		p.texts(field+".texts", o.GetTrigger(), o.GetTexts())
	}
}

func (p *problems) trigger(field string, t threadv1.Trigger) {
	if t == threadv1.Trigger_TRIGGER_UNSPECIFIED {
		p.add(field, "is missing; say what the message is for, such as TRIGGER_GREETING")
		return
	}
	if p.known(field, t.String(), threadv1.Trigger_name, int32(t)); threadv1.Trigger_name[int32(t)] != "" && !wording.Settable(t) {
		p.add(field, "%s is said as a workstream says it; set survey or questions there instead", t)
	}
}

// texts checks the words of an automated message and what they leave to be filled
// in (L111).
func (p *problems) texts(path string, trigger threadv1.Trigger, texts map[string]string) {
	if !p.atMost(path, "languages", len(texts), maxLanguages) {
		return
	}
	for _, tag := range slices.Sorted(maps.Keys(texts)) {
		field, text := fmt.Sprintf("%s[%s]", path, clip(tag)), texts[tag]
		if tag == "" {
			p.add(field, `has no language; write the text under a BCP 47 tag, such as "bg"`)
		}
		p.language(field, tag)
		switch n := utf8.RuneCountInString(text); {
		case !utf8.ValidString(text):
			p.add(field, "is not UTF-8; save the file as UTF-8")
		case strings.TrimSpace(text) == "":
			p.add(field, "is empty; write the text, or leave the language out")
		case n > wording.MaxText:
			p.add(field, "has %d characters; use at most %d", n, wording.MaxText)
		case strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }):
			p.add(field, "holds control characters; remove all but ends of lines")
		}
		for _, wrong := range wording.Check(trigger, text) {
			p.add(field, "%s", wrong)
		}
	}
}

// said remarks on texts with a variable that no workstream has: nothing is ever
// put in its place.
func (o *Observer) said(m *remarks, path string, texts map[string]string) {
	for _, tag := range slices.Sorted(maps.Keys(texts)) {
		for name := range wording.Variables(texts[tag]) {
			if !o.variable(name) {
				m.add("names the variable %q (%s[%s]), which no workstream has, so nothing is put in its place; add it to one, or name another", name, path, tag)
			}
		}
	}
}

func (o *Observer) variable(name string) bool {
	for _, w := range o.world.Workstreams {
		for _, v := range w.GetVariables() {
			if v.GetName() == name {
				return true
			}
		}
	}
	return false
}

// overridden remarks on what an account or a page has otherwise.
func (o *Observer) overridden(m *remarks, list []*configv1.MessageOverride) {
	for i, one := range list {
		o.said(m, fmt.Sprintf("messages[%d].texts", i), one.GetTexts())
	}
}
