// Package filestest is what every store of files must do, as tests.
package filestest

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/files"
	"github.com/parley-desk/parley/proto/subject"
)

// Store tests a store that open makes; nobody else uses it.
func Store(t *testing.T, open func(t *testing.T) files.Store) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, files.Store){
		"files come back":                    filesComeBack,
		"nothing stays of a file that broke": nothingStaysOfAFileThatBroke,
		"files end":                          filesEnd,
		"files grow part by part":            filesGrowPartByPart,
		"old files are found":                oldFilesAreFound,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

var (
	ivan  = subject.Thread{Page: "10", PSID: "70"}
	maria = subject.Thread{Page: "10", PSID: "71"}
)

// noise gives n bytes that are the same in every run.
func noise(n int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{1}), n)
}

func put(t *testing.T, s files.Store, thread subject.Thread, name string, r io.Reader) files.Object {
	t.Helper()
	o, err := s.Put(t.Context(), thread, name, r)
	if err != nil {
		t.Fatalf("store a file: %v", err)
	}
	return o
}

// there tells whether anything of an object can be read.
func there(t *testing.T, s files.Store, o files.Object) bool {
	t.Helper()
	_, err := io.ReadAll(s.Open(t.Context(), o))
	if err != nil && !fault.Is(err, fault.NotFound) {
		t.Fatalf("read a file: %v", err)
	}
	return err == nil
}

// filesComeBack at every length around the edges of chunks, from any place.
func filesComeBack(t *testing.T, store files.Store) {
	t.Helper()
	for _, n := range []int64{0, 1, 128<<10 - 1, 128 << 10, 128<<10 + 1, 300_000} {
		want, _ := io.ReadAll(noise(n))
		o := put(t, store, ivan, "a0", iotest.OneByteReader(bytes.NewReader(want)))
		if o.Size != n {
			t.Fatalf("%d bytes are %d", n, o.Size)
		}
		r := store.Open(t.Context(), o)
		for _, from := range []int64{n, n / 2, 0, n - 1, 128 << 10} {
			if from < 0 {
				continue
			}
			if _, err := r.Seek(from, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got, want[min(from, n):]) {
				t.Errorf("%d bytes from %d: %d came (%v)", n, from, len(got), err)
			}
		}
	}
}

