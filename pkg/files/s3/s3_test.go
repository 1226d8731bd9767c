package s3_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/files"
	"github.com/parley-desk/parley/pkg/files/filestest"
	"github.com/parley-desk/parley/pkg/files/s3"
	"github.com/parley-desk/parley/pkg/files/s3/s3test"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/proto/subject"
)

var ivan = subject.Thread{Page: "10", PSID: "70"}

func open(t *testing.T, change func(*s3.Config)) (*s3.Store, *s3test.Bucket) {
	t.Helper()
	b := s3test.Open(t)
	cfg := s3.Config{Endpoint: b.URL, Region: s3test.Region, Bucket: s3test.Name, Prefix: "par ley+й", AccessKey: s3test.AccessKey,
		SecretKey: secret.NewText(s3test.SecretKey), Timeout: 5 * time.Second, Now: time.Now}
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
	b.Fail = func(r *http.Request, done bool) int {
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
	b.Fail = func(_ *http.Request, done bool) int {
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
	b.Fail = func(*http.Request, bool) int { return http.StatusServiceUnavailable }
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
	if err := s.Erase(t.Context(), ivan); err != nil || len(at.Objects()) != 0 {
		t.Errorf("left %d: %v", len(at.Objects()), err)
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
	if err != nil || o.Size != 3*files.PartSize+1 || len(b.Objects()) != 4 {
		t.Errorf("%+v in %d parts: %v", o, len(b.Objects()), err)
	}
}
