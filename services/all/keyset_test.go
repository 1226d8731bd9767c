package all

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-desk/parley/cli"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret/kmstest"
)

const kmsToken = "canary-kms-token-b81f02"

// vaulted starts a KMS and sets it for every command of the test.
func vaulted(t *testing.T) *kmstest.Server {
	t.Helper()
	kms := kmstest.New(t, kmsToken)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(kmsToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PARLEY_SECRETS_KMS_KEY", kms.URI("parley"))
	t.Setenv("PARLEY_SECRETS_KMS_TOKEN_FILE", token)
	t.Setenv("PARLEY_SECRETS_KMS_CA", kms.CA)
	return kms
}

// one runs a command of parley that ends by itself.
func one(args ...string) (string, error) {
	cmd, err := Command()
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	err = cmd.Execute()
	return out.String(), err
}

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// small is a house of two stages in dir.
func small(dir string) []string {
	return []string{"all", "--data-dir", dir, "--all.services", "ingress,admin", "--log.level", "info", "--log.format", "json",
		"--admin.socket", filepath.Join(dir, "a.sock"), "--ingress.listen", "127.0.0.1:0", "--ops.listen", "127.0.0.1:0"}
}

// A house whose keyset is wrapped starts, says what wraps it, and starts again
// when the KMS was away for a while.
func TestAHouseWithAWrappedKeyset(t *testing.T) {
	kms, dir := vaulted(t), t.TempDir()
	path := filepath.Join(dir, "keyset.json")
	_, end := run(t, `"setting":"admin.socket"`, small(dir)...)
	var out bytes.Buffer
	cli.Main([]string{"doctor", "--server", "unix://" + filepath.Join(dir, "a.sock")}, strings.NewReader(""), &out, &out)
	if want := "the keyset is wrapped with " + kms.URI("parley"); !strings.Contains(out.String(), want) {
		t.Errorf("doctor says %s", out.String())
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
	if file := content(t, path); strings.Contains(file, "keyData") || !strings.Contains(file, kms.URI("parley")) {
		t.Errorf("the file is %s", file)
	}
	kms.Answer(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"errors":["Vault is sealed"]}`)
	})
	text, end := run(t, "Vault is sealed", small(dir)...)
	if !strings.Contains(text, "waiting for what the process needs to start") {
		t.Errorf("it says %s", text)
	}
	_, probes, _ := strings.Cut(text, `"setting":"ops.listen","address":"`)
	probes, _, _ = strings.Cut(probes, `"`)
	if body := get(t, "http://"+probes+"/readyz"); !strings.Contains(body, `"keyset":"opening the keyset `) {
		t.Errorf("readyz says %s", body)
	}
	kms.Answer(nil)
	for body := ""; !strings.Contains(body, `"status":"ok"`); body = get(t, "http://"+probes+"/readyz") {
	}
	if err := end(); err != nil {
		t.Error(err)
	}
	kms.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	text, end = run(t, "never", small(dir)...)
	if err := end(); !fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), "update on transit/decrypt/parley") {
		t.Errorf("where it may not use the key: %v, %s", err, text)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(resp.Body)
	return string(body)
}

// A keyset goes to a KMS, to another key of it, and back.
func TestKeysetCommands(t *testing.T) {
	kms := vaulted(t)
	path := filepath.Join(t.TempDir(), "keyset.json")
	t.Setenv("PARLEY_SECRETS_KMS_KEY", "")
	for _, verb := range []string{"wrap", "unwrap"} {
		if _, err := one("keyset", verb, path); err == nil || !strings.Contains(err.Error(), "PARLEY_SECRETS_KMS_KEY") {
			t.Errorf("%s without a key: %v", verb, err)
		}
	}
	first, second := "--secrets.kms.key="+kms.URI("first"), "--secrets.kms.key="+kms.URI("second")
	for _, step := range []struct {
		args []string
		by   string // what wraps it after
	}{
		{[]string{"create"}, ""},
		{[]string{"wrap", first}, kms.URI("first")},
		{[]string{"rotate", first}, kms.URI("first")},
		{[]string{"wrap", first, "--from", kms.URI("first")}, kms.URI("first")},
		{[]string{"wrap", second, "--from", kms.URI("first")}, kms.URI("second")},
		{[]string{"unwrap", second}, ""},
	} {
		if _, err := one(append([]string{"keyset", step.args[0], path}, step.args[1:]...)...); err != nil {
			t.Fatalf("%v: %v", step.args, err)
		}
		file := content(t, path)
		if wrapped := !strings.Contains(file, "keyData"); wrapped != (step.by != "") || wrapped && !strings.Contains(file, step.by) {
			t.Errorf("after %v the file is %s", step.args, file)
		}
	}
	before := content(t, path)
	for _, args := range [][]string{{"wrap", path, "--secrets.kms.key", "aws-kms://x"}, {"wrap", path, first, "--from", "nowhere"},
		{"wrap", path, first, "--from", kms.URI("first") + "/"}, {"rotate", path + "x", first}} {
		if _, err := one(append([]string{"keyset"}, args...)...); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
	if content(t, path) != before {
		t.Error("a command that failed changed the file")
	}
}
