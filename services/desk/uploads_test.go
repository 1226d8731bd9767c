package desk_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/services/desk"
)

// noise is a picture that cannot be pressed together: about 4 bytes a pixel.
func noise(t *testing.T, width, height int) []byte {
	t.Helper()
	picture := image.NewNRGBA(image.Rect(0, 0, width, height))
	_, _ = rand.NewChaCha8([32]byte{}).Read(picture.Pix)
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.NoCompression}).Encode(&out, picture); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// answered is an answer of the way for uploads.
type answered struct {
	status int
	offset int64
	reason string
	id     string
	kind   string
	name   string
}

func (h *house) ask(c *caller, method, path string, body io.Reader, header ...string) answered {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), method, h.url+path, body)
	if err != nil {
		h.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return answered{reason: err.Error()}
	}
	defer func() { _ = answer.Body.Close() }()
	var said struct{ ID, Kind, Name, Reason string }
	_ = json.NewDecoder(answer.Body).Decode(&said) // not every answer has a body
	at, _ := strconv.ParseInt(answer.Header.Get("Upload-Offset"), 10, 64)
	return answered{status: answer.StatusCode, offset: at, reason: said.Reason, id: said.ID, kind: said.Kind, name: said.Name}
}

func (h *house) begin(c *caller, page, psid, name string, size int) answered {
	h.t.Helper()
	body, err := json.Marshal(map[string]any{"page": page, "psid": psid, "conversation": "c-" + psid, "name": name, "size": size})
	if err != nil {
		h.t.Fatal(err)
	}
	return h.ask(c, http.MethodPost, "/uploads", bytes.NewReader(body), "Content-Type", "application/json")
}

func (h *house) grow(c *caller, id string, offset int64, body io.Reader) answered {
	h.t.Helper()
	return h.ask(c, http.MethodPatch, "/uploads/"+id, body, "Content-Type", "application/offset+octet-stream", "Upload-Offset", strconv.FormatInt(offset, 10))
}

// upload uploads a whole file at once.
func (h *house) upload(c *caller, psid, name string, data []byte) answered {
	h.t.Helper()
	begun := h.begin(c, pageID, psid, name, len(data))
	if begun.status != http.StatusCreated {
		return begun
	}
	return h.grow(c, begun.id, 0, bytes.NewReader(data))
}

