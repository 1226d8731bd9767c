package graph_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/secret"
)

func client(t *testing.T, base string, timeout time.Duration) *graph.Client {
	t.Helper()
	c, err := graph.New(graph.Config{BaseURL: base, Timeout: timeout}, slog.New(slog.DiscardHandler),
		prometheus.NewRegistry(), noop.NewTracerProvider().Tracer(""))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func page() graph.Page {
	return graph.Page{ID: "102030", AppSecret: secret.NewText("app-secret"), Token: secret.NewText("page-token"), Version: "v26.0"}
}

func message() graph.Message {
	return graph.Message{PSID: "4040", Text: "Добър ден", MessagingType: "MESSAGE_TAG", Tag: "HUMAN_AGENT", Metadata: "p1:x:0:1:00"}
}

// TestSendWritesWhatMetaAsksFor, with its token in a header and the proof that the app
// has the secret (SS7).
func TestSendWritesWhatMetaAsksFor(t *testing.T) {
	var got *http.Request
	var body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got, body = r, string(b)
		_, _ = io.WriteString(w, `{"recipient_id":"4040","message_id":"m_1"}`)
	}))
	defer server.Close()

	out := client(t, server.URL+"/graph/", 0).Send(t.Context(), page(), message())

	if out != (graph.Outcome{Class: graph.Sent, MessageID: "m_1"}) {
		t.Errorf("outcome %+v", out)
	}
	if got.Method != "POST" || got.URL.Path != "/graph/v26.0/102030/messages" {
		t.Errorf("request %s %s", got.Method, got.URL.Path)
	}
	if got.Header.Get("Authorization") != "Bearer page-token" || strings.Contains(got.URL.String(), "page-token") {
		t.Error("the token belongs in the Authorization header alone")
	}
	// echo -n page-token | openssl dgst -sha256 -hmac app-secret
	if p := got.URL.Query().Get("appsecret_proof"); p != "d8b448b9cc7d64c51098271805b3cc20b5b715e52bd587eb71b610259587c856" {
		t.Errorf("appsecret_proof %q", p)
	}
	if _, ok := got.Header["Idempotency-Key"]; ok {
		t.Error("an Idempotency-Key makes net/http repeat the POST")
	}
	want := `{"recipient":{"id":"4040"},"messaging_type":"MESSAGE_TAG","tag":"HUMAN_AGENT","message":{"text":"Добър ден","metadata":"p1:x:0:1:00"}}`
	if body != want {
		t.Errorf("body\n%s\nwant\n%s", body, want)
	}
}

// A connection that breaks after the request is the very case in which an HTTP
// client likes to try again; here it must not, neither on a fresh connection
// nor on one that was used before.
func TestABrokenConnectionIsNeverPostedTwice(t *testing.T) {
	for name, warm := range map[string]bool{"fresh connection": false, "used connection": true} {
		t.Run(name, func(t *testing.T) {
			var posts atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if r.Method == http.MethodGet {
					_, _ = io.WriteString(w, `{"data":[]}`)
					return
				}
				posts.Add(1)
				conn, _, err := w.(http.Hijacker).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				_ = conn.(*net.TCPConn).SetLinger(0) // reset, not close
				_ = conn.Close()
			}))
			defer server.Close()
			c := client(t, server.URL, time.Minute)
			if warm {
				if _, err := c.SubscribedApps(t.Context(), page()); err != nil {
					t.Fatal(err)
				}
			}
			out := c.Send(t.Context(), page(), message())
			if out.Class != graph.Uncertain || out.Reason != graph.ReasonReset {
				t.Errorf("outcome %+v, want uncertain RESET", out)
			}
			if n := posts.Load(); n != 1 {
				t.Errorf("%d POSTs, want 1", n)
			}
		})
	}
}

// A page is unsubscribed with its token, and in the name of the app when Meta
// does not take that; what is not answered is not tried in another way.
func TestUnsubscribe(t *testing.T) {
	const dead, gone = `{"error":{"message":"x","type":"OAuthException","code":190,"error_subcode":460}}`, `{"error":{"message":"x","type":"OAuthException","code":2}}`
	for name, c := range map[string]struct {
		answers []string // to the first call, the second
		calls   int
		kind    fault.Kind // of the error; -1: none
	}{
		"with the token":     {[]string{`{"success":true}`}, 1, -1},
		"the token is dead":  {[]string{dead, `{"success":true}`}, 2, -1},
		"the app is unknown": {[]string{dead, dead}, 2, fault.Denied},
		"Meta is away":       {[]string{gone}, 1, fault.Unavailable},
		"Meta did not do it": {[]string{`{"success":false}`, `{"success":false}`}, 2, fault.Precondition},
	} {
		t.Run(name, func(t *testing.T) {
			var tokens []string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body := c.answers[len(tokens)]
				tokens = append(tokens, r.Header.Get("Authorization"))
				if r.Method != http.MethodDelete || r.URL.Path != "/v26.0/102030/subscribed_apps" {
					t.Errorf("%s %s", r.Method, r.URL.Path)
				}
				if strings.Contains(body, `"error"`) {
					w.WriteHeader(http.StatusBadRequest)
				}
				_, _ = io.WriteString(w, body)
			}))
			defer server.Close()
			err := client(t, server.URL, time.Minute).Unsubscribe(t.Context(), page(), "42")
			if (err == nil) != (c.kind == -1) || err != nil && fault.KindOf(err) != c.kind {
				t.Errorf("got %v", err)
			}
			want := []string{"Bearer page-token", "Bearer 42|app-secret"}[:c.calls]
			if !slices.Equal(tokens, want) {
				t.Errorf("asked with %q, want %q", tokens, want)
			}
		})
	}
}

