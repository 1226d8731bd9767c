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
	for _, files := range []string{"pkg/audit/audit.go", "pkg/graph/outcome.go", "pkg/thread/*.go", "services/outbound/internal/attempt/*.go", "services/outbound/internal/pace/*.go",
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
	"SESSION_BUSY": true, "TOO_MANY_REQUESTS": true, // the page tries again
	"NOT_SIGNED_IN": true, "WRONG_PASSWORD": true,
	"STARTING": true, "STOPPING": true, "REBUILDING": true, "THREAD_BUSY": true,
	"PRESENCE_UNKNOWN": true,                         // the page offers none
	"LAPSED":           true,                         // of an automated message, about which the agent has nothing to do
	"SURVEY_USED":      true, "SURVEY_EXPIRED": true, // the page of the survey says so
	"SKILLS_FIXED": true, "TOO_MANY_SKILLS": true, "TOO_MANY_LABELS": true, // the page offers none of them
	"UPLOAD_OFFSET": true, // the page goes on where the upload stands
	"SEEN":          true, // of an event, not of a command
	"LOST_RACE":     true, // the audit tries again
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

// TestEveryRecordHasAText reads from the contracts and from the sources what the audit
// can hold, and what can be wrong with it: the set-up page has a text for each, and for
// nothing else, for its list of kinds is made of them.
func TestEveryRecordHasAText(t *testing.T) {
	all := textsIn(t, "src/texts/setup/")
	kinds := map[string]bool{}
	gather := func(pattern, line string) {
		names, err := filepath.Glob(filepath.Join("../../..", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			source, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(line).FindAllStringSubmatch(string(source), -1) {
				if !strings.HasSuffix(name, "_test.go") {
					kinds[m[1]] = true
				}
			}
		}
	}
	gather("proto/parley/*/v1/*.proto", `(?m)^\s+kind: "([a-z]+\.[a-z_]+)"$`)
	for _, sources := range []string{"services/*/internal/*/*.go", "pkg/*/*.go"} {
		gather(sources, `auditv1\.Record\{Kind: "([a-z]+\.[a-z_]+)"`)
	}
	if len(kinds) < 30 {
		t.Fatalf("only %d kinds of records were found", len(kinds))
	}
	for kind := range kinds {
		sort, _, _ := strings.Cut(kind, ".")
		for _, key := range []string{"u_" + strings.ReplaceAll(kind, ".", "_"), "us_" + sort} {
			if _, ok := all[key]; !ok {
				t.Errorf("src/texts/setup has no text %s for records of the kind %s", key, kind)
			}
		}
	}
	for key := range all {
		if name, is := strings.CutPrefix(key, "u_"); is && !kinds[strings.Replace(name, "_", ".", 1)] {
			t.Errorf("src/texts/setup has %s, and no record is of that kind", key)
		}
	}
	for at, word := range reasons(t, "../../../pkg/audit/chain.go") {
		if _, ok := all["b_"+word]; !ok && word != "AUDIT_DAMAGED" {
			t.Errorf("%s: src/texts/setup has no text for %s", at, word)
		}
	}
	if _, ok := all["AUDIT_AWAY"]; !ok {
		t.Error("src/texts/setup does not say that the audit cannot be written")
	}
}

// TestEveryFindingHasAText reads from the sources of the control plane what may be found
// of a page, and what doctor looks at. The set-up page has a text for each, and in
// English the same that the control plane says.
func TestEveryFindingHasAText(t *testing.T) {
	all := textsIn(t, "src/texts/setup/")
	found := 0
	need := func(key, format string) {
		found++
		text, ok := all[key]
		if !ok {
			t.Errorf("src/texts/setup has no text for %s", key)
		}
		if want := strings.ReplaceAll(regexp.MustCompile(`%[sdv]`).ReplaceAllString(format, "{}"), "'", "’"); format != "" && ok && text[0] != want {
			t.Errorf("%s is %q in English, and the control plane says %q", key, text[0], want)
		}
	}
	for pattern, line := range map[string]string{
		"services/admin/internal/provision/*.go": `(?:say\("|found\{reason: ")([A-Z_]+)"(?:, "([^"]*)")?`,
		"services/admin/internal/trial/trial.go": `say\("([A-Z_]+)", "([^"]*)"`,
		"services/admin/internal/operate/*.go":   `(?:Name: "|finding\(")([a-z._]+)"`,
		"pkg/bus/checks.go":                      `Name: "([a-z ]+)"`,
		"pkg/bus/door.go":                        `Name: "([a-z.]+)"`,
	} {
		names, err := filepath.Glob(filepath.Join("../../..", pattern))
		if err != nil || len(names) == 0 {
			t.Fatal(pattern, err)
		}
		for _, name := range names {
			source, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(line).FindAllStringSubmatch(string(source), -1) {
				switch {
				case strings.HasSuffix(name, "_test.go"):
				case strings.ToUpper(m[1]) == m[1]:
					need("q_"+m[1], append(m, "")[2])
				default:
					need("d_"+strings.Trim(strings.NewReplacer(".", "_", " ", "_").Replace(m[1]), "_"), "")
				}
			}
		}
	}
	if found < 70 {
		t.Errorf("only %d findings were found", found)
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
