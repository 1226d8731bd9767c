package copying_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/png"
	"io"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/files"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/attachment/internal/copying"
	"github.com/parley-desk/parley/services/attachment/internal/fetch"
)

var ivan = subject.Thread{Page: "10", PSID: "70"}

// shelf is what links lead to. A link that is not there is asked for again.
type shelf struct {
	mu    sync.Mutex
	holds map[string][]byte
	asked map[string]int
	first map[string]error // what the first request for a link gives
}

func (s *shelf) Open(_ context.Context, link string, most int64) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[link]++
	if err := s.first[link]; err != nil && s.asked[link] == 1 {
		return nil, err
	}
	data, ok := s.holds[link]
	if !ok {
		return nil, &fetch.Failure{Cause: errors.New("nobody answers")}
	}
	if int64(len(data)) > most {
		return nil, &fetch.Failure{Reason: fetch.TooLarge, Final: true, Cause: errors.New("too much")}
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

func picture(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewRGBA(image.Rect(0, 0, 320, 240))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// bomb is a picture of 50,000 by 50,000 in 33 bytes.
func bomb() []byte {
	const header = "IHDR\x00\x00\xc3\x50\x00\x00\xc3\x50\x08\x06\x00\x00\x00"
	return binary.BigEndian.AppendUint32([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"+header), crc32.ChecksumIEEE([]byte(header)))
}

type house struct {
	*bus.Bus
	shelf  *shelf
	copier *copying.Copier
}

func open(t *testing.T) *house {
	t.Helper()
	b := bustest.Open(t)
	s := &shelf{holds: map[string][]byte{}, asked: map[string]int{}, first: map[string]error{}}
	return &house{b, s, &copying.Copier{
		Threads: b, Store: b.Files(), Links: s,
		Policy: func(string) directory.FilePolicy {
			return directory.FilePolicy{On: true, Types: directory.FileTypes(), Bytes: 1 << 20}
		},
		Retry:  copying.Retry{Attempts: 3, Pause: time.Millisecond, PauseMax: time.Millisecond},
		Places: make(chan struct{}, 4), Meter: copying.NewMeter(prometheus.NewRegistry()), Log: slog.New(slog.DiscardHandler),
	}}
}

// write files a message of the customer with these attachments.
func (h *house) write(t *testing.T, mid string, all ...*threadv1.Attachment) bus.Record {
	t.Helper()
	fact := thread.Of(&threadv1.MessageReceived{Mid: mid, Attachments: all})
	fact.EventKey = "k:" + mid
	_, revision, err := h.Update(t.Context(), ivan, func(*threadv1.State, uint64) ([]*threadv1.Fact, error) { return []*threadv1.Fact{fact}, nil })
	if err != nil {
		t.Fatal(err)
	}
	return bus.Record{Thread: ivan, Revision: revision, Stored: time.Now(), Commit: &threadv1.Commit{Facts: []*threadv1.Fact{fact}}}
}

// became is what the log says of the files of a message, by index.
func (h *house) became(t *testing.T, message string) (kept map[int32]*threadv1.AttachmentKept, lost map[int32]string) {
	t.Helper()
	kept, lost = map[int32]*threadv1.AttachmentKept{}, map[int32]string{}
	for r, err := range h.History(t.Context(), ivan, 0) {
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range r.Commit.GetFacts() {
			if k := f.GetAttachmentKept(); k.GetMessage() == message && k != nil {
				if kept[k.GetIndex()] != nil {
					t.Errorf("file %d was kept twice", k.GetIndex())
				}
				kept[k.GetIndex()] = k
			}
			if l := f.GetAttachmentLost(); l.GetMessage() == message && l != nil {
				lost[l.GetIndex()] = l.GetReason()
			}
		}
	}
	return kept, lost
}

func (h *house) read(t *testing.T, k *threadv1.AttachmentKept) string {
	t.Helper()
	data, err := io.ReadAll(h.Files().Open(t.Context(), files.Object{Key: k.GetObject(), Size: k.GetSize()}))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestEachFileOfAMessage comes to what it should, and nothing else is opened.
func TestEachFileOfAMessage(t *testing.T) {
	h := open(t)
	h.shelf.holds = map[string][]byte{"u/photo.png": picture(t), "u/order.txt": []byte("Поръчка 12"), "u/page.jpg": []byte("<html><script>"), "u/none.pdf": {},
		"u/huge.jpg": append([]byte("\xff\xd8\xff"), make([]byte, 2<<20)...), "u/bomb.png": bomb()}
	h.shelf.first = map[string]error{"u/order.txt": &fetch.Failure{Cause: errors.New("reset")}}
	image := func(link string) *threadv1.Attachment { return &threadv1.Attachment{Type: "image", Url: link} }
	r := h.write(t, "m1", image("u/photo.png"), &threadv1.Attachment{Type: "fallback", Url: "u/link"}, &threadv1.Attachment{Type: "file", Url: "u/order.txt"},
		image("u/page.jpg"), image("u/huge.jpg"), image("u/none.pdf"), image("u/missing.jpg"), &threadv1.Attachment{Type: "file", Refused: "OFF"}, image("u/bomb.png"))
	for range 3 { // a replay changes nothing
		if err := h.copier.Handle(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	kept, lost := h.became(t, "m1")
	if len(kept) != 2 || len(lost) != 5 {
		t.Fatalf("kept %v, lost %v", kept, lost)
	}
	if k := kept[0]; k.GetWidth() != 320 || k.GetHeight() != 240 || k.GetContentType() != "image/png" || k.GetName() != "photo.png" || h.read(t, k) != string(picture(t)) {
		t.Errorf("the picture: %v", k)
	}
	if k := kept[2]; h.read(t, k) != "Поръчка 12" || k.GetSize() != 17 || len(k.GetSha256()) != 64 || !strings.HasPrefix(k.GetObject(), ivan.Key()+".") {
		t.Errorf("the text: %v", k)
	}
	for index, want := range map[int32]string{3: copying.OtherType, 4: fetch.TooLarge, 5: copying.Empty, 6: copying.Unreachable, 8: copying.TooManyPixels} {
		if lost[index] != want {
			t.Errorf("file %d is lost by %q, not %q", index, lost[index], want)
		}
	}
	if h.shelf.asked["u/link"] != 0 || h.shelf.asked["u/photo.png"] != 1 || h.shelf.asked["u/missing.jpg"] != 3 || h.shelf.asked["u/order.txt"] != 2 {
		t.Errorf("asked: %v", h.shelf.asked)
	}
}

// TestAMessageWithoutMid is known by the key of its event.
func TestAMessageWithoutMid(t *testing.T) {
	h := open(t)
	h.shelf.holds["u/a.png"] = picture(t)
	if err := h.copier.Handle(t.Context(), h.write(t, "", &threadv1.Attachment{Type: "sticker", Url: "u/a.png"})); err != nil {
		t.Fatal(err)
	}
	if kept, _ := h.became(t, "k:"); len(kept) != 1 {
		t.Errorf("kept %v", kept)
	}
}

// TestFilesOfAMessageThatWasTakenBack go, and those of others stay.
func TestFilesOfAMessageThatWasTakenBack(t *testing.T) {
	h := open(t)
	h.shelf.holds["u/a.png"] = picture(t)
	for _, mid := range []string{"m1", "m2"} {
		if err := h.copier.Handle(t.Context(), h.write(t, mid, &threadv1.Attachment{Type: "image", Url: "u/a.png"}, &threadv1.Attachment{Type: "image", Url: "u/a.png"})); err != nil {
			t.Fatal(err)
		}
	}
	unsent := thread.Of(&threadv1.MessageUnsent{Mid: "m1"})
	for range 2 {
		if err := h.copier.Handle(t.Context(), bus.Record{Thread: ivan, Commit: &threadv1.Commit{Facts: []*threadv1.Fact{unsent}}}); err != nil {
			t.Fatal(err)
		}
	}
	gone, _ := h.became(t, "m1")
	stay, _ := h.became(t, "m2")
	for i, k := range gone {
		if data, err := io.ReadAll(h.Files().Open(t.Context(), files.Object{Key: k.GetObject(), Size: k.GetSize()})); err == nil {
			t.Errorf("file %d of a message that was taken back has %d bytes", i, len(data))
		}
	}
	if len(gone) != 2 || len(stay) != 2 || h.read(t, stay[1]) != string(picture(t)) {
		t.Errorf("gone %v, stay %v", gone, stay)
	}
}

// TestTwoCopiers of one file, as after a lease that was lost: one commit, one
// object.
func TestTwoCopiers(t *testing.T) {
	h := open(t)
	h.shelf.holds["u/a.png"] = picture(t)
	r := h.write(t, "m1", &threadv1.Attachment{Type: "image", Url: "u/a.png"})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if err := h.copier.Handle(t.Context(), r); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	kept, lost := h.became(t, "m1")
	if len(kept) != 1 || len(lost) != 0 || h.read(t, kept[0]) != string(picture(t)) {
		t.Fatalf("kept %v, lost %v", kept, lost)
	}
}

// failing is a store whose process dies when a file is half there.
type failing struct{ files.Store }

func (f failing) Put(ctx context.Context, t subject.Thread, name string, r io.Reader) (files.Object, error) {
	_, _ = f.Store.Put(ctx, t, name, r) // it is there, and nobody says so
	return files.Object{}, errors.New("killed")
}

// TestAKilledCopyIsMadeAnew, and what it left is cleared away.
func TestAKilledCopyIsMadeAnew(t *testing.T) {
	h := open(t)
	h.shelf.holds["u/a.png"] = picture(t)
	r := h.write(t, "m1", &threadv1.Attachment{Type: "image", Url: "u/a.png"})
	dying := *h.copier
	dying.Store = failing{h.copier.Store}
	if err := dying.Handle(t.Context(), r); err == nil {
		t.Fatal("it did not die")
	}
	if err := h.copier.Handle(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	kept, _ := h.became(t, "m1")
	if len(kept) != 1 || h.read(t, kept[0]) != string(picture(t)) {
		t.Fatalf("kept %v", kept)
	}
}

// nowhere is a store that forgets.
type nowhere struct{ files.Store }

func (nowhere) Put(_ context.Context, t subject.Thread, name string, r io.Reader) (files.Object, error) {
	chunk := make([]byte, 128<<10)
	o := files.Object{Key: t.Key() + "." + name}
	for {
		n, err := io.ReadFull(r, chunk)
		o.Size += int64(n)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return o, nil
		}
		if err != nil {
			return o, err
		}
	}
}

func (nowhere) Settle(context.Context, files.Object) error { return nil }

// large is a photo of 25 MB that is made while it is read; it looks at the heap
// on the way.
type large struct{ most uint64 }

func (l *large) Open(context.Context, string, int64) (io.ReadCloser, error) {
	look := func() {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		l.most = max(l.most, m.HeapAlloc)
	}
	part := func() io.Reader { return io.LimitReader(rand.NewChaCha8([32]byte{}), 5<<20) }
	peek := func() io.Reader { return readerFunc(func([]byte) (int, error) { look(); return 0, io.EOF }) }
	return io.NopCloser(io.MultiReader(strings.NewReader("\xff\xd8\xff\xe0"), part(), peek(), part(), peek(), part(), peek(), part(), peek(), part())), nil
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestATransferTakesLessThanAMegabyte, whatever its size.
func TestATransferTakesLessThanAMegabyte(t *testing.T) {
	h := open(t)
	l := &large{}
	h.copier.Links, h.copier.Store = l, nowhere{}
	r := h.write(t, "m1", &threadv1.Attachment{Type: "image", Url: "u/a.jpg"})
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	if err := h.copier.Handle(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if grown := int64(l.most) - int64(before.HeapAlloc); l.most == 0 || grown > 1<<20 {
		t.Errorf("the heap grew by %d KB", grown>>10)
	}
}
