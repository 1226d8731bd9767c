package house_test

import (
	"fmt"
	"go/ast"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/parley-desk/parley/cli"
	"github.com/parley-desk/parley/services/all"
)

// page is a document with the parts that are looked at one by one.
type page struct {
	path  string // from the root
	prose string // without code
	code  []string
	text  string
}

var (
	fence  = regexp.MustCompile("(?ms)^ {0,3}```[^\n]*\n(.*?)^ {0,3}```[ \t]*$")
	indent = regexp.MustCompile(`(?m)^(?: {4}|\t)\S.*$`)
	span   = regexp.MustCompile("`([^`\n]+)`")
)

func newPage(path, text string) page {
	p := page{path: path, text: text}
	for _, m := range fence.FindAllStringSubmatch(text, -1) {
		p.code = append(p.code, m[1])
	}
	rest := fence.ReplaceAllString(text, "")
	p.code = append(p.code, indent.FindAllString(rest, -1)...)
	rest = indent.ReplaceAllString(rest, "")
	for _, m := range span.FindAllStringSubmatch(rest, -1) {
		p.code = append(p.code, m[1])
	}
	p.prose = span.ReplaceAllStringFunc(rest, func(s string) string {
		return strings.Trim(link.ReplaceAllString(s, ""), "`") // headings may hold code, links in code are none
	})
	return p
}

