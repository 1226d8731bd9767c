package wording_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/wording"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

const (
	on       = configv1.Switch_SWITCH_ON
	off      = configv1.Switch_SWITCH_OFF
	greeting = threadv1.Trigger_TRIGGER_GREETING
	joined   = threadv1.Trigger_TRIGGER_AGENT_JOINED
	overflow = threadv1.Trigger_TRIGGER_OVERFLOW_ENDED
)

func triggers() (all []threadv1.Trigger) {
	for n := range threadv1.Trigger_name {
		if wording.Settable(threadv1.Trigger(n)) {
			all = append(all, threadv1.Trigger(n))
		}
	}
	slices.Sort(all)
	return all
}

// Every trigger of L110 has a text in both languages of the house, and nothing
// stays unfilled in it.
func TestStandardTexts(t *testing.T) {
	for _, trigger := range triggers() {
		en, bg := wording.Standard(trigger, "en"), wording.Standard(trigger, "bg")
		if en == "" || bg == "" || en == bg {
			t.Errorf("%s: %q, %q", trigger, en, bg)
		}
		for _, text := range []string{en, bg} {
			if wrong := wording.Check(trigger, text); len(wrong) > 0 {
				t.Errorf("%s: %q %v", trigger, text, wrong)
			}
			if filled := wording.Fill(text, wording.Values{Agent: "Mila", Queue: "Front", Position: "3", WaitMinutes: "4"}); strings.ContainsAny(filled, "{}") {
				t.Errorf("%s: %q", trigger, filled)
			}
		}
	}
	if wording.Standard(greeting, "de") != "" || wording.Standard(threadv1.Trigger(99), "en") != "" {
		t.Error("a text out of nothing")
	}
}

// Answers that the customer presses have at most 20 characters at Meta.
func TestAgreement(t *testing.T) {
	for _, language := range []string{"en", "bg", "bg-BG", "de", ""} {
		yes, no := wording.Agreement(language)
		if yes == no || utf8.RuneCountInString(yes) > 20 || utf8.RuneCountInString(no) > 20 {
			t.Errorf("%s: %q, %q", language, yes, no)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		trigger threadv1.Trigger
		text    string
		says    string // empty: nothing is wrong
	}{
		{joined, "{AgentName} of {QueueName} for {$Order_1$}", ""},
		{greeting, "Hello {$name$}", ""},
		{greeting, "Hello {AgentName}", "holds {AgentName}, which nothing is put in place of here; use {$Name$}"},
		{joined, "{agentname}", "use {AgentName}, {QueueName}, {$Name$}"},
		{joined, "{Position}", "holds {Position}"},
		{joined, "{}", "holds {}"},
		{joined, "{$no-name$}", "holds {$no-name$}"},
		{joined, "{$$}", "holds {$$}"},
		{joined, "{$Name}", "holds {$Name}"},
		{joined, "a } b", "a brace without its other one"},
		{joined, "{AgentName", "a brace without its other one"},
		{joined, "{{AgentName}}", "a brace without its other one"},
	} {
		wrong := wording.Check(c.trigger, c.text)
		if c.says == "" && len(wrong) > 0 || c.says != "" && (len(wrong) != 1 || !strings.Contains(wrong[0], c.says)) {
			t.Errorf("%q: %q", c.text, wrong)
		}
	}
}

// L111: variables are told apart by case, and what is missing is left out.
func TestFill(t *testing.T) {
	values := wording.Values{Agent: "Mila", Queue: "Front desk", Position: "2", Variables: map[string]string{"Tier": "gold {AgentName}"}}
	for text, want := range map[string]string{
		"{AgentName} ({QueueName})": "Mila (Front desk)",
		"{Position}: {$Tier$}":      "2: gold {AgentName}", // what a variable holds is not looked into
		"{$tier$}{$Gone$}!":         "!",
		" {Nothing} ":               "",
		"plain":                     "plain",
	} {
		if got := wording.Fill(text, values); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
	if got := slices.Collect(wording.Variables("{$a$} {AgentName} {$B_2$} {$a$}")); !slices.Equal(got, []string{"a", "B_2", "a"}) {
		t.Errorf("variables %q", got)
	}
}

// Who does not know how long it will be does not tell.
func TestAWaitThatNobodyKnows(t *testing.T) {
	const place = threadv1.Trigger_TRIGGER_POSITION_IN_QUEUE
	for _, c := range []struct{ language, text, wait, want string }{
		{"en", "{Position}, {WaitMinutes} min", "4", "2, 4 min"},
		{"en", "{Position}, {WaitMinutes} min", "", "You are number 2 in line."},
		{"en-GB", "{Position}, {WaitMinutes} min", "", "You are number 2 in line."},
		{"bg", "{WaitMinutes}", "", "Номерът Ви на опашката е 2."},
		{"de", "{WaitMinutes} Minuten", "", ""},
		{"de", "Platz {Position}", "", "Platz 2"},
	} {
		m := wording.Message{Text: c.text, Language: c.language}
		if wrong := wording.Check(place, c.text); len(wrong) > 0 {
			t.Errorf("%q: %q", c.text, wrong)
		}
		if got := m.Say(place, wording.Values{Position: "2", WaitMinutes: c.wait}); got != c.want {
			t.Errorf("%s %q with %q became %q, want %q", c.language, c.text, c.wait, got, c.want)
		}
	}
}

// A text that is found good is filled without a brace left, whatever it is.
func TestWhatIsGoodIsFilled(t *testing.T) {
	piece := rapid.SampledFrom([]string{"{", "}", "{AgentName}", "{QueueName}", "{$x$}", "$", "x", "{Position}", " "})
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOf(piece).Draw(t, "pieces"), "")
		if len(wording.Check(joined, text)) == 0 && strings.ContainsAny(wording.Fill(text, wording.Values{}), "{}") {
			t.Fatalf("%q is good and stays unfilled", text)
		}
	})
}

