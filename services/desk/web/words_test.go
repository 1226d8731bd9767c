package web_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// texts reads the page's texts: both languages by key.
func texts(t *testing.T) map[string][2]string { return textsIn(t, "src/texts/") }

func textsIn(t *testing.T, dir string) map[string][2]string {
	t.Helper()
	all := map[string][2]string{}
	for i, language := range []string{"en", "bg"} {
		source, err := os.ReadFile(dir + language + ".ts")
		if err != nil {
			t.Fatal(err)
		}
		line := regexp.MustCompile(`(?m)^  (\w+):\s+'((?:[^'\\]|\\.)*)',$`)
		for _, m := range line.FindAllStringSubmatch(string(source), -1) {
			both := all[m[1]]
			both[i] = m[2]
			all[m[1]] = both
		}
	}
	if len(all) < 50 {
		t.Fatalf("only %d texts were found in %s", len(all), dir)
	}
	return all
}

// TestEveryReasonHasAText reads from the sources of the house why a message may
// not be sent and why a command may be refused. The page shows none of what the
// house says in English, so each must have a text of its own.
func TestEveryReasonHasAText(t *testing.T) {
	all := texts(t)
	found := map[string]int{}
	for _, files := range []string{"pkg/graph/outcome.go", "pkg/thread/*.go", "services/outbound/internal/attempt/*.go", "services/outbound/internal/pace/*.go",
		"services/desk/internal/api/*.go", "pkg/session/*.go", "services/desk/internal/door/*.go", "services/desk/internal/upload/*.go", "services/desk/internal/reply/*.go", "services/distribution/internal/offering/*.go"} {
		for at, word := range reasons(t, filepath.Join("../../..", files)) {
			found[files]++
			if _, ok := all[word]; !ok && !elsewhere[word] {
				t.Errorf("%s: src/texts has no text for %s", at, word)
			}
		}
		if found[files] == 0 {
			t.Errorf("no reason was found in %s", files)
		}
	}
}

// elsewhere is what the page has another text for, by the kind of failure: that
// a sign-in is over or wrong, and that a thing cannot be done just now.
var elsewhere = map[string]bool{
	"UNKNOWN_AGENT": true, "LOCAL_SIGN_IN_OFF": true, // the page after the company's sign-in says so; and there is no form
	"SESSION_BUSY":  true, // the page tries again
	"NOT_SIGNED_IN": true, "WRONG_PASSWORD": true,
	"STARTING": true, "STOPPING": true, "REBUILDING": true, "THREAD_BUSY": true,
	"PRESENCE_UNKNOWN": true,                         // the page offers none
	"LAPSED":           true,                         // of an automated message, about which the agent has nothing to do
	"SURVEY_USED":      true, "SURVEY_EXPIRED": true, // the page of the survey says so
	"UPLOAD_OFFSET": true, // the page goes on where the upload stands
	"SEEN":          true, // of an event, not of a command
	// Of looking for room in a queue, which classification does.
	"CANDIDATE_INVALID": true, "CONVERSATION_EMPTY": true, "CANDIDATES_COUNT": true,
	"AGENTS_COUNT": true, "THREADS_COUNT": true, "QUEUES_COUNT": true, "QUEUE_UNKNOWN": true, "BY_EMPTY": true, "TOO_MANY_THREADS": true, // the desk asks for no more than may be
}

// reasons finds the machine words of failures in sources, by their place: what
// constants are called, and what stands where a reason is wanted.
func reasons(t *testing.T, pattern string) map[string]string {
	t.Helper()
	found := map[string]string{}
	files := token.NewFileSet()
	names, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(files, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if lit := reason(n); lit != nil {
				if word, err := strconv.Unquote(lit.Value); err == nil && machine.MatchString(word) {
					found[files.Position(lit.Pos()).String()] = word
				}
			}
			return true
		})
	}
	return found
}

var machine = regexp.MustCompile(`^[A-Z]+(_[A-Z]+)*$`)