// pages are all documents of the repository.
func pages(t *testing.T) []page {
	t.Helper()
	var all []page
	top := root(t)
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && (strings.HasPrefix(name, ".") && path != top || name == "node_modules" || name == "vendor" || name == "bin") {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(path) != ".md" {
			return nil
		}
		rel, err := filepath.Rel(top, path)
		all = append(all, newPage(filepath.ToSlash(rel), read(t, rel)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("only %d documents are found", len(all))
	}
	return all
}

// anchors are the names under which the headings of a page are linked.
func (p page) anchors() []string {
	var all []string
	for _, m := range regexp.MustCompile(`(?m)^#{1,6} (.+)$`).FindAllStringSubmatch(p.prose, -1) {
		all = append(all, slug(m[1]))
	}
	return all
}

// slug is a heading as the web pages of the repository name it.
func slug(heading string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(strings.TrimSpace(heading)) {
		switch {
		case r == ' ':
			b.WriteRune('-')
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			b.WriteRune(r)
		}
	}
	return b.String()
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"`)

// checkLinks names links of p that lead nowhere in the repository.
func checkLinks(top string, p page, all []page) (problems []string) {
	for _, m := range link.FindAllStringSubmatch(p.prose, -1) {
		target := m[1] + m[2]
		if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
			continue
		}
		file, anchor, _ := strings.Cut(target, "#")
		anchors := p.anchors()
		if file != "" {
			to := filepath.ToSlash(filepath.Join(filepath.Dir(p.path), file))
			if _, err := os.Stat(filepath.Join(top, to)); err != nil {
				problems = append(problems, fmt.Sprintf("%s links to %s, which is not there", p.path, target))
				continue
			}
			anchors = nil
			if at := slices.IndexFunc(all, func(o page) bool { return o.path == to }); at >= 0 {
				anchors = all[at].anchors()
			}
		}
		if anchor != "" && !slices.Contains(anchors, anchor) {
			problems = append(problems, fmt.Sprintf("%s links to %s, but there is no such heading", p.path, target))
		}
	}
	return problems
}

func TestLinksLeadSomewhere(t *testing.T) {
	top, all := root(t), pages(t)
	for _, p := range all {
		for _, problem := range checkLinks(top, p, all) {
			t.Error(problem)
		}
	}
	for text, want := range map[string]string{
		"[a](nowhere.md)":                     "which is not there",
		"[a](settings.md#nowhere)":            "no such heading",
		"# A b\n\n[a](#b-a)":                  "no such heading",
		`<img src="nowhere.png">`:             "which is not there",
		"[a](../services/nowhere)":            "which is not there",
		"# A, `b`!\n\n[a](#a-b) [s](../docs)": "",
		"`[a](nowhere.md)`":                   "",
	} {
		got := strings.Join(checkLinks(top, newPage("docs/planted.md", text), all), "\n")
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%q: want %q, got %q", text, want, got)
		}
	}
}

// chapters are what every service's page has, in this order.
var chapters = []string{"In and out", "State", "When something fails", "Settings", "Metrics", "Alone"}

// checkService names what the page of a service does not say.
func checkService(name, text string) (problems []string) {
	say := func(format string, a ...any) {
		problems = append(problems, name+"/README.md "+fmt.Sprintf(format, a...))
	}
	if !strings.HasPrefix(text, "# "+name+"\n") {
		say("is not called %s", name)
	}
	at := 0
	for _, c := range chapters {
		i := strings.Index(text, "\n## "+c+"\n")
		switch {
		case i < 0:
			say("has no chapter %q", c)
		case i < at:
			say("has the chapter %q too early", c)
		}
		at = max(at, i)
	}
	_, failures, _ := strings.Cut(text, "\n## When something fails\n")
	failures, _, _ = strings.Cut(failures, "\n## ")
	if !strings.Contains(failures, "| what | then |") {
		say("has no table of what happens when something fails")
	}
	if !strings.Contains(text, "docs/settings.md#"+name) && name != "all" {
		say("does not lead to its settings")
	}
	return problems
}

func TestServicesSayWhatTheyDo(t *testing.T) {
	folders, err := filepath.Glob(filepath.Join(root(t), "services/*"))
	if err != nil || len(folders) < 7 {
		t.Fatalf("%d services, %v", len(folders), err)
	}
	for _, f := range folders {
		name := filepath.Base(f)
		for _, p := range checkService(name, read(t, "services", name, "README.md")) {
			t.Error(p)
		}
	}
	sound := read(t, "services/ingress/README.md")
	for from, to := range map[string]string{"# ingress\n": "# outgress\n", "\n## State\n": "\n## States\n", "| what | then |": "| what |",
		"\n## Alone\n": "\n", "settings.md#ingress": "settings.md"} {
		if broken := strings.Replace(sound, from, to, 1); broken == sound || len(checkService("ingress", broken)) == 0 {
			t.Errorf("with %q for %q nobody says anything", to, from)
		}
	}
}

// vocabulary is what documents may speak of.
type vocabulary struct {
	targets, variables, tests map[string]bool
	metrics                   map[string]metric
	composed                  map[string]bool // volumes and networks, as compose calls them
	dotted                    map[string]bool // settings, and what the sources write between quotes
	groups                    []string        // first parts of settings
	commands                  map[string]*cobra.Command
}

// spoken gathers it.
func spoken(t *testing.T) vocabulary {
	t.Helper()
	parley, err := all.Command()
	if err != nil {
		t.Fatal(err)
	}
	v := vocabulary{targets: map[string]bool{}, tests: map[string]bool{}, metrics: metrics(t), dotted: map[string]bool{}, composed: map[string]bool{},
		variables: map[string]bool{"PARLEY_CONFIG": true, "PARLEY_SERVER": true, "PARLEY_TOKEN_FILE": true, "PARLEY_SESSION_FILE": true, "PARLEY_VERSION": true, "PARLEY_COMMIT": true, "PARLEY_SHOTS": true},
		commands:  map[string]*cobra.Command{"parleyctl": cli.Command(), "parley": parley}}
	c := parse[struct{ Volumes, Networks map[string]any }](t, read(t, "docker-compose.yml"))
	for _, names := range []map[string]any{c.Volumes, c.Networks} {
		for name := range names {
			v.composed["parley_"+name] = true
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^([a-z-]+):`).FindAllStringSubmatch(read(t, "Makefile"), -1) {
		v.targets[m[1]] = true
	}
	for _, f := range fieldsOf(t, sectionsOf()...) {
		v.variables[f.Env], v.dotted[f.Key], v.dotted[f.Flag] = true, true, true
		if group, _, ok := strings.Cut(f.Key, "."); ok && !slices.Contains(v.groups, group) {
			v.groups = append(v.groups, group)
		}
	}
	for _, p := range packages(t) {
		tests := p.path() == "test/house"
		if tests {
			p.GoFiles = p.XTestGoFiles
		}
		each(t, p, func(_ string, f *ast.File) {
			ast.Inspect(f, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && !tests {
					if s, ok := text(lit); ok {
						v.dotted[s] = true
					}
				}
				if fn, ok := n.(*ast.FuncDecl); ok && tests {
					v.tests[fn.Name.Name] = true
				}
				return true
			})
		})
	}
	return v
}

var (
	wantedTarget   = regexp.MustCompile(`(?:^|\n|&& |; )\s*make ([a-z][a-z-]*)`)
	wantedFolder   = regexp.MustCompile(`\bgo (?:run|test|build|vet)\b[^\n]*? (\./[A-Za-z0-9_./-]+)`)
	wantedVariable = regexp.MustCompile(`\bPARLEY_[A-Z][A-Z_]*[A-Z]\b`)
	wantedMetric   = regexp.MustCompile(`\bparley_[a-z_]*[a-z]\b`)
	wantedTest     = regexp.MustCompile(`\bTest[A-Z][A-Za-z]+\b`)
	wantedFlag     = regexp.MustCompile(`--([a-z]+\.[a-z.-]+[a-z])`)
	wantedSetting  = regexp.MustCompile(`^[a-z]+(?:\.[a-z_]+)+$`)
	wantedCommand  = regexp.MustCompile(`\b(parleyctl|parley) ((?:[a-z]+(?:-[a-z]+)* ?)+)`)
	ofFiles        = regexp.MustCompile(`\.(?:ts|tsx|css|html|go|json|md|yaml|yml|conf|lua|mjs|log)$`)
)

// check names what a page speaks of that is not there.
func (v vocabulary) check(top string, p page) (problems []string) {
	say := func(what, name string) {
		problems = append(problems, fmt.Sprintf("%s speaks of the %s %s, which is not there", p.path, what, name))
	}
	for _, m := range wantedVariable.FindAllString(p.text, -1) {
		if !v.variables[m] {
			say("variable", m)
		}
	}
	for _, m := range wantedMetric.FindAllString(p.text, -1) {
		if _, ok := v.metrics[m]; !ok && !v.part(m) && !v.composed[m] {
			say("metric", m)
		}
	}
	for _, c := range p.code {
		for _, m := range wantedTarget.FindAllStringSubmatch(c, -1) {
			if !v.targets[m[1]] {
				say("target", m[1])
			}
		}
		for _, m := range wantedFolder.FindAllStringSubmatch(c, -1) {
			if _, err := os.Stat(filepath.Join(top, strings.TrimSuffix(m[1], "/..."))); err != nil {
				say("folder", m[1])
			}
		}
		for _, m := range wantedTest.FindAllString(c, -1) {
			if !v.tests[m] && p.path == "CONTRIBUTING.md" {
				say("test", m)
			}
		}
		for _, m := range wantedFlag.FindAllStringSubmatch(c, -1) {
			if !v.dotted[m[1]] {
				say("flag", m[1])
			}
		}
		group, _, _ := strings.Cut(c, ".")
		if wantedSetting.MatchString(c) && slices.Contains(v.groups, group) && !v.dotted[c] && !ofFiles.MatchString(c) && !v.prefix(c) {
			say("setting", c)
		}
		for _, m := range wantedCommand.FindAllStringSubmatch(c, -1) {
			if words := strings.Fields(m[2]); !known(v.commands[m[1]], words) {
				say("command", m[0])
			}
		}
	}
	return problems
}

// part tells whether name is a series of a histogram.
func (v vocabulary) part(name string) bool {
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if base, ok := strings.CutSuffix(name, suffix); ok && v.metrics[base].histogram() {
			return true
		}
	}
	return false
}

// prefix tells whether name is a group of settings, such as admin.tls.
func (v vocabulary) prefix(name string) bool {
	for known := range v.dotted {
		if strings.HasPrefix(known, name+".") {
			return true
		}
	}
	return false
}

// known tells whether words begin with a command below top.
func known(top *cobra.Command, words []string) bool {
	for _, w := range words {
		at := slices.IndexFunc(top.Commands(), func(c *cobra.Command) bool { return c.Name() == w })
		switch {
		case at >= 0:
			top = top.Commands()[at]
		case w == "help" || w == "completion":
			return true
		default:
			return !top.HasSubCommands() || top.Runnable() && top.HasParent()
		}
	}
	return true
}

func TestDocumentsSpeakOfWhatIsThere(t *testing.T) {
	top, v := root(t), spoken(t)
	for _, p := range pages(t) {
		for _, problem := range v.check(top, p) {
			t.Error(problem)
		}
	}
	for text, want := range map[string]string{
		"`make nothing`":                         "target nothing",
		"`make run` and `parleyctl get`":         "",
		"```\ngo test ./test/nowhere/...\n```":   "folder ./test/nowhere/...",
		"`go test ./test/house/...`":             "",
		"PARLEY_BUS_COPIES":                      "variable PARLEY_BUS_COPIES",
		"`parley_bus_lag`":                       "metric parley_bus_lag",
		"`parley_desk_request_seconds_sum`":      "",
		"`desk.item`":                            "setting desk.item",
		"`desk.items`, `admin.tls`":              "",
		"`distribution.heartbeat`":               "",
		"`parley all --desk.listn :1`":           "flag desk.listn",
		"`parleyctl undo`":                       "command parleyctl undo",
		"`parleyctl dlq redrive`":                "command parleyctl dlq redrive",
		"`parleyctl channel rotate-secret demo`": "",
		"`parleyctl channel rotate-keys`":        "command parleyctl channel rotate-keys",
		"`parleyctl get queues`":                 "",
		"`parley reminders`":                     "command parley reminders",
	} {
		got := strings.Join(v.check(top, newPage("docs/planted.md", text)), "\n")
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%q: want %q, got %q", text, want, got)
		}
	}
}

// checkStart names what a reader needs at the start and is not told.
func checkStart(readme, deps string) (problems []string) {
	commands := fence.FindStringSubmatch(readme)
	if commands == nil || commands[1] != "make run\nmake test\n" {
		problems = append(problems, "README.md does not begin with make run and make test")
	}
	programs := regexp.MustCompile(`missing\+=\(([a-z-]+)\)|(fonts-[a-z-]+)`).FindAllStringSubmatch(deps, -1)
	for _, m := range programs {
		if name := m[1] + m[2]; !strings.Contains(strings.ToLower(readme), name) {
			problems = append(problems, "README.md does not say that make test uses "+name)
		}
	}
	if len(programs) < 3 {
		problems = append(problems, "what make test installs cannot be read")
	}
	return problems
}

func TestReadmeSaysHowToStart(t *testing.T) {
	readme, deps := read(t, "README.md"), read(t, "test/deps.sh")
	for _, p := range checkStart(readme, deps) {
		t.Error(p)
	}
	if len(checkStart(strings.Replace(readme, "make run\n", "make it\n", 1), deps)) != 1 ||
		len(checkStart(readme, deps+"missing+=(postgres)")) != 1 || !strings.Contains(read(t, ".ci/run"), "exec make test") {
		t.Error("a command or a program that is missing is not missed")
	}
}
