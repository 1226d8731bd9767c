package house_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// keepers are the packages that hold secrets, known by what they import.
func keeper(p pkg) bool {
	return !p.generated() && layer(p.path()) < 4 && slices.ContainsFunc(p.Imports, func(i string) bool {
		return i == "crypto/hmac" || i == "crypto/subtle" || i == module+"pkg/secret"
	})
}

var (
	secretive = regexp.MustCompile(`(?i)(signature|secret|token|password|passphrase|hmac|mac|digest|proof|cookie|sum|sums|reveal)$`)
	leaky     = []string{"bytes.Equal", "bytes.Compare", "bytes.EqualFold", "strings.EqualFold", "strings.Compare", "slices.Equal", "slices.Compare", "reflect.DeepEqual"}
)

// hasty are the comparisons of a package's files that take longer the more of
// a secret was guessed right (SI1). hmac.Equal, subtle.ConstantTimeCompare and
// secret.Text.Equal do not. To ask whether there is a secret at all is no
// comparison, nor is its length, nor a constant of the package.
func hasty(set *token.FileSet, files ...*ast.File) (found []string) {
	known := fixed(files)
	for _, f := range files {
		found = append(found, hastyIn(set, f, known)...)
	}
	return found
}

func hastyIn(set *token.FileSet, f *ast.File, known map[string]bool) (found []string) {
	say := func(n ast.Node, what string) {
		found = append(found, fmt.Sprintf("%s: %s", set.Position(n.Pos()), what))
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			if (n.Op == token.EQL || n.Op == token.NEQ) && (isSecret(n.X) || isSecret(n.Y)) && !isHarmless(n.X, known) && !isHarmless(n.Y, known) {
				say(n, n.Op.String())
			}
		case *ast.SwitchStmt:
			if n.Tag == nil || !isSecret(n.Tag) {
				break
			}
			for _, c := range n.Body.List {
				for _, e := range c.(*ast.CaseClause).List {
					if !isHarmless(e, known) {
						say(e, "case")
					}
				}
			}
		case *ast.CallExpr:
			if name := qualified(n.Fun); slices.Contains(leaky, name) && !slices.ContainsFunc(n.Args, isLiteral) {
				say(n, name)
			}
		}
		return true
	})
	return found
}

// isSecret tells by its name whether an expression may be a secret, or what is
// computed of one.
func isSecret(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return secretive.MatchString(e.Name)
	case *ast.SelectorExpr:
		return secretive.MatchString(e.Sel.Name)
	case *ast.CallExpr:
		// A conversion, string(mac), is what it converts.
		return isSecret(e.Fun) || len(e.Args) == 1 && isSecret(e.Args[0])
	case *ast.IndexExpr:
		return isSecret(e.X)
	case *ast.SliceExpr:
		return isSecret(e.X)
	case *ast.ParenExpr:
		return isSecret(e.X)
	case *ast.StarExpr:
		return isSecret(e.X)
	}
	return false
}

// fixed are the names of a package's constants.
func fixed(files []*ast.File) map[string]bool {
	names := map[string]bool{}
	for _, f := range files {
		for _, d := range f.Decls {
			group, ok := d.(*ast.GenDecl)
			if !ok || group.Tok != token.CONST {
				continue
			}
			for _, spec := range group.Specs {
				for _, name := range spec.(*ast.ValueSpec).Names {
					names[name.Name] = true
				}
			}
		}
	}
	return names
}

// isLiteral tells a text that stands in the source, converted or not.
func isLiteral(e ast.Expr) bool {
	if call, ok := e.(*ast.CallExpr); ok && len(call.Args) == 1 {
		e = call.Args[0]
	}
	_, ok := e.(*ast.BasicLit)
	return ok
}

func isHarmless(e ast.Expr, known map[string]bool) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return e.Value == `""` || e.Value == "``" || e.Kind == token.INT
	case *ast.Ident:
		return e.Name == "nil" || e.Name == "true" || e.Name == "false" || known[e.Name]
	case *ast.CallExpr:
		name := qualified(e.Fun)
		return name == "len" || strings.HasSuffix(name, "Len")
	}
	return false
}

func qualified(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return qualified(e.X) + "." + e.Sel.Name
	}
	return ""
}

func TestSecretsAreComparedInConstantTime(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range packages(t) {
		if !keeper(p) {
			continue
		}
		seen[p.path()] = true
		set := token.NewFileSet()
		var files []*ast.File
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
		for _, h := range hasty(set, files...) {
			t.Errorf("%s compares a secret byte by byte; hmac.Equal and secret.Text.Equal take the same time whatever they compare", h)
		}
	}
	for _, must := range []string{"pkg/secret", "pkg/graph", "services/ingress/internal/verify", "services/ingress/internal/receive",
		"pkg/session", "services/desk/internal/door", "services/admin/internal/configure"} {
		if !seen[must] {
			t.Errorf("%s is not looked at", must)
		}
	}
}

func TestHastyComparisonsAreFound(t *testing.T) {
	for code, want := range map[string]int{
		`signature == own`:                                   1,
		`r.Header.Get("X") != proof`:                         1,
		`string(mac.Sum(nil)) == text`:                       1,
		`mac[:4] == other`:                                   1,
		`a.verify.Reveal() == given`:                         1,
		`bytes.Equal(a, b)`:                                  1,
		`strings.EqualFold(a, b)`:                            1,
		`token == "letmein"`:                                 1,
		`token == ""`:                                        0,
		`mac != nil`:                                         0,
		`len(mac) != 32`:                                     0,
		`len(sum) != hex.EncodedLen(size)`:                   0,
		`hmac.Equal(mac, sum)`:                               0,
		`subtle.ConstantTimeCompare(a, b) == 1`:              0,
		`bytes.Equal(raw, []byte("null"))`:                   0,
		`field == appSecret; const appSecret = "app_secret"`: 0,
		`name == other`:                                      0,
	} {
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, "x.go", "package x\nvar _ = "+code, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := hasty(set, f); len(got) != want {
			t.Errorf("%s: %q, want %d", code, got, want)
		}
	}
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, "x.go", "package x\nfunc f() { switch token { case other: case \"\": } }", 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := hasty(set, f); len(got) != 1 {
		t.Errorf("a switch: %q, want 1", got)
	}
}
