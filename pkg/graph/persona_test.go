package graph_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/fault"
)

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
