package main

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

// house is a repository with one program in it, and what a release of it takes.
func house(t *testing.T) plan {
	t.Helper()
	root := t.TempDir()
	write(t, filepath.Join(root, "tool", "go.mod"), "module example.org/house/cli\n\ngo 1.26.0\n")
	write(t, filepath.Join(root, "tool", "main.go"), "package main\n\nfunc main() { println(\"yes\") }\n")
	git := func(args ...string) {
		cmd := exec.Command("git", append([]string{"-C", root, "-c", "user.name=a", "-c", "user.email=a@example.org"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	git("init", "-q")
	git("add", ".")
	git("commit", "-q", "-m", "all of it")
	return plan{root: root, version: "v1.2.3", platforms: []string{"linux/amd64"}, programs: []program{{"tool", "tool", "."}}}
}

func write(t *testing.T, path, body string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
}

// pair makes a key and gives the files of both halves.
func pair(t *testing.T) (private, public string) {
	t.Helper()
	pub, priv, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	put := func(name, kind string, der []byte, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		write(t, path, string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
		return path
	}
	der, err := x509.MarshalPKCS8PrivateKey(priv)
	private = put("private.pem", "PRIVATE KEY", der, err)
	der, err = x509.MarshalPKIXPublicKey(pub)
	return private, put("public.pem", "PUBLIC KEY", der, err)
}

func released(t *testing.T, p plan) (dir, public string) {
	t.Helper()
	private, public := pair(t)
	dir = filepath.Join(t.TempDir(), "out")
	if err := compose(t.Context(), p, dir, private); err != nil {
		t.Fatal(err)
	}
	return dir, public
}

// TestTheSameCommitGivesTheSameBytes: elsewhere too, and also the bill; changed
// sources give others, and it says which and why (SC2).
func TestTheSameCommitGivesTheSameBytes(t *testing.T) {
	p := house(t)
	dir, _ := released(t, p)
	elsewhere := filepath.Join(t.TempDir(), "a copy")
	if out, err := exec.Command("git", "clone", "-q", p.root, elsewhere).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	there := p
	there.root = elsewhere
	other, _ := released(t, there)
	for _, name := range []string{"tool_v1.2.3_linux_amd64", "tool_v1.2.3_linux_amd64" + billed, sumsFile} {
		x, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if y, err := os.ReadFile(filepath.Join(other, name)); err != nil || string(x) != string(y) {
			t.Errorf("%s differs, %v", name, err)
		}
	}
	if err := again(t.Context(), there, dir); err != nil {
		t.Errorf("built again: %v", err)
	}
	write(t, filepath.Join(elsewhere, "tool", "main.go"), "package main\n\nfunc main() { println(\"no\") }\n")
	if err := again(t.Context(), there, dir); err == nil || !strings.Contains(err.Error(), `tool_v1.2.3_linux_amd64: its vcs.modified is "false", and here it is "true"`) {
		t.Errorf("of changed sources it says %v", err)
	}
}

// TestVerifyFindsWhatWasDoneToARelease: each act by its name (SC2).
func TestVerifyFindsWhatWasDoneToARelease(t *testing.T) {
	p := house(t)
	whole, public := released(t, p)
	if err := verify(whole, public); err != nil {
		t.Fatal(err)
	}
	_, stranger := pair(t)
	const binary = "tool_v1.2.3_linux_amd64"
	for name, c := range map[string]struct {
		do   func(dir string) error
		key  string
		want string
	}{
		"another key":       {func(string) error { return nil }, stranger, "not signed with this key"},
		"no key":            {func(string) error { return nil }, "", "-key is missing"},
		"a private key":     {func(string) error { return nil }, filepath.Join(filepath.Dir(public), "private.pem"), "no key of the kind"},
		"a binary changed":  {func(d string) error { return appendTo(filepath.Join(d, binary)) }, public, binary + " was changed"},
		"its bill changed":  {func(d string) error { return appendTo(filepath.Join(d, binary+billed)) }, public, billed + " was changed"},
		"a file more":       {func(d string) error { return appendTo(filepath.Join(d, "readme.exe")) }, public, "readme.exe is of nobody"},
		"a file less":       {func(d string) error { return os.Remove(filepath.Join(d, binary)) }, public, binary + " is missing"},
		"the sums changed":  {func(d string) error { return appendTo(filepath.Join(d, sumsFile)) }, public, "was changed since"},
		"the signature cut": {func(d string) error { return os.Truncate(filepath.Join(d, signatureFile), 10) }, public, "not signed with this key"},
		"no signature":      {func(d string) error { return os.Remove(filepath.Join(d, signatureFile)) }, public, "was not signed"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "copy")
			if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
				t.Fatal(err)
			}
			if err := c.do(dir); err != nil {
				t.Fatal(err)
			}
			if err := verify(dir, c.key); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("it says %v, want %q", err, c.want)
			}
		})
	}
}

func appendTo(path string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.WriteString("x"); err != nil {
		return err
	}
	return f.Close()
}

// TestOpenSSLReadsTheSignature, for whoever verifies has not this tool.
func TestOpenSSLReadsTheSignature(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("there is no openssl")
	}
	dir, public := released(t, house(t))
	out, err := exec.Command("openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", public,
		"-in", filepath.Join(dir, sumsFile), "-sigfile", filepath.Join(dir, signatureFile)).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestWhatCannotBeARelease is refused before anything is built, and leaves no sums.
func TestWhatCannotBeARelease(t *testing.T) {
	p := house(t)
	private, public := pair(t)
	readable := filepath.Join(t.TempDir(), "readable.pem")
	write(t, readable, "-")
	if err := os.Chmod(readable, 0o644); err != nil {
		t.Fatal(err)
	}
	full := t.TempDir()
	write(t, filepath.Join(full, "old"), "")
	for name, c := range map[string]struct {
		change   func(*plan)
		out, key string
		want     string
	}{
		"no version":         {func(p *plan) { p.version = "" }, "", private, "-version is missing"},
		"a version of parts": {func(p *plan) { p.version = "../1" }, "", private, "-version"},
		"no platform":        {func(p *plan) { p.platforms = []string{"linux"} }, "", private, "-platforms"},
		"no such platform":   {func(p *plan) { p.platforms = []string{"linux/abacus"} }, "", private, "tool for linux/abacus"},
		"a folder in use":    {func(*plan) {}, full, private, "is not empty"},
		"a key for all":      {func(*plan) {}, "", readable, "can be read by others"},
		"a public key":       {func(*plan) {}, "", public, "no key of the kind"},
	} {
		t.Run(name, func(t *testing.T) {
			p := p
			c.change(&p)
			out := c.out
			if out == "" {
				out = filepath.Join(t.TempDir(), "out")
			}
			err := compose(t.Context(), p, out, c.key)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("it says %v, want %q", err, c.want)
			}
			if _, err := os.Stat(filepath.Join(out, sumsFile)); err == nil {
				t.Error("it left sums")
			}
		})
	}
}

