package trace_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parley-desk/parley/cli"
	"github.com/parley-desk/parley/pkg/backup"
	"github.com/parley-desk/parley/services/all"
)

// parley runs a command of the binary.
func parley(t *testing.T, args ...string) (said string, err error) {
	t.Helper()
	cmd, err := all.Command()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	err = cmd.ExecuteContext(t.Context())
	return out.String(), err
}

// lines are those of the transcripts of one customer, without what a restore adds.
func (h *house) lines(t *testing.T, psid string) []string {
	t.Helper()
	return of(h.ask(t, 0, "export", "transcript", "--ndjson"), psid)
}

func holdsText(t *testing.T, dir, text string) (places []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if data, err := os.ReadFile(path); err == nil && bytes.Contains(data, []byte(text)) {
			places = append(places, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return places
}

// TestAHouseIsRestoredWithoutWhomItErasedSince: two customers are talked to, a backup
// is made, one of them is erased, a third writes, everything burns but the backup, its
// key, the keyset and the certificates. When the backup is forgotten nobody opens it.
func TestAHouseIsRestoredWithoutWhomItErasedSince(t *testing.T) {
	shelf, keys, copyOf := filepath.Join(t.TempDir(), "certificates"), filepath.Join(t.TempDir(), "keys"), filepath.Join(t.TempDir(), "backup")
	h := start(t, map[string]string{"PARLEY_ATTACHMENT_ERASE_REST": "100ms", "PARLEY_ATTACHMENT_CERTIFICATES": shelf, "PARLEY_ADMIN_BACKUP_KEYS": keys})
	h.apply(t)
	leave := h.serve(t)
	h.crowd(t, 7, 8)
	h.each(t, 2, "desk SendMessage", "graph send")
	var psids []string
	await(t, "both customers to be in the transcripts", func() bool { psids = h.customers(t); return len(psids) == 2 })
	gone, stays := psids[0], psids[1]
	leave()

	h.ask(t, 0, "backup", "create", copyOf)
	h.ask(t, 0, "backup", "verify", copyOf)
	h.ask(t, 2, "backup", "create", copyOf)
	for _, psid := range psids {
		if at := holdsText(t, copyOf, psid); len(at) > 0 {
			t.Errorf("%s is in clear in %v", psid, at)
		}
	}
	want := h.lines(t, stays)

	h.ask(t, 0, "privacy", "erase", "--thread", page+"/"+gone, "--end-conversation")
	await(t, "the certificate", func() bool {
		return cli.Main([]string{"privacy", "certificate", "--thread", page + "/" + gone, "--server", h.server}, strings.NewReader(""), io.Discard, io.Discard) == 0
	})
	id := backupOf(t, copyOf)
	if said := h.ask(t, 0, "doctor"); !strings.Contains(said, "backups that have somebody who was erased: 1") {
		t.Errorf("the doctor says\n%s", said)
	}
	h.ask(t, 2, "backup", "forget", "--erased") // there is no other yet
	if said := h.ask(t, 0, "backup", "list"); !strings.Contains(said, id) {
		t.Errorf("of the backups is said\n%s", said)
	}
	h.crowd(t, 9)
	await(t, "a third customer", func() bool { return len(h.customers(t)) == 2 })
	h.stop()

	house := t.TempDir()
	restore := []string{"backup", "restore", copyOf, "--data-dir", house, "--ops.listen", ""}
	if _, err := parley(t, restore...); err == nil || !strings.Contains(err.Error(), "certificates") {
		t.Fatalf("restored without a word about certificates: %v", err)
	}
	restore = append(restore, "--restore.certificates", shelf, "--restore.keys", keys)
	if _, err := parley(t, restore...); err == nil || !strings.Contains(err.Error(), "keyset") {
		t.Fatalf("restored without the keyset: %v", err)
	}
	keyset, err := os.ReadFile(filepath.Join(h.dir, "keyset.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(house, "keyset.json"), keyset, 0o600); err != nil {
		t.Fatal(err)
	}
	refuseAltered(t, copyOf, keys, restore)
	said, err := parley(t, restore...)
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if !strings.Contains(said, "there was something: 1;") {
		t.Errorf("the restore says %s", said)
	}
	if at := holdsText(t, house, gone); len(at) > 0 {
		t.Errorf("who was erased is in %v", at)
	}
	if _, err := parley(t, restore...); err == nil || !strings.Contains(err.Error(), "there is a house already") {
		t.Errorf("restored over a house: %v", err)
	}

	h = start(t, map[string]string{"PARLEY_DATA_DIR": house, "PARLEY_ADMIN_BACKUP_KEYS": keys})
	if psids := h.customers(t); !slices.Equal(psids, []string{stays}) {
		t.Errorf("there are %v, want %s alone", psids, stays)
	}
	if got := h.lines(t, stays)[:len(want)]; !slices.Equal(got, want) {
		t.Errorf("restored:\n%s\nbacked up:\n%s", strings.Join(got, ""), strings.Join(want, ""))
	}
	h.ask(t, 0, "audit", "verify")
	h.ask(t, 0, "privacy", "certificate", "--thread", page+"/"+gone)
	if said := h.ask(t, 0, "audit", "ls"); !strings.Contains(said, "backup.restore") {
		t.Errorf("the audit says\n%s", said)
	}
	h.ask(t, 0, "diff", "-f", "../../deploy/sample/house.yaml")

	h.ask(t, 0, "backup", "create", copyOf+"-2")
	h.ask(t, 0, "backup", "forget", "--erased")
	if said := h.ask(t, 0, "backup", "list"); strings.Contains(said, id) || !strings.Contains(said, backupOf(t, copyOf+"-2")) {
		t.Errorf("of the backups is said\n%s", said)
	}
	h.ask(t, 1, "backup", "forget", id)
	if said := h.ask(t, 0, "audit", "ls", "--kind", "backup.forget"); !strings.Contains(said, id) {
		t.Errorf("the audit says\n%s", said)
	}
	h.stop()
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "keyset.json"), keyset, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := parley(t, "backup", "restore", copyOf, "--data-dir", other, "--ops.listen", "", "--restore.certificates", shelf, "--restore.keys", keys); err == nil || !strings.Contains(err.Error(), "forgotten") {
		t.Errorf("restored what is forgotten: %v", err)
	}
}

// backupOf is the id of the backup in a folder.
func backupOf(t *testing.T, dir string) string {
	t.Helper()
	m, err := backup.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	return m.ID
}

// refuseAltered has no restore of what the house did not make: another file with a
// manifest that agrees with it, a manifest that says something else, no key, and a
// backup that says of itself that it is in clear.
func refuseAltered(t *testing.T, copyOf, keys string, restore []string) {
	t.Helper()
	path := filepath.Join(copyOf, "manifest.json")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what, manifest, says string, args []string) {
		if err := os.WriteFile(path, []byte(manifest), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := parley(t, args...); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", what, err)
		}
	}
	m, err := backup.Read(copyOf)
	if err != nil {
		t.Fatal(err)
	}
	last := filepath.Join(copyOf, m.Streams[len(m.Streams)-1].File)
	file, err := os.ReadFile(last)
	if err != nil {
		t.Fatal(err)
	}
	evil := append([]byte{}, file...)
	evil[len(evil)-1] ^= 1
	if err := os.WriteFile(last, evil, 0o600); err != nil {
		t.Fatal(err)
	}
	was, is := sha256.Sum256(file), sha256.Sum256(evil)
	refused("a byte", string(whole), "is not what was written", restore)
	refused("a byte and its sum", strings.Replace(string(whole), hex.EncodeToString(was[:]), hex.EncodeToString(is[:]), 1), "not what the house made", restore)
	if err := os.WriteFile(last, file, 0o600); err != nil {
		t.Fatal(err)
	}
	refused("a word of the manifest", strings.Replace(string(whole), `"partitions": `, `"partitions": 1`, 1), "not what the house made", restore)
	refused("said to be in clear", strings.Replace(string(whole), `"format": 2`, `"format": 1`, 1), "sealed none", restore)
	refused("another folder of keys", string(whole), "there is no key of backup", append(restore[:len(restore)-1:len(restore)-1], copyOf))
	refused("no folder of keys", string(whole), "restore.keys", restore[:len(restore)-2])
	refused("none", string(whole), "is sealed", append(restore[:len(restore)-1:len(restore)-1], "none"))
	if entries, err := os.ReadDir(keys); err != nil || len(entries) != 1 {
		t.Errorf("of keys there are %v: %v", entries, err)
	}
}

// TestAPersonsDataIsGivenOut: everything that one customer wrote, and of the other
// nothing.
func TestAPersonsDataIsGivenOut(t *testing.T) {
	h := start(t)
	h.apply(t)
	h.work(t)
	h.each(t, 2, "desk SendMessage", "graph send")
	var psids []string
	await(t, "both customers to be in the transcripts", func() bool { psids = h.customers(t); return len(psids) == 2 })
	asks, other := psids[0], psids[1]
	file := filepath.Join(t.TempDir(), "person.zip")
	h.ask(t, 0, "privacy", "export", "--thread", page+"/"+asks, "--out", file)
	h.ask(t, 2, "privacy", "export", "--thread", page+"/"+asks, "--out", file)
	all := ""
	archive, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	var names []string
	for _, f := range archive.File {
		from, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(from)
		if err != nil {
			t.Fatal(err)
		}
		names, all = append(names, f.Name), all+string(data)
	}
	for _, name := range []string{"README.txt", "person.json", "threads/1.jsonl", "threads/1.json", "received.jsonl", "contacts.jsonl"} {
		if !slices.Contains(names, name) {
			t.Errorf("there is no %s among %v", name, names)
		}
	}
	texts := func(psid string) (texts []string) {
		for _, line := range h.lines(t, psid) {
			var entry struct {
				Commit struct {
					Facts []struct{ MessageReceived struct{ Text string } }
				}
			}
			if err := json.Unmarshal([]byte(line), &entry); err != nil {
				t.Fatal(err)
			}
			for _, fact := range entry.Commit.Facts {
				if text := fact.MessageReceived.Text; text != "" {
					texts = append(texts, text)
				}
			}
		}
		return texts
	}
	wrote := texts(asks)
	if len(wrote) == 0 {
		t.Fatal("there is nothing to look for")
	}
	for _, text := range wrote {
		if !strings.Contains(all, text) {
			t.Errorf("%q is not in it", text)
		}
	}
	if strings.Contains(all, other) {
		t.Error("the other one is in it")
	}
	for _, text := range texts(other) {
		if !slices.Contains(wrote, text) && strings.Contains(all, text) {
			t.Errorf("%q of the other one is in it", text)
		}
	}
	if said := h.ask(t, 0, "audit", "ls", "--kind", "person.export"); !strings.Contains(said, "person.export") {
		t.Errorf("the audit says\n%s", said)
	}
}
