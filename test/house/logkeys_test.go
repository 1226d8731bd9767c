package house_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strings"
	"testing"
)

var (
	// logs are the methods of a logger, attrs the functions that make an attribute.
	logs  = regexp.MustCompile(`^(Debug|Info|Warn|Error)(Context)?$`)
	attrs = regexp.MustCompile(`^(Any|Bool|Duration|Float64|Group|Int|Int64|String|Time|Uint64)$`)
)

// literalKeys are the keys of log records in f that are written on the spot.
func literalKeys(f *ast.File) (found []string) {
	note := func(e ast.Expr) {
		if s, ok := text(e); ok {
			found = append(found, s)
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		from, _ := sel.X.(*ast.Ident)
		switch {
		case from != nil && from.Name == "slog" && attrs.MatchString(sel.Sel.Name) && len(call.Args) > 0:
			note(call.Args[0])
		case logs.MatchString(sel.Sel.Name) && (from == nil || from.Name != "http"):
			first := 1 // the message comes before
			if strings.HasSuffix(sel.Sel.Name, "Context") {
				first = 2
			}
			for i := first; i < len(call.Args); i++ {
				if _, attr := call.Args[i].(*ast.CallExpr); !attr {
					note(call.Args[i])
					i++
				}
			}
		}
		return true
	})
	return found
}

// TestLogsSpeakOneVocabulary: a key that is spelled in two ways cannot be
// searched for. All are constants of pkg/telemetry/key.
func TestLogsSpeakOneVocabulary(t *testing.T) {
	for _, p := range packages(t) {
		if p.generated() || p.path() == "pkg/telemetry" || !strings.HasPrefix(p.path(), "pkg/") && !strings.HasPrefix(p.path(), "services/") {
			continue
		}
		each(t, p, func(file string, f *ast.File) {
			for _, k := range literalKeys(f) {
				t.Errorf("%s logs %q: write it once, in pkg/telemetry/key", file, k)
			}
		})
	}
}

func TestLiteralKeysAreFound(t *testing.T) {
	const planted = `package p
	func f() {
		log.WarnContext(ctx, "said", "one", 1, key.Err, err, slog.String("two", x), "three", y)
		log.Info("said", "four", 4)
		log.With(slog.Any(key.Kind, "fine")).ErrorContext(ctx, "said", key.Name, "a value")
	}`
	f, err := parser.ParseFile(token.NewFileSet(), "p.go", planted, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(literalKeys(f), " "); !sameWords(got, "one two three four") {
		t.Errorf("found %q", got)
	}
}

// sameWords tells whether two lists hold the same words, in any order.
func sameWords(a, b string) bool {
	count := map[string]int{}
	for _, w := range strings.Fields(a) {
		count[w]++
	}
	for _, w := range strings.Fields(b) {
		count[w]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}
