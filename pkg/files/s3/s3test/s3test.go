// Package s3test stands in for an S3-compatible store: signed requests, objects,
// conditional writes and lists.
package s3test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// What a client must know of every bucket here.
const (
	Region    = "eu-central-1"
	Name      = "files"
	AccessKey = "AKIA"
	SecretKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" // of AWS's examples
)

// Bucket is an S3 store with one bucket, in memory. It believes nobody: it works
// every signature out by itself, from what came over the wire.
type Bucket struct {
	URL string // endpoint
	// Fail gives a status instead of an answer, before or after the request was
	// done; 0 for none. May be nil; set it while nobody asks.
	Fail func(r *http.Request, done bool) int

	mu      sync.Mutex
	objects map[string][]byte
	headers map[string]http.Header
	stored  map[string]time.Time
}

// Open starts a store that ends with the test.
func Open(t testing.TB) *Bucket {
	t.Helper()
	b := &Bucket{objects: map[string][]byte{}, headers: map[string]http.Header{}, stored: map[string]time.Time{}}
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	b.URL = server.URL
	return b
}

// Objects are the names of what is stored, in order.
func (b *Bucket) Objects() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(maps.Keys(b.objects))
}

// ServeHTTP answers a request.
func (b *Bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if got, want := r.Header.Get("Authorization"), b.signature(r, body); got != want {
		b.refuse(w, http.StatusForbidden, "SignatureDoesNotMatch")
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.Fail != nil {
		if status := b.Fail(r, false); status != 0 {
			b.refuse(w, status, "SlowDown")
			return
		}
	}
	answer := httptest.NewRecorder()
	b.act(answer, r, body)
	if b.Fail != nil {
		if status := b.Fail(r, true); status != 0 {
			b.refuse(w, status, "InternalError")
			return
		}
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

func (b *Bucket) act(w http.ResponseWriter, r *http.Request, body []byte) {
	name, inside := strings.CutPrefix(r.URL.Path, "/"+Name+"/")
	if !inside {
		b.refuse(w, http.StatusNotFound, "NoSuchBucket")
		return
	}
	data, there := b.objects[name]
	switch {
	case name == "" && r.Method == http.MethodGet:
		b.list(w, r)
	case r.Method == http.MethodPut && there && r.Header.Get("If-None-Match") == "*":
		b.refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
	case r.Method == http.MethodPut:
		b.objects[name], b.headers[name], b.stored[name] = body, r.Header.Clone(), time.Now()
	case r.Method == http.MethodDelete:
		delete(b.objects, name)
		w.WriteHeader(http.StatusNoContent)
	case !there:
		b.refuse(w, http.StatusNotFound, "NoSuchKey")
	default:
		for header, values := range b.headers[name] {
			if strings.HasPrefix(header, "X-Amz-Meta-") {
				w.Header()[header] = values
			}
		}
		if r.Method == http.MethodGet {
			_, _ = w.Write(data)
		}
	}
}

// list gives three names at a time, so that whoever does not go on misses some.
func (b *Bucket) list(w http.ResponseWriter, r *http.Request) {
	type content struct {
		Key          string
		Size         int
		LastModified time.Time
	}
	page := struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		Contents              []content
		IsTruncated           bool
		NextContinuationToken string
	}{}
	var names []string
	for name := range b.objects {
		if strings.HasPrefix(name, r.URL.Query().Get("prefix")) && name > r.URL.Query().Get("continuation-token") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names[:min(3, len(names))] {
		page.Contents = append(page.Contents, content{name, len(b.objects[name]), b.stored[name]})
		page.NextContinuationToken = name
	}
	page.IsTruncated = len(names) > 3
	_ = xml.NewEncoder(w).Encode(page)
}

func (*Bucket) refuse(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code></Error>", code)
}

// signature is what the Authorization of a request must be, by its own word on
// which headers it signs.
func (*Bucket) signature(r *http.Request, body []byte) string {
	_, signed, _ := strings.Cut(r.Header.Get("Authorization"), "SignedHeaders=")
	signed, _, _ = strings.Cut(signed, ",")
	sum := sha256.Sum256(body)
	canonical := r.Method + "\n" + strings.SplitN(r.RequestURI, "?", 2)[0] + "\n" + r.URL.RawQuery + "\n"
	for name := range strings.SplitSeq(signed, ";") {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.Host
		}
		canonical += name + ":" + value + "\n"
	}
	canonical += "\n" + signed + "\n" + hex.EncodeToString(sum[:])
	hashed := sha256.Sum256([]byte(canonical))
	at := r.Header.Get("X-Amz-Date")
	if when, err := time.Parse("20060102T150405Z", at); err != nil || time.Since(when).Abs() > 15*time.Minute {
		return "a time"
	}
	scope := at[:8] + "/" + Region + "/s3/aws4_request"
	mac := func(key []byte, text string) []byte {
		m := hmac.New(sha256.New, key)
		_, _ = io.WriteString(m, text)
		return m.Sum(nil)
	}
	key := mac(mac(mac(mac([]byte("AWS4"+SecretKey), at[:8]), Region), "s3"), "aws4_request")
	return "AWS4-HMAC-SHA256 Credential=" + AccessKey + "/" + scope + ",SignedHeaders=" + signed +
		",Signature=" + hex.EncodeToString(mac(key, "AWS4-HMAC-SHA256\n"+at+"\n"+scope+"\n"+hex.EncodeToString(hashed[:])))
}
