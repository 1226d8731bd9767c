package receive_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/fault"
	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
)

var errAway = fault.New(fault.Unavailable, "AWAY", "away")

func (b *broker) keep(ctx context.Context, r *privacyv1.Request, _ []byte) (string, error) {
	if b.away != nil {
		return "", b.away(ctx)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	kept := proto.CloneOf(r)
	kept.Code = fmt.Sprint("CODE", len(b.asked))
	b.asked = append(b.asked, kept)
	return kept.GetCode(), nil
}

func (b *broker) find(ctx context.Context, code string) (*privacyv1.Request, error) {
	if b.away != nil {
		return nil, b.away(ctx)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.asked {
		if r.GetCode() == code {
			return r, nil
		}
	}
	return nil, fault.New(fault.NotFound, "REQUEST_UNKNOWN", "unknown")
}

func signedRequest(secret, payload string) string {
	written := base64.RawURLEncoding.EncodeToString([]byte(payload))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(written))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) + "." + written
}

func payload(user string, age time.Duration) string {
	return fmt.Sprintf(`{"user_id":%s,"algorithm":"HMAC-SHA256","issued_at":%d}`, user, time.Now().Add(-age).Unix())
}

func (w *world) ask(t *testing.T, path, signed string) *http.Response {
	t.Helper()
	resp, err := http.PostForm(w.URL+path, url.Values{"signed_request": {signed}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

// TestADeletionRequestIsKeptAndItsStateShown (SD2) by its code, and of the person nothing.
func TestADeletionRequestIsKeptAndItsStateShown(t *testing.T) {
	limits := roomy
	limits.PublicURL = "https://hooks.example.com/"
	w := start(t, limits)
	for i, secret := range []string{"new-secret", "old-secret"} {
		resp := w.ask(t, "/deletion/demo", signedRequest(secret, payload(`"218471"`, time.Hour)))
		var told struct {
			URL  string `json:"url"`
			Code string `json:"confirmation_code"`
		}
		if err := json.NewDecoder(resp.Body).Decode(&told); err != nil || resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/json" {
			t.Fatalf("answered %d, %v", resp.StatusCode, err)
		}
		kept := w.broker.asked[i]
		if told.Code != kept.GetCode() || told.URL != "https://hooks.example.com/deletion/"+kept.GetCode() {
			t.Errorf("told %+v", told)
		}
		if kept.GetKind() != privacyv1.Kind_KIND_DELETION || kept.GetUser() != "218471" || kept.GetAccount() != "demo" ||
			kept.GetState() != privacyv1.State_STATE_RECEIVED || kept.GetReceivedMs()-kept.GetIssuedMs() < 3_500_000 {
			t.Errorf("kept %v", kept)
		}
	}
	resp, err := http.Get(w.URL + "/deletion/CODE0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	page, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != 200 || !strings.Contains(string(page), time.Now().UTC().Format("2006-01-02")) || strings.Contains(string(page), "218471") {
		t.Errorf("the state is shown as %d %s", resp.StatusCode, page)
	}
	for header, want := range map[string]string{"X-Robots-Tag": "noindex", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"} {
		if got := resp.Header.Get(header); got != want {
			t.Errorf("%s is %q", header, got)
		}
	}
	if strings.Contains(w.log.String(), "218471") {
		t.Error("the log names the person")
	}
}

// TestThePageTellsHowFarItIs holds that every state has words of its own, in both
// languages, and that none but the last says that it is done.
func TestThePageTellsHowFarItIs(t *testing.T) {
	w := start(t, roomy)
	_ = w.ask(t, "/deletion/demo", signedRequest("new-secret", payload(`218471`, 0)))
	seen := map[string]bool{}
	for n, name := range privacyv1.State_name {
		state := privacyv1.State(n)
		if state == privacyv1.State_STATE_UNSPECIFIED {
			continue
		}
		w.broker.asked[0].State = state
		resp, err := http.Get(w.URL + "/deletion/CODE0")
		if err != nil {
			t.Fatal(err)
		}
		page, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		text := string(page)
		if seen[text] || !strings.Contains(text, `lang="bg"`) || strings.Contains(text, "%!") || strings.Contains(text, "218471") {
			t.Errorf("%s is shown as %s", name, text)
		}
		if done := strings.Contains(text, "your data is erased"); done != (state == privacyv1.State_STATE_ERASED) {
			t.Errorf("%s: done %t", name, done)
		}
		seen[text] = true
	}
}

func TestDeauthorizationIsKeptAndNoticed(t *testing.T) {
	w := start(t, roomy)
	resp := w.ask(t, "/deauthorize/demo", signedRequest("new-secret", payload(`218471`, 0)))
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != 200 || len(body) != 0 {
		t.Errorf("answered %d %q", resp.StatusCode, body)
	}
	if len(w.broker.asked) != 1 || w.broker.asked[0].GetKind() != privacyv1.Kind_KIND_DEAUTHORIZATION || !slices.Equal(w.notes.verified, []string{"demo deauthorized"}) {
		t.Errorf("kept %v, noticed %v", w.broker.asked, w.notes.verified)
	}
	if resp, err := http.Get(w.URL + "/deletion/CODE0"); err != nil || resp.StatusCode != 404 {
		t.Errorf("its code shows something: %v, %v", resp, err)
	}
}

func TestWhatIsNoRequestIsRefused(t *testing.T) {
	w := start(t, roomy)
	good := signedRequest("new-secret", payload(`"1"`, 0))
	for name, c := range map[string]struct {
		path, signed string
		want         int
	}{
		"unknown account":       {"/deletion/nobody", good, 401},
		"no secret":             {"/deletion/bare", good, 401},
		"a secret not to open":  {"/deletion/damaged", good, 503},
		"another secret":        {"/deletion/demo", signedRequest("other", payload(`"1"`, 0)), 401},
		"nothing":               {"/deletion/demo", "", 401},
		"unsigned":              {"/deletion/demo", "AAAA." + good[44:], 401},
		"no JSON":               {"/deletion/demo", signedRequest("new-secret", "x"), 400},
		"algorithm none":        {"/deletion/demo", signedRequest("new-secret", strings.Replace(payload(`"1"`, 0), "HMAC-SHA256", "none", 1)), 400},
		"no person":             {"/deletion/demo", signedRequest("new-secret", payload(`""`, 0)), 400},
		"a person of letters":   {"/deletion/demo", signedRequest("new-secret", payload(`"<script>"`, 0)), 400},
		"a person of an object": {"/deletion/demo", signedRequest("new-secret", payload(`{"id":1}`, 0)), 400},
		"a long person":         {"/deletion/demo", signedRequest("new-secret", payload(`"`+strings.Repeat("1", 65)+`"`, 0)), 400},
		"issued long ago":       {"/deauthorize/demo", signedRequest("new-secret", payload(`"1"`, 25*time.Hour)), 400},
		"issued ahead":          {"/deauthorize/demo", signedRequest("new-secret", payload(`"1"`, -time.Hour)), 400},
		"too long":              {"/deletion/demo", strings.Repeat("x", 70<<10), 413},
	} {
		if resp := w.ask(t, c.path, c.signed); resp.StatusCode != c.want || resp.ContentLength != 0 {
			t.Errorf("%s: %d with %d bytes, want %d", name, resp.StatusCode, resp.ContentLength, c.want)
		}
	}
	twice, err := http.PostForm(w.URL+"/deletion/demo", url.Values{"signed_request": {good, good}})
	if err != nil || twice.StatusCode != 401 {
		t.Errorf("two at once: %v, %v", twice, err)
	}
	if len(w.broker.asked) != 0 || len(w.notes.verified) != 0 {
		t.Errorf("kept %v", w.broker.asked)
	}
}

func TestNothingIsPromisedWithoutTheBroker(t *testing.T) {
	w := start(t, roomy)
	w.broker.away = func(context.Context) error { return errAway }
	for _, path := range []string{"/deletion/demo", "/deauthorize/demo"} {
		resp := w.ask(t, path, signedRequest("new-secret", payload(`"1"`, 0)))
		if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
	if resp, err := http.Get(w.URL + "/deletion/CODE0"); err != nil || resp.StatusCode != 503 {
		t.Errorf("its state: %v, %v", resp, err)
	}
	if len(w.notes.verified) != 0 {
		t.Errorf("noticed %v", w.notes.verified)
	}
}

// TestCodesCannotBeTried (SD2): who guesses soon waits.
func TestCodesCannotBeTried(t *testing.T) {
	w := start(t, roomy)
	statuses := map[int]int{}
	for range 100 {
		resp, err := http.Get(w.URL + "/deletion/ABCDEFGHIJKLMNOPQRSTUVWXYZ")
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		statuses[resp.StatusCode]++
	}
	if statuses[404] == 0 || statuses[429] == 0 || statuses[404]+statuses[429] != 100 {
		t.Errorf("answered %v", statuses)
	}
}
