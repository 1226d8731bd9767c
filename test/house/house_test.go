package house_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/parley-desk/parley/"

// pkg is what the rules look at of a package.
type pkg struct {
	ImportPath, Dir, Name, Doc string
	GoFiles                    []string
	TestGoFiles, XTestGoFiles  []string
	Imports                    []string
}

// path is the import path below the module path: "services/desk/internal/board".
func (p pkg) path() string { return strings.TrimPrefix(p.ImportPath, module) }

func (p pkg) generated() bool { return strings.Contains(p.ImportPath, "/proto/gen/") }

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// listed are all packages of the workspace, asked for once.
var listed = sync.OnceValues(func() ([]pkg, error) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Name,Doc,GoFiles,TestGoFiles,XTestGoFiles,Imports", "work")
	cmd.Dir = "../.."
	var words bytes.Buffer
	cmd.Stderr = &words
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, words.String())
	}
	var all []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var p pkg
		if err := d.Decode(&p); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
})

func packages(t *testing.T) []pkg {
	t.Helper()
	all, err := listed()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 40 {
		t.Fatalf("only %d packages: the workspace is not read", len(all))
	}
	return slices.Clone(all)
}

// layer is where a package stands: a lower layer knows nothing of a higher.
func layer(path string) int {
	switch first, rest, _ := strings.Cut(path, "/"); {
	case first == "proto":
		return 0
	case first == "pkg":
		return 1
	case first == "cli" || first == "docs":
		return 2
	case first == "services" && !strings.HasPrefix(rest, "all"):
		return 2
	case first == "services":
		return 3
	}
	return 4
}

func service(path string) string {
	parts := strings.Split(path, "/")
	if len(parts) < 2 || parts[0] != "services" {
		return ""
	}
	return parts[1]
}

func TestDependenciesPointOneWay(t *testing.T) {
	for _, p := range packages(t) {
		for _, i := range p.Imports {
			to, ours := strings.CutPrefix(i, module)
			if !ours {
				continue
			}
			from := p.path()
			if layer(to) > layer(from) {
				t.Errorf("%s imports %s: dependencies go proto ← pkg ← services ← all ← test", from, to)
			}
			if a, b := service(from), service(to); a != b && a != "" && b != "" && a != "all" {
				t.Errorf("%s imports %s: services never import each other; they meet on the log", from, to)
			}
			if layer(from) == 2 && layer(to) == 2 && strings.HasPrefix(from, "cli") && service(to) != "" {
				t.Errorf("%s imports %s: parleyctl speaks to services by their API", from, to)
			}
		}
	}
}

// onlyHere says who alone may import what, and why.
var onlyHere = []struct{ what, where, why string }{
	{"github.com/nats-io/nats.go", `^pkg/bus(/|$)`, "the broker is a decision of pkg/bus"},
	{"github.com/nats-io/nats-server", `^pkg/bus(/|$)`, "the broker is a decision of pkg/bus"},
	{"github.com/redis/go-redis", `^(pkg/keyspace|pkg/host|services/distribution|services/admin|services/outbound)(/|$)`, "Redis is reached through pkg/keyspace"},
	{module + "pkg/graph", `^(pkg/host|cli|services/(admin|classification|outbound)|services/engagement/internal/say|test)(/|$)`, "of Meta know what reads its events and what asks it; another channel would stand beside them"},
	{"go.opentelemetry.io/otel/sdk", `^pkg/telemetry$`, "others use the API of OpenTelemetry"},
	{"os/signal", `^(pkg/host|test/.*|services/sandbox/cmd/.*)$`, "signals are the host's"},
	{"testing", `^(pkg/bus/bustest|pkg/keyspace/keyspacetest|test/.*|.*test)$`, "test code stays in tests"},
	{"math/rand", `^$`, "math/rand/v2 is there"},
}

func TestImportsStayWhereTheyBelong(t *testing.T) {
	for _, p := range packages(t) {
		if p.generated() {
			continue
		}
		for _, i := range p.Imports {
			for _, rule := range onlyHere {
				if (i == rule.what || strings.HasPrefix(i, rule.what+"/") && strings.Contains(rule.what, ".")) && !regexp.MustCompile(rule.where).MatchString(p.path()) {
					t.Errorf("%s imports %s: %s", p.path(), i, rule.why)
				}
			}
		}
	}
}

// pure packages decide without the world: no clock of their own, no network,
// no files, no chance.
var pure = []string{"pkg/schedule", "pkg/thread", "proto/subject", "services/ingress/internal/scan", "services/ingress/internal/split",
	"services/ingress/internal/verify", "services/classification/internal/intake", "services/classification/internal/meta", "services/classification/internal/routing",
	"services/outbound/internal/attempt", "services/engagement/internal/say", "pkg/rights", "pkg/wording", "services/admin/internal/provision", "services/desk/internal/timeline",
	"services/desk/internal/figures", "services/distribution/internal/expect"}

func TestPurePackagesTouchNothing(t *testing.T) {
	forbidden := []string{"net", "net/http", "os", "io/fs", "log", "log/slog", "math/rand/v2", "crypto/rand", "sync", "context"}
	seen := 0
	for _, p := range packages(t) {
		if !slices.Contains(pure, p.path()) {
			continue
		}
		seen++
		for _, i := range p.Imports {
			if slices.Contains(forbidden, i) {
				t.Errorf("%s imports %s: it decides, others do", p.path(), i)
			}
		}
		each(t, p, func(file string, f *ast.File) {
			ast.Inspect(f, func(n ast.Node) bool {
				if sel, ok := n.(*ast.SelectorExpr); ok {
					if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" && (sel.Sel.Name == "Now" || sel.Sel.Name == "Since" || sel.Sel.Name == "Until") {
						t.Errorf("%s calls time.%s: now is a parameter", file, sel.Sel.Name)
					}
				}
				return true
			})
		})
	}
	if seen != len(pure) {
		t.Errorf("%d of %d pure packages were found: the list is out of date", seen, len(pure))
	}
}

