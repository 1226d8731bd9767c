package fetch_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-desk/parley/services/attachment/internal/fetch"
)

// world is a network in which names lead where a test says, and which writes
// down every address to which a packet was about to leave.
type world struct {
	mu      sync.Mutex
	names   map[string][]string // answers, one look-up each; the last stays
	dialled []string
}

func (w *world) lookup(_ context.Context, host string) ([]netip.Addr, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	answers := w.names[host]
	if len(answers) == 0 {
		return nil, fmt.Errorf("no such host")
	}
	if len(answers) > 1 {
		w.names[host] = answers[1:]
	}
	var found []netip.Addr
	for _, a := range strings.Fields(answers[0]) {
		found = append(found, netip.MustParseAddr(a))
	}
	return found, nil
}

func (w *world) client(plain ...string) *fetch.Client {
	return fetch.New(fetch.Config{
		Hosts: []string{"fbcdn.net", "fbsbx.com"}, Plain: plain, Timeout: 5 * time.Second, Rate: 10 << 10, Grace: time.Second,
		Now: func() time.Time { return time.Unix(1_760_000_000, 0) }, Lookup: w.lookup,
		Dialled: func(address string) { w.mu.Lock(); defer w.mu.Unlock(); w.dialled = append(w.dialled, address) },
	})
}

func get(c *fetch.Client, link string, most int64) (int64, error) {
	body, err := c.Open(context.Background(), link, most)
	if err != nil {
		return 0, err
	}
	defer func() { _ = body.Close() }()
	return io.Copy(io.Discard, body)
}

func reason(err error) string {
	var f *fetch.Failure
	if errors.As(err, &f) && f.Final {
		return f.Reason
	}
	return fmt.Sprint(err)
}

// TestHostileLinks (SA1): none of them costs a packet.
func TestHostileLinks(t *testing.T) {
	victim := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the victim was asked") }))
	defer victim.Close()
	_, port, _ := net.SplitHostPort(victim.Listener.Addr().String())
	names := map[string][]string{
		"scontent.fbcdn.net": {"10.0.0.1"}, "loop.fbcdn.net": {"127.0.0.1"}, "meta.fbcdn.net": {"169.254.169.254"},
		"six.fbcdn.net": {"::1"}, "ula.fbcdn.net": {"fd00::1"}, "link.fbcdn.net": {"fe80::1"}, "mapped.fbcdn.net": {"::ffff:127.0.0.1"},
		"compat.fbcdn.net": {"::127.0.0.1"}, "nat64.fbcdn.net": {"64:ff9b::7f00:1"}, "sixto4.fbcdn.net": {"2002:7f00:1::"}, "teredo.fbcdn.net": {"2001:0:7f00:1::"},
		"cgnat.fbcdn.net": {"100.64.0.1"}, "zero.fbcdn.net": {"0.0.0.0"}, "bench.fbcdn.net": {"198.18.0.1"}, "multi.fbcdn.net": {"224.0.0.1"},
		"broad.fbcdn.net": {"255.255.255.255"}, "class-e.fbcdn.net": {"240.0.0.1"}, "any6.fbcdn.net": {"::"}, "multi6.fbcdn.net": {"ff02::1"},
		"doc.fbcdn.net": {"192.0.2.1"}, "private2.fbcdn.net": {"172.31.255.255"}, "private3.fbcdn.net": {"192.168.1.1"},
		"mixed.fbcdn.net": {"157.240.1.1 127.0.0.1"}, "mixed6.fbcdn.net": {"2a03:2880::1 ::1"}, "site.fbcdn.net": {"fec0::1"},
	}
	links := []string{
		// Addresses, in every spelling.
		"https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0x7f.1/", "https://0177.0.0.1/", "https://017700000001/",
		"https://0/", "https://0.0.0.0/", "https://[::1]/", "https://[::]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://[0:0:0:0:0:ffff:127.0.0.1]/",
		"https://[64:ff9b::7f00:1]/", "https://[fe80::1%25lo]/", "https://10.0.0.1/", "https://169.254.169.254/latest/meta-data/", "https://192.168.0.1/", "https://100.64.0.1/",
		"https://157.240.1.1/", "https://①②⑦.⓪.⓪.①/",
		// Names that are not on the list, or only look so.
		"https://localhost/", "https://localhost.fbcdn.net.evil.com/", "https://fbcdn.net.evil.com/", "https://evilfbcdn.net/", "https://fbcdn.net@127.0.0.1/", "https://evil.com/?fbcdn.net",
		"https://evil.com/#.fbcdn.net", "https://evil.com\\.fbcdn.net/", "https://fbcdn.net.:443/", "https://metadata.google.internal/", "https://127.0.0.1.nip.io/", "https://.fbcdn.net.evil/",
		// Users, ports, schemes.
		"https://user@scontent.fbcdn.net/", "https://user:secret@scontent.fbcdn.net/", "https://scontent.fbcdn.net:" + port + "/", "https://scontent.fbcdn.net:22/", "https://scontent.fbcdn.net:80/",
		"http://scontent.fbcdn.net/", "HTTP://scontent.fbcdn.net/", "ftp://scontent.fbcdn.net/", "file:///etc/passwd", "gopher://scontent.fbcdn.net/", "data:text/plain,a", "//scontent.fbcdn.net/", "scontent.fbcdn.net/a", "https:scontent.fbcdn.net", "", "https://", "://", "https://scontent.fbcdn.net\r\nHost: evil/",
		"http://" + victim.Listener.Addr().String() + "/", "http://localhost:" + port + "/", "http://127.1:" + port + "/",
	}
	for name := range names {
		links = append(links, "https://"+name+"/a.jpg")
	}
	w := &world{names: names}
	c := w.client()
	for _, link := range links {
		if _, err := get(c, link, 1<<20); reason(err) != fetch.LinkRefused {
			t.Errorf("%q: %v", link, err)
		} else if name := strings.TrimPrefix(link, "https://"); len(name) > 12 && strings.Contains(err.Error(), name) {
			t.Errorf("%q is in its own error", link)
		}
	}
	if len(w.dialled) != 0 {
		t.Errorf("packets left for %q", w.dialled)
	}
	if len(links) < 60 {
		t.Errorf("only %d links", len(links))
	}
}

