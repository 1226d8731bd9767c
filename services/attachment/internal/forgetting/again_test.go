package forgetting_test

import (
	"bytes"
	"encoding/json"
	"io"
	"path/filepath"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/erasure"
	"github.com/parley-desk/parley/pkg/fault"
	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
)

// backup copies the house.
func (h *house) backup() *bus.Restore {
	h.Helper()
	r := &bus.Restore{}
	for _, name := range h.Copied() {
		c, data := bus.Copy{Stream: name}, &bytes.Buffer{}
		h.ok(h.CopyStream(h.Context(), name, func(config, state json.RawMessage) error {
			c.Config, c.State = config, state
			return nil
		}, func(piece []byte) error { _, err := data.Write(piece); return err }))
		c.Open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data.Bytes())), nil }
		r.Copies = append(r.Copies, c)
	}
	return r
}

// TestWhoWasErasedSinceTheBackupIsErasedAgain, wherever the restore is killed: one who
// was not held, one whose order had begun, one who was held when the backup was made
// and let go later. Who was to be erased and was not yet waits.
func TestWhoWasErasedSinceTheBackupIsErasedAgain(t *testing.T) {
	h := open(t)
	all := h.people("canary-ivan", "canary-held", "canary-begun", "canary-waits", "canary-maria")
	ivan, held, begun, waits, maria := all[0], all[1], all[2], all[3], all[4]
	hold := &privacyv1.Hold{Page: held.thread.Page, Psid: held.thread.PSID, Reason: "case 7", By: "local:petar"}
	h.ok(h.book().Hold(t.Context(), hold))
	h.order(held)
	h.order(begun)
	h.fuse = &fuse{left: 6}
	_, _ = h.worker().Pass(t.Context())
	h.fuse = &fuse{left: -1}
	h.order(waits)
	b := h.backup()
	h.ok(h.book().Release(t.Context(), hold))
	h.order(ivan)
	shelf := erasure.Shelf(t.TempDir())
	w := h.worker()
	w.Shelf = shelf
	// Of the one who waits the order is stopped.
	page, err := h.book().Read(t.Context())
	h.ok(err)
	for _, e := range page.Open {
		if e.GetThreads()[0].GetPsid() == waits.thread.PSID {
			h.ok(h.book().Drop(t.Context(), e.GetId()))
		}
	}
	h.await("the erasures", func() bool {
		left, err := w.Pass(t.Context())
		h.ok(err)
		return !left
	})
	certificates, err := shelf.All()
	h.ok(err)
	if len(certificates) != 3 {
		t.Fatalf("%d certificates are kept beside the log, want 3", len(certificates))
	}

	for left := 0; left < 40; left += 7 {
		r := openAs(t, h.box, b)
		for _, p := range all {
			if len(r.places(p.name)) == 0 && p != begun {
				t.Fatalf("%s is not in the backup", p.name)
			}
		}
		r.fuse = &fuse{left: left, after: left%2 == 1}
		_, _, _ = r.worker().Again(t.Context(), certificates)
		r.fuse = &fuse{left: -1}
		_, waiting, err := r.worker().Again(t.Context(), certificates)
		r.ok(err)
		for _, p := range []*somebody{ivan, held, begun} {
			r.gone(p)
		}
		r.whole(maria)
		r.whole(waits)
		if waiting != 1 {
			t.Errorf("%d orders wait, want 1", waiting)
		}
		page, err := r.book().Read(t.Context())
		r.ok(err)
		var done []string
		for _, c := range page.Done {
			if !r.book().Genuine(c) {
				t.Errorf("the certificate %s is not genuine", c.GetId())
			}
			done = append(done, c.GetId())
		}
		for _, c := range certificates {
			if !slices.Contains(done, c.GetId()) {
				t.Errorf("the certificate %s is not in the house", c.GetId())
			}
		}
		if len(page.Open) != 1 || len(done) != len(certificates) {
			t.Errorf("open are %v, and done %v", page.Open, done)
		}
	}
}

// TestAForeignCertificateIsNoReasonToErase: of another keyset, or altered.
func TestAForeignCertificateIsNoReasonToErase(t *testing.T) {
	h := open(t)
	ivan := h.people("canary-ivan")[0]
	forged := &privacyv1.Erasure{Id: "forged", Fingerprints: []string{h.book().OfThread(ivan.thread)}, Seal: "00"}
	if _, _, err := h.worker().Again(t.Context(), []*privacyv1.Erasure{forged}); !fault.Is(err, fault.Precondition) {
		t.Errorf("a forged certificate: %v", err)
	}
	h.whole(ivan)
}

// TestNothingIsCalledDoneThatARestoreWouldNotLearn: while the folder of certificates
// cannot be written, the order waits.
func TestNothingIsCalledDoneThatARestoreWouldNotLearn(t *testing.T) {
	h := open(t)
	ivan := h.people("canary-ivan")[0]
	id := h.order(ivan)
	w := h.worker()
	w.Shelf = erasure.Shelf("/dev/null/certificates")
	left, err := w.Pass(t.Context())
	h.ok(err)
	if _, err := h.book().Certificate(t.Context(), id); !left || !fault.Is(err, fault.NotFound) {
		t.Errorf("left %v, certificate %v", left, err)
	}
	h.finish()
	h.gone(ivan)
}

// TestCertificatesOfBeforeAreShelved: who was erased while there was no folder is
// brought into it, once, and what is there carries an erasure out again.
func TestCertificatesOfBeforeAreShelved(t *testing.T) {
	h := open(t)
	ivan := h.people("canary-ivan")[0]
	b := h.backup()
	id := h.order(ivan)
	h.finish()
	shelf := erasure.Shelf(filepath.Join(t.TempDir(), "certificates"))
	if c, err := h.book().Certificate(t.Context(), id); err != nil || c.GetShelved() {
		t.Fatalf("%v, %v", c, err)
	}
	for range 2 {
		h.ok(h.book().Shelve(t.Context(), shelf))
		kept, err := shelf.All()
		h.ok(err)
		c, err := h.book().Certificate(t.Context(), id)
		h.ok(err)
		if len(kept) != 1 || !proto.Equal(kept[0], c) || !c.GetShelved() || !h.book().Genuine(c) {
			t.Fatalf("the folder has %v, the log %v", kept, c)
		}
	}
	kept, err := shelf.All()
	h.ok(err)
	r := openAs(t, h.box, b)
	_, _, err = r.worker().Again(t.Context(), kept)
	r.ok(err)
	r.gone(ivan)
}
