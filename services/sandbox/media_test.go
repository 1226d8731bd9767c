package sandbox_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// upload gives a file to the telephone's page, as it does.
func (m *meta) upload(name, data string) (status int, answer struct{ URL, Attachment string }) {
	m.t.Helper()
	r, err := http.Post(m.url+"/sandbox/media?name="+name, "application/octet-stream", strings.NewReader(data))
	if err != nil {
		m.t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	if err := json.NewDecoder(r.Body).Decode(&answer); err != nil {
		m.t.Fatal(err)
	}
	return r.StatusCode, answer
}

// TestTelephonesSendFiles: a file has a link like Meta's, that survives a
// restart, and the message has the kind that Messenger would make of it.
func TestTelephonesSendFiles(t *testing.T) {
	in := newIngress(t)
	cfg := config(t, in)
	m := start(t, cfg)
	for name, kind := range map[string]string{"photo.jpg": "image", "call.mp3": "audio", "film.mp4": "video", "order.pdf": "file", "none": "file"} {
		if status, got := m.upload(name, "data of "+name); status != http.StatusOK || got.Attachment != kind || !strings.HasPrefix(got.URL, m.url+"/media/") || !strings.Contains(got.URL, "&oe=") {
			t.Errorf("%s: %d %+v", name, status, got)
		}
	}
	for _, name := range []string{"", ".", "..", "%2e%2e%2f..", ".htaccess", "a/"} {
		if status, got := m.upload(name, "x"); status == http.StatusOK && (strings.Contains(got.URL, "/.") || strings.HasSuffix(got.URL, "/")) {
			t.Errorf("%q is %s", name, got.URL)
		}
	}
	_, file := m.upload("order.pdf", "%PDF-1.7")
	m.stop()
	again := start(t, cfg)
	at := strings.Index(file.URL, "/media/")
	r, err := http.Get(again.url + file.URL[at:])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	body, err := io.ReadAll(r.Body)
	if err != nil || string(body) != "%PDF-1.7" || r.Header.Get("Content-Type") != "application/pdf" {
		t.Errorf("after a restart: %d %q (%v)", r.StatusCode, body, err)
	}
}
