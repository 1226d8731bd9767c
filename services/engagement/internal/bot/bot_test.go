package bot_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/webhook"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/engagement/internal/bot"
)

const secret = "a-secret-of-the-bot"

var noon = time.UnixMilli(1_790_000_000_000)

func now() time.Time { return noon }

func front(b *configv1.Bot) *configv1.Workstream {
	return &configv1.Workstream{Meta: &configv1.Meta{Id: "front"}, Bot: b, Variables: []*configv1.Variable{
		{Name: "topic", Type: configv1.VariableType_VARIABLE_TYPE_TEXT, Initial: "none"}, {Name: "order", Type: configv1.VariableType_VARIABLE_TYPE_NUMBER}}}
}

var all = &configv1.Bot{MaySetVariables: true, MayEnd: true}

// TestReplies: what an answer may be, and why it is none otherwise.
func TestReplies(t *testing.T) {
	many := func(n int, one string) string { return strings.TrimSuffix(strings.Repeat(one+",", n), ",") }
	for _, c := range []struct {
		name, body string
		bot        *configv1.Bot
		want       threadv1.BotReason
		detail     string
	}{
		{"nothing", ``, all, 0, ""},
		{"an empty answer", `{"version":1}`, all, 0, ""},
		{"a text", `{"version":1,"messages":[{"text":"Здравейте"}]}`, all, 0, ""},
		{"quick replies", `{"version":1,"messages":[{"text":"?","quick_replies":[{"title":"Yes","payload":"y"},{"title":"No"}]}]}`, all, 0, ""},
		{"variables", `{"version":1,"variables":{"topic":"orders","order":12}}`, all, 0, ""},
		{"a variable emptied", `{"version":1,"variables":{"topic":""}}`, all, 0, ""},
		{"escalate", `{"version":1,"then":"escalate","summary":"angry"}`, all, 0, ""},
		{"end", `{"version":1,"then":"end"}`, all, 0, ""},
		{"a page of HTML", `<html>`, all, bad, "it is not an answer"},
		{"half an answer", `{"version":1,"messages":[`, all, bad, "it is not an answer"},
		{"a list", `[]`, all, bad, "it is not an answer"},
		{"two answers", `{"version":1}{"version":1}`, all, bad, "there is more after it"},
		{"misspelt", `{"version":1,"mesages":[]}`, all, bad, `unknown field "mesages"`},
		{"no version", `{"messages":[]}`, all, bad, "version is 0; this house understands 1"},
		{"of later", `{"version":2}`, all, bad, "version is 2"},
		{"an empty text", `{"version":1,"messages":[{"text":"  "}]}`, all, bad, "messages[0].text has 2 characters"},
		{"a long text", `{"version":1,"messages":[{"text":"` + strings.Repeat("я", 20_001) + `"}]}`, all, bad, "messages[0].text has 20001 characters; 1 to 20000"},
		{"many messages", `{"version":1,"messages":[` + many(11, `{"text":"a"}`) + `]}`, all, bad, "it has 11 messages; at most 10"},
		{"many quick replies", `{"version":1,"messages":[{"text":"?","quick_replies":[` + many(14, `{"title":"a"}`) + `]}]}`, all, bad, "14 quick replies; at most 13"},
		{"a quick reply without title", `{"version":1,"messages":[{"text":"?","quick_replies":[{"payload":"a"}]}]}`, all, bad, "title has 0 characters"},
		{"a long title", `{"version":1,"messages":[{"text":"?","quick_replies":[{"title":"abcdefghijklmnopqrstu"}]}]}`, all, bad, "title has 21 characters; 1 to 20"},
		{"the house's own payload", `{"version":1,"messages":[{"text":"?","quick_replies":[{"title":"a","payload":"parley:agree:1"}]}]}`, all, bad, "the house's own"},
		{"a variable that is not declared", `{"version":1,"variables":{"tier":"gold"}}`, all, bad, `variable "tier" is not declared in workstream front`},
		{"a number that is none", `{"version":1,"variables":{"order":"twelve"}}`, all, bad, "variable order cannot have that value"},
		{"a variable that is a list", `{"version":1,"variables":{"topic":[1]}}`, all, bad, "neither a text nor a number"},
		{"a variable that is null", `{"version":1,"variables":{"topic":null}}`, all, bad, "neither a text nor a number"},
		{"a long value", `{"version":1,"variables":{"topic":"` + strings.Repeat("a", 4001) + `"}}`, all, bad, "variable topic cannot have that value"},
		{"something else then", `{"version":1,"then":"sing"}`, all, bad, `then is "sing"; leave it out, or use escalate or end`},
		{"a summary for nobody", `{"version":1,"summary":"x"}`, all, bad, "summary goes with then escalate alone"},
		{"may not set", `{"version":1,"variables":{"topic":"orders"}}`, &configv1.Bot{MayEnd: true}, not, "bot.may_set_variables of workstream front is off"},
		{"may not end", `{"version":1,"then":"end"}`, &configv1.Bot{MaySetVariables: true}, not, "bot.may_end is off"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, trouble := bot.Read([]byte(c.body), front(c.bot), "c", 7, noon)
			switch {
			case c.want == 0 && trouble != nil:
				t.Fatalf("refused: %s", trouble.Detail)
			case c.want == 0 && (a.Ask != 7 || a.Conversation != "c"):
				t.Fatalf("an answer to something else: %v", a)
			case c.want != 0 && (trouble == nil || trouble.Reason != c.want || !strings.Contains(trouble.Detail, c.detail)):
				t.Fatalf("%v, want %v: %s", trouble, c.want, c.detail)
			}
			if len(c.detail) > 0 && len(trouble.Detail) > 300 {
				t.Errorf("a detail of %d bytes", len(trouble.Detail))
			}
		})
	}
}

