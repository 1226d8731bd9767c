package dirlock_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/parley-desk/parley/pkg/dirlock"
	"github.com/parley-desk/parley/pkg/fault"
)

func TestAFolderIsForOneAtATime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there", "yet")
	take := func(name string) (func(), error) {
		l, err := dirlock.Take(dir, name, "sandbox.data_dir")
		return func() {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		}, err
	}
	release, err := take("a.lock")
	if err != nil {
		t.Fatal(err)
	}
	_, err = take("a.lock")
	if !fault.Is(err, fault.Precondition) {
		t.Fatalf("the second one: %v", err)
	}
	for _, word := range []string{dir, "process " + strconv.Itoa(os.Getpid()), "--sandbox.data-dir", "PARLEY_SANDBOX_DATA_DIR"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not say %q", err, word)
		}
	}
	neighbour, err := take("b.lock")
	if err != nil {
		t.Fatalf("under another name: %v", err)
	}
	neighbour()
	release()
	release, err = take("a.lock")
	if err != nil {
		t.Fatalf("after it was given up: %v", err)
	}
	release()
}

// What a killed process leaves is a file without a lock.
func TestALockFileWithoutItsProcessIsTaken(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.lock"), []byte("4194304999\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := dirlock.Take(dir, "a.lock", "data_dir")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // the test is over
	held, err := os.ReadFile(filepath.Join(dir, "a.lock"))
	if err != nil || strings.TrimSpace(string(held)) != strconv.Itoa(os.Getpid()) {
		t.Errorf("the file says %q, %v", held, err)
	}
}
