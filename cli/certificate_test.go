package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-desk/parley/cli"
	"github.com/parley-desk/parley/pkg/access"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/services/admin"
	"github.com/parley-desk/parley/services/admin/admintest"
)

func certify(t *testing.T, dir string, callers ...string) {
	t.Helper()
	if _, err := access.Create(access.Plan{Dir: dir, Partitions: 1, Group: "main", Certificates: true, Redis: []string{"redis"}, Callers: callers}); err != nil {
		t.Fatal(err)
	}
}

// lapsed certifies somebody as it would have been two years ago.
func lapsed(t *testing.T, dir, caller string) {
	t.Helper()
	then := time.Now().AddDate(-2, 0, 0)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(then))
		certify(t, dir, caller)
	})
}

// SG1: with the files of parley access create and no others, parleyctl calls the admin
// API over TCP: who has a certificate of the house does what its grant says, and
// nobody else is let in.
func TestTheMadeCertificatesLeadToTheAdminAPI(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir()) // nobody has signed in
	dir, strange := t.TempDir(), t.TempDir()
	lapsed(t, dir, "late")
	certify(t, dir, "petar", "vera", "guest") // the rest is renewed: who is named no more lapses
	certify(t, strange, "petar")
	its := filepath.Join(dir, "admin")
	s := admintest.StartWith(t, bustest.Open(t), admin.Config{Listen: "127.0.0.1:0",
		TLS:    admin.TLS{Cert: filepath.Join(its, access.CertFile), Key: filepath.Join(its, access.KeyFile), ClientCA: filepath.Join(its, access.CAFile)},
		Grants: []string{access.Caller("petar") + "=admin", access.Caller("vera") + "=auditor", access.Caller("late") + "=admin", access.URI("desk") + "=crm"}})
	manifest := filepath.Join(t.TempDir(), "agent.yaml")
	if err := os.WriteFile(manifest, []byte("apiVersion: parley.dev/v1\nkind: Agent\nmetadata: {name: nina}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	folder := func(dir, name string) string { return filepath.Join(dir, access.CallersDir, name) }
	petar, none := folder(dir, "petar"), ""
	for what, c := range map[string]struct {
		own, trusts string
		name        string // whom it takes the server for
		read, write int    // exit codes
		says        string
	}{
		"an administrator":           {petar, petar, "admin", 0, 0, ""},
		"by the address":             {petar, petar, "", 0, 0, ""},
		"an auditor":                 {folder(dir, "vera"), petar, "admin", 0, 3, access.Caller("vera")},
		"without a grant":            {folder(dir, "guest"), petar, "admin", 3, 3, access.Caller("guest")},
		"a service with another one": {filepath.Join(dir, "desk"), petar, "admin", 3, 3, access.URI("desk")},
		"of another authority":       {folder(strange, "petar"), petar, "admin", 4, 4, "cannot reach"},
		"that has lapsed":            {folder(dir, "late"), petar, "admin", 4, 4, "cannot reach"},
		"trusting another authority": {petar, folder(strange, "petar"), "admin", 4, 4, "certificate signed by unknown authority"},
		"looking for another server": {petar, petar, "desk", 4, 4, "not desk"},
		"with none":                  {none, petar, "admin", 2, 2, "--tls-cert"},
	} {
		t.Run(what, func(t *testing.T) {
			run := func(want int, args ...string) {
				t.Helper()
				args = append(args, "--server", s.Addr, "--tls-ca", filepath.Join(c.trusts, access.CAFile))
				if c.own != none {
					args = append(args, "--tls-cert", filepath.Join(c.own, access.CertFile), "--tls-key", filepath.Join(c.own, access.KeyFile))
				}
				if c.name != "" {
					args = append(args, "--tls-server-name", c.name)
				}
				var out, said bytes.Buffer
				if got := cli.Main(args, strings.NewReader(""), &out, &said); got != want || want > 0 && !strings.Contains(said.String(), c.says) {
					t.Errorf("%s: exit code %d, want %d: %s", args[0], got, want, said.String())
				}
			}
			run(c.read, "get", "agents")
			run(c.write, "apply", "-f", manifest)
		})
	}
}
