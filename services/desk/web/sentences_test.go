package web_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// spoken are the sources whose sentences the set-up page shows: what is wrong with a
// field, what is odd about a resource, what rules did.
var spoken = []string{
	"services/admin/internal/validate/*.go", "services/admin/internal/change/*.go", "services/admin/internal/configure/*.go", "services/admin/internal/clients/service.go",
	"services/admin/internal/commit/commit.go", "services/admin/internal/rewind/*.go", "services/admin/internal/privacy/*.go", "services/admin/internal/explain/explain.go",
	"services/admin/internal/probe/token.go",
	"pkg/schedule/compile.go", "pkg/mask/mask.go", "pkg/slug/check.go", "pkg/slug/blank.go", "pkg/wording/text.go", "pkg/rules/route.go", "pkg/rules/explain.go", "pkg/rules/hours.go", "pkg/rules/why.go", "pkg/rules/condition.go", "pkg/rules/trace.go",
}

// lettered are the sources whose failures end in dead letters, or say why a letter stays:
// the handlers of stages, and what of the bus, of Redis and of the log they pass on as it
// is. What a handler wraps says only what the handler was doing.
var lettered = []string{
	"services/classification/intake.go", "services/classification/routing.go", "services/engagement/bots.go", "services/engagement/crm.go", "pkg/webhook/webhook.go",
	"services/attachment/internal/copying/copying.go", "services/attachment/internal/erasing/erasing.go",
	"services/distribution/internal/offering/offering.go", "services/distribution/internal/assign/batch.go", "services/distribution/internal/assign/book.go", "pkg/keyspace/script.go",
	"pkg/bus/commit.go", "pkg/bus/crm.go", "pkg/bus/deadletter.go", "pkg/bus/guard.go", "pkg/bus/record.go", "pkg/bus/redrive.go",
}

// failing are the calls that make a failure of a text.
var failing = map[string]bool{"fault.New": true, "fault.Wrap": true, "brokerFault": true, "garbage": true, "away": true}

