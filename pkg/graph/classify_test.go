package graph_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-desk/parley/pkg/graph"
)

// The corpus of answers as they were seen in the field; tests of its rows are
// skipped where it is not at hand.
const corpus = "../../../shared/payloads"

func recorded(t *testing.T, pattern string) []byte {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(corpus, "*-"+pattern+".json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(names) == 0 {
		t.Skipf("no recorded payload %q here", pattern)
	}
	body, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestClassifyRecordedAnswers(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range []struct {
		payload string
		status  int
		class   graph.Class
		reason  string
	}{
		{"res-send-ok", 200, graph.Sent, ""},
		{"res-send-ok-modern", 200, graph.Sent, ""},
		{"res-send-ok-no-recipient-id", 200, graph.Sent, ""},
		{"res-send-no-message-id", 200, graph.Uncertain, graph.ReasonUnreadable},
		{"err-190-invalid-token", 400, graph.Parked, graph.ReasonPageDisconnected},
		{"err-190-no-subcode", 401, graph.Parked, graph.ReasonPageDisconnected},
		{"err-190-460-user-message", 400, graph.Parked, graph.ReasonPageDisconnected},
		{"err-190-granular-scopes", 403, graph.Parked, graph.ReasonPageDisconnected},
		{"err-551-minimal", 400, graph.Refused, graph.ReasonPersonUnavailable},
		{"err-minus1-2018012", 400, graph.Uncertain, graph.ReasonServerError},
		{"err-100-2018218-no-profile", 400, graph.Refused, graph.ReasonInvalidRequest},
		{"err-1-2018382", 400, graph.Refused, graph.ReasonInvalidRequest},
		{"err-1-is-transient-false", 400, graph.Uncertain, graph.ReasonServerError},
		{"err-80001-page-throttled", 400, graph.Later, graph.ReasonThrottled},
		{"err-80006-messenger-throttled", 400, graph.Later, graph.ReasonThrottled},
		{"err-4-app-limit", 403, graph.Later, graph.ReasonThrottled},
		{"err-613-2018338-abusive", 400, graph.Refused, graph.ReasonPersonBothered},
		{"err-10-2018278-outside-window", 400, graph.Refused, graph.ReasonWindowClosed},
		{"err-10-2018278-outside-window", 200, graph.Refused, graph.ReasonWindowClosed},
		{"err-10-2018065-outside-window-news", 400, graph.Refused, graph.ReasonWindowClosed},
		{"err-10-1893063-page-restricted", 400, graph.Refused, graph.ReasonPageRestricted},
		{"err-100-2018001-no-user", 400, graph.Refused, graph.ReasonPersonUnavailable},
		{"err-100-2018008-fetch-failed", 400, graph.Refused, graph.ReasonMediaRefused},
		{"err-100-2018047-upload-failure", 400, graph.Refused, graph.ReasonMediaRefused},
		{"err-100-2018294-video-timeout", 400, graph.Refused, graph.ReasonMediaRefused},
		{"err-100-2018074-attachment-id", 400, graph.Refused, graph.ReasonMediaRefused},
		{"err-100-deprecated-tag", 400, graph.Refused, graph.ReasonInvalidRequest},
		{"err-200-1545041-unavailable", 403, graph.Refused, graph.ReasonPersonUnavailable},
		{"err-200-2018028-dev-mode", 403, graph.Refused, graph.ReasonAppNotLive},
		{"err-27-take-thread-control-blocked", 400, graph.Refused, graph.ReasonThreadOwned},
		{"err-100-2018247-profile-permission", 400, graph.Refused, graph.ReasonInvalidRequest},
		{"err-9000001-message-deleted", 400, graph.Refused, graph.ReasonMessageGone},
		{"err-page-cursor-limit", 400, graph.Refused, graph.ReasonInvalidRequest},
		{"err-oauth-dialog-flat-shape", 400, graph.Uncertain, graph.ReasonUnreadable},
	} {
		seen[c.payload] = true
		t.Run(c.payload, func(t *testing.T) {
			out := graph.Classify(graph.Answered, c.status, recorded(t, c.payload))
			if out.Class != c.class || out.Reason != c.reason {
				t.Errorf("%s %s (%d/%d), want %s %s", out.Class, out.Reason, out.Code, out.Subcode, c.class, c.reason)
			}
		})
	}
	every(t, seen)
}

// every complains of a recorded error, or answer of the Send API, that is not
// among the seen.
func every(t *testing.T, seen map[string]bool) {
	t.Helper()
	for _, kind := range []string{"*-err-*.json", "*-res-send-*.json"} {
		names, err := filepath.Glob(filepath.Join(corpus, kind))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			_, name, _ = strings.Cut(strings.TrimSuffix(filepath.Base(name), ".json"), "-")
			if !seen[name] {
				t.Errorf("nobody says what becomes of a send that is answered with %s", name)
			}
		}
	}
}