// nothingStaysOfAFileThatBroke: neither its chunks nor anything to read.
func nothingStaysOfAFileThatBroke(t *testing.T, store files.Store) {
	t.Helper()
	broken := errors.New("the line is cut")
	if _, err := store.Put(t.Context(), ivan, "a0", io.MultiReader(noise(400_000), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Fatalf("a broken file: %v", err)
	}
	if err := store.Settle(t.Context(), files.Object{Key: ivan.Key() + ".a0.x"}); !fault.Is(err, fault.NotFound) {
		t.Errorf("something of it is left: %v", err)
	}
	if _, err := store.Put(t.Context(), ivan, "a.*", noise(1)); !fault.Is(err, fault.Invalid) {
		t.Errorf("a wildcard names a file: %v", err)
	}
}

// filesEnd: each by its key, leftovers by its name, all of a person's at once.
func filesEnd(t *testing.T, store files.Store) {
	t.Helper()
	left, kept, other := put(t, store, ivan, "a0", noise(200_000)), put(t, store, ivan, "a0", noise(200_000)), put(t, store, ivan, "a1", noise(9))
	hers := put(t, store, maria, "a0", noise(9))
	if left.Key == kept.Key {
		t.Fatal("two copies have one key")
	}
	if err := store.Settle(t.Context(), kept); err != nil || there(t, store, left) || !there(t, store, kept) || !there(t, store, other) {
		t.Errorf("settled wrongly (%v)", err)
	}
	if err := store.Remove(t.Context(), other); err != nil || there(t, store, other) {
		t.Errorf("not removed (%v)", err)
	}
	one, two, longer := put(t, store, ivan, "b.0", noise(9)), put(t, store, ivan, "b.1", noise(9)), put(t, store, ivan, "bb.0", noise(9))
	if err := store.Drop(t.Context(), ivan, "b"); err != nil || there(t, store, one) || there(t, store, two) || !there(t, store, longer) || !there(t, store, kept) {
		t.Errorf("not dropped, or too much (%v)", err)
	}
	for _, name := range []string{"", ".", "b.", "*", ">", "b.>"} {
		if err := store.Drop(t.Context(), ivan, name); !fault.Is(err, fault.Invalid) {
			t.Errorf("dropped %q: %v", name, err)
		}
	}
	if err := store.Erase(t.Context(), ivan); err != nil || there(t, store, kept) || !there(t, store, hers) {
		t.Errorf("not erased, or too much (%v)", err)
	}
}

// oldFilesAreFound, once each and by when they were begun, and how old the oldest
// of the others is.
func oldFilesAreFound(t *testing.T, store files.Store) {
	t.Helper()
	find := func(before time.Time) ([]string, time.Time) {
		t.Helper()
		old, oldest, err := store.Older(t.Context(), before)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(old)
		return old, oldest
	}
	if old, oldest := find(time.Now()); len(old) != 0 || !oldest.IsZero() {
		t.Errorf("in nothing there are %v, and one of %v", old, oldest)
	}
	his, hers := put(t, store, ivan, "a0", noise(300_000)), put(t, store, maria, "a0.1", noise(9))
	between := time.Now()
	young := put(t, store, ivan, "a1", noise(9))
	want := []string{his.Key, hers.Key}
	slices.Sort(want)
	if old, oldest := find(between); !slices.Equal(old, want) || oldest.Before(between) || oldest.After(time.Now()) {
		t.Errorf("found %v, and one of %v; want %v", old, oldest, want)
	}
	if old, oldest := find(time.Unix(0, 0)); len(old) != 0 || oldest.After(between) {
		t.Errorf("older than everything are %v, the oldest of %v", old, oldest)
	}
	for _, key := range want {
		if err := store.Remove(t.Context(), files.Object{Key: key}); err != nil {
			t.Fatal(err)
		}
	}
	if old, oldest := find(time.Now().Add(time.Hour)); !slices.Equal(old, []string{young.Key}) || !oldest.IsZero() {
		t.Errorf("left are %v, and one of %v", old, oldest)
	}
}

// filesGrowPartByPart: whoever comes with the wrong size is told, also when
// two come at once, and what was made so is read as any other.
func filesGrowPartByPart(t *testing.T, store files.Store) {
	t.Helper()
	want, _ := io.ReadAll(noise(2*files.PartSize + 7))
	begun, err := store.Begin(ivan, "up.1")
	if err != nil {
		t.Fatal(err)
	}
	o := begun
	for part := range slices.Chunk(want, files.PartSize) {
		grown, err := store.Append(t.Context(), o, part)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Append(t.Context(), o, part); !fault.Is(err, fault.Conflict) {
			t.Errorf("a part twice at %d: %v", o.Size, err)
		}
		if now, err := store.Measure(t.Context(), begun); err != nil || now != grown {
			t.Errorf("measured %+v, not %+v (%v)", now, grown, err)
		}
		o = grown
	}
	if got, err := io.ReadAll(store.Open(t.Context(), o)); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes came back of %d (%v)", len(got), len(want), err)
	}
	if _, err := store.Append(t.Context(), o, []byte("x")); !fault.Is(err, fault.Invalid) {
		t.Errorf("a part after the last: %v", err)
	}
	other, _ := store.Begin(ivan, "up.1")
	var won atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := store.Append(t.Context(), other, []byte("one")); err == nil {
				won.Add(1)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d of 8 stored the same part", won.Load())
	}
	if err := store.Drop(t.Context(), ivan, "up"); err != nil || there(t, store, o) {
		t.Errorf("not dropped (%v)", err)
	}
	if now, err := store.Measure(t.Context(), begun); err != nil || now.Size != 0 {
		t.Errorf("what is gone measures %+v (%v)", now, err)
	}
	if _, err := store.Begin(ivan, "up.*"); !fault.Is(err, fault.Invalid) {
		t.Errorf("a wildcard names a file: %v", err)
	}
}
