package backup_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-desk/parley/pkg/backup"
)

// house is one of three streams, whose giver ends at the nth piece.
type house struct {
	left  int    // pieces; negative: as many as there are
	tries int    // of the stream at which it ended
	known []byte // SHA-256 of the manifest
}

var errGone = errors.New("gone")

func (*house) Begin(context.Context) (backup.Manifest, []string, error) {
	return backup.Manifest{ID: "b1", Partitions: 1}, []string{"A", "B", "C"}, nil
}

func (h *house) Finish(_ context.Context, id string, manifest []byte) error {
	if h.left == 0 {
		h.tries = 3 // it is asked once
		return errGone
	}
	h.known = manifest
	return nil
}

func (h *house) Copy(_ context.Context, _, stream string, head func(config, state json.RawMessage) error, data func([]byte) error) error {
	if err := head(json.RawMessage(`{}`), json.RawMessage(`{"messages":2}`)); err != nil {
		return err
	}
	for _, piece := range []string{stream + "-one", stream + "-two"} {
		if h.left == 0 {
			h.tries++
			return errGone
		}
		h.left--
		if err := data([]byte(piece)); err != nil {
			return err
		}
	}
	return nil
}

func create(t *testing.T, dir string, h *house) error {
	t.Helper()
	_, err := backup.Create(t.Context(), dir, h, func() int64 { return 2 }, func(backup.File) {})
	return err
}

// TestABackupIsThereWholeOrNotAtAll: wherever it ends, there is none, and the same
// command makes it.
func TestABackupIsThereWholeOrNotAtAll(t *testing.T) {
	for n := range 7 { // six pieces, and the word that it is whole
		dir := filepath.Join(t.TempDir(), "backup")
		h := &house{left: n}
		if err := create(t, dir, h); !errors.Is(err, errGone) {
			t.Fatalf("ended at piece %d with %v", n, err)
		}
		if h.tries != 3 {
			t.Errorf("the stream was tried %d times, want 3", h.tries)
		}
		if _, err := backup.Verify(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "no backup that was finished") {
			t.Errorf("half a backup: %v", err)
		}
		h = &house{left: -1}
		if err := create(t, dir, h); err != nil {
			t.Fatal(err)
		}
		m, err := backup.Verify(t.Context(), dir)
		if err != nil || len(m.Streams) != 3 || m.Streams[0].Records() != 2 || m.EndedMS != 2 || !bytes.Equal(m.Sum, h.known) {
			t.Errorf("the backup is %+v: %v", m, err)
		}
		if err := create(t, dir, &house{left: -1}); err == nil {
			t.Error("a backup was written over")
		}
		if _, err := backup.Verify(t.Context(), dir); err != nil {
			t.Errorf("after that was refused it is no backup: %v", err)
		}
	}
}

func TestAFolderOfSomethingElseIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	mine := filepath.Join(dir, "letters.txt")
	if err := os.WriteFile(mine, []byte("dear"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := create(t, dir, &house{left: -1}); err == nil || !strings.Contains(err.Error(), "letters.txt") {
		t.Errorf("written into it: %v", err)
	}
	if data, err := os.ReadFile(mine); err != nil || string(data) != "dear" {
		t.Errorf("it is %q: %v", data, err)
	}
}

// TestEveryDamageIsNamed: what is missing, shorter or changed.
func TestEveryDamageIsNamed(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"missing": os.Remove,
		"shorter": func(path string) error { return os.Truncate(path, 3) },
		"changed": func(path string) error {
			data, err := os.ReadFile(path)
			if err == nil {
				data[0] ^= 1
				err = os.WriteFile(path, data, 0o600)
			}
			return err
		},
	} {
		dir := filepath.Join(t.TempDir(), "backup")
		if err := create(t, dir, &house{left: -1}); err != nil {
			t.Fatal(err)
		}
		m, err := backup.Read(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range m.Streams[1:] {
			if err := damage(filepath.Join(dir, f.File)); err != nil {
				t.Fatal(err)
			}
		}
		_, err = backup.Verify(t.Context(), dir)
		if err == nil || strings.Contains(err.Error(), "-A") || !strings.Contains(err.Error(), "-B") || !strings.Contains(err.Error(), "-C") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzManifest: whatever stands in a manifest, it is read or refused, and no file out of
// the folder is opened.
func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"format":2,"id":"b1","streams":[{"stream":"A","file":"000-A.stream","bytes":1,"sha256":"00"}]}`))
	f.Add([]byte(`{"format":1,"streams":[{"file":"../manifest.json"},{"file":""},{"file":"."}]}`))
	f.Add([]byte(`{"format":3}`))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "manifest.json"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := backup.Verify(t.Context(), dir)
		if err == nil && len(m.Streams) > 0 {
			t.Errorf("files that are not there are whole: %s", data)
		}
	})
}
