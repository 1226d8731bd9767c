package wording

import (
	"strings"

	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

const english = "en"

// Message is an automated message as a page has it.
type Message struct {
	Active   bool
	Text     string
	Language string // of the text
	Ask      bool   // a notice that asks for consent
}

// Of is the message of a trigger as a page of world has it, for a customer of
// that locale, which counts where the page names no language.
func Of(world *directory.Snapshot, page *configv1.Page, trigger threadv1.Trigger, locale string) Message {
	var org *configv1.AutomatedMessage
	for _, m := range world.Messages {
		if m.GetTrigger() == trigger {
			org = m
		}
	}
	own := override(page.GetMessages(), trigger)
	accounts := override(world.Accounts[page.GetAccount()].GetMessages(), trigger)
	m := Message{Active: on(own, on(accounts, org.GetActive())), Ask: org.GetAskConsent()}
	texts := []map[string]string{own.GetTexts(), accounts.GetTexts(), org.GetTexts()}
	if trigger == threadv1.Trigger_TRIGGER_OVERFLOW_ENDED && !m.Active {
		m.Active, texts = true, nil // nobody is sent away without a word (L54)
	}
	m.Text, m.Language = find(texts, trigger, Languages(page, locale))
	return m
}

// Languages are those that a customer of a page is written to in, the best
// first: the page's, else the customer's own, and English.
func Languages(page *configv1.Page, locale string) []string {
	tag := page.GetLanguage()
	if tag == "" {
		tag = strings.ReplaceAll(locale, "_", "-")
	}
	return []string{tag, base(tag), english}
}

// base is a language without its region: "en" of "en-GB".
func base(tag string) string {
	b, _, _ := strings.Cut(tag, "-")
	return strings.ToLower(b)
}

func find(levels []map[string]string, trigger threadv1.Trigger, languages []string) (text, language string) {
	for _, language := range languages {
		for _, texts := range levels {
			if text := texts[language]; text != "" {
				return text, language
			}
		}
		if text := Standard(trigger, language); text != "" {
			return text, language
		}
	}
	return "", ""
}

func override(list []*configv1.MessageOverride, trigger threadv1.Trigger) *configv1.MessageOverride {
	for _, o := range list {
		if o.GetTrigger() == trigger {
			return o
		}
	}
	return nil
}

// on is a level's word on whether a message is said, or above's.
func on(o *configv1.MessageOverride, above bool) bool {
	switch o.GetActive() {
	case configv1.Switch_SWITCH_ON:
		return true
	case configv1.Switch_SWITCH_OFF:
		return false
	case configv1.Switch_SWITCH_UNSPECIFIED:
	}
	return above
}
