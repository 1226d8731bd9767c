package s3_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/files"
	"github.com/parley-desk/parley/pkg/files/filestest"
	"github.com/parley-desk/parley/pkg/files/s3"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/proto/subject"
)

const secretKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

var ivan = subject.Thread{Page: "10", PSID: "70"}

// bucket is an S3 store that believes nobody: it works every signature out by
// itself, from what came over the wire.
type bucket struct {
	t       *testing.T
	mu      sync.Mutex
	objects map[string][]byte
	headers map[string]http.Header
	fail    func(r *http.Request, done bool) int // a status instead of an answer, before or after it was done
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
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
	if b.fail != nil {
		if status := b.fail(r, false); status != 0 {
			b.refuse(w, status, "SlowDown")
			return
		}
	}
	answer := httptest.NewRecorder()
	b.act(answer, r, body)
	if b.fail != nil {
		if status := b.fail(r, true); status != 0 {
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

func (b *bucket) act(w http.ResponseWriter, r *http.Request, body []byte) {
	name, inside := strings.CutPrefix(r.URL.Path, "/files/")
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
		b.objects[name], b.headers[name] = body, r.Header.Clone()
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
func (b *bucket) list(w http.ResponseWriter, r *http.Request) {
	type content struct {
		Key  string
		Size int
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
		page.Contents = append(page.Contents, content{name, len(b.objects[name])})
		page.NextContinuationToken = name
	}
	page.IsTruncated = len(names) > 3
	_ = xml.NewEncoder(w).Encode(page)
}

func (*bucket) refuse(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code></Error>", code)
}

// signature is what the Authorization of a request must be, by its own word on
// which headers it signs.
func (*bucket) signature(r *http.Request, body []byte) string {
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
	scope := at[:8] + "/eu-central-1/s3/aws4_request"
	mac := func(key []byte, text string) []byte {
		m := hmac.New(sha256.New, key)
		_, _ = io.WriteString(m, text)
		return m.Sum(nil)
	}
	key := mac(mac(mac(mac([]byte("AWS4"+secretKey), at[:8]), "eu-central-1"), "s3"), "aws4_request")
	return "AWS4-HMAC-SHA256 Credential=AKIA/" + scope + ",SignedHeaders=" + signed +
		",Signature=" + hex.EncodeToString(mac(key, "AWS4-HMAC-SHA256\n"+at+"\n"+scope+"\n"+hex.EncodeToString(hashed[:])))
}

func open(t *testing.T, change func(*s3.Config)) (*s3.Store, *bucket) {
	t.Helper()
	b := &bucket{t: t, objects: map[string][]byte{}, headers: map[string]http.Header{}}
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	cfg := s3.Config{Endpoint: server.URL, Region: "eu-central-1", Bucket: "files", Prefix: "par ley+й", AccessKey: "AKIA",
		SecretKey: secret.NewText(secretKey), Timeout: 5 * time.Second, Now: time.Now}
	if change != nil {
		change(&cfg)
	}
	s, err := s3.New(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s, b
}

func TestStore(t *testing.T) {
	filestest.Store(t, func(t *testing.T) files.Store {
		s, _ := open(t, nil)
		return s
	})
}

// TestALostAnswer: the store has the part, and its writer heard of a failure.
func TestALostAnswer(t *testing.T) {
	s, b := open(t, nil)
	lost := 0
	b.fail = func(r *http.Request, done bool) int {
		if done && r.Method == http.MethodPut && lost == 0 {
			lost++
			return http.StatusInternalServerError
		}
		return 0
	}
	o, err := s.Begin(ivan, "up.1")
	if err != nil {
		t.Fatal(err)
	}
	if o, err = s.Append(t.Context(), o, []byte("one")); err != nil || o.Size != 3 || lost != 1 {
		t.Errorf("%+v after %d lost answers: %v", o, lost, err)
	}
	if got, err := io.ReadAll(s.Open(t.Context(), o)); err != nil || string(got) != "one" {
		t.Errorf("read %q: %v", got, err)
	}
}

// TestAStoreThatIsAway is asked again, a few times, and says so.
func TestAStoreThatIsAway(t *testing.T) {
	s, b := open(t, nil)
	asked := 0
	b.fail = func(_ *http.Request, done bool) int {
		if done {
			return 0
		}
		if asked++; asked < 3 {
			return http.StatusServiceUnavailable
		}
		return 0
	}
	if _, err := s.Put(t.Context(), ivan, "a0", strings.NewReader("x")); err != nil || asked != 3 {
		t.Errorf("after %d: %v", asked, err)
	}
	b.fail = func(*http.Request, bool) int { return http.StatusServiceUnavailable }
	if _, err := s.Put(t.Context(), ivan, "a0", strings.NewReader("x")); !fault.Is(err, fault.Unavailable) || !fault.Retryable(err) {
		t.Errorf("away is %v", err)
	}
	wrong, _ := open(t, func(c *s3.Config) { c.SecretKey = secret.NewText("another") })
	_, err := wrong.Put(t.Context(), ivan, "a0", strings.NewReader("x"))
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "SignatureDoesNotMatch") || strings.Contains(err.Error(), "another") {
		t.Errorf("a wrong key is %v", err)
	}
	missing, _ := open(t, func(c *s3.Config) { c.Bucket = "nobodys" })
	if _, err := missing.Measure(t.Context(), files.Object{Key: "10.70.a.0x"}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a bucket that is not there is %v", err)
	}
}

func TestSettingsOfAStore(t *testing.T) {
	good := s3.Config{Endpoint: "https://s3.example.com", Region: "r", Bucket: "b", AccessKey: "k", SecretKey: secret.NewText("s")}
	for name, change := range map[string]func(*s3.Config){
		"no endpoint": func(c *s3.Config) { c.Endpoint = "" }, "an endpoint with a key": func(c *s3.Config) { c.Endpoint = "https://k:s@s3.example.com" },
		"no bucket": func(c *s3.Config) { c.Bucket = "" }, "no key": func(c *s3.Config) { c.SecretKey = secret.Text{} }, "a folder": func(c *s3.Config) { c.Bucket = "a/b" },
	} {
		cfg := good
		change(&cfg)
		if _, err := s3.New(cfg, nil); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s3.New(good, nil); err != nil {
		t.Error(err)
	}
}

// TestMoving: a house that gets a bucket keeps the files that it has.
func TestMoving(t *testing.T) {
	filestest.Store(t, func(t *testing.T) files.Store {
		to, _ := open(t, nil)
		from, _ := open(t, nil)
		return files.Moving(to, from, s3.Mine)
	})
	to, _ := open(t, nil)
	old, at := open(t, nil)
	from := elder{old}
	before, err := from.Put(t.Context(), ivan, "a0", strings.NewReader("before"))
	if err != nil {
		t.Fatal(err)
	}
	s := files.Moving(to, from, func(key string) bool { return key != before.Key })
	after, err := s.Put(t.Context(), ivan, "a1", strings.NewReader("after"))
	if err != nil || !s3.Mine(after.Key) {
		t.Fatalf("%+v: %v", after, err)
	}
	for o, want := range map[files.Object]string{before: "before", after: "after"} {
		if got, err := io.ReadAll(s.Open(t.Context(), o)); err != nil || string(got) != want {
			t.Errorf("read %q, want %q: %v", got, want, err)
		}
	}
	if err := s.Erase(t.Context(), ivan); err != nil || len(at.objects) != 0 {
		t.Errorf("left %d: %v", len(at.objects), err)
	}
	if s3.Mine("10.70.a0.abcdefghijklmnopqrstuvwxyz") {
		t.Error("a key of the broker's is taken for one of the bucket")
	}
}

// elder is the store that was there before.
type elder struct{ files.Store }

// TestNothingIsHeldOfAFile but a part: a long file passes through.
func TestNothingIsHeldOfAFile(t *testing.T) {
	s, b := open(t, nil)
	o, err := s.Put(t.Context(), ivan, "a0", bytes.NewReader(make([]byte, 3*files.PartSize+1)))
	if err != nil || o.Size != 3*files.PartSize+1 || len(b.objects) != 4 {
		t.Errorf("%+v in %d parts: %v", o, len(b.objects), err)
	}
}
