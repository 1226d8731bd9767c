package sandbox_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/parley-desk/parley/pkg/graph"
	sealed "github.com/parley-desk/parley/pkg/secret"
)

// metaError is an error of Meta's that a script asks for, and what the house
// must make of it.
type metaError struct {
	code, sub, status int
	transient         bool
	class             graph.Class
	reason            string
}

// any400 is the status that Meta gives most errors; it says nothing.
const any400 = http.StatusBadRequest

// metaErrors are those of Meta's error table that a call of the Send API can meet.
func metaErrors() []metaError { return append(passing(), final()...) }

// passing are those after which a message may have arrived, or may later.
func passing() []metaError {
	return []metaError{
		{1, 0, 500, false, graph.Uncertain, graph.ReasonServerError},
		{1, 1357046, 500, false, graph.Uncertain, graph.ReasonServerError},
		{2, 0, 503, true, graph.Uncertain, graph.ReasonServerError},
		{2, 0, any400, true, graph.Uncertain, graph.ReasonServerError},
		{-1, 2018012, any400, false, graph.Uncertain, graph.ReasonServerError},
		{1200, 0, any400, false, graph.Uncertain, graph.ReasonServerError},
		{4, 0, 403, false, graph.Later, graph.ReasonThrottled},
		{17, 0, any400, false, graph.Later, graph.ReasonThrottled},
		{32, 0, any400, false, graph.Later, graph.ReasonThrottled},
		{341, 0, any400, false, graph.Later, graph.ReasonThrottled},
		{613, 0, any400, false, graph.Later, graph.ReasonThrottled},
		{613, 2534040, any400, false, graph.Later, graph.ReasonThrottled},
		{80001, 0, any400, false, graph.Later, graph.ReasonThrottled},
		{80006, 0, any400, true, graph.Later, graph.ReasonThrottled},
		{80006, 0, 429, false, graph.Later, graph.ReasonThrottled},

		{10, 0, 403, false, graph.Parked, graph.ReasonPermissionMissing},
		{200, 0, 403, false, graph.Parked, graph.ReasonPermissionMissing},
		{230, 0, 403, false, graph.Parked, graph.ReasonPermissionMissing},
		{299, 0, 403, false, graph.Parked, graph.ReasonPermissionMissing},
		{3, 0, any400, false, graph.Parked, graph.ReasonPermissionMissing},

		{190, 0, 401, false, graph.Parked, graph.ReasonPageDisconnected},
		{190, 458, any400, false, graph.Parked, graph.ReasonPageDisconnected},
		{190, 459, any400, false, graph.Parked, graph.ReasonPageDisconnected},
		{190, 460, any400, false, graph.Parked, graph.ReasonPageDisconnected},
		{190, 463, any400, false, graph.Parked, graph.ReasonPageDisconnected},
		{190, 464, any400, false, graph.Parked, graph.ReasonPageDisconnected},
		{190, 467, any400, false, graph.Parked, graph.ReasonPageDisconnected},
		{190, 492, any400, false, graph.Parked, graph.ReasonPageDisconnected},
	}
}

// final are the refusals.
func final() []metaError {
	return []metaError{
		{1, 99, any400, false, graph.Refused, graph.ReasonPermissionMissing},
		{1, 2018382, any400, false, graph.Refused, graph.ReasonInvalidRequest},
		{2, 2018344, any400, false, graph.Refused, graph.ReasonTermsOpen},

		{613, 2018338, any400, false, graph.Refused, graph.ReasonPersonBothered},
		{613, 1893016, any400, false, graph.Refused, graph.ReasonPersonBothered},
		{4, 2018354, any400, false, graph.Refused, graph.ReasonPersonBothered},
		{9, 2018352, any400, false, graph.Refused, graph.ReasonPersonBothered},

		{368, 0, any400, false, graph.Refused, graph.ReasonPageRestricted},
		{10, 1893063, any400, false, graph.Refused, graph.ReasonPageRestricted},
		{10, 1404170, any400, false, graph.Refused, graph.ReasonPageRestricted},
		{2022, 0, any400, false, graph.Refused, graph.ReasonPageRestricted},

		{10, 2018278, 403, false, graph.Refused, graph.ReasonWindowClosed},
		{10, 2018278, 200, false, graph.Refused, graph.ReasonWindowClosed},
		{10, 2018065, any400, false, graph.Refused, graph.ReasonWindowClosed},
		{10, 2534022, any400, false, graph.Refused, graph.ReasonWindowClosed},

		{10, 2018108, any400, false, graph.Refused, graph.ReasonPersonUnavailable},
		{551, 0, any400, false, graph.Refused, graph.ReasonPersonUnavailable},
		{551, 1545041, any400, false, graph.Refused, graph.ReasonPersonUnavailable},
		{200, 1545041, 403, false, graph.Refused, graph.ReasonPersonUnavailable},
		{1545041, 0, any400, false, graph.Refused, graph.ReasonPersonUnavailable},

		{10, 2018300, any400, false, graph.Refused, graph.ReasonThreadOwned},
		{10, 2018321, any400, false, graph.Refused, graph.ReasonThreadOwned},
		{100, 2534037, any400, false, graph.Refused, graph.ReasonThreadOwned},
		{27, 0, any400, false, graph.Refused, graph.ReasonThreadOwned},

		{200, 2018028, 403, false, graph.Refused, graph.ReasonAppNotLive},
		{200, 2018027, 403, false, graph.Refused, graph.ReasonAppNotLive},

		{100, 2018001, any400, false, graph.Refused, graph.ReasonPersonUnavailable},
		{100, 33, any400, false, graph.Refused, graph.ReasonPersonUnavailable},
		{100, 0, any400, false, graph.Refused, graph.ReasonInvalidRequest},
		{100, 2018034, any400, false, graph.Refused, graph.ReasonInvalidRequest},
		{100, 2018218, any400, false, graph.Refused, graph.ReasonInvalidRequest},
		{100, 2018247, any400, false, graph.Refused, graph.ReasonInvalidRequest},
		{100, 2018008, any400, false, graph.Refused, graph.ReasonMediaRefused},
		{100, 2018047, any400, false, graph.Refused, graph.ReasonMediaRefused},
		{100, 2018109, any400, false, graph.Refused, graph.ReasonMediaRefused},
		{100, 2018294, any400, false, graph.Refused, graph.ReasonMediaRefused},
		{100, 2018074, any400, false, graph.Refused, graph.ReasonMediaRefused},

		{9000001, 0, any400, false, graph.Refused, graph.ReasonMessageGone},
	}
}