const (
	bad = threadv1.BotReason_BOT_REASON_BAD_ANSWER
	not = threadv1.BotReason_BOT_REASON_NOT_ALLOWED
)

// TestOneAnswerTwiceIsOneSetOfMessages: whoever reads it, its messages have the
// same ids, none is a person's, and a number is kept as it is written.
func TestOneAnswerTwiceIsOneSetOfMessages(t *testing.T) {
	body := []byte(`{"version":1,"messages":[{"text":"a"},{"text":"b"}],"variables":{"order":12.50}}`)
	first, _ := bot.Read(body, front(all), "c", 7, noon)
	second, _ := bot.Read(body, front(all), "c", 7, noon.Add(time.Second))
	if first.Messages[0].GetId() != second.Messages[0].GetId() || first.Messages[0].GetId() == first.Messages[1].GetId() {
		t.Errorf("%v and %v", first.Messages, second.Messages)
	}
	if first.Messages[0].GetHuman() || first.Variables["order"] != "12.50" {
		t.Errorf("%v", first)
	}
	if other, _ := bot.Read(body, front(all), "c", 8, noon); other.Messages[0].GetId() == first.Messages[0].GetId() {
		t.Error("two answers, one id")
	}
}

// TestRequest is what a bot is told.
func TestRequest(t *testing.T) {
	world := directory.NewSnapshot(front(&configv1.Bot{MaySetVariables: true, LimitSeconds: 3}),
		&configv1.Page{Meta: &configv1.Meta{Id: "shop"}, PageId: "10", Workstream: "front", Language: "bg"})
	s := &threadv1.State{Page: "10", Psid: "70", Customer: &threadv1.Customer{Name: "Ана"},
		Conversation: &threadv1.Conversation{Id: "c", Workstream: "front", OpenedMs: 5, Variables: map[string]string{"order": "12"}}}
	event, meant := bot.Said(&threadv1.Commit{Facts: []*threadv1.Fact{
		{Kind: &threadv1.Fact_MessageReceived{MessageReceived: &threadv1.MessageReceived{Mid: "m", Text: "Да", QuickReply: "yes", SentMs: 4,
			Attachments: []*threadv1.Attachment{{Type: "image", Url: "https://cdn/x"}}}}},
		{Kind: &threadv1.Fact_ConversationOpened{ConversationOpened: &threadv1.ConversationOpened{Id: "c"}}}}})
	body, err := bot.Ask(world, s, 9, event)
	if err != nil || !meant {
		t.Fatal(err, meant)
	}
	const want = `{"version":1,"id":"c:9","conversation":{"id":"c","workstream":"front","opened_ms":5,"variables":{"order":"12","topic":"none"}},` +
		`"page":{"id":"10","language":"bg"},"customer":{"psid":"70","name":"Ана"},` +
		`"event":{"type":"message","opens":true,"mid":"m","text":"Да","payload":"yes","attachments":["image"],"sent_ms":4},"may":["escalate","set_variables"],"limit_ms":3000}`
	if string(body) != want {
		t.Errorf("asked\n%s\nwant\n%s", body, want)
	}
	if _, meant := bot.Said(&threadv1.Commit{Facts: []*threadv1.Fact{{Kind: &threadv1.Fact_MessageReceived{
		MessageReceived: &threadv1.MessageReceived{Mid: "m", Text: "I agree", QuickReply: "parley:agree:1"}}}}}); meant {
		t.Error("a bot is asked what the customer said to the house")
	}
}