// TestFilesOfAgents: a file whose upload broke goes on where it was, is sent once,
// and is shown from our own store.
func TestFilesOfAgents(t *testing.T) {
	h := newHouse(t)
	h.lead("2001", "active", time.Now())
	mila, again, orlin := h.agent("mila"), h.agent("mila"), h.agent("orlin")
	data := noise(t, 400, 300)

	begun := h.begin(mila, pageID, "2001", "снимка.png", len(data))
	if begun.status != http.StatusCreated || begun.id == "" {
		t.Fatalf("begun: %+v", begun)
	}
	broken := io.MultiReader(bytes.NewReader(data[:200_000]), iotest.ErrReader(errors.New("the line is cut")))
	_ = h.grow(mila, begun.id, 0, broken)
	var at int64
	h.await("a part of it to be stored", func() bool {
		at = h.ask(mila, http.MethodHead, "/uploads/"+begun.id, nil).offset
		return at == 128<<10
	})
	if got := h.grow(mila, begun.id, 0, bytes.NewReader(data)); got.status != http.StatusConflict || got.offset != at || got.reason != "UPLOAD_OFFSET" {
		t.Errorf("from the beginning again: %+v", got)
	}
	for name, c := range map[string]*caller{"another session": again, "another agent": orlin} {
		if got := h.ask(c, http.MethodHead, "/uploads/"+begun.id, nil); got.status != http.StatusNotFound {
			t.Errorf("%s: %+v", name, got)
		}
		if got := h.grow(c, begun.id, at, bytes.NewReader(data[at:])); got.reason != "NO_SUCH_UPLOAD" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	send := func(c *caller, id, text string, files ...string) (*deskv1.TimelineItem, error) {
		r, err := c.desk.SendMessage(t.Context(), connect.NewRequest(&deskv1.SendMessageRequest{Ref: ref("2001"), ClientId: id, Text: text, Files: files}))
		if err != nil {
			return nil, err
		}
		return r.Msg.GetItem(), nil
	}
	if _, err := send(mila, uuid.NewString(), "", begun.id); connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("a file that is not whole is sent: %v", err)
	}
	whole := h.grow(mila, begun.id, at, bytes.NewReader(data[at:]))
	if whole.status != http.StatusOK || whole.kind != "image" || whole.name != "снимка.png" {
		t.Fatalf("whole: %+v", whole)
	}
	if got := h.grow(mila, begun.id, int64(len(data)), http.NoBody); got.status != http.StatusOK || got.kind != "image" {
		t.Errorf("told again: %+v", got)
	}
	if _, err := send(again, uuid.NewString(), "", begun.id); connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("another session sends it: %v", err)
	}

	h.lead("2002", "active", time.Now())
	_, err := mila.desk.SendMessage(t.Context(), connect.NewRequest(&deskv1.SendMessageRequest{Ref: ref("2002"), ClientId: uuid.NewString(), Files: []string{begun.id}}))
	if connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("another customer gets it: %v", err)
	}

	command := uuid.NewString()
	item, err := send(mila, command, "Това е тя", begun.id)
	if err != nil {
		t.Fatal(err)
	}
	if item.GetText() != "Това е тя" || len(item.GetFiles()) != 1 || item.GetFiles()[0].GetWidth() != 400 || item.GetAttachments()[0].GetType() != "image" ||
		item.GetDelivery() != deskv1.Delivery_DELIVERY_SENDING {
		t.Errorf("the item: %v", item)
	}
	if same, err := send(mila, command, "Това е тя", begun.id); err != nil || same.GetId() != item.GetId() {
		t.Errorf("the command again: %v (%v)", same, err)
	}
	if _, err := send(mila, uuid.NewString(), "", begun.id); connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("the file is sent twice: %v", err)
	}
	shown := h.fetch(mila, h.url+"/files?"+url.Values{"page": {pageID}, "psid": {"2001"}, "conversation": {"c-2001"}, "item": {item.GetId()}, "index": {"0"}}.Encode())
	if shown.StatusCode != http.StatusOK || !bytes.Equal(shown.body, data) || shown.Header.Get("Content-Type") != "image/png" {
		t.Errorf("the file at the desk: %d, %d bytes", shown.StatusCode, len(shown.body))
	}
	if got := h.fetch(orlin, h.url+"/files?"+url.Values{"page": {pageID}, "psid": {"2001"}, "conversation": {"c-2001"}, "item": {item.GetId()}, "index": {"0"}}.Encode()); got.StatusCode != http.StatusNotFound {
		t.Errorf("a foreign agent gets it: %d", got.StatusCode)
	}
}

