package thread_test

import (
	"errors"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// S31, S32, S33: what leaves when, by who wrote it and what it is. A utility
// template needs no window, and a sticker has the standard one alone; nobody but a
// person sends either.
func TestPassages(t *testing.T) {
	const day = 24 * time.Hour
	wrote := time.UnixMilli(1_700_000_000_000)
	for name, c := range map[string]struct {
		after          time.Duration // from the customer's word to the request
		waits          time.Duration // from the request to the attempt
		utility, human bool
		sticker        bool
		want           thread.WindowKind
		ends           time.Duration // from the customer's word
	}{
		"a text at once":                       {0, 0, false, true, false, thread.Response, day - time.Minute},
		"a text at once, of nobody":            {0, 0, false, false, false, thread.Response, day - time.Minute},
		"a text on the second day":             {day, 0, false, true, false, thread.HumanAgent, 7*day - time.Minute},
		"a text on the second day, of nobody":  {day, 0, false, false, false, thread.Closed, 0},
		"a text on the eighth day":             {7 * day, 0, false, true, false, thread.Closed, 0},
		"a template at once":                   {0, 0, true, true, false, thread.Utility, day},
		"a template on the second day":         {day, 0, true, true, false, thread.Utility, 2 * day},
		"a template on the eighth day":         {7 * day, 0, true, true, false, thread.Utility, 8 * day},
		"a template after a year":              {365 * day, 0, true, true, false, thread.Utility, 366 * day},
		"a template of nobody, at once":        {0, 0, true, false, false, thread.Closed, 0},
		"a sticker at once":                    {0, 0, false, true, true, thread.Response, day - time.Minute},
		"a sticker that waited for its page":   {0, day - 61*time.Second, false, true, true, thread.Response, day - time.Minute},
		"a sticker that waited for too long":   {0, day - time.Minute, false, true, true, thread.Closed, 0},
		"a sticker on the second day":          {day, 0, false, true, true, thread.Closed, 0},
		"a template of nobody, later":          {7 * day, 0, true, false, false, thread.Closed, 0},
		"a template that waited for its page":  {7 * day, day - time.Millisecond, true, true, false, thread.Utility, 8 * day},
		"a template that waited for too long":  {7 * day, day, true, true, false, thread.Closed, 0},
		"a template that waited in the window": {0, day, true, true, false, thread.Closed, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := &threadv1.State{WindowMs: wrote.UnixMilli(), Conversation: &threadv1.Conversation{MessageTag: true}}
			one := &threadv1.Send{Utility: c.utility, Sticker: c.sticker, RequestedMs: wrote.Add(c.after).UnixMilli()}
			got := thread.PassageOf(s, one, c.human, wrote.Add(c.after+c.waits))
			want := thread.Window{Kind: c.want}
			if c.want != thread.Closed {
				want.Until = wrote.Add(c.ends)
			}
			if got.Kind != want.Kind || !got.Until.Equal(want.Until) {
				t.Errorf("%v until %v, want %v until %v", got.Kind, got.Until, want.Kind, want.Until)
			}
		})
	}
}

// A utility template is written when no text can be (S32), by whoever may write at
// all, and the state remembers what it is.
func TestAUtilityTemplateNeedsNoWindow(t *testing.T) {
	s := after(t, thread.New("1", "2"), &threadv1.MessageReceived{Mid: "m", SentMs: 1000}, &threadv1.ConversationOpened{Id: "c"},
		&threadv1.ConversationRouted{Queue: "front"}, &threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_PICKED})
	late := time.UnixMilli(1000).Add(48 * time.Hour)
	ask := func(agent string, template *threadv1.Template) ([]*threadv1.Fact, error) {
		return thread.Request(s, late, "c", &threadv1.SendRequested{Id: "s", Agent: agent, Human: true, Parts: []string{"On its way"}, Template: template})
	}
	utility := &threadv1.Template{Utility: &threadv1.UtilityTemplate{Name: "order_update", Language: "en", Text: "On its way"}}
	for name, c := range map[string]struct {
		agent    string
		template *threadv1.Template
		refused  string
	}{
		"a text":                   {"mila", nil, thread.WindowClosed},
		"buttons":                  {"mila", &threadv1.Template{Button: &threadv1.ButtonTemplate{Text: "x"}}, thread.WindowClosed},
		"a template":               {"mila", utility, ""},
		"a template of a stranger": {"orlin", utility, thread.NotYours},
	} {
		var refusal *thread.Refusal
		facts, err := ask(c.agent, c.template)
		if got := errors.As(err, &refusal); got != (c.refused != "") || got && refusal.Reason != c.refused {
			t.Errorf("%s: %v, want %q", name, err, c.refused)
		} else if !got {
			s := after(t, s, facts[0].GetSendRequested())
			if one := thread.FindSend(s, "s"); !one.GetUtility() {
				t.Errorf("%s: the state has %v", name, one)
			}
		}
	}
}

// A sticker leaves while the standard window is open; the tag does not carry it,
// though it would carry a text (page "Sticker API"). The state remembers what it is.
func TestAStickerIsOfTheStandardWindow(t *testing.T) {
	s := after(t, thread.New("1", "2"), &threadv1.MessageReceived{Mid: "m", SentMs: 1000}, &threadv1.ConversationOpened{Id: "c", MessageTag: true},
		&threadv1.ConversationRouted{Queue: "front"}, &threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_PICKED})
	ask := func(hours int, sticker string) ([]*threadv1.Fact, error) {
		return thread.Request(s, time.UnixMilli(1000).Add(time.Duration(hours)*time.Hour), "c",
			&threadv1.SendRequested{Id: "s", Agent: "mila", Human: true, Parts: []string{thread.ThumbShows}, Sticker: sticker})
	}
	var refusal *thread.Refusal
	if _, err := ask(25, thread.Thumb); !errors.As(err, &refusal) || refusal.Reason != thread.WindowClosed {
		t.Errorf("on the second day: %v", err)
	}
	if _, err := ask(25, ""); err != nil {
		t.Errorf("a text on the second day: %v", err)
	}
	facts, err := ask(23, thread.Thumb)
	if err != nil {
		t.Fatal(err)
	}
	if one := thread.FindSend(after(t, s, facts[0].GetSendRequested()), "s"); !one.GetSticker() {
		t.Errorf("the state has %v", one)
	}
}
