package validate_test

import (
	"strings"
	"testing"

	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/admin/internal/validate"
)

const (
	hello  = threadv1.Trigger_TRIGGER_GREETING
	joined = threadv1.Trigger_TRIGGER_AGENT_JOINED
)

// told is a good automated message, with a change.
func told(change func(*configv1.AutomatedMessage)) directory.Resource {
	m := &configv1.AutomatedMessage{Meta: meta("joined"), Trigger: joined, Active: true,
		Texts: map[string]string{"bg": "{AgentName} ще Ви помогне.\n{$Tier_1$}", "en-GB": "{AgentName} of {QueueName}"}}
	change(m)
	return m
}

// own is the good page with automated messages of its own.
func own(list ...*configv1.MessageOverride) directory.Resource {
	return broken(func(p *configv1.Page) { p.Messages = list })
}

func TestMistakesOfAutomatedMessages(t *testing.T) {
	for _, m := range []mistake{
		{"L110", "no trigger", told(func(m *configv1.AutomatedMessage) { m.Trigger, m.Texts = 0, nil }), "trigger", "is missing; say what the message is for"},
		{"L110", "trigger of a newer version", told(func(m *configv1.AutomatedMessage) { m.Trigger, m.Texts = 99, nil }), "trigger", "99 is not a value this version knows"},
		{"L111", "no language", told(func(m *configv1.AutomatedMessage) { m.Texts[""] = "x" }), "texts[]", "has no language"},
		{"L111", "language that is none", told(func(m *configv1.AutomatedMessage) { m.Texts["bg_BG"] = "x" }), "texts[bg_BG]", "is not a language"},
		{"L111", "empty text", told(func(m *configv1.AutomatedMessage) { m.Texts["bg"] = " " }), "texts[bg]", "is empty; write the text"},
		{"L111", "long text", told(func(m *configv1.AutomatedMessage) { m.Texts["bg"] = strings.Repeat("ж", 1001) }), "texts[bg]", "has 1001 characters; use at most 1000"},
		{"L111", "control characters", told(func(m *configv1.AutomatedMessage) { m.Texts["bg"] = "a\x00b" }), "texts[bg]", "control characters"},
		{"L111", "slug that there is not", told(func(m *configv1.AutomatedMessage) { m.Texts["bg"] = "{Agent}" }), "texts[bg]", "holds {Agent}, which nothing is put in place of here; use {AgentName}, {QueueName}, {$Name$}"},
		{"L111", "slug of another trigger", told(func(m *configv1.AutomatedMessage) { m.Texts["bg"] = "{Position}" }), "texts[bg]", "holds {Position}"},
		{"L111", "half a slug", told(func(m *configv1.AutomatedMessage) { m.Texts["bg"] = "{AgentName" }), "texts[bg]", "a brace without its other one"},
		{"S49", "consent without notice", told(func(m *configv1.AutomatedMessage) { m.AskConsent = true }), "ask_consent", "has no effect unless trigger is TRIGGER_NOTICE"},
		{"L111", "page that says nothing", own(&configv1.MessageOverride{Trigger: hello}), "messages[0]", "says nothing otherwise"},
		{"L111", "page that says it twice", own(&configv1.MessageOverride{Trigger: hello, Active: 1}, &configv1.MessageOverride{Trigger: hello, Active: 2}),
			"messages[1].trigger", "TRIGGER_GREETING stands in messages[0] already"},
		{"L111", "page for nothing", own(&configv1.MessageOverride{Active: 1}), "messages[0].trigger", "is missing"},
		{"L111", "page with a wrong slug", own(&configv1.MessageOverride{Trigger: hello, Texts: map[string]string{"bg": "{AgentName}"}}), "messages[0].texts[bg]", "holds {AgentName}"},
		{"L111", "switch of a newer version", own(&configv1.MessageOverride{Trigger: hello, Active: 9}), "messages[0].active", "9 is not a value this version knows"},
		{"L111", "account with a wrong slug", broken(func(a *configv1.ChannelAccount) {
			a.Messages = []*configv1.MessageOverride{{Trigger: hello, Texts: map[string]string{"bg": "{AgentName}"}}}
		}), "messages[0].texts[bg]", "holds {AgentName}"},
	} {
		m.check(t)
	}
	if found := check(told(func(*configv1.AutomatedMessage) {})); len(found) > 0 {
		t.Errorf("good: %v", found)
	}
}

// L111: a trigger has one message in the organisation.
func TestATriggerHasOneMessage(t *testing.T) {
	first, second := told(func(*configv1.AutomatedMessage) {}), told(func(m *configv1.AutomatedMessage) { m.Meta = meta("second") })
	w := directory.NewSnapshot(append(world(), first, second)...)
	for id, other := range map[string]string{"joined": "second", "second": "joined"} {
		found := validate.Resource(w.Messages[id], w)
		if len(found) != 1 || found[0].Field != "trigger" || !strings.Contains(found[0].Description, `of automated message "`+other+`" already`) {
			t.Errorf("%s: %v", id, found)
		}
	}
}

// L116: what nothing is ever put in place of is remarked on, at every level.
func TestRemarksOnTexts(t *testing.T) {
	texts := map[string]string{"bg": "{$Tier_1$} {$gone$}"}
	lines := remarked(func(w *directory.Snapshot) {
		w.Messages["greeting"] = &configv1.AutomatedMessage{Meta: meta("greeting"), Trigger: hello, Texts: texts}
		w.Accounts["demo"].Messages = []*configv1.MessageOverride{{Trigger: hello, Texts: texts}}
		w.Pages["shop"].Messages = []*configv1.MessageOverride{{Trigger: joined, Active: 1}, {Trigger: hello, Texts: texts}}
	})
	want := []string{`automated message "greeting" names the variable "gone" (texts[bg]), which no workstream has`,
		`channel account "demo" names the variable "gone" (messages[0].texts[bg])`, `page "shop" names the variable "gone" (messages[1].texts[bg])`}
	if len(lines) != len(want) {
		t.Fatalf("remarks %q", lines)
	}
	for i, line := range lines {
		if !strings.HasPrefix(line, want[i]) {
			t.Errorf("%q, want %q", line, want[i])
		}
	}
}