// TestFilesThatAreNotTaken: each with its reason, as early as it can be known, and
// nothing of them is left.
func TestFilesThatAreNotTaken(t *testing.T) {
	h := newHouse(t)
	h.lead("2001", "active", time.Now())
	mila, orlin, petar := h.agent("mila"), h.agent("orlin"), h.agent("petar")
	for name, c := range map[string]struct {
		got    answered
		status int
		reason string
	}{
		"program":             {h.begin(mila, pageID, "2001", "a.exe", 9), 400, "TYPE_NOT_ALLOWED"},
		"page in disguise":    {h.upload(mila, "2001", "a.txt", []byte("<html><script>")), 400, "TYPE_NOT_ALLOWED"},
		"program in disguise": {h.upload(mila, "2001", "a.png", []byte("MZ\x90\x00")), 400, "TYPE_NOT_ALLOWED"},
		"damaged picture":     {h.upload(mila, "2001", "a.png", []byte("\x89PNG\r\n\x1a\n")), 400, "TYPE_NOT_ALLOWED"},
		"empty":               {h.begin(mila, pageID, "2001", "a.png", 0), 400, "EMPTY"},
		"too large":           {h.begin(mila, pageID, "2001", "a.png", 5<<20+1), 400, "TOO_LARGE"},
		"no name":             {h.begin(mila, pageID, "2001", "", 9), 400, "BAD_REQUEST"},
		"negative":            {h.begin(mila, pageID, "2001", "a.png", -1), 400, "BAD_REQUEST"},
		"switched off":        {h.begin(mila, silentPage, "2001", "a.png", 9), 403, "FILES_OFF"},
		"foreign":             {h.begin(orlin, pageID, "2001", "a.png", 9), 404, "NO_SUCH_CONVERSATION"},
		"no agent":            {h.begin(petar, pageID, "2001", "a.png", 9), 403, "NO_ROLE"},
		"nobody":              {h.begin(h.agent(""), pageID, "2001", "a.png", 9), 401, "NOT_SIGNED_IN"},
		"unknown field":       {h.ask(mila, "POST", "/uploads", strings.NewReader(`{"agent":"orlin"}`), "Content-Type", "application/json"), 400, "BAD_REQUEST"},
		"form of a site":      {h.ask(mila, "POST", "/uploads", strings.NewReader(`{}`), "Content-Type", "text/plain"), 400, "BAD_REQUEST"},
		"no such upload":      {h.grow(mila, "AAAA", 0, http.NoBody), 404, "NO_SUCH_UPLOAD"},
	} {
		if c.got.status != c.status || c.got.reason != c.reason {
			t.Errorf("%s: %+v, want %d %s", name, c.got, c.status, c.reason)
		}
	}
	for _, site := range []string{"cross-site", "same-site"} {
		if got := h.ask(mila, http.MethodPost, "/uploads", strings.NewReader(`{}`), "Content-Type", "application/json", "Sec-Fetch-Site", site); got.status != http.StatusForbidden {
			t.Errorf("%s: %+v", site, got)
		}
	}

	// More than was said is not stored; three are all that an agent may have.
	first := h.begin(mila, pageID, "2001", "a.txt", 5)
	if got := h.grow(mila, first.id, 0, strings.NewReader("hello, and more")); got.status != http.StatusOK || got.offset != 5 {
		t.Errorf("more than was said: %+v", got)
	}
	for n, want := range []int{http.StatusCreated, http.StatusCreated, http.StatusTooManyRequests} {
		if got := h.begin(mila, pageID, "2001", fmt.Sprint(n, ".txt"), 5); got.status != want {
			t.Errorf("upload %d: %+v", n+2, got)
		}
	}
	if got := h.ask(mila, http.MethodDelete, "/uploads/"+first.id, nil); got.status != http.StatusNoContent {
		t.Errorf("given up: %+v", got)
	}
	if got := h.begin(mila, pageID, "2001", "b.txt", 5); got.status != http.StatusCreated {
		t.Errorf("after one was given up: %+v", got)
	}
}

// TestNothingLeavesUnscanned: what the scanner calls harmful is gone, and what it
// could not look at is kept for another try and not sent.
func TestNothingLeavesUnscanned(t *testing.T) {
	ready := filepath.Join(t.TempDir(), "ready")
	h := newHouse(t, func(c *desk.Config) {
		c.ScanCommand = []string{"sh", "-c", `test -f "$0" || exit 9; if grep -q EICAR; then echo found; exit 1; fi`, ready}
	})
	h.lead("2001", "active", time.Now())
	mila := h.agent("mila")
	begun := h.begin(mila, pageID, "2001", "a.txt", 8)
	if got := h.grow(mila, begun.id, 0, strings.NewReader("harmless")); got.status != http.StatusServiceUnavailable || got.reason != "SCAN_FAILED" {
		t.Fatalf("the scanner failed: %+v", got)
	}
	_, err := mila.desk.SendMessage(t.Context(), connect.NewRequest(&deskv1.SendMessageRequest{Ref: ref("2001"), ClientId: uuid.NewString(), Files: []string{begun.id}}))
	if connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("an unscanned file is sent: %v", err)
	}
	if err := os.WriteFile(ready, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := h.grow(mila, begun.id, 8, http.NoBody); got.status != http.StatusOK {
		t.Errorf("another try: %+v", got)
	}
	harmful := h.begin(mila, pageID, "2001", "b.txt", 8)
	if got := h.grow(mila, harmful.id, 0, strings.NewReader("an EICAR")); got.status != http.StatusBadRequest || got.reason != "FILE_HARMFUL" {
		t.Errorf("a harmful file: %+v", got)
	}
	if got := h.ask(mila, http.MethodHead, "/uploads/"+harmful.id, nil); got.status != http.StatusNotFound {
		t.Errorf("a harmful file is kept: %+v", got)
	}
}
