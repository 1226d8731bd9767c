package scenario_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
)

// gust is what befalls a share of the calls.
type gust struct {
	share float64
	do    map[string]any
}

// weather is what befalls calls of the Graph API: about every third message.
// Whether a call took effect, what its caller hears of it, and when its echo
// comes are independent of each other, at Meta as here.
func weather() []gust {
	return []gust{
		// Nothing arrives, and the caller cannot know: the agent is asked.
		{0.02, map[string]any{"do": "reset"}},
		{0.01, map[string]any{"do": "stall", "stall_ms": 4000}},
		{0.01, map[string]any{"do": "html"}},
		{0.01, map[string]any{"do": "server_error"}},
		// It arrives, and the answer does not say so: the echo tells.
		{0.03, map[string]any{"do": "deliver_then_reset"}},
		{0.03, map[string]any{"do": "deliver_then_500"}},
		{0.02, map[string]any{"do": "error_delivered"}},
		{0.01, map[string]any{"do": "deliver_then_html"}},
		{0.01, map[string]any{"do": "deliver_then_stall", "stall_ms": 4000}},
		{0.01, map[string]any{"do": "cut_json"}},
		{0.01, map[string]any{"do": "no_message_id"}},
		// The echo does not either, or too late: the conversation is read.
		{0.02, map[string]any{"do": "deliver_then_reset", "echo": "lost"}},
		{0.01, map[string]any{"do": "deliver_then_500", "echo": "lost", "no_receipt": true}},
		{0.01, map[string]any{"do": "deliver_then_500", "echo": "late", "echo_ms": 9000}},
		{0.02, map[string]any{"do": "deliver_then_html", "echo": "late", "echo_ms": 2000}},
		// All is well, but for the echo.
		{0.03, map[string]any{"do": "ok", "echo": "late", "echo_ms": 2000}},
		{0.03, map[string]any{"do": "ok", "echo": "before"}},
		{0.02, map[string]any{"do": "ok", "echo": "lost"}},
		{0.02, map[string]any{"do": "ok", "stall_ms": 800, "echo": "before"}},
		// Definite answers: not now, or no.
		{0.02, map[string]any{"do": "error", "code": 80006}},
		{0.02, map[string]any{"do": "error", "code": 613, "status": 429}},
		{0.01, map[string]any{"do": "error", "code": 551, "subcode": 1545041}},
		{0.01, map[string]any{"do": "error", "code": 100, "subcode": 2018001}},
	}
}

// blow lets the weather begin. The same seed is the same fate for the same
// message, however the processes happen to run.
func (h *house) blow(seed uint64) {
	h.t.Helper()
	var rules []map[string]any
	left := 1.0 // a rule sees what the ones before it leave
	for _, g := range weather() {
		g.do["match"] = map[string]any{"probability": g.share / left}
		left -= g.share
		rules = append(rules, g.do)
	}
	// A reading of the conversation that fails leaves more to the agent.
	rules = append(rules, map[string]any{"do": "server_error", "match": map[string]any{"call": "conversations", "probability": 0.3}})
	raw, err := json.Marshal(map[string]any{"seed": seed, "rules": rules})
	if err != nil {
		h.t.Fatal(err)
	}
	resp, err := http.Post(h.sandbox+"/sandbox/script", "application/json", bytes.NewReader(raw))
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	if said, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		h.t.Fatalf("the sandbox refuses the weather: %s", said)
	}
}
