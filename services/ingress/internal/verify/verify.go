// Package verify checks Meta's signature: HMAC-SHA256 of the body's bytes as
// they came over the wire, with the secret of the app that owns the path; and
// the same over the payload of a signed request.
package verify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// Keys are the app secrets a signature may be made with. An empty secret
// verifies nothing: whoever wants may sign with it.
type Keys struct {
	Current  []byte
	Previous []byte // before the last rotation; empty outside one
}

// Verdict is what became of a signature.
type Verdict int

// The verdicts.
const (
	Wrong    Verdict = iota // made with another secret, or over other bytes
	Missing                 // there is none, or not one that can be read
	Current                 // made with the secret in force
	Previous                // made with the secret before it
)

// String is the verdict as it stands in metrics.
func (v Verdict) String() string {
	return [...]string{"wrong", "missing", "current", "previous"}[v]
}

// Genuine tells whether the body is Meta's.
func (v Verdict) Genuine() bool { return v == Current || v == Previous }

// Signature judges header, the value of X-Hub-Signature-256, over body as it
// was received. Comparing takes the same time wherever the bytes differ.
func Signature(header string, body []byte, keys Keys) Verdict {
	digits, ok := strings.CutPrefix(header, "sha256=")
	if !ok || len(digits) != hex.EncodedLen(sha256.Size) {
		return Missing
	}
	sum, err := hex.DecodeString(digits)
	if err != nil {
		return Missing
	}
	return judge(keys, body, sum)
}

// SignedRequest judges a signed_request, with which Meta passes on what a person
// asks, and gives its payload; none unless it is genuine. It is written as
// base64url(signature).base64url(payload), and signed over the payload as it is
// written (Facebook Login, "Data deletion request callback").
func SignedRequest(text string, keys Keys) ([]byte, Verdict) {
	signature, written, ok := strings.Cut(text, ".")
	sum, err := decode(signature)
	if !ok || err != nil || len(sum) != sha256.Size {
		return nil, Missing
	}
	verdict := judge(keys, []byte(written), sum)
	if !verdict.Genuine() {
		return nil, verdict
	}
	payload, err := decode(written)
	if err != nil {
		return nil, Missing // signed, and yet not what it should be
	}
	return payload, verdict
}

// decode reads base64url, with padding or without.
func decode(s string) ([]byte, error) {
	return base64.RawURLEncoding.Strict().DecodeString(strings.TrimRight(s, "="))
}

func judge(keys Keys, text, sum []byte) Verdict {
	switch {
	case signs(keys.Current, text, sum):
		return Current
	case signs(keys.Previous, text, sum):
		return Previous
	}
	return Wrong
}

// signs takes as long without a key as with one: how long nothing takes would tell
// strangers which accounts there are (SI8).
func signs(key, body, sum []byte) bool {
	mac := hmac.New(sha256.New, key)
	mac.Write(body)
	var own [sha256.Size]byte
	return hmac.Equal(mac.Sum(own[:0]), sum) && len(key) > 0
}
