package verify_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/parley-desk/parley/services/ingress/internal/verify"
)

func signedRequest(secret, payload string) string {
	written := base64.RawURLEncoding.EncodeToString([]byte(payload))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(written))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) + "." + written
}

// TestSignedRequests (SD1): over the payload as it is written, by one algorithm, with
// padding or without.
func TestSignedRequests(t *testing.T) {
	keys := verify.Keys{Current: []byte("new"), Previous: []byte("old")}
	const payload = `{"user_id":"1","algorithm":"HMAC-SHA256","issued_at":1}`
	good := signedRequest("new", payload)
	bare := base64.RawURLEncoding.EncodeToString([]byte(payload))
	overPayload := hmac.New(sha256.New, []byte("new"))
	overPayload.Write([]byte(payload))
	for name, c := range map[string]struct {
		text string
		want verify.Verdict
	}{
		"present secret":             {good, verify.Current},
		"secret before":              {signedRequest("old", payload), verify.Previous},
		"padded":                     {good[:43] + "=" + good[43:], verify.Current},
		"another secret":             {signedRequest("other", payload), verify.Wrong},
		"empty secret":               {signedRequest("", payload), verify.Wrong},
		"signed over what it says":   {base64.RawURLEncoding.EncodeToString(overPayload.Sum(nil)) + "." + bare, verify.Wrong},
		"another payload":            {good[:44] + base64.RawURLEncoding.EncodeToString([]byte(`{"user_id":"2"}`)), verify.Wrong},
		"no signature":               {"." + bare, verify.Missing},
		"a short signature":          {"AAAA." + bare, verify.Missing},
		"no dot":                     {bare, verify.Missing},
		"nothing":                    {"", verify.Missing},
		"not base64url":              {"+/+/." + bare, verify.Missing},
		"a payload that is not text": {signedRaw("new", "%%%"), verify.Missing},
	} {
		got, verdict := verify.SignedRequest(c.text, keys)
		if verdict != c.want || (got != nil) != c.want.Genuine() || got != nil && string(got) != payload {
			t.Errorf("%s: %v %q, want %v", name, verdict, got, c.want)
		}
	}
}

// signedRaw signs something that is not written as it should be.
func signedRaw(secret, written string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(written))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) + "." + written
}

// Whatever comes, only what was made with a secret is genuine.
func FuzzSignedRequest(f *testing.F) {
	const secret = "sesame-that-nobody-guesses"
	f.Add(signedRequest(secret, `{"user_id":"1"}`), `{"user_id":"1"}`)
	f.Add("a.b", "")
	f.Add("..", "\x00")
	f.Fuzz(func(t *testing.T, text, payload string) {
		keys := verify.Keys{Current: []byte(secret)}
		if got, verdict := verify.SignedRequest(text, keys); verdict.Genuine() {
			if signedRequest(secret, string(got)) != strings.ReplaceAll(text, "=", "") {
				t.Errorf("%q is taken for genuine", text)
			}
		} else if got != nil {
			t.Errorf("%q is %v and has a payload", text, verdict)
		}
		got, verdict := verify.SignedRequest(signedRequest(secret, payload), keys)
		if verdict != verify.Current || string(got) != payload {
			t.Errorf("signed %q, got %q, %v", payload, got, verdict)
		}
		if _, verdict := verify.SignedRequest(signedRequest(secret+"x", payload), keys); verdict != verify.Wrong {
			t.Errorf("signed with another secret: %v", verdict)
		}
	})
}