// TestRebinding: the address that is checked is the one that is dialled, so a
// name whose second answer is another gains nothing.
func TestRebinding(t *testing.T) {
	w := &world{names: map[string][]string{"a.fbcdn.net": {"157.240.1.1", "127.0.0.1"}}}
	ctx, cancel := context.WithCancel(t.Context())
	c := fetch.New(fetch.Config{Hosts: []string{"fbcdn.net"}, Timeout: time.Second, Now: time.Now, Lookup: w.lookup,
		Dialled: func(address string) { w.dialled = append(w.dialled, address); cancel() }}) // nothing leaves for the real one either
	_, _ = c.Open(ctx, "https://a.fbcdn.net/a", 1)
	if got := strings.Join(w.dialled, " "); got != "157.240.1.1:443" {
		t.Errorf("dialled %q", got)
	}
	if _, err := get(c, "https://a.fbcdn.net/a", 1); reason(err) != fetch.LinkRefused || len(w.dialled) != 1 {
		t.Errorf("the second time: %v, dialled %q", err, w.dialled)
	}
}

// TestRedirects are judged as links are, each of them, and are few.
func TestRedirects(t *testing.T) {
	victim := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the victim was asked") }))
	defer victim.Close()
	var cdn *httptest.Server
	asked := 0
	cdn = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		asked++
		if r.Header.Get("Referer") != "" || r.Header.Get("Cookie") != "" || r.Header.Get("Authorization") != "" {
			t.Errorf("too much is told: %v", r.Header)
		}
		http.SetCookie(rw, &http.Cookie{Name: "c", Value: "1"})
		switch to := r.URL.Query().Get("to"); to {
		case "":
			fmt.Fprint(rw, "here") //nolint:errcheck // the test reads
		case "loop":
			http.Redirect(rw, r, cdn.URL+"/?to=loop", http.StatusFound)
		case "once":
			http.Redirect(rw, r, cdn.URL+"/", http.StatusFound)
		default:
			http.Redirect(rw, r, to, http.StatusFound)
		}
	}))
	defer cdn.Close()
	w := &world{names: map[string][]string{"in.fbcdn.net": {"10.0.0.1"}}}
	c := w.client(cdn.Listener.Addr().String())
	for _, to := range []string{victim.URL, "https://127.0.0.1/", "https://evil.com/", "https://in.fbcdn.net/", "file:///etc/passwd", "https://user@in.fbcdn.net/", "loop"} {
		if _, err := get(c, cdn.URL+"/?to="+to, 100); reason(err) != fetch.LinkRefused {
			t.Errorf("to %s: %v", to, err)
		}
	}
	if n, err := get(c, cdn.URL+"/?to=once", 100); n != 4 || err != nil {
		t.Errorf("to another of its own: %d bytes (%v)", n, err)
	}
	for _, at := range w.dialled {
		if at != cdn.Listener.Addr().String() {
			t.Errorf("a packet left for %s", at)
		}
	}
	if asked > 14 {
		t.Errorf("asked %d times", asked)
	}
}

