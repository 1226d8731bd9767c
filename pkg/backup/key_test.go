package backup_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/parley-desk/parley/pkg/backup"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
)

func newBox(t testing.TB) *secret.Box {
	t.Helper()
	b, err := secret.New()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func newID(t testing.TB) string {
	t.Helper()
	id, err := uuid.NewV7()
	if err != nil {
		t.Fatal(err)
	}
	return id.String()
}

func reason(err error) string {
	if f, ok := err.(*fault.Error); ok {
		return f.Reason
	}
	return ""
}

func fileOf(s backup.Shelf, id string) string {
	return filepath.Join(string(s), id+".backup-key.json")
}

// TestAKeyIsThereUntilItIsForgotten, and nothing of what it was made of after that, not
// even where its file was.
func TestAKeyIsThereUntilItIsForgotten(t *testing.T) {
	box, shelf := newBox(t), backup.Shelf(filepath.Join(t.TempDir(), "keys"))
	if all, err := shelf.All(); len(all) > 0 || err != nil {
		t.Errorf("before the first there are %v: %v", all, err)
	}
	first, second := backup.NewKey(box, newID(t), 1), backup.NewKey(box, newID(t), 2)
	if bytes.Equal(first.Salt, second.Salt) || bytes.Equal(first.Material(), second.Material()) {
		t.Error("two backups have one key")
	}
	for _, k := range []backup.Key{second, first} {
		if err := shelf.Put(k); err != nil {
			t.Fatal(err)
		}
	}
	before, err := os.Open(fileOf(shelf, first.ID))
	if err != nil {
		t.Fatal(err)
	}
	defer before.Close()
	if err := shelf.Put(first.Whole(box, 5, []byte("sum"))); err != nil {
		t.Fatal(err)
	}
	after, err := os.Open(fileOf(shelf, first.ID))
	if err != nil {
		t.Fatal(err)
	}
	defer after.Close()
	got, err := shelf.Genuine(box, first.ID)
	if err != nil || got.EndedMS != 5 || string(got.Manifest) != "sum" || !bytes.Equal(got.Salt, first.Salt) {
		t.Errorf("it is %+v: %v", got, err)
	}
	all, err := shelf.All()
	if err != nil || len(all) != 2 || all[0].ID != first.ID || all[1].ID != second.ID {
		t.Errorf("there are %v: %v", all, err)
	}
	if info, err := os.Stat(fileOf(shelf, first.ID)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its file: %v, %v", info, err)
	}
	if err := shelf.Forget(first.ID); err != nil {
		t.Fatal(err)
	}
	if err := shelf.Forget(first.ID); reason(err) != backup.Forgotten {
		t.Errorf("forgotten twice: %v", err)
	}
	if _, err := shelf.Get(first.ID); reason(err) != backup.Forgotten {
		t.Errorf("it is forgotten: %v", err)
	}
	for name, f := range map[string]*os.File{"before it was whole": before, "after": after} {
		left := make([]byte, 4096)
		n, _ := f.Read(left)
		if n == 0 || len(bytes.Trim(left[:n], "\x00")) > 0 {
			t.Errorf("the file of %s has %q", name, left[:n])
		}
	}
}

// TestAKeyThatWasOverwrittenIsForgotten: the process ended before it took the file away.
func TestAKeyThatWasOverwrittenIsForgotten(t *testing.T) {
	shelf, id := backup.Shelf(t.TempDir()), newID(t)
	if err := os.WriteFile(fileOf(shelf, id), make([]byte, 200), 0o600); err != nil {
		t.Fatal(err)
	}
	if all, err := shelf.All(); len(all) > 0 || err != nil {
		t.Errorf("there are %v: %v", all, err)
	}
	if _, err := shelf.Get(id); reason(err) != backup.Forgotten {
		t.Errorf("it is read: %v", err)
	}
	if err := shelf.Forget(id); err != nil {
		t.Errorf("the rest stays: %v", err)
	}
}

// TestAKeyThatWasAlteredIsNamed: at any byte, by another keyset, in another's place. It
// keeps no other from being read, and can be forgotten.
func TestAKeyThatWasAlteredIsNamed(t *testing.T) {
	box, shelf := newBox(t), backup.Shelf(t.TempDir())
	k, other := backup.NewKey(box, newID(t), 1), backup.NewKey(box, newID(t), 1)
	for _, k := range []backup.Key{k, other} {
		if err := shelf.Put(k); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := os.ReadFile(fileOf(shelf, k.ID))
	if err != nil {
		t.Fatal(err)
	}
	swapped, err := os.ReadFile(fileOf(shelf, other.ID))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := shelf.Genuine(newBox(t), k.ID); reason(err) != backup.KeyAltered {
		t.Errorf("of another keyset: %v", err)
	}
	damaged := [][]byte{nil, []byte("{}"), whole[:len(whole)/2], swapped, bytes.Replace(whole, []byte(`"began_ms":1`), []byte(`"began_ms":2`), 1)}
	for at := range bytes.TrimSpace(whole) {
		b := bytes.Clone(whole)
		b[at] ^= 1
		damaged = append(damaged, b)
	}
	for _, b := range damaged {
		if err := os.WriteFile(fileOf(shelf, k.ID), b, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := shelf.Genuine(box, k.ID); reason(err) != backup.KeyAltered {
			if err == nil && bytes.Equal(got.Material(), k.Material()) && got.EndedMS == k.EndedMS && got.BeganMS == k.BeganMS {
				continue // the last character of base64 has bits that say nothing
			}
			t.Errorf("%s: %v", b, err)
		}
		all, err := shelf.All()
		if err != nil || len(all) != 2 {
			t.Errorf("%s: there are %v: %v", b, all, err)
		}
	}
	if err := shelf.Forget(k.ID); err != nil {
		t.Error(err)
	}
}

func TestAShelfIsNeededAndNamesNoOtherFolder(t *testing.T) {
	box := newBox(t)
	for name, err := range map[string]error{"put": backup.Shelf("").Put(backup.NewKey(box, newID(t), 1)), "forget": backup.Shelf("").Forget(newID(t))} {
		if reason(err) != backup.NoShelf || !strings.Contains(err.Error(), "admin.backup.keys") {
			t.Errorf("%s without a shelf: %v", name, err)
		}
	}
	if all, err := backup.Shelf("").All(); len(all) > 0 || err != nil {
		t.Errorf("without a shelf there are %v: %v", all, err)
	}
	dir := t.TempDir()
	mine := filepath.Join(dir, "x.backup-key.json")
	if err := os.WriteFile(mine, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	shelf := backup.Shelf(filepath.Join(dir, "keys"))
	for _, id := range []string{"", "../x", "x", "{" + newID(t) + "}", strings.ReplaceAll(newID(t), "-", "")} {
		if err := shelf.Forget(id); reason(err) != backup.Forgotten {
			t.Errorf("%q: %v", id, err)
		}
	}
	if data, err := os.ReadFile(mine); err != nil || string(data) != "mine" {
		t.Errorf("it is %q: %v", data, err)
	}
	file := backup.Shelf(mine)
	if err := file.Put(backup.NewKey(box, newID(t), 1)); reason(err) != backup.ShelfAway || !strings.Contains(err.Error(), "admin.backup.keys") {
		t.Errorf("a shelf that is none: %v", err)
	}
}

// TestWhatIsDue: what was broken off after a week, what is whole after its days, and
// never the newest that is whole, whatever the clock says.
func TestWhatIsDue(t *testing.T) {
	const day = 24 * 60 * 60 * 1000
	of := func(name string, began, ended int64) backup.Key {
		return backup.Key{ID: name, BeganMS: began * day, EndedMS: ended * day}
	}
	keys := []backup.Key{of("a", 1, 2), of("broken", 3, 0), of("b", 5, 6), of("c", 9, 10), of("working", 20, 0)}
	for _, c := range []struct {
		days int
		at   int64 // day
		want string
	}{
		{10, 9, ""}, {10, 10, "broken"}, {10, 11, "a broken"}, {10, 14, "a broken"}, {10, 15, "a broken b"}, {10, 26, "a broken b"}, {10, 27, "a broken b working"},
		{10, 99999, "a broken b working"}, {0, 9, ""}, {0, 10, "broken"}, {0, 99999, "broken working"},
	} {
		var got []string
		for _, k := range backup.Due(keys, c.days, time.UnixMilli(c.at*day+1)) {
			got = append(got, k.ID)
		}
		if want := strings.Fields(c.want); !slices.Equal(got, want) {
			t.Errorf("kept for %d days, on day %d: %v, want %v", c.days, c.at, got, want)
		}
	}
}

// FuzzKey: whatever a file of a key holds, it is read as it was written or said to be
// altered or forgotten.
func FuzzKey(f *testing.F) {
	box := newBox(f)
	k := backup.NewKey(box, newID(f), 1).Whole(box, 2, []byte("sum"))
	shelf := backup.Shelf(f.TempDir())
	if err := shelf.Put(k); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(fileOf(shelf, k.ID))
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{whole, whole[:60], nil, make([]byte, 10), []byte(`{"salt":null}`)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		shelf := backup.Shelf(t.TempDir())
		if err := os.WriteFile(fileOf(shelf, k.ID), data, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := shelf.Genuine(box, k.ID)
		switch {
		case err == nil && (!bytes.Equal(got.Salt, k.Salt) || got.EndedMS != k.EndedMS || !bytes.Equal(got.Manifest, k.Manifest)):
			t.Errorf("%q is taken for %+v", data, got)
		case err != nil && reason(err) != backup.KeyAltered && reason(err) != backup.Forgotten:
			t.Errorf("%q: %v", data, err)
		}
		if all, err := shelf.All(); err != nil || len(all) > 1 {
			t.Errorf("%q: %v: %v", data, all, err)
		}
	})
}
