package s3

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/parley-desk/parley/pkg/secret"
)

const (
	stampLayout = "20060102T150405Z"
	dayLayout   = "20060102"
)

// keys sign requests as "Signature Version 4" says, for the service s3.
type keys struct {
	region string
	id     string
	secret secret.Text
}

// sign adds the time and the signature. It covers the host, the whole address,
// every header that the request has, and the body by its hash.
func (k keys) sign(r *http.Request, bodyHash string, at time.Time) {
	at = at.UTC()
	r.Header.Set("X-Amz-Date", at.Format(stampLayout))
	r.Header.Set("X-Amz-Content-Sha256", bodyHash)
	names, lines := headers(r)
	canonical := strings.Join([]string{r.Method, r.URL.EscapedPath(), query(r.URL.Query()), lines, names, bodyHash}, "\n")
	scope := strings.Join([]string{at.Format(dayLayout), k.region, "s3", "aws4_request"}, "/")
	sum := sha256.Sum256([]byte(canonical))
	text := strings.Join([]string{"AWS4-HMAC-SHA256", at.Format(stampLayout), scope, hex.EncodeToString(sum[:])}, "\n")
	signature := []byte("AWS4" + k.secret.Reveal())
	for _, part := range append(strings.Split(scope, "/"), text) {
		mac := hmac.New(sha256.New, signature)
		_, _ = mac.Write([]byte(part))
		signature = mac.Sum(nil)
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+k.id+"/"+scope+",SignedHeaders="+names+",Signature="+hex.EncodeToString(signature))
}

// headers are those of a request as they are signed: their names, and a line each.
func headers(r *http.Request) (names, lines string) {
	values := map[string]string{"host": r.URL.Host}
	for name, all := range r.Header {
		values[strings.ToLower(name)] = strings.TrimSpace(strings.Join(all, ","))
	}
	var sorted []string
	for name := range values {
		sorted = append(sorted, name)
	}
	slices.Sort(sorted)
	var out strings.Builder
	for _, name := range sorted {
		out.WriteString(name + ":" + values[name] + "\n")
	}
	return strings.Join(sorted, ";"), out.String()
}

// query is the query of an address as it is signed and sent.
func query(values url.Values) string {
	return strings.ReplaceAll(values.Encode(), "+", "%20") // a plus that was meant is %2B by now
}

// escape writes a path as it is signed and sent.
func escape(path string) string {
	var out strings.Builder
	for i := range len(path) {
		c := path[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-_.~/", c) >= 0 {
			out.WriteByte(c)
			continue
		}
		out.WriteString("%" + strings.ToUpper(hex.EncodeToString([]byte{c})))
	}
	return out.String()
}
