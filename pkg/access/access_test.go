package access_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parley-desk/parley/pkg/access"
	"github.com/parley-desk/parley/pkg/fault"
)

func create(t *testing.T, dir string) []string {
	t.Helper()
	written, err := access.Create(access.Plan{Dir: dir, Partitions: 2, Group: "main", Brokers: []string{"a:1", "b:1", "c:1"}})
	if err != nil {
		t.Fatal(err)
	}
	return written
}

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(filepath.Join(dir, path))
		all[path] = string(raw)
		info, _ := d.Info()
		secret := !slices.Contains([]string{access.UsersFile, access.ACLFile}, path) && filepath.Ext(path) != ".pem"
		if info.Mode().Perm() != 0o600 && secret {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestRunAgainItAddsWhatIsMissingAndKeepsTheRest(t *testing.T) {
	dir := t.TempDir()
	if first := create(t, dir); !slices.Contains(first, "ingress/"+access.NKeyFile) || !slices.Contains(first, access.ACLFile) {
		t.Errorf("it made %v", first)
	}
	before := contents(t, dir)
	if again := create(t, dir); len(again) > 0 {
		t.Errorf("run again it wrote %v", again)
	}
	gone := "desk/" + access.NKeyFile
	if err := os.Remove(filepath.Join(dir, gone)); err != nil {
		t.Fatal(err)
	}
	if again := create(t, dir); !slices.Equal(again, []string{gone, access.UsersFile}) {
		t.Errorf("with a key gone it wrote %v", again)
	}
	for name, was := range before {
		if now := contents(t, dir)[name]; (now == was) == (name == gone || name == access.UsersFile) {
			t.Errorf("%s is the same: %t", name, now == was)
		}
	}
}

// Of keys and passwords the brokers and Redis are told nothing that opens anything.
func TestWhatServersReadHoldsNoSecret(t *testing.T) {
	dir := t.TempDir()
	create(t, dir)
	all := contents(t, dir)
	for name, secret := range all {
		if base := filepath.Base(name); base != access.NKeyFile && base != access.PasswordFile {
			continue
		}
		for _, open := range []string{access.UsersFile, access.ACLFile} {
			if strings.Contains(all[open], strings.TrimSpace(secret)) {
				t.Errorf("%s holds what is in %s", open, name)
			}
		}
	}
}

func TestAKeyThatOthersMayReadIsRefused(t *testing.T) {
	dir := t.TempDir()
	create(t, dir)
	if err := os.Chmod(filepath.Join(dir, "admin", access.NKeyFile), 0o640); err != nil {
		t.Fatal(err)
	}
	_, err := access.Create(access.Plan{Dir: dir, Partitions: 2, Group: "main"})
	if !fault.Is(err, fault.Precondition) || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("%v", err)
	}
}

// Nobody who serves may change or delete a stream, nor listen to everything; only
// what erases takes something out, and of the audit nobody does.
func TestNobodyMayDoWhatNobodyNeeds(t *testing.T) {
	for _, s := range access.Services() {
		r := s.Rights(2)
		for _, p := range r.Publish {
			if p == ">" || strings.HasPrefix(p, "$SYS") || p == "$JS.API.>" || strings.HasPrefix(p, "$JS.API.STREAM.UPDATE") ||
				strings.HasPrefix(p, "$JS.API.STREAM.DELETE") != (s.Restores && p == "$JS.API.STREAM.DELETE.*") ||
				strings.HasPrefix(p, "$JS.API.STREAM.PURGE.AUDIT") || strings.HasPrefix(p, "$JS.API.STREAM.MSG.DELETE.AUDIT") || p == "_INBOX.>" || p == "_INBOX.desk.>" && !slices.Contains([]string{"distribution", "outbound", "admin", "desk", "all", "restore"}, s.Name) {
				t.Errorf("%s may publish on %s", s.Name, p)
			}
		}
		for _, l := range r.Subscribe {
			if first, _, _ := strings.Cut(l, "."); !slices.Contains([]string{"_INBOX", "call", "presence"}, first) {
				t.Errorf("%s may listen to %s", s.Name, l)
			}
		}
		for _, c := range s.Redis.Commands {
			if slices.Contains([]string{"flushall", "flushdb", "keys", "config", "debug", "shutdown", "acl", "monitor"}, c) {
				t.Errorf("%s may %s Redis", s.Name, c)
			}
		}
	}
}
