package sandbox_test

import (
	"net/http"
	"strings"
	"testing"
)

// The endpoints by which another app acts on a thread refuse what cannot be,
// and no message comes of what was refused.
func TestControlRefusesWhatCannotBe(t *testing.T) {
	m := start(t, config(t, newIngress(t)))
	m.write("404040", "Добър ден")
	for name, c := range map[string]struct {
		path, body string
		status     int
	}{
		"no way":              {"404040/control", `{}`, 400},
		"an unknown way":      {"404040/control", `{"how":"steal"}`, 400},
		"no id of an app":     {"404040/control", `{"how":"take","app":"../x"}`, 400},
		"our own app":         {"404040/control", `{"how":"take","app":"424242424242424"}`, 400},
		"nobody":              {"505050/control", `{"how":"take"}`, 404},
		"not JSON":            {"404040/control", `{"how":`, 400},
		"a list":              {"404040/control", `[]`, 400},
		"no text":             {"404040/replies", `{}`, 400},
		"a reply of ours":     {"404040/replies", `{"text":"x","app":"424242424242424"}`, 400},
		"a reply of no app":   {"404040/replies", `{"text":"x","app":"a"}`, 400},
		"a reply to nobody":   {"505050/replies", `{"text":"x"}`, 404},
		"a reply of a number": {"404040/replies", `{"text":7}`, 400},
	} {
		resp, err := http.Post(m.url+"/sandbox/customers/"+page+"/"+c.path, "application/json", strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != c.status {
			t.Errorf("%s: status %d, want %d", name, resp.StatusCode, c.status)
		}
		if n := len(m.sends()); n != 0 {
			t.Errorf("%s: %d messages came of it", name, n)
		}
	}
}

// The thread goes to the default app of a page alone.
func TestTakeThreadControl(t *testing.T) {
	for name, c := range map[string]struct {
		defaultApp bool
		psid       string
		status     int
		code       int
	}{
		"the default app": {true, "404040", 200, 0},
		"no default app":  {false, "404040", 400, 27},
		"nobody":          {true, "505050", 400, 100},
	} {
		cfg := config(t, newIngress(t))
		cfg.DefaultApp = c.defaultApp
		m := start(t, cfg)
		m.write("404040", "Добър ден")
		m.post("/sandbox/customers/"+page+"/404040/control", map[string]string{"how": "take"})
		got := read(m.graph(t.Context(), http.MethodPost, "/"+page+"/take_thread_control", map[string]any{"recipient": map[string]string{"id": c.psid}}))
		if got.err != nil || got.status != c.status || got.code != c.code {
			t.Errorf("%s: %d %s %v, want %d and code %d", name, got.status, got.raw, got.err, c.status, c.code)
		}
	}
}
