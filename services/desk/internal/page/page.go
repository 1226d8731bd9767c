// Package page serves the agent's page as it was built, from memory, with the
// headers that keep a stranger's text in it from doing anything (SK1, SK8).
package page

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"html"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// policy is what the page may do: run our scripts and styles, talk to us, and
// show pictures. Text never becomes script; the page's own policy of trusted
// types is for the address of its worker.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
	"font-src 'self'; media-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types parley; img-src "

// pictures are where pictures come from: the page itself, which also shows those
// that an agent chose and did not send yet, and the servers at Meta that have
// what customers send.
var pictures = []string{"'self'", "data:", "blob:", "https://*.fbcdn.net", "https://*.fbsbx.com"}

// hashed matches names that change with what the file holds: app.3F9A1C2B.js.
var hashed = regexp.MustCompile(`[.-][0-9A-Za-z]{8,}\.[a-z0-9]+$`)

// Page answers GET and HEAD for the built files, with "/" for index.html and
// "/setup" for setup.html and "/leave" for leave.html.
type Page struct{ files map[string]file }

type file struct {
	plain       []byte
	zipped      func() []byte // made when first asked for; nil where it would not be smaller
	kind, cache string
}

// Door is how agents may sign in, which the pages say before anybody has.
type Door struct {
	Federated string // name of the company's sign-in; empty: there is none
	Local     bool   // by password
}

// mark puts it into a page, on the element that is drawn into.
func (d Door) mark(page []byte) []byte {
	said := `id="desk"`
	if d.Federated != "" {
		said += ` data-sso="` + html.EscapeString(d.Federated) + `"`
	}
	if !d.Local {
		said += ` data-closed="yes"`
	}
	return bytes.Replace(page, []byte(`id="desk"`), []byte(said), 1)
}

// New reads all files.
func New(built fs.FS, door Door) (*Page, error) {
	p := &Page{files: map[string]file{}}
	err := fs.WalkDir(built, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(built, name)
		if err != nil {
			return err
		}
		if path.Ext(name) == ".html" {
			data = door.mark(data)
		}
		p.files["/"+name] = read(name, data)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the built page: %w", err)
	}
	for address, name := range map[string]string{"/": "/index.html", "/setup": "/setup.html", "/leave": "/leave.html"} {
		html, ok := p.files[name]
		if !ok {
			return nil, fmt.Errorf("the built page has no %s", name)
		}
		p.files[address] = html
	}
	return p, nil
}

func read(name string, data []byte) file {
	f := file{plain: data, kind: mime.TypeByExtension(path.Ext(name)), cache: "no-cache"}
	switch {
	case path.Ext(name) == ".html":
		f.cache = "no-store"
	case hashed.MatchString(name):
		f.cache = "public, max-age=31536000, immutable"
	}
	if f.kind == "" {
		f.kind = "application/octet-stream"
	}
	f.zipped = sync.OnceValue(func() []byte { return zip(data) })
	return f
}

func zip(data []byte) []byte {
	var zipped bytes.Buffer
	w, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression) // the level is valid
	_, _ = w.Write(data)                                       // a buffer takes everything
	_ = w.Close()
	if zipped.Len() < len(data) {
		return zipped.Bytes()
	}
	return nil
}

// ServeHTTP answers with a file, 404, or 405 to who wants more than to read it.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, ok := p.files[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "this can only be read", http.StatusMethodNotAllowed)
		return
	}
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", f.cache)
	body := f.plain
	if zipped := f.zipped(); zipped != nil {
		h.Set("Vary", "Accept-Encoding")
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			h.Set("Content-Encoding", "gzip")
			body = zipped
		}
	}
	h.Set("Content-Length", fmt.Sprint(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the reader went away: nothing to do about it
	}
}

// Harden sets on every answer what a browser must be told about this host.
// What a handler does not say about caching is not to be stored. Pictures may
// come from Meta's servers and from the origins in images.
func Harden(next http.Handler, images ...string) http.Handler {
	policy := policy + strings.Join(slices.Concat(pictures, images), " ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}
