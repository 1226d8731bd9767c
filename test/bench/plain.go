package bench

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"net/http"
)

// secret signs the webhooks of a run; it guards nothing.
const secret = "demo-app-secret-0123456789abcdef"

func signature(body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// ServePlain is the baseline of ingress: net/http, the same signature checked
// over the same bytes, nothing stored.
func ServePlain(l net.Listener) error {
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, r.ContentLength)
		_, err := io.ReadFull(r.Body, body)
		status := http.StatusOK
		if err != nil || !hmac.Equal([]byte(r.Header.Get("X-Hub-Signature-256")), []byte(signature(body))) {
			status = http.StatusUnauthorized
		}
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(status)
	}))
}