// TestSumsNameFilesOfTheFolder and nothing elsewhere.
func TestSumsNameFilesOfTheFolder(t *testing.T) {
	sum := strings.Repeat("0", 64)
	for _, line := range []string{sum + "  ../else", sum + "  /else", sum + "  a/b", sum[1:] + "  a", "x", sum + " a"} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, sumsFile), line+"\n")
		if _, err := readSums(dir); err == nil {
			t.Errorf("%q was read", line)
		}
	}
}

// TestABillNamesWhatIsInside: by the linker's word, a replaced module as what
// replaced it, one of the house with the version of the release.
func TestABillNamesWhatIsInside(t *testing.T) {
	info := &debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Path: "example.org/house/services/all"}, Deps: []*debug.Module{
		{Path: "example.org/house/pkg", Replace: &debug.Module{Path: "../../pkg"}},
		{Path: "example.org/other", Version: "v1.0.0", Sum: "h1:x"},
		{Path: "example.org/left", Version: "v1.0.0", Replace: &debug.Module{Path: "example.org/fork", Version: "v1.0.1", Sum: "h1:y"}},
	}}
	b := billOf(info, "parley", "v2", strings.Repeat("ab", 32))
	var got []string
	for _, c := range b.Components {
		got = append(got, c.Purl)
	}
	want := []string{"pkg:golang/example.org/fork@v1.0.1", "pkg:golang/example.org/house/pkg@v2", "pkg:golang/example.org/other@v1.0.0", "pkg:golang/std@1.26.8"}
	if !slices.Equal(got, want) {
		t.Errorf("it names %q, want %q", got, want)
	}
	if len(b.Dependencies) != 1 || len(b.Dependencies[0].On) != len(want) {
		t.Errorf("it depends on %v", b.Dependencies)
	}
	out, err := json.Marshal(b)
	if err != nil || !strings.Contains(string(out), `"serialNumber":"urn:uuid:`) {
		t.Errorf("%s, %v", out, err)
	}
}