func TestNoConnectionIsLater(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	address := server.URL
	server.Close()
	if out := client(t, address, time.Minute).Send(t.Context(), page(), message()); out.Class != graph.Later || out.Reason != graph.ReasonUnreachable {
		t.Errorf("outcome %+v, want later UNREACHABLE", out)
	}
}

func TestFailedHandshakeIsLater(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler()) // of a name and issuer unknown to us
	defer server.Close()
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	if out := client(t, server.URL, time.Minute).Send(t.Context(), page(), message()); out.Class != graph.Later {
		t.Errorf("outcome %+v, want later", out)
	}
}

func TestNoAnswerInTimeIsUncertain(t *testing.T) {
	release := make(chan struct{})
	var asked atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Store(true); <-release }))
	defer server.Close()
	defer close(release)
	var out graph.Outcome
	for !asked.Load() { // a busy machine may not even connect in time, which is no doubt
		out = client(t, server.URL, 50*time.Millisecond).Send(t.Context(), page(), message())
	}
	if out.Class != graph.Uncertain || out.Reason != graph.ReasonTimeout {
		t.Errorf("outcome %+v, want uncertain TIMEOUT", out)
	}
}

func TestTheCallerGoingAwayDoesNotEndASend(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		cancel()
		_, _ = io.WriteString(w, `{"message_id":"m_1"}`)
	}))
	defer server.Close()
	if out := client(t, server.URL, 0).Send(ctx, page(), message()); out.Class != graph.Sent {
		t.Errorf("outcome %+v, want sent", out)
	}
}

func TestOddAnswersAreUncertain(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		},
		"no message": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"recipient_id":"4040"}`) },
		"html":       func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `<html>we are sorry</html>`) },
		"cut json":   func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"message_id":"m_`) },
		"html 502":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502); _, _ = io.WriteString(w, `<html>`) },
		"refusal 500": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(500)
			_, _ = io.WriteString(w, `{"error":{"code":190}}`)
		},
		"error 200": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"error":{"code":777}}`) },
		"mid in a 400": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(400)
			_, _ = io.WriteString(w, `{"message_id":"m_1","error":{"code":100}}`)
		},
		"endless": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"message_id":"`+strings.Repeat("m", 2<<20)+`"}`)
		},
		"short of its length": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"message_id":"m_1"}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var requests atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				answer(w, r)
			}))
			defer server.Close()
			if out := client(t, server.URL, time.Minute).Send(t.Context(), page(), message()); out.Class != graph.Uncertain || out.Reason == "" {
				t.Errorf("outcome %+v, want uncertain with a reason", out)
			}
			if n := requests.Load(); n != 1 {
				t.Errorf("%d requests, want 1", n)
			}
		})
	}
}

func TestHowLongToStayAway(t *testing.T) {
	for name, c := range map[string]struct {
		header, value string
		want          time.Duration
	}{
		"none":        {"X-None", "", 0},
		"seconds":     {"Retry-After", "30", 30 * time.Second},
		"absurd":      {"Retry-After", "999999999", 24 * time.Hour},
		"negative":    {"Retry-After", "-3", 0},
		"meta's":      {"X-Business-Use-Case-Usage", `{"1":[{"type":"messenger","estimated_time_to_regain_access":4},{"estimated_time_to_regain_access":2}]}`, 4 * time.Minute},
		"not in json": {"X-Business-Use-Case-Usage", `soon`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set(c.header, c.value)
				w.WriteHeader(400)
				_, _ = io.WriteString(w, `{"error":{"code":80006}}`)
			}))
			defer server.Close()
			out := client(t, server.URL, time.Minute).Send(t.Context(), page(), message())
			if out.Class != graph.Later || out.RetryAfter != c.want {
				t.Errorf("outcome %+v, want later after %s", out, c.want)
			}
		})
	}
}

func TestRecentMessages(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v26.0/102030/conversations" || r.URL.Query().Get("user_id") != "4040" {
			t.Errorf("asked for %s", r.URL)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"data": []any{map[string]any{"id": "t_1", "messages": map[string]any{"data": []any{
			map[string]any{"id": "m_2", "created_time": "2022-07-12T19:11:07+0000", "message": "Hi", "from": map[string]any{"id": "102030"}},
			map[string]any{"id": "m_1", "created_time": "UNIX-TIMESTAMP"},
		}}}}})
	}))
	defer server.Close()
	got, err := client(t, server.URL, 0).RecentMessages(t.Context(), page(), "4040")
	if err != nil {
		t.Fatal(err)
	}
	want := graph.Recent{MessageID: "m_2", From: "102030", Text: "Hi", Created: time.Date(2022, 7, 12, 19, 11, 7, 0, time.UTC)}
	if len(got) != 1 || got[0].MessageID != want.MessageID || got[0].From != want.From || got[0].Text != want.Text || !got[0].Created.Equal(want.Created) {
		t.Errorf("got %+v, want %+v alone", got, want)
	}
}