// L111: the page's word goes before its account's, and that before the
// organisation's; where the customer's language is missing, the level below
// that has it goes before.
func TestLevels(t *testing.T) {
	texts := func(pairs ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return m
	}
	org := func(active bool, pairs ...string) *configv1.AutomatedMessage {
		return &configv1.AutomatedMessage{Meta: &configv1.Meta{Id: "hello"}, Trigger: greeting, Active: active, Texts: texts(pairs...)}
	}
	has := func(active configv1.Switch, pairs ...string) []*configv1.MessageOverride {
		return []*configv1.MessageOverride{{Trigger: joined, Active: on}, {Trigger: greeting, Active: active, Texts: texts(pairs...)}}
	}
	standard := wording.Standard(greeting, "bg")
	for _, c := range []struct {
		name          string
		org           *configv1.AutomatedMessage
		account, page []*configv1.MessageOverride
		language      string
		locale        string
		active        bool
		text          string
	}{
		{name: "nothing said", language: "bg", text: standard},
		{name: "organisation alone", org: org(true), language: "bg", active: true, text: standard},
		{name: "its text", org: org(true, "bg", "o"), language: "bg", active: true, text: "o"},
		{name: "account over it", org: org(true, "bg", "o"), account: has(off, "bg", "a"), language: "bg", text: "a"},
		{name: "page over both", org: org(false, "bg", "o"), account: has(off, "bg", "a"), page: has(on, "bg", "p"), language: "bg", active: true, text: "p"},
		{name: "page without a word on it", org: org(false, "bg", "o"), account: has(on), page: has(0, "bg", "p"), language: "bg", active: true, text: "p"},
		{name: "page in another language", org: org(true, "bg", "o"), page: has(0, "en", "p"), language: "bg", active: true, text: "o"},
		{name: "with a region", org: org(true, "en", "o"), page: has(0, "en-GB", "p"), language: "en-GB", active: true, text: "p"},
		{name: "without the region", org: org(true, "en", "o"), language: "en-GB", active: true, text: "o"},
		{name: "nobody's language", org: org(true, "en", "o", "bg", "b"), language: "de", active: true, text: "o"},
		{name: "the customer's language", org: org(true, "en", "o", "bg", "b"), locale: "bg_BG", active: true, text: "b"},
		{name: "no language at all", org: org(true, "en", "o", "bg", "b"), active: true, text: "o"},
	} {
		page := &configv1.Page{Meta: &configv1.Meta{Id: "shop"}, Account: "demo", Language: c.language, Messages: c.page}
		world := directory.NewSnapshot(page, &configv1.ChannelAccount{Meta: &configv1.Meta{Id: "demo"}, Messages: c.account})
		if c.org != nil {
			world.Messages["hello"] = c.org
		}
		if got := wording.Of(world, page, greeting, c.locale); got.Active != c.active || got.Text != c.text {
			t.Errorf("%s: %+v, want %v %q", c.name, got, c.active, c.text)
		}
	}
}

// L54: who is sent away is told so in any case, by the standard text when the
// message is switched off.
func TestTheEndByOverflowIsAlwaysTold(t *testing.T) {
	page := &configv1.Page{Meta: &configv1.Meta{Id: "shop"}, Language: "bg"}
	world := directory.NewSnapshot(page)
	if m := wording.Of(world, page, overflow, ""); !m.Active || m.Text != wording.Standard(overflow, "bg") {
		t.Errorf("without a resource: %+v", m)
	}
	world.Messages["full"] = &configv1.AutomatedMessage{Trigger: overflow, Texts: map[string]string{"bg": "own"}}
	if m := wording.Of(world, page, overflow, ""); !m.Active || m.Text != wording.Standard(overflow, "bg") {
		t.Errorf("switched off: %+v", m)
	}
	world.Messages["full"].Active = true
	if m := wording.Of(world, page, overflow, ""); !m.Active || m.Text != "own" {
		t.Errorf("switched on: %+v", m)
	}
}