// reason gives the literal of n that is a reason, if n has one.
func reason(n ast.Node) *ast.BasicLit {
	var e ast.Expr
	switch n := n.(type) {
	case *ast.ValueSpec: // ReasonLate = "LATE", WrongPhase = "WRONG_PHASE"
		if len(n.Values) == 1 && n.Names[0].IsExported() {
			e = n.Values[0]
		}
	case *ast.KeyValueExpr: // Reason: "CRASH"
		if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Reason" {
			e = n.Value
		}
	case *ast.CallExpr: // fault.New(fault.Denied, "NO_ROLE", ...)
		if f, ok := n.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "New" && len(n.Args) > 2 {
			e = n.Args[1]
		}
	}
	lit, _ := e.(*ast.BasicLit)
	return lit
}

// TestEveryTurnHasASentence does the same for what the house does with a
// conversation.
func TestEveryTurnHasASentence(t *testing.T) {
	all := texts(t)
	fold, err := os.ReadFile("../internal/timeline/fold.go")
	if err != nil {
		t.Fatal(err)
	}
	sentences, err := os.ReadFile("src/bubble.tsx")
	if err != nil {
		t.Fatal(err)
	}
	words := regexp.MustCompile(`return "(\w+)"`).FindAllStringSubmatch(string(fold), -1)
	if len(words) < 8 {
		t.Fatalf("only %d turns were found in fold.go", len(words))
	}
	for _, m := range words {
		if _, ok := all[m[1]]; !ok && !strings.Contains(string(sentences), "case '"+m[1]+"':") {
			t.Errorf("src/texts has no text for %s", m[1])
		}
	}
	for n, name := range threadv1.OfferOutcome_name {
		word := strings.ToLower(strings.TrimPrefix(name, "OFFER_OUTCOME_"))
		if _, ok := all[word]; !ok && n != 0 {
			t.Errorf("src/texts has no text for the outcome %s of an offer", word)
		}
	}
}

// TestEveryFieldHasALabel reads the forms that the set-up page draws: each field
// and each value of an enum is called something in both languages.
func TestEveryFieldHasALabel(t *testing.T) {
	all := textsIn(t, "src/texts/setup/")
	source, err := os.ReadFile("src/setup/forms.gen.ts")
	if err != nil {
		t.Fatal(err)
	}
	quiet := map[string]bool{"meta": true, "etag": true, "updatedMs": true, "sinceMs": true, "privacy": true, "previousSecret": true}
	found := 0
	for _, m := range regexp.MustCompile(`(?m)^  (\w+): '(.*)',$`).FindAllStringSubmatch(string(source), -1) {
		if m[1] == "Resource" || m[1] == "Acknowledgement" || m[1] == "Secret" {
			continue
		}
		for _, word := range strings.Fields(m[2]) {
			name, _, field := strings.Cut(word, ":")
			if quiet[name] || strings.HasSuffix(name, "_UNSPECIFIED") {
				continue
			}
			found++
			if _, ok := all[name]; !field && !ok {
				t.Errorf("src/texts/setup has no text for the value %s", name)
			}
			if _, ok := all["f_"+name]; field && !ok {
				t.Errorf("src/texts/setup has no label for %s.%s", m[1], name)
			}
		}
	}
	if found < 200 {
		t.Errorf("only %d fields and values were found", found)
	}
}

// TestLanguagesTakeTheSameValues counts what is filled into texts.
func TestLanguagesTakeTheSameValues(t *testing.T) {
	for key, both := range both(t) {
		values := func(text string) int {
			one, _, _ := strings.Cut(text, "|")
			return strings.Count(one, "{}")
		}
		if values(both[0]) != values(both[1]) {
			t.Errorf("%s takes %d values in English and %d in Bulgarian", key, values(both[0]), values(both[1]))
		}
		if strings.TrimSpace(both[0]) == "" || strings.TrimSpace(both[1]) == "" {
			t.Errorf("%s is empty in a language", key)
		}
	}
}

// both are the texts of both pages, and of the supervisors' view.
func both(t *testing.T) map[string][2]string {
	all := textsIn(t, "src/texts/setup/")
	for key, text := range texts(t) {
		all["desk "+key] = text
	}
	for key, text := range textsIn(t, "src/texts/floor/") {
		all["floor "+key] = text
	}
	return all
}