// Every error of Meta's table can be scripted, and the house understands it.
func TestErrorsOfMeta(t *testing.T) {
	t.Parallel()
	m := start(t, config(t, newIngress(t)))
	m.write(psid, "hello")
	client, err := graph.New(graph.Config{BaseURL: m.url + "/graph"}, slog.New(slog.DiscardHandler), prometheus.NewRegistry(), noop.NewTracerProvider().Tracer(""))
	if err != nil {
		t.Fatal(err)
	}
	as := graph.Page{ID: page, AppSecret: sealed.NewText(secret), Token: sealed.NewText(token), Version: "v26.0"}
	var rules []map[string]any
	for i, e := range metaErrors() {
		rules = append(rules, map[string]any{"do": "error", "code": e.code, "subcode": e.sub, "status": e.status, "transient": e.transient,
			"message": "as Meta words it", "match": map[string]string{"text_prefix": fmt.Sprintf("%d.", i)}})
	}
	m.post("/sandbox/script", map[string]any{"rules": rules})
	for i, e := range metaErrors() {
		text := fmt.Sprintf("%d.", i)
		raw := m.send(reply(psid, text, "p1:i:0:1:m"))
		if got := trace(t, raw.raw); got == "" || raw.status != e.status || !sameError(raw.raw, e) {
			t.Errorf("%d/%d is answered %d %s", e.code, e.sub, raw.status, raw.raw)
		}
		out := client.Send(t.Context(), as, graph.Message{PSID: psid, Text: text, MessagingType: "RESPONSE", Metadata: "p1:i:0:1:m"})
		if out.Class != e.class || out.Reason != e.reason || out.Code != e.code || out.Subcode != e.sub || out.Trace == "" {
			t.Errorf("%d/%d with %d: the house understands %+v, want %s %s", e.code, e.sub, e.status, out, e.class, e.reason)
		}
	}
	for _, s := range m.sends() {
		if s.Send.Delivered || s.Send.Outcome != "error" {
			t.Errorf("the journal says %+v", s.Send)
		}
	}
}

func sameError(raw string, e metaError) bool {
	want := map[string]any{"message": "as Meta words it", "type": "OAuthException", "code": float64(e.code)}
	if e.sub != 0 {
		want["error_subcode"] = float64(e.sub)
	}
	if e.transient {
		want["is_transient"] = true
	}
	return maps.Equal(errorOf([]byte(raw)), want)
}

// errorOf is the error of an answer, but for its trace.
func errorOf(raw []byte) map[string]any {
	var body struct{ Error map[string]any }
	if json.Unmarshal(raw, &body) != nil {
		return nil
	}
	delete(body.Error, "fbtrace_id")
	if body.Error["is_transient"] == false {
		delete(body.Error, "is_transient") // says nothing
	}
	return body.Error
}

func trace(t *testing.T, raw string) string {
	t.Helper()
	var body struct {
		Error struct {
			Trace string `json:"fbtrace_id"`
		}
	}
	if err := json.Unmarshal([]byte(raw), &body); err != nil {
		t.Fatal(err)
	}
	return body.Error.Trace
}

// An error that was seen in the field can be played again, in the same words.
func TestRecordedErrorsOfMeta(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../../shared/payloads/*-err-*.json")
	if err != nil || len(files) == 0 {
		t.Skip("the recorded payloads are not here")
	}
	m := start(t, config(t, newIngress(t)))
	m.write(psid, "hello")
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want := errorOf(raw)
		if want == nil {
			continue // not of the Graph API: another shape
		}
		rule := map[string]any{"do": "error"}
		for theirs, ours := range map[string]string{"message": "message", "code": "code", "error_subcode": "subcode",
			"is_transient": "transient", "error_user_title": "user_title", "error_user_msg": "user_msg"} {
			if v, ok := want[theirs]; ok {
				rule[ours] = v
			}
		}
		m.post("/sandbox/script", map[string]any{"rules": []any{rule}})
		if got := m.send(reply(psid, "hi", "")); !maps.Equal(errorOf([]byte(got.raw)), want) {
			t.Errorf("%s is answered %s", filepath.Base(file), got.raw)
		}
	}
}
