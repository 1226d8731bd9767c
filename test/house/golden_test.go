package house_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the generated references instead of checking them")

// golden holds a document against what the code says it must be; with -update
// it writes it.
func golden(t *testing.T, path, want string) {
	t.Helper()
	full := filepath.Join(root(t), path)
	if *update {
		if err := os.WriteFile(full, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(full)
	if err != nil {
		t.Fatal(err)
	}
	if line, old, fresh := differ(string(have), want); line > 0 {
		t.Errorf("%s:%d is stale; renew it with: make references\n have %q\n want %q", path, line, old, fresh)
	}
}

// differ gives the first line in which two texts differ; 0 when they do not.
func differ(a, b string) (line int, inA, inB string) {
	if a == b {
		return 0, "", ""
	}
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return i + 1, as[i], bs[i]
		}
	}
	i := min(len(as), len(bs))
	return i + 1, strings.Join(as[i:], "\n"), strings.Join(bs[i:], "\n")
}

func TestAStaleReferenceIsFound(t *testing.T) {
	for _, c := range []struct {
		a, b string
		line int
	}{{"x\ny", "x\ny", 0}, {"x\ny", "x\nz", 2}, {"x", "x\nz", 2}, {"x\nz", "x", 2}} {
		if line, _, _ := differ(c.a, c.b); line != c.line {
			t.Errorf("%q and %q differ in line %d, want %d", c.a, c.b, line, c.line)
		}
	}
}
