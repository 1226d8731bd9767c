package page_test

import (
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/parley-desk/parley/services/desk/internal/page"
)

const (
	index  = "<!doctype html><title>Parley</title>"
	noise  = "\x89PNG\r\n\x1a\n"
	year   = "public, max-age=31536000, immutable"
	sketch = "body{margin:0}"
)

// script is long enough to be smaller when compressed.
var script = strings.Repeat("console.log('parley');", 50)

func handler(t *testing.T) http.Handler {
	t.Helper()
	p, err := page.New(fstest.MapFS{
		"index.html":           {Data: []byte(index)},
		"setup.html":           {Data: []byte(index)},
		"leave.html":           {Data: []byte(index)},
		"app.3f9a1c2b7d.js":    {Data: []byte(script)},
		"desk.0a1b2c3d4e.css":  {Data: []byte(sketch)},
		"plain.js":             {Data: []byte(script)},
		"icons/logo.png":       {Data: []byte(noise)},
		"fonts/text.bin.thing": {Data: []byte(noise)},
	}, page.Door{Local: true})
	if err != nil {
		t.Fatal(err)
	}
	return page.Harden(p, "http://127.0.0.1:8082")
}

func ask(h http.Handler, method, path string, header ...string) *http.Response {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	var in io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		in = unzipped
	}
	data, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestFiles: each file with its kind, compressed where that helps and is
// wanted, and kept by browsers for ever when its name says what it holds.
func TestFiles(t *testing.T) {
	for path, want := range map[string]struct {
		body, kind, cache string
		zipped            bool
	}{
		"/":                     {index, "text/html; charset=utf-8", "no-store", false},
		"/index.html":           {index, "text/html; charset=utf-8", "no-store", false},
		"/app.3f9a1c2b7d.js":    {script, "javascript", year, true},
		"/plain.js":             {script, "javascript", "no-cache", true},
		"/desk.0a1b2c3d4e.css":  {sketch, "text/css", year, false},
		"/icons/logo.png":       {noise, "image/png", "no-cache", false},
		"/fonts/text.bin.thing": {noise, "application/octet-stream", "no-cache", false},
	} {
		t.Run(path, func(t *testing.T) {
			h := handler(t)
			zipped := ask(h, http.MethodGet, path, "Accept-Encoding", "gzip, deflate, br")
			plain := ask(h, http.MethodGet, path)
			for _, r := range []*http.Response{zipped, plain} {
				if r.StatusCode != http.StatusOK || !strings.Contains(r.Header.Get("Content-Type"), want.kind) ||
					r.Header.Get("Cache-Control") != want.cache || (r.Header.Get("Vary") == "Accept-Encoding") != want.zipped {
					t.Errorf("%d %v", r.StatusCode, r.Header)
				}
			}
			if zip := zipped.Header.Get("Content-Encoding") == "gzip"; zip != want.zipped || plain.Header.Get("Content-Encoding") != "" {
				t.Errorf("compressed is %v for who wants it, %q for who does not", zip, plain.Header.Get("Content-Encoding"))
			}
			head := ask(h, http.MethodHead, path, "Accept-Encoding", "gzip")
			if head.StatusCode != http.StatusOK || head.Header.Get("Content-Length") != zipped.Header.Get("Content-Length") ||
				head.Header.Get("Cache-Control") != want.cache || body(t, ask(h, http.MethodHead, path)) != "" {
				t.Errorf("HEAD: %d %v", head.StatusCode, head.Header)
			}
			if got := body(t, plain); got != want.body {
				t.Errorf("plain is %q", got)
			}
			if got := body(t, zipped); got != want.body {
				t.Errorf("unzipped is %q", got)
			}
		})
	}
}

// TestWhatIsNotThere: nothing is guessed, no folder is listed, nothing beside
// the built files is reached, and reading is all that can be done.
func TestWhatIsNotThere(t *testing.T) {
	h := handler(t)
	for _, path := range []string{"/app.js", "/icons", "/icons/", "/index.htm", "/../page.go", "/%2e%2e/page.go", "//index.html", "/app.3f9a1c2b7d.js/"} {
		if r := ask(h, http.MethodGet, path); r.StatusCode != http.StatusNotFound || r.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", path, r.StatusCode, r.Header)
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodOptions} {
		if r := ask(h, method, "/"); r.StatusCode != http.StatusMethodNotAllowed || r.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d %v", method, r.StatusCode, r.Header)
		}
	}
}

// TestEveryAnswerIsHardened (SK1, SK8), that of the page and one that is none.
func TestEveryAnswerIsHardened(t *testing.T) {
	h := handler(t)
	for _, path := range []string{"/", "/app.3f9a1c2b7d.js", "/nothing"} {
		r := ask(h, http.MethodGet, path)
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		rules := map[string]string{}
		for rule := range strings.SplitSeq(r.Header.Get("Content-Security-Policy"), ";") {
			name, sources, _ := strings.Cut(strings.TrimSpace(rule), " ")
			rules[name] = sources
		}
		for name, want := range map[string]string{
			"default-src": "'none'", "script-src": "'self'", "connect-src": "'self'", "style-src": "'self'", "worker-src": "'self'",
			"img-src":                   "'self' data: blob: https://*.fbcdn.net https://*.fbsbx.com http://127.0.0.1:8082",
			"require-trusted-types-for": "'script'", "trusted-types": "parley",
			"base-uri": "'none'", "form-action": "'self'", "frame-ancestors": "'none'",
		} {
			if rules[name] != want {
				t.Errorf("%s: %s is %q", path, name, rules[name])
			}
		}
	}
}

// broken is a folder that cannot be read.
type broken struct{ fs.FS }

func (broken) Open(string) (fs.File, error) { return nil, errors.New("the disk is gone") }

func TestABuiltPageMustBeWhole(t *testing.T) {
	for name, built := range map[string]fs.FS{"without index.html": fstest.MapFS{"app.js": {}, "setup.html": {}, "leave.html": {}}, "without setup.html": fstest.MapFS{"index.html": {}, "leave.html": {}}, "without leave.html": fstest.MapFS{"index.html": {}, "setup.html": {}}, "unreadable": broken{}} {
		if _, err := page.New(built, page.Door{Local: true}); err == nil {
			t.Errorf("a page %s is served", name)
		}
	}
}

// TestTheDoorIsSaid on every page before anybody is in, and in no way that could be
// more than a word.
func TestTheDoorIsSaid(t *testing.T) {
	built := fstest.MapFS{"index.html": {Data: []byte(`<div id="desk"></div>`)}, "setup.html": {Data: []byte(`<div id="desk"></div>`)}, "leave.html": {}}
	for want, door := range map[string]page.Door{
		`<div id="desk"></div>`:                                      {Local: true},
		`<div id="desk" data-sso="&#34;&gt;&lt;b&gt;"></div>`:        {Federated: `"><b>`, Local: true},
		`<div id="desk" data-sso="Example" data-closed="yes"></div>`: {Federated: "Example"},
	} {
		p, err := page.New(built, door)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/", "/setup", "/index.html"} {
			if got := body(t, ask(p, http.MethodGet, path)); got != want {
				t.Errorf("%s says %s, want %s", path, got, want)
			}
		}
	}
}