// Other answers to what is not a send name no message: taken for one, they
// must leave it in doubt.
func TestAnswersToOtherCallsProveNothing(t *testing.T) {
	names, err := filepath.Glob(filepath.Join(corpus, "*-res-*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(names) == 0 {
		t.Skip("no recorded payloads here")
	}
	for _, name := range names {
		if strings.Contains(name, "-res-send-") {
			continue
		}
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if out := graph.Classify(graph.Answered, 200, body); out.Class != graph.Uncertain {
			t.Errorf("%s: %s %s, want it in doubt", filepath.Base(name), out.Class, out.Reason)
		}
	}
}

// L10; S9, S35: a permission that the page lacks is told from a window that is shut.
func TestClassifyByNumbers(t *testing.T) {
	for _, c := range []struct {
		name   string
		phase  graph.Phase
		status int
		body   string
		class  graph.Class
		reason string
	}{
		{"nothing written", graph.Unwritten, 0, "", graph.Later, graph.ReasonUnreachable},
		{"graph.Written, no answer", graph.Written, 0, "", graph.Uncertain, graph.ReasonReset},
		{"graph.Written, cut answer", graph.Written, 200, `{"message_id":"m_1"}`, graph.Uncertain, graph.ReasonReset},
		{"sent, and an error says so", graph.Answered, 400, `{"error":{"code":1,"error_subcode":1357046}}`, graph.Uncertain, graph.ReasonServerError},
		{"transient refusal", graph.Answered, 400, `{"error":{"code":100,"is_transient":true}}`, graph.Uncertain, graph.ReasonServerError},
		{"transient throttle", graph.Answered, 400, `{"error":{"code":4,"is_transient":true}}`, graph.Later, graph.ReasonThrottled},
		{"code 2", graph.Answered, 400, `{"error":{"code":2}}`, graph.Uncertain, graph.ReasonServerError},
		{"terms", graph.Answered, 400, `{"error":{"code":2,"error_subcode":2018344}}`, graph.Refused, graph.ReasonTermsOpen},
		{"1200", graph.Answered, 400, `{"error":{"code":1200}}`, graph.Uncertain, graph.ReasonServerError},
		{"429 without an error", graph.Answered, 429, `slow down`, graph.Later, graph.ReasonThrottled},
		{"429 with a new code", graph.Answered, 429, `{"error":{"code":777}}`, graph.Later, graph.ReasonThrottled},
		{"new code", graph.Answered, 403, `{"error":{"code":777}}`, graph.Refused, graph.ReasonInvalidRequest},
		{"new code, odd status", graph.Answered, 404, `{"error":{"code":777}}`, graph.Uncertain, graph.ReasonServerError},
		{"permission", graph.Answered, 403, `{"error":{"code":299}}`, graph.Parked, graph.ReasonPermissionMissing},
		{"permission 10", graph.Answered, 403, `{"error":{"code":10}}`, graph.Parked, graph.ReasonPermissionMissing},
		{"code as a string", graph.Answered, 400, `{"error":{"code":"551"}}`, graph.Refused, graph.ReasonPersonUnavailable},
		{"code out of range", graph.Answered, 400, `{"error":{"code":99999999999}}`, graph.Uncertain, graph.ReasonUnreadable},
		{"no code", graph.Answered, 400, `{"error":{"message":"no"}}`, graph.Uncertain, graph.ReasonUnreadable},
		{"error is a string", graph.Answered, 400, `{"error":"no"}`, graph.Uncertain, graph.ReasonUnreadable},
		{"empty mid", graph.Answered, 200, `{"message_id":""}`, graph.Uncertain, graph.ReasonUnreadable},
		{"server error that names itself", graph.Answered, 503, `{"error":{"code":4}}`, graph.Uncertain, graph.ReasonServerError},
		{"empty", graph.Answered, 200, ``, graph.Uncertain, graph.ReasonUnreadable},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := graph.Classify(c.phase, c.status, []byte(c.body))
			if out.Class != c.class || out.Reason != c.reason {
				t.Errorf("%s %s, want %s %s", out.Class, out.Reason, c.class, c.reason)
			}
		})
	}
}

