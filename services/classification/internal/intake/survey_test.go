package intake_test

import (
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// L113: what a customer pressed in a survey opens no conversation and wakes none;
// anything else does.
func TestAnswersToSurveysOpenNothing(t *testing.T) {
	s := thread.New(page, psid)
	for _, k := range []any{&threadv1.ConversationOpened{Id: "c", Units: 1}, &threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_PICKED},
		&threadv1.ConversationEnded{Agent: "mila"}, &threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_WRAPPED_UP, By: "mila"},
		&threadv1.SurveyAsked{Conversation: "c", Way: threadv1.SurveyWay_SURVEY_WAY_CONVERSATION, Lowest: 1, Highest: 5, Comment: true, UntilMs: noon + hours}} {
		if err := thread.Apply(s, 1, time.UnixMilli(noon), thread.Of(k)); err != nil {
			t.Fatal(err)
		}
	}
	press := func(mid, payload string) string {
		return item(`"message":{"mid":"` + mid + `","text":"x","quick_reply":{"payload":"` + payload + `"}}`)
	}
	write, _ := thread.SurveyWords("c")
	for _, c := range []struct{ name, raw, want string }{
		{"a rating", press("m1", thread.SurveyRating("c", 4)), "message_received survey_rated"},
		{"the same event again", press("m1", thread.SurveyRating("c", 4)), ""},
		{"another press", press("m2", thread.SurveyRating("c", 5)), "message_received"},
		{"of a survey long ago", press("m3", thread.SurveyRating("b", 5)), "message_received"},
		{"a few words follow", press("m4", write), "message_received survey_comment_chosen"},
		{"a picture meanwhile is no answer", item(`"message":{"mid":"m5","attachments":[{"type":"image","payload":{"url":"https://x/a.png"}}]}`), "message_received conversation_opened"},
	} {
		if got := kinds(file(t, s, input(c.raw))); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if s.GetConversation().GetId() != "c1" || s.GetUnanswered() != 1 {
		t.Errorf("%d without an answer in %s", s.GetUnanswered(), s.GetConversation().GetId())
	}
	if err := thread.Apply(s, 1, time.UnixMilli(noon), thread.Of(&threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_PICKED})); err != nil {
		t.Fatal(err)
	}
	if err := thread.Apply(s, 1, time.UnixMilli(noon), thread.Of(&threadv1.ConversationParked{Agent: "mila"})); err != nil {
		t.Fatal(err)
	}
	if got := kinds(file(t, s, input(press("m6", thread.SurveyRating("c", 5))))); got != "message_received" {
		t.Errorf("a press in a conversation that waits: %s", got)
	}
	if got := kinds(file(t, s, input(item(`"message":{"mid":"m7","text":"hm"}`)))); got != "message_received conversation_revived" {
		t.Errorf("a text in another conversation: %s", got)
	}
}

// The few words are masked as any text, and are nobody's to answer.
func TestTheFewWordsOpenNothing(t *testing.T) {
	s := thread.New(page, psid)
	for _, k := range []any{&threadv1.ConversationOpened{Id: "c", Units: 1}, &threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_FORCED},
		&threadv1.SurveyAsked{Conversation: "c", Way: threadv1.SurveyWay_SURVEY_WAY_CONVERSATION, Lowest: 1, Highest: 5, Comment: true, UntilMs: noon + hours},
		&threadv1.SurveyRated{Conversation: "c", Rating: 5}, &threadv1.SurveyCommentChosen{Conversation: "c", Writes: true, PressedMs: noon}} {
		if err := thread.Apply(s, 1, time.UnixMilli(noon), thread.Of(k)); err != nil {
			t.Fatal(err)
		}
	}
	if got := kinds(file(t, s, input(item(`"message":{"mid":"m1","text":"well done"}`)))); got != "message_received survey_commented" {
		t.Errorf("the words: %s", got)
	}
	if got := kinds(file(t, s, input(item(`"message":{"mid":"m2","text":"and my parcel?"}`)))); got != "message_received conversation_opened" {
		t.Errorf("what comes after: %s", got)
	}
}
