package validate

import (
	"fmt"
	"strings"
	"unicode/utf8"

	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// Limits of what a workstream says of time.
const (
	maxTimeOutRules = 20
	maxFallbacks    = 20
	maxLocalText    = 2000          // characters
	maxCloseMinutes = 365 * 24 * 60 // of auto-close
	maxRuleMinutes  = 30 * 24 * 60
	maxRulePriority = 1000
)

// life checks when conversations are closed, and the time-out rules (L87 to L89).
func (p *problems) life(w *configv1.Workstream) {
	set := w.GetAutoClose()
	for _, c := range []struct {
		field   string
		minutes int32
	}{
		{"open_minutes", set.GetOpenMinutes()}, {"active_minutes", set.GetActiveMinutes()},
		{"waiting_minutes", set.GetWaitingMinutes()}, {"wrap_up_minutes", set.GetWrapUpMinutes()},
	} {
		if c.minutes != 0 {
			p.within("auto_close."+c.field, c.minutes, 1, maxCloseMinutes)
		}
	}
	if !p.atMost("time_out_rules", "time-out rules", len(w.GetTimeOutRules()), maxTimeOutRules) {
		return
	}
	first := map[string]int{}
	for i, r := range w.GetTimeOutRules() {
		field := fmt.Sprintf("time_out_rules[%d]", i)
		if at, twice := first[r.GetName()]; twice {
			p.add(field+".name", "%q is the name of time_out_rules[%d] already; choose another", clip(r.GetName()), at)
		} else {
			first[r.GetName()] = i
		}
		p.timeOutRule(field, r)
	}
}

func (p *problems) timeOutRule(field string, r *configv1.TimeOutRule) {
	if !idShape.MatchString(r.GetName()) {
		p.add(field+".name", "%q is not a name; use 1 to 63 of a-z, 0-9 and '-', starting with a letter", clip(r.GetName()))
	}
	p.within(field+".priority", r.GetPriority(), 0, maxRulePriority)
	p.within(field+".minutes", r.GetMinutes(), 1, maxRuleMinutes)
	if p.known(field+".silence", r.GetSilence().String(), configv1.Silence_name, int32(r.GetSilence())); r.GetSilence() == configv1.Silence_SILENCE_UNSPECIFIED {
		p.add(field+".silence", "is missing; say whose answer is waited for, SILENCE_CUSTOMER or SILENCE_AGENT")
	}
	p.known(field+".turn", r.GetTurn().String(), configv1.TimeOutTurn_name, int32(r.GetTurn()))
	if r.GetTurn() == configv1.TimeOutTurn_TIME_OUT_TURN_UNSPECIFIED && len(r.GetCustomerTexts())+len(r.GetAgentTexts()) == 0 {
		p.add(field, "does nothing; give it customer_texts, agent_texts or a turn, or make it inactive by removing it")
	}
	p.localTexts(field+".customer_texts", r.GetCustomerTexts(), r.GetFallbackLanguage())
	p.localTexts(field+".agent_texts", r.GetAgentTexts(), r.GetFallbackLanguage())
}

// localTexts checks texts by language. One of them must be there for everybody.
func (p *problems) localTexts(field string, list []*configv1.LocalText, fallback string) {
	if len(list) == 0 || !p.atMost(field, "languages", len(list), maxFallbacks) {
		return
	}
	first := map[string]int{}
	for i, one := range list {
		at := fmt.Sprintf("%s[%d]", field, i)
		p.language(at+".language", one.GetLanguage())
		switch earlier, twice := first[one.GetLanguage()]; {
		case one.GetLanguage() == "":
			p.add(at+".language", `is missing; write a BCP 47 tag, such as "bg" or "en-GB"`)
		case twice:
			p.add(at+".language", "%q stands in %s[%d] already; remove one", clip(one.GetLanguage()), field, earlier)
		}
		first[one.GetLanguage()] = i
		switch n := utf8.RuneCountInString(one.GetText()); {
		case strings.TrimSpace(one.GetText()) == "":
			p.add(at+".text", "is empty; write what is to be said in %q, or remove the language", clip(one.GetLanguage()))
		case !utf8.ValidString(one.GetText()):
			p.add(at+".text", "is not UTF-8; save the file as UTF-8")
		case n > maxLocalText:
			p.add(at+".text", "has %d characters; use at most %d", n, maxLocalText)
		}
	}
	if _, there := first[fallback]; !there {
		p.add(field, "has no text in the fallback_language %q, so some would be told nothing; add it, or make %q the fallback", clip(fallback), list[0].GetLanguage())
	}
}