// TestEverySentenceIsWorded reads from the sources what the control plane says in
// sentences. The set-up page knows each by its English form and has it in Bulgarian,
// with the same values, and nothing else.
func TestEverySentenceIsWorded(t *testing.T) {
	table := worded(t)
	said := map[string]bool{}
	ask := func(found map[string]string) {
		for at, sentence := range found {
			for piece := range strings.SplitSeq(strings.TrimPrefix(strings.TrimSpace(sentence), "{}: "), "; ") {
				if !letters.MatchString(piece) || silent[piece] {
					continue
				}
				said[piece] = true
				if _, ok := table[piece]; !ok {
					t.Errorf("%s: texts/sentences has no words for\n  %s", at, piece)
				}
			}
		}
	}
	for _, pattern := range spoken {
		names, err := filepath.Glob(filepath.Join("../../..", pattern))
		if err != nil || len(names) == 0 {
			t.Fatal(pattern, err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			ask(sentences(t, name, speaking))
		}
	}
	for _, name := range lettered {
		found := sentences(t, filepath.Join("../../..", name), failings)
		if len(found) == 0 {
			t.Errorf("%s says nothing of a failure", name)
		}
		ask(found)
	}
	if len(said) < 200 {
		t.Errorf("only %d sentences were found", len(said))
	}
	for piece, own := range table {
		if !said[piece] && strings.Contains(piece, " ") {
			t.Errorf("texts/sentences has words for %q, which nobody says", piece)
		}
		if strings.Count(piece, "{}") != len(regexp.MustCompile(`\{\d?\}`).FindAllString(own, -1)) {
			t.Errorf("%q and %q have not the same values", piece, own)
		}
	}
}

// worded is the table of Bulgarian sentences.
func worded(t *testing.T) map[string]string {
	t.Helper()
	source, err := os.ReadFile("src/texts/sentences/bg.ts")
	if err != nil {
		t.Fatal(err)
	}
	all, plain := map[string]string{}, strings.NewReplacer(`\'`, "'", `\n`, "\n")
	for _, m := range regexp.MustCompile(`(?m)^  '((?:[^'\\]|\\.)*)': '((?:[^'\\]|\\.)*)',$`).FindAllStringSubmatch(string(source), -1) {
		all[plain.Replace(m[1])] = plain.Replace(m[2])
	}
	return all
}

// unsaid are calls whose texts are for logs, or have a reason of their own.
var unsaid = map[string]bool{"New": true, "Wrap": true, "MustCompile": true, "Compile": true, "InfoContext": true, "WarnContext": true, "ErrorContext": true, "Join": true, "Format": true}

// sentences are the forms of what a file says, by place: a value is {}. Which parts of
// it speak, of tells: whether all texts of a node do, and whether to look into it.
func sentences(t *testing.T, name string, of func(ast.Node) (speaks, look bool)) map[string]string {
	t.Helper()
	found := map[string]string{}
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var visit func(speaks bool) func(ast.Node) bool
	visit = func(speaks bool) func(ast.Node) bool {
		return func(n ast.Node) bool {
			now, look := of(n)
			if now && !speaks {
				ast.Inspect(n, visit(true))
				return false
			}
			if e, ok := n.(ast.Expr); ok && speaks {
				if text, ok := folded(e); ok {
					keep(found, files.Position(n.Pos()).String(), text)
					return false
				}
			}
			return look
		}
	}
	ast.Inspect(file, visit(false))
	return found
}

// speaking is everything but what unsaid leaves out.
func speaking(n ast.Node) (speaks, look bool) {
	switch n := n.(type) {
	case *ast.ImportSpec, *ast.Field:
		return false, false
	case *ast.CallExpr:
		if f, ok := n.Fun.(*ast.SelectorExpr); ok && unsaid[f.Sel.Name] {
			return false, false
		}
	case *ast.File:
		return true, true
	}
	return false, true
}

// failings are the messages of failures.
func failings(n ast.Node) (speaks, look bool) {
	switch n := n.(type) {
	case *ast.CallExpr:
		if slices.ContainsFunc(n.Args, ending) {
			return false, false
		}
		return failing[called(n.Fun)], true
	case *ast.KeyValueExpr:
		return called(n.Key) == "Message", true
	}
	return false, true
}

// ending tells of a text that it is of settings or metrics, with which nothing starts.
func ending(e ast.Expr) bool {
	text, _ := folded(e)
	return strings.HasSuffix(text, "_SETTINGS") || strings.HasPrefix(text, "register ")
}

// called is a name as the source has it.
func called(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return called(e.X) + "." + e.Sel.Name
	}
	return ""
}

// folded is a text that may be put together of several; what is no literal is a value.
func folded(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		left, a := folded(e.X)
		right, b := folded(e.Y)
		if e.Op != token.ADD || !a && !b {
			return "", false
		}
		if !a {
			left = "%s"
		}
		if !b {
			right = "%s"
		}
		return left + right, true
	}
	return "", false
}

var verb = regexp.MustCompile(`%(\[\d\])?[sdvqtw]`)

var letters = regexp.MustCompile(`[A-Za-z]{2}`)

// silent are texts that are no sentences: what compilers say, and why a condition is
// true, which the test bench words itself; what ends a start; what stands before a cause.
var silent = map[string]bool{"Syntax error:": true, "error parsing regexp:": true, "{} is {}": true, "{} is": true, ordinary: true,
	"the hook of the CRM": true, "{} cannot handle it yet: {}": true}

// ordinary is a text on which masks are tried.
const ordinary = "Къде е поръчката ми? Where is my order?"

// keep notes a text that is a sentence: one word is none, nor is a path.
func keep(found map[string]string, at, text string) {
	form := verb.ReplaceAllString(text, "{}")
	if strings.Contains(strings.TrimSpace(form), " ") && letters.MatchString(form) {
		found[at] = form
	}
}

// find is the file of a folder whose name begins so.
func find(t *testing.T, dir, prefix string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, prefix+"*"))
	if err != nil || len(found) != 1 {
		t.Fatal(prefix, found, err)
	}
	return filepath.Base(found[0])
}

// read is a file of the page.
func read(t *testing.T, name string) string {
	t.Helper()
	source, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(source)
}
