package courier

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/parley-desk/parley/services/sandbox/internal/journal"
)

type envelope struct {
	Object string  `json:"object"`
	Entry  []entry `json:"entry"`
}

// entry holds exactly one event: that is how Messenger batches.
type entry struct {
	ID        string            `json:"id"`
	Time      int64             `json:"time"`
	Messaging []json.RawMessage `json:"messaging,omitempty"`
	Standby   []json.RawMessage `json:"standby,omitempty"`
}

// body is the webhook body on the wire, with Meta's escapes.
func body(entries []entry) ([]byte, error) {
	doc, err := journal.Encode(envelope{Object: "page", Entry: entries})
	if err != nil {
		return nil, fmt.Errorf("encode webhook: %w", err)
	}
	return Escape(doc), nil
}

// Escape writes JSON as Meta does: everything beyond ASCII as \u escapes in
// lower case, surrogate pairs beyond the first plane, and slashes as \/. The
// signature is over exactly these bytes, so a receiver that encodes the body
// anew before it checks is caught.
func Escape(doc []byte) []byte {
	out := make([]byte, 0, len(doc)+len(doc)/4)
	for len(doc) > 0 {
		r, size := utf8.DecodeRune(doc)
		switch {
		case r == '/':
			out = append(out, '\\', '/')
		case r < utf8.RuneSelf:
			out = append(out, byte(r))
		default:
			for _, unit := range utf16.Encode([]rune{r}) {
				out = fmt.Appendf(out, "\\u%04x", unit)
			}
		}
		doc = doc[size:]
	}
	return out
}

// Sign is the value of X-Hub-Signature-256 for a body.
func Sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body) //nolint:errcheck // never fails
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}
