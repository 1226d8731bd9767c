package graph_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/fault"
)

// TestAnIDLeadsNowhereElse has ids that would turn a call about one object into a
// call about another: Meta is not asked.
func TestAnIDLeadsNowhereElse(t *testing.T) {
	asked := make(chan string, 16)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.RequestURI
		_, _ = io.WriteString(w, `{"success":true}`)
	}))
	t.Cleanup(server.Close)
	c := client(t, server.URL, time.Minute)
	for _, id := range []string{"", ".", ".."} {
		if err := c.DeletePersona(t.Context(), page(), id); err == nil {
			t.Errorf("%q was deleted", id)
		}
	}
	if err := c.DeletePersona(t.Context(), page(), "../7?x#y"); err != nil {
		t.Error(err)
	}
	if call := <-asked; !strings.HasPrefix(call, "DELETE /v26.0/..%2F7%3Fx%23y") {
		t.Errorf("asked %q", call)
	}
}

func TestPersonasOnTheWire(t *testing.T) {
	answer, calls := `{"id":"77"}`, []string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := map[string]any{}
		_ = json.NewDecoder(r.Body).Decode(&body)
		if body["name"] != nil {
			same(t, body, `{"name":"Мими","profile_picture_url":"https://example.com/m.png"}`)
		}
		calls = append(calls, r.Method+" "+r.URL.Path)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	c := client(t, server.URL, time.Minute)
	id, err := c.CreatePersona(t.Context(), page(), "Мими", "https://example.com/m.png")
	if id != "77" || err != nil {
		t.Errorf("made %q: %v", id, err)
	}
	if err := c.DeletePersona(t.Context(), page(), "77"); err != nil {
		t.Error(err)
	}
	if calls[0] != "POST /v26.0/"+page().ID+"/personas" || calls[1] != "DELETE /v26.0/77" {
		t.Errorf("called %q", calls)
	}
	answer = `{}`
	if _, err := c.CreatePersona(t.Context(), page(), "Мими", "https://example.com/m.png"); !fault.Is(err, fault.Unavailable) {
		t.Errorf("no id is %v", err)
	}
	answer = `{"error":{"message":"(#100) no","type":"OAuthException","code":100}}`
	if _, err := c.CreatePersona(t.Context(), page(), "Мими", "https://example.com/m.png"); !fault.Is(err, fault.Precondition) {
		t.Errorf("a no is %v", err)
	}
}