// TestProxiesAreNotKnown: the environment cannot turn transfers elsewhere.
func TestProxiesAreNotKnown(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the proxy was asked") }))
	defer proxy.Close()
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"} {
		t.Setenv(name, proxy.URL)
	}
	w := &world{names: map[string][]string{"a.fbcdn.net": {"10.0.0.1"}}}
	if _, err := get(w.client(), "https://a.fbcdn.net/", 1); reason(err) != fetch.LinkRefused {
		t.Error(err)
	}
}

// TestWhatServersDo (SA2): lies about length, bodies without end, and bodies that come
// too slowly end with the right word, and without the memory they ask for.
func TestWhatServersDo(t *testing.T) {
	block := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		flush := http.NewResponseController(rw)
		kb := bytes.Repeat([]byte{1}, 1<<10)
		switch r.URL.Path {
		case "/exact":
			_, _ = rw.Write(kb)
		case "/endless":
			for r.Context().Err() == nil {
				_, _ = rw.Write(kb)
			}
		case "/says-more", "/says-gigabytes":
			rw.Header().Set("Content-Length", map[string]string{"/says-more": "900", "/says-gigabytes": "80000000000"}[r.URL.Path])
			_, _ = rw.Write(kb[:100])
		case "/gzip":
			if r.Header.Get("Accept-Encoding") != "identity" {
				t.Errorf("asked for %q", r.Header.Get("Accept-Encoding"))
			}
			rw.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(rw)
			for range 1 << 10 {
				_, _ = z.Write(kb)
			}
			_ = z.Close()
		case "/slow":
			for r.Context().Err() == nil {
				_, _ = rw.Write([]byte{1})
				_ = flush.Flush()
				select {
				case <-time.After(50 * time.Millisecond):
				case <-r.Context().Done():
				}
			}
		case "/stops":
			_, _ = rw.Write(kb)
			_ = flush.Flush()
			select {
			case <-block:
			case <-r.Context().Done():
			}
		case "/gone":
			http.Error(rw, "URL signature expired", http.StatusForbidden)
		case "/busy":
			http.Error(rw, "", http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	defer close(block)
	c := (&world{}).client(server.Listener.Addr().String())
	for _, x := range []struct{ path, want string }{
		{"/exact", "<nil>"}, {"/endless", fetch.TooLarge}, {"/says-gigabytes", fetch.TooLarge}, {"/gzip", fetch.LinkRefused}, {"/gone", fetch.Gone},
		{"/says-more", ": unexpected EOF"}, {"/busy", ": the answer is 503"}, {"/slow", "are too few"}, {"/stops", "deadline exceeded"},
		{"/exact?oe=" + fmt.Sprintf("%X", 1_760_000_000), fetch.Expired}, {"/exact?oe=" + fmt.Sprintf("%X", 1_760_000_001), "<nil>"},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := get(c, server.URL+x.path, 1<<10)
		runtime.ReadMemStats(&after)
		if got := reason(err); !strings.HasSuffix(got, x.want) {
			t.Errorf("%s: %s, want %s", x.path, got, x.want)
		}
		if took := (after.TotalAlloc - before.TotalAlloc) >> 10; took > 4<<10 { // the server of the test counts
			t.Errorf("%s: took %d KB", x.path, took)
		}
	}
}
