package desk_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// fetched is an answer as a browser gets it that follows redirects.
type fetched struct {
	*http.Response
	body []byte
}

func (h *house) fetch(c *caller, address string, header ...string) fetched {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		h.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := c.http.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return fetched{answer, body}
}

// keep files a message with a file in the customer's thread, which mila has.
func (h *house) keep(psid, mid string, data []byte, kept *threadv1.AttachmentKept) (address string) {
	h.t.Helper()
	o, err := h.bus.Files().Put(h.t.Context(), subject.Thread{Page: pageID, PSID: psid}, "a0", bytes.NewReader(data))
	if err != nil {
		h.t.Fatal(err)
	}
	kept.Message, kept.Object, kept.Size, kept.Sha256 = mid, o.Key, o.Size, "abc"
	h.commit(psid, thread.Of(&threadv1.MessageReceived{Mid: mid, SentMs: time.Now().UnixMilli(), Attachments: []*threadv1.Attachment{{Type: "file", Url: "https://cdn.fbsbx.com/a"}}}),
		thread.Of(kept))
	return h.url + "/files?" + url.Values{"page": {pageID}, "psid": {psid}, "conversation": {"c-" + psid}, "item": {mid}, "index": {"0"}}.Encode()
}

// TestFiles (SA4) are given to who has the conversation, for some minutes, by an
// address that serves nobody else, and such that a browser makes nothing of them.
func TestFiles(t *testing.T) {
	h := newHouse(t)
	h.lead("2001", "active", time.Now())
	data := make([]byte, 700_000)
	_, _ = rand.NewChaCha8([32]byte{}).Read(data)
	photo := h.keep("2001", "m1", data, &threadv1.AttachmentKept{ContentType: "image/png", Width: 32, Height: 24, Name: "снимка.png"})
	document := h.keep("2001", "m2", []byte("<script>alert(1)</script>"), &threadv1.AttachmentKept{ContentType: "text/plain; charset=utf-8", Name: "a.txt"})
	mila, orlin := h.agent("mila"), h.agent("orlin")

	got := h.fetch(mila, photo)
	signed := got.Request.URL.String()
	if got.StatusCode != http.StatusOK || !bytes.Equal(got.body, data) || signed == photo {
		t.Fatalf("the photo: %d, %d bytes by %s", got.StatusCode, len(got.body), signed)
	}
	for name, want := range map[string]string{"Content-Type": "image/png", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
		"Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'", "Cross-Origin-Resource-Policy": "same-origin",
		"Content-Disposition": "inline; filename*=utf-8''%D1%81%D0%BD%D0%B8%D0%BC%D0%BA%D0%B0.png"} {
		if value := got.Header.Get(name); value != want {
			t.Errorf("%s is %q, not %q", name, value, want)
		}
	}
	if text := h.fetch(mila, document); text.Header.Get("Content-Disposition") != "attachment; filename=a.txt" || text.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("the document: %v", text.Header)
	}
	if part := h.fetch(mila, photo, "Range", "bytes=650000-650009"); part.StatusCode != http.StatusPartialContent || !bytes.Equal(part.body, data[650000:650010]) {
		t.Errorf("a part: %d, %d bytes", part.StatusCode, len(part.body))
	}
	for name, status := range map[string]int{
		h.url + "/files": http.StatusNotFound, h.url + "/files/": http.StatusNotFound, h.url + "/files/a.b": http.StatusNotFound,
		strings.Replace(photo, "index=0", "index=1", 1): http.StatusNotFound, strings.Replace(photo, "index=0", "index=-1", 1): http.StatusNotFound,
		strings.Replace(photo, "item=m1", "item=m9", 1): http.StatusNotFound, strings.Replace(photo, "c-2001", "c-2002", 1): http.StatusNotFound,
		signed[:len(signed)-3]: http.StatusNotFound, strings.Replace(signed, "/files/e", "/files/f", 1): http.StatusNotFound,
	} {
		if got := h.fetch(mila, name).StatusCode; got != status {
			t.Errorf("%s: %d, not %d", name, got, status)
		}
	}
	h.ahead.Store(int64(4 * time.Minute))
	if again := h.fetch(mila, signed); again.StatusCode != http.StatusOK {
		t.Errorf("the signed address after four minutes: %d", again.StatusCode)
	}
	h.ahead.Store(int64(5 * time.Minute))
	if late := h.fetch(mila, signed); late.StatusCode != http.StatusNotFound || len(late.body) > 100 {
		t.Errorf("the signed address after five minutes: %d", late.StatusCode)
	}
	h.ahead.Store(0)
	// Of another agent, of nobody, and by another site.
	for _, c := range []struct {
		who     *caller
		address string
		header  []string
		status  int
	}{
		{orlin, photo, nil, http.StatusNotFound}, {orlin, signed, nil, http.StatusNotFound}, {h.agent("mila"), signed, nil, http.StatusNotFound},
		{h.agent(""), photo, nil, http.StatusUnauthorized}, {h.agent(""), signed, nil, http.StatusUnauthorized}, {h.agent("petar"), photo, nil, http.StatusForbidden},
		{mila, photo, []string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden}, {mila, signed, []string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
	} {
		if got := h.fetch(c.who, c.address, c.header...); got.StatusCode != c.status || len(got.body) > 100 {
			t.Errorf("%s: %d, not %d", c.address, got.StatusCode, c.status)
		}
	}
	// L9: they stay when the conversation is handed over, to who has it now.
	_, _, err := h.bus.Update(t.Context(), subject.Thread{Page: pageID, PSID: "2001"}, func(*threadv1.State, uint64) ([]*threadv1.Fact, error) {
		return []*threadv1.Fact{thread.Of(&threadv1.AgentAssigned{Agent: "orlin", Cause: threadv1.Cause_CAUSE_TRANSFERRED, By: "mila"})}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	h.await("the other agent to have the photo", func() bool {
		got := h.fetch(orlin, photo)
		return got.StatusCode == http.StatusOK && bytes.Equal(got.body, data)
	})
	if err := h.bus.Files().Erase(t.Context(), subject.Thread{Page: pageID, PSID: "2001"}); err != nil {
		t.Fatal(err)
	}
}