// TestFailures: whatever a bot does, there is one reason, in bounded time, and
// nothing of what it sent is repeated.
func TestFailures(t *testing.T) {
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		want    threadv1.BotReason
		detail  string
		calls   int32
	}{
		{"an error", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, threadv1.BotReason_BOT_REASON_FAILED, "status 503", 2},
		{"too many requests", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) }, threadv1.BotReason_BOT_REASON_FAILED, "status 429", 2},
		{"not found", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, threadv1.BotReason_BOT_REASON_FAILED, "status 404", 1},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/latest", http.StatusTemporaryRedirect)
		}, threadv1.BotReason_BOT_REASON_FAILED, "status 307", 1},
		{"10 MB", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 10<<20)) }, threadv1.BotReason_BOT_REASON_TOO_LARGE, "more than 256 KiB", 1},
		{"never", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, threadv1.BotReason_BOT_REASON_LATE, "no answer in time", 1},
		{"a little, and then nothing", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "{")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, threadv1.BotReason_BOT_REASON_LATE, "no answer in time", 1},
		{"it hangs up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, threadv1.BotReason_BOT_REASON_UNREACHABLE, "the connection failed", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			var calls atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				calls.Add(1)
				_, _ = io.Copy(io.Discard, r.Body) // else the server does not see the caller leave
				c.handler(w, r)
			}))
			defer server.Close()
			limit := time.Minute // who answers is not late on a busy machine
			if c.want == threadv1.BotReason_BOT_REASON_LATE {
				limit = 2 * time.Second
			}
			_, trouble := bot.NewCaller(true, now).Ask(t.Context(), server.URL, secret, "c:1", []byte("{}"), limit)
			if trouble == nil || trouble.Reason != c.want || !strings.Contains(trouble.Detail, c.detail) || calls.Load() != c.calls {
				t.Errorf("%v after %d calls, want %v: %s after %d", trouble, calls.Load(), c.want, c.detail, c.calls)
			}
		})
	}
}

func TestABotThatIsNotThere(t *testing.T) {
	_, trouble := bot.NewCaller(true, now).Ask(t.Context(), "http://127.0.0.1:1", secret, "c:1", nil, time.Minute)
	if trouble == nil || trouble.Reason != threadv1.BotReason_BOT_REASON_UNREACHABLE || trouble.Detail != "it refuses the connection" {
		t.Errorf("%v", trouble)
	}
}

// TestWhereABotMayBe: this machine by setting alone, and the place of a cloud's
// keys never, whatever a name leads to.
func TestWhereABotMayBe(t *testing.T) {
	var asked atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Store(true) }))
	defer server.Close()
	if _, trouble := bot.NewCaller(false, now).Ask(t.Context(), server.URL, secret, "c:1", nil, time.Minute); trouble == nil || asked.Load() {
		t.Errorf("this machine was asked: %v", trouble)
	}
	for _, address := range []string{"http://169.254.169.254/latest", "http://[fe80::1]/", "http://0.0.0.0:1/", "http://[::ffff:169.254.169.254]/",
		"http://[fd00:ec2::254]/latest", "http://[64:ff9b::a9fe:a9fe]/", "http://[2002:a9fe:a9fe::1]/", "http://100.100.100.200/"} {
		_, trouble := bot.NewCaller(true, now).Ask(t.Context(), address, secret, "c:1", nil, time.Minute)
		if trouble == nil || trouble.Reason != threadv1.BotReason_BOT_REASON_UNREACHABLE || !strings.Contains(trouble.Detail, "no bot may have") {
			t.Errorf("%s: %v", address, trouble)
		}
	}
	for address, permitted := range map[string][2]bool{ // without and with the setting
		"https://bot.example.com/x": {true, true}, "http://127.0.0.1:1/bot": {false, true}, "ftp://x": {false, false}, "bot": {false, false},
	} {
		for i, loopback := range []bool{false, true} {
			if is := bot.NewCaller(loopback, now).Permits(address) == nil; is != permitted[i] {
				t.Errorf("%s with loopback %t: %t", address, loopback, is)
			}
		}
	}
}

// TestSignature: a bot can tell that it is asked by this house, and when.
func TestSignature(t *testing.T) {
	body := []byte(`{"version":1}`)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, _ := io.ReadAll(r.Body)
		if r.Header.Get(webhook.Signature) != webhook.Sign(secret, noon, got) || r.Header.Get(webhook.ID) != "c:1" ||
			r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		_ = json.NewEncoder(w).Encode(map[string]int{"version": 1})
	}))
	defer server.Close()
	answer, trouble := bot.NewCaller(true, now).Ask(context.Background(), server.URL, secret, "c:1", body, time.Minute)
	if trouble != nil || string(answer) != "{\"version\":1}\n" {
		t.Errorf("%q, %v", answer, trouble)
	}
	const known = "t=1790000000,v1=" // what openssl says of the same: see docs/bot.md
	if got := webhook.Sign(secret, noon, body); !strings.HasPrefix(got, known) || len(got) != len(known)+64 {
		t.Errorf("%s", got)
	}
}

// TestRests: a bot that fails again and again is left alone, and one customer
// finds out whether it is back.
func TestRests(t *testing.T) {
	var r bot.Rests
	at := noon
	for n := range 5 {
		if !r.Asks("b", at) {
			t.Fatalf("left alone after %d failures", n)
		}
		r.Had("b", true, at)
	}
	if r.Asks("b", at) || !r.Asks("other", at) || r.Resting(at) != 1 {
		t.Error("it is asked on, or others are not")
	}
	at = at.Add(30 * time.Second)
	if !r.Asks("b", at) || r.Asks("b", at) {
		t.Error("not one finds out")
	}
	r.Had("b", false, at)
	if fmt.Sprint(r.Asks("b", at), r.Asks("b", at), r.Resting(at)) != "true true 0" {
		t.Error("it is back and not asked")
	}
}
