package survey_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/secret"
	link "github.com/parley-desk/parley/pkg/survey"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/ingress/internal/survey"
)

// shelf is one thread as the bus keeps it.
type shelf struct {
	mu    sync.Mutex
	state *threadv1.State
	facts []*threadv1.Fact
	away  error
}

func (s *shelf) Load(context.Context, subject.Thread) (*threadv1.State, uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state, uint64(len(s.facts)), s.away
}

func (s *shelf) Update(_ context.Context, _ subject.Thread, decide func(*threadv1.State, uint64) ([]*threadv1.Fact, error)) (*threadv1.State, uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	facts, err := decide(s.state, 1)
	if err != nil {
		return nil, 0, err
	}
	c, err := thread.Extend(s.state, 1, time.UnixMilli(10), "test", facts...)
	if err != nil {
		return nil, 0, err
	}
	s.state, s.facts = c.GetState(), append(s.facts, facts...)
	return s.state, 2, nil
}

// desk is a page that is served, and what it is about.
type desk struct {
	*shelf
	serve http.Handler
	token string
	now   time.Time
}

func open(t interface{ Fatal(...any) }, language string, texts ...*configv1.SurveyTexts) *desk {
	box, err := secret.New()
	if err != nil {
		t.Fatal(err)
	}
	world := directory.NewSnapshot(&configv1.Page{Meta: &configv1.Meta{Id: "shop"}, PageId: "10", Workstream: "front"},
		&configv1.Workstream{Meta: &configv1.Meta{Id: "front"}, Survey: &configv1.Survey{Mode: configv1.SurveyMode_SURVEY_MODE_LINK, Texts: texts},
			Masks: []*configv1.MaskingRule{{Name: "digits", Pattern: `[0-9]{4,}`}}},
		&configv1.Agent{Meta: &configv1.Meta{Id: "mila", DisplayName: "Mila <b>Petrova</b>"}})
	d := &desk{shelf: &shelf{state: thread.New("10", "70")}, now: time.UnixMilli(5)}
	for _, k := range []any{&threadv1.ConversationOpened{Id: "c", Workstream: "front", Units: 1}, &threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_PICKED},
		&threadv1.ConversationEnded{Agent: "mila"}, &threadv1.SurveyAsked{Conversation: "c", Way: threadv1.SurveyWay_SURVEY_WAY_LINK, Lowest: 1, Highest: 5, Comment: true,
			Language: language, UntilMs: 1000, Workstream: "front", Agent: "mila"}} {
		if err := thread.Apply(d.state, 1, time.UnixMilli(1), thread.Of(k)); err != nil {
			t.Fatal(err)
		}
	}
	h := &survey.Handler{Threads: d, Snapshot: func() *directory.Snapshot { return world }, Now: func() time.Time { return d.now }, Wait: time.Minute,
		Log: slog.New(slog.DiscardHandler), Open: func(token string) (link.Link, error) { return link.Open(box, token) }}
	if d.serve, err = h.Serve(prometheus.NewRegistry()); err != nil {
		t.Fatal(err)
	}
	if d.token, err = (link.Link{Page: "10", PSID: "70", Conversation: "c"}).Seal(box); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *desk) ask(method, token string, form url.Values) (int, string, http.Header) {
	r := httptest.NewRequest(method, "/survey/"+token, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	w := httptest.NewRecorder()
	d.serve.ServeHTTP(w, r)
	body, _ := io.ReadAll(w.Body)
	return w.Code, string(body), w.Header()
}

// The page is looked at as often as somebody likes, Meta's preview of links
// included; it takes one answer, and tells kindly when there is none to take.
func TestAPageTakesOneAnswer(t *testing.T) {
	d := open(t, "bg")
	see := func(method string, form url.Values, status int, says string) {
		t.Helper()
		if code, body, _ := d.ask(method, d.token, form); code != status || !strings.Contains(body, says) {
			t.Fatalf("%d %s; want %d and %q", code, body, status, says)
		}
	}
	see("GET", nil, 200, "Доколко сте доволни")
	see("GET", nil, 200, `<html lang="bg">`)
	see("POST", url.Values{}, 422, "Моля, изберете оценка.")
	see("POST", url.Values{"rating": {"9"}, "comment": {"<script>alert(1)</script>"}}, 422, "&lt;script&gt;")
	see("POST", url.Values{"rating": {"4"}, "comment": {" добре 123456 \x00\r\n=1+1 "}}, 200, "Благодарим Ви за отговора!")
	see("POST", url.Values{"rating": {"1"}}, 200, "Вече сте отговорили.")
	see("GET", nil, 200, "Вече сте отговорили.")
	if len(d.facts) != 1 || d.facts[0].GetSurveyRated().GetRating() != 4 || d.facts[0].GetSurveyRated().GetComment() != "добре ###### \n=1+1" {
		t.Errorf("committed %v", d.facts)
	}
}

// What is no survey that waits.
func TestWhatAPageRefuses(t *testing.T) {
	d := open(t, "en")
	for name, token := range map[string]string{"nonsense": "x", "long": strings.Repeat("A", 600), "another byte": d.token[:40] + flip(d.token[40]) + d.token[41:], "cut": d.token[:len(d.token)-2], "dots": "..%2f"} {
		if code, body, _ := d.ask("GET", token, nil); code != 404 || !strings.Contains(body, "leads to no survey") {
			t.Errorf("%s: %d %s", name, code, body)
		}
	}
	other := open(t, "en")
	if code, _, _ := d.ask("GET", other.token, nil); code != 404 {
		t.Errorf("of another keyset: %d", code)
	}
	d.now = time.UnixMilli(1001)
	if code, body, _ := d.ask("POST", d.token, url.Values{"rating": {"4"}}); code != 410 || !strings.Contains(body, "The time for an answer is over.") {
		t.Errorf("late: %d %s", code, body)
	}
	d.away = errors.New("no broker")
	if code, body, head := d.ask("GET", d.token, nil); code != 503 || head.Get("Retry-After") == "" || !strings.Contains(body, "try again") {
		t.Errorf("without broker: %d %s", code, body)
	}
	if code, _, _ := d.ask("PUT", d.token, nil); code != 405 {
		t.Errorf("PUT: %d", code)
	}
}

// What administrators, agents and customers write stays text; the page has no
// script and its one style is the one that the policy lets it have.
func TestNothingWrittenBecomesAPage(t *testing.T) {
	d := open(t, "en", &configv1.SurveyTexts{Language: "en", Question: "How was {AgentName}? </legend><script>x</script>"})
	_, body, head := d.ask("GET", d.token, nil)
	if strings.Contains(body, "<script") || strings.Contains(body, "<b>") || !strings.Contains(body, "Mila &lt;b&gt;Petrova") {
		t.Errorf("%s", body)
	}
	_, rest, _ := strings.Cut(body, "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(style))
	policy := head.Get("Content-Security-Policy")
	if !strings.Contains(policy, base64.StdEncoding.EncodeToString(sum[:])) || !strings.HasPrefix(policy, "default-src 'none'") {
		t.Errorf("policy %s", policy)
	}
	for name, want := range map[string]string{"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Robots-Tag": "noindex", "X-Content-Type-Options": "nosniff"} {
		if head.Get(name) != want {
			t.Errorf("%s: %q", name, head.Get(name))
		}
	}
}

// Two who send the form at once: one answer.
func TestTwoAtOnce(t *testing.T) {
	d := open(t, "en")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { d.ask("POST", d.token, url.Values{"rating": {"5"}}) })
	}
	all.Wait()
	if len(d.facts) != 1 {
		t.Errorf("%d answers", len(d.facts))
	}
}

// Whatever is sent, the answer is a whole page, and what is kept is clean.
func TestHostileForms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := open(t, "en")
		text := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "comment")
		code, body, _ := d.ask("POST", d.token, url.Values{"rating": {rapid.OneOf(rapid.SampledFrom([]string{"1", "5", "05", "+3", "6", "-1", "1e0"}), rapid.String()).Draw(t, "rating")}, "comment": {text}})
		if code != 200 && code != 422 || !strings.HasSuffix(body, "</html>\n") || strings.Contains(body, "<script") {
			t.Fatalf("%d %s", code, body)
		}
		for _, f := range d.facts {
			r := f.GetSurveyRated()
			if r.GetRating() < 1 || r.GetRating() > 5 || strings.ContainsAny(r.GetComment(), "\x00\r\x1b") || len([]rune(r.GetComment())) > 2000 {
				t.Fatalf("kept %v", r)
			}
		}
	})
}

func flip(b byte) string {
	if b == 'x' {
		return "y"
	}
	return "x"
}
