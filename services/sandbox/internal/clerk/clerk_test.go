package clerk_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/parley-desk/parley/services/sandbox/internal/clerk"
)

// TestClerk: what the sample's bot answers, and whom. The signature is what
// openssl gives for the body, as docs/bot.md tells.
func TestClerk(t *testing.T) {
	const secret, body = "demo-bot-secret-0123456789", `{"event":{"type":"message","payload":"clerk:orders"},"page":{"language":"en"}}`
	const signed = "t=1790000000,v1=1e60842051280144343a990a782e0ceb445838377a3eedfd1f9632f5ad4ed34b"
	at := time.Unix(1_790_000_000, 0)
	for _, c := range []struct {
		name, method, signature, body string
		now                           time.Time
		status                        int
		says                          string
	}{
		{"a topic", http.MethodPost, signed, body, at, 200, `"variables":{"topic":"orders"},"then":"escalate"`},
		{"old", http.MethodPost, signed, body, at.Add(6 * time.Minute), 401, "old"},
		{"another body", http.MethodPost, signed, "{}", at, 401, "wrong"},
		{"no signature", http.MethodPost, "", body, at, 401, "wrong"},
		{"rubbish", http.MethodPost, "t=x,v1=zz", body, at, 401, "wrong"},
		{"a look", http.MethodGet, signed, body, at, 405, "POST only"},
		{"too much", http.MethodPost, signed, strings.Repeat("a", 1<<20), at, 413, "too large"},
	} {
		w, r := httptest.NewRecorder(), httptest.NewRequest(c.method, "/bot", strings.NewReader(c.body))
		r.Header.Set("Parley-Signature", c.signature)
		clerk.Handler(secret, func() time.Time { return c.now }).ServeHTTP(w, r)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s: %d %s", c.name, w.Code, w.Body)
		}
	}
}