// TestJudgeMetasTable has every pair of Meta's pages "Error codes", "Handling
// errors" and "Rate limiting".
func TestJudgeMetasTable(t *testing.T) {
	for _, c := range []struct {
		pairs  [][2]int // code, subcode
		class  graph.Class
		reason string
	}{
		{[][2]int{{1, 0}, {2, 0}, {-1, 0}, {-1, 2018012}, {1200, 0}, {1, 1357046}}, graph.Uncertain, graph.ReasonServerError},
		{[][2]int{{1, 99}, {3, 0}, {10, 0}, {200, 0}, {230, 0}, {299, 0}}, graph.Refused, graph.ReasonPermissionMissing},
		{[][2]int{{2, 2018344}}, graph.Refused, graph.ReasonTermsOpen},
		{[][2]int{{4, 0}, {17, 0}, {32, 0}, {341, 0}, {613, 0}, {613, 2534040}, {80001, 0}, {80006, 0}}, graph.Later, graph.ReasonThrottled},
		{[][2]int{{613, 2018338}, {613, 1893016}, {4, 2018354}, {9, 2018352}}, graph.Refused, graph.ReasonPersonBothered},
		{[][2]int{{368, 0}, {10, 1893063}, {10, 1404170}, {2022, 0}}, graph.Refused, graph.ReasonPageRestricted},
		{[][2]int{{10, 2018278}, {10, 2018065}, {10, 2534022}}, graph.Refused, graph.ReasonWindowClosed},
		{[][2]int{{10, 2018108}, {551, 0}, {551, 1545041}, {200, 1545041}, {1545041, 0}, {100, 2018001}, {100, 33}}, graph.Refused, graph.ReasonPersonUnavailable},
		{[][2]int{{10, 2018300}, {10, 2018321}, {100, 2018300}, {100, 2018321}, {100, 2534037}, {27, 0}}, graph.Refused, graph.ReasonThreadOwned},
		{[][2]int{{200, 2018028}, {200, 2018027}}, graph.Refused, graph.ReasonAppNotLive},
		{[][2]int{{100, 2018008}, {100, 2018047}, {100, 2018109}, {100, 2018294}, {100, 2018074}}, graph.Refused, graph.ReasonMediaRefused},
		{[][2]int{{100, 0}, {100, 2018034}, {100, 2018218}, {100, 2018247}, {1, 2018382}}, graph.Refused, graph.ReasonInvalidRequest},
		{[][2]int{{190, 0}, {190, 458}, {190, 459}, {190, 460}, {190, 463}, {190, 464}, {190, 467}, {190, 492}, {102, 0}}, graph.Parked, graph.ReasonPageDisconnected},
		{[][2]int{{9000001, 0}}, graph.Refused, graph.ReasonMessageGone},
	} {
		for _, pair := range c.pairs {
			class, m := graph.Judge(pair[0], pair[1])
			if class == graph.Parked && c.reason == graph.ReasonPermissionMissing {
				class = graph.Refused // but for 1/99, which says that it stays so
			}
			if class != c.class || m.Reason != c.reason {
				t.Errorf("%d/%d: %s %s, want %s %s", pair[0], pair[1], class, m.Reason, c.class, c.reason)
			}
			if m.Means == "" || m.Do == "" || m.Then == "" {
				t.Errorf("%d/%d: an administrator is not told enough about %s", pair[0], pair[1], m.Reason)
			}
		}
	}
}

func TestEveryReasonHasOneMeaning(t *testing.T) {
	told := map[string]int{}
	for _, m := range graph.Meanings() {
		told[m.Reason]++
	}
	for _, r := range graph.Rulings() {
		if told[r.Reason] != 1 {
			t.Errorf("%s has %d meanings", r.Reason, told[r.Reason])
		}
	}
}

func TestEveryRuleCanDecide(t *testing.T) {
	for _, hidden := range graph.HiddenRules() {
		t.Error(hidden)
	}
}

func FuzzParseError(f *testing.F) {
	names, err := filepath.Glob(filepath.Join(corpus, "*-err-*.json"))
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		body, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Add([]byte(`{"error":{"code":"190","error_subcode":null,"is_transient":1,"fbtrace_id":7}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		e, ok := graph.ParseError(body)
		if !ok && e != (graph.Error{}) {
			t.Errorf("no error, yet %+v", e)
		}
		if ok && !json.Valid(body) {
			t.Error("an error was read out of what is not JSON")
		}
		if strings.ToValidUTF8(e.Trace, "") != e.Trace || len(e.Trace) > 64 {
			t.Errorf("trace %q cannot be stored", e.Trace)
		}
		for _, status := range []int{200, 400, 429, 500} {
			out := graph.Classify(graph.Answered, status, body)
			if (out.Class == graph.Sent) != (out.MessageID != "") || (out.Class == graph.Sent) != (out.Reason == "") {
				t.Errorf("status %d: outcome %+v contradicts itself", status, out)
			}
			if status >= 400 && out.Class == graph.Sent {
				t.Errorf("status %d was taken for a success", status)
			}
		}
	})
}
