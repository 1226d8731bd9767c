package all

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-desk/parley/cli"
	"github.com/parley-desk/parley/pkg/host"
)

// said is what a process wrote; it may be read meanwhile.
type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) { s.mu.Lock(); defer s.mu.Unlock(); return s.b.Write(p) }
func (s *said) String() string              { s.mu.Lock(); defer s.mu.Unlock(); return s.b.String() }

// run runs parley until it has said a word or ended, and gives what it said
// until then and a function that ends it.
func run(t *testing.T, word string, args ...string) (string, func() error) {
	t.Helper()
	cmd, err := Command()
	if err != nil {
		t.Fatal(err)
	}
	out, ctx := &said{}, t.Context()
	ctx, cancel := context.WithCancel(ctx)
	cmd.SetArgs(args)
	cmd.SetOut(out)
	cmd.SetErr(out)
	done := make(chan error, 1)
	go func() { done <- cmd.ExecuteContext(ctx) }()
	end := sync.OnceValue(func() error { cancel(); return <-done })
	t.Cleanup(func() { _ = end() })
	tick, late := time.NewTicker(10*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for !strings.Contains(out.String(), word) {
		select {
		case err := <-done:
			done <- err
			return out.String(), end
		case <-late:
			t.Fatalf("it never says %q:\n%s", word, out)
		case <-tick.C:
		}
	}
	return out.String(), end
}

func TestUnknownStagesAreRefused(t *testing.T) {
	_, end := run(t, "never", "all", "--data-dir", t.TempDir(), "--all.services", "ingress,desks")
	err := end()
	if err == nil {
		t.Fatal("it runs")
	}
	for _, want := range []string{"all.services", `"desks"`, "sandbox, ingress, classification, distribution, outbound, attachment, engagement, desk, admin"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %s", err, want)
		}
	}
}

// The welcome is true: it names the stages that run, and its command works as
// it stands.
func TestTheWelcomeNamesWhatRuns(t *testing.T) {
	dir := t.TempDir()
	text, end := run(t, "Health, metrics", "all", "--data-dir", dir, "--log.level", "error", "--all.services", "ingress,admin",
		"--admin.socket", filepath.Join(dir, "a.sock"), "--ingress.listen", "127.0.0.1:0", "--ops.listen", "127.0.0.1:0",
		"--all.manifest", "../../"+sample+",../../deploy/sample/messages.yaml")
	for _, want := range []string{"Parley is running.", "/webhook/demo", "/readyz"} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q:\n%s", want, text)
		}
	}
	for _, absent := range []string{"sandbox", "phone", "desk", "mila"} {
		if strings.Contains(strings.ReplaceAll(text, dir, ""), absent) {
			t.Errorf("it speaks of %q, which does not run:\n%s", absent, text)
		}
	}
	_, hint, _ := strings.Cut(text, "try: bin/parleyctl ")
	hint, _, _ = strings.Cut(hint, "\n")
	var out bytes.Buffer
	if code := cli.Main(strings.Fields(hint), strings.NewReader(""), &out, io.Discard); code != 0 || !strings.Contains(out.String(), "front") {
		t.Errorf("parleyctl %s: code %d, %s", hint, code, out.String())
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}

func TestAManifestNeedsAdmin(t *testing.T) {
	text, _ := run(t, "Health, metrics", "all", "--data-dir", t.TempDir(), "--log.level", "error", "--all.services", "ingress",
		"--ingress.listen", "127.0.0.1:0", "--ops.listen", "127.0.0.1:0", "--all.manifest", "house.yaml")
	if !strings.Contains(text, "house.yaml was not applied: all.services leaves out the stage admin") || strings.Contains(text, "Control plane") {
		t.Errorf("it says %s", text)
	}
}

// TestDoctorEndsAsParleyctlDoes: with the code and the words of the one command.
func TestDoctorEndsAsParleyctlDoes(t *testing.T) {
	nowhere := "unix://" + filepath.Join(t.TempDir(), "no.sock")
	text, end := run(t, "never", "doctor", "--server", nowhere)
	if code, said := errors.AsType[host.Exit](end()); !said || code != 4 {
		t.Errorf("it ends with %v", end())
	}
	if want := "cannot reach " + nowhere; !strings.Contains(text, want) {
		t.Errorf("it says %q, not %q", text, want)
	}
}

func TestTheHintIsShortWhereItCanBe(t *testing.T) {
	o := opened{manifest: []string{"mine.yaml"}, addresses: map[string]string{"admin.socket": ".data/admin.sock", "sandbox.listen": "a:1", "desk.listen": "a:2"}}
	text := o.text()
	for want, holds := range map[string]bool{
		"try: bin/parleyctl get queues\n": true, "with a sandbox in Meta's place": true, "http://a:2/\n": true, "parley-demo": false, "Webhook": false,
	} {
		if strings.Contains(text, want) != holds {
			t.Errorf("that it says %q is not %v:\n%s", want, holds, text)
		}
	}
}