func each(t *testing.T, p pkg, look func(string, *ast.File)) {
	t.Helper()
	for _, name := range p.GoFiles {
		path := filepath.Join(p.Dir, name)
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		look(path, f)
	}
}

func TestPackagesAreDocumentedAndNamedByDeed(t *testing.T) {
	drawers := []string{"util", "utils", "common", "helper", "helpers", "manager", "misc", "types", "models", "base", "shared", "core", "lib"}
	for _, p := range packages(t) {
		if p.generated() || len(p.GoFiles) == 0 {
			continue
		}
		if p.Doc == "" {
			t.Errorf("%s has no package comment", p.path())
		}
		if slices.Contains(drawers, p.Name) {
			t.Errorf("%s: %q says nothing of what the package does", p.path(), p.Name)
		}
	}
}

func TestServicesHaveOnePublicPackage(t *testing.T) {
	for _, p := range packages(t) {
		s := service(p.path())
		rest := strings.TrimPrefix(p.path(), "services/"+s)
		if s == "" || rest == "" || strings.HasPrefix(rest, "/internal/") || strings.HasPrefix(rest, "/cmd/") || s == "desk" && strings.HasPrefix(rest, "/web") || rest == "/"+s+"test" {
			continue
		}
		t.Errorf("%s is public; a service shows its root package alone", p.path())
	}
}

func TestFilesAreShortAndFunctionsFitOnAScreen(t *testing.T) {
	for _, p := range packages(t) {
		if p.generated() {
			continue
		}
		for _, name := range slices.Concat(p.GoFiles, p.TestGoFiles, p.XTestGoFiles) {
			path := filepath.Join(p.Dir, name)
			if n := lines(t, path); n > 500 {
				t.Errorf("%s has %d lines; 500 is the most", path, n)
			}
		}
		for _, name := range p.GoFiles {
			path, set := filepath.Join(p.Dir, name), token.NewFileSet()
			f, err := parser.ParseFile(set, path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range f.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if !ok {
					continue
				}
				if n := set.Position(fn.End()).Line - set.Position(fn.Pos()).Line; n > 70 {
					t.Errorf("%s: %s has %d lines; 70 is the most", path, fn.Name.Name, n)
				}
				if fn.Name.Name == "init" && fn.Recv == nil {
					t.Errorf("%s has an init function", path)
				}
			}
		}
	}
}

func lines(t *testing.T, path string) int {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	s := bufio.NewScanner(f)
	s.Buffer(make([]byte, 64<<10), 8<<20)
	for s.Scan() {
		n++
	}
	return n
}

func TestNothingBelowMainEndsTheProcess(t *testing.T) {
	for _, p := range packages(t) {
		if p.Name == "main" || p.generated() || strings.HasPrefix(p.path(), "test/") {
			continue
		}
		each(t, p, func(file string, f *ast.File) {
			ast.Inspect(f, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				switch fn := call.Fun.(type) {
				case *ast.Ident:
					if fn.Name == "panic" {
						t.Errorf("%s panics", file)
					}
				case *ast.SelectorExpr:
					if x, ok := fn.X.(*ast.Ident); ok && (x.Name == "os" && fn.Sel.Name == "Exit" || x.Name == "log" && strings.HasPrefix(fn.Sel.Name, "Fatal")) {
						t.Errorf("%s ends the process", file)
					}
				}
				return true
			})
		})
	}
}

func TestModulesAgree(t *testing.T) {
	mods, err := filepath.Glob(filepath.Join(root(t), "services/*/go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []string{"proto", "pkg", "cli", "test"} {
		mods = append(mods, filepath.Join(root(t), m, "go.mod"))
	}
	for _, path := range mods {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(raw), "\ngo 1.26.0\n") || strings.Contains(string(raw), "\ntoolchain ") {
			t.Errorf("%s: every module says go 1.26.0 and no toolchain", path)
		}
		for _, line := range strings.Split(string(raw), "\n") {
			if from, to, ok := strings.Cut(strings.TrimSpace(line), " => "); ok && (!strings.Contains(from, module) || !strings.HasPrefix(to, "../")) {
				t.Errorf("%s: %q replaces something that is not a sibling", path, strings.TrimSpace(line))
			}
		}
	}
}

func TestTheRepositorySpeaksOfTheProductAlone(t *testing.T) {
	cmd := exec.Command("git", "ls-files")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	if err != nil {
		t.Skip("not a git checkout")
	}
	machine := regexp.MustCompile(`/(work|root|home/[a-z]+)/[a-z]`)
	unfinished := regexp.MustCompile(`\b(TODO|FIXME|XXX)\b`)
	for _, name := range strings.Fields(string(out)) {
		if strings.Contains(name, "/gen/") || strings.Contains(name, "/dist/") || strings.HasSuffix(name, ".sum") || strings.HasPrefix(name, "test/house/") || strings.Contains(name, "/vendor/") {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(root(t), name))
		if err != nil || bytes.IndexByte(raw, 0) >= 0 {
			continue
		}
		if m := machine.Find(raw); m != nil && !bytes.Contains(m, []byte("/work/")) {
			t.Errorf("%s holds a path of a machine: %q", name, m)
		}
		if m := unfinished.Find(raw); m != nil {
			t.Errorf("%s says %s", name, m)
		}
	}
}
