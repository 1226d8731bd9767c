package house_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// decision is a page of docs/adr.
type decision struct{ file, text string }

var (
	decisionFile = regexp.MustCompile(`^([0-9]{4})-[a-z0-9]+(-[a-z0-9]+)*\.md$`)
	decisionHead = regexp.MustCompile(`\A# ([0-9]{4})\. (.+)\n\nDate: (\S+)\nStatus: (.+)\n\n## Context\n`)
	superseded   = regexp.MustCompile(`^Superseded by ([0-9]{4})$`)
)

// longest is how many lines a decision may have: a page.
const longest = 50

// checkDecisions names what is wrong with the decisions or their index.
func checkDecisions(all []decision, index string) (problems []string) {
	rows := regexp.MustCompile(`(?m)^\| \[`).FindAllString(index, -1)
	if len(rows) != len(all) {
		problems = append(problems, fmt.Sprintf("the index has %d decisions, there are %d", len(rows), len(all)))
	}
	for i, d := range all {
		say := func(format string, a ...any) {
			problems = append(problems, d.file+": "+fmt.Sprintf(format, a...))
		}
		number := fmt.Sprintf("%04d", i+1)
		head := decisionHead.FindStringSubmatch(d.text)
		if m := decisionFile.FindStringSubmatch(d.file); m == nil || m[1] != number || head == nil || head[1] != number {
			say("it is no decision %s: file NNNN-title.md, then # NNNN. Title, Date, Status, Context", number)
			continue
		}
		title, date, status := head[2], head[3], head[4]
		if _, err := time.Parse(time.DateOnly, date); err != nil {
			say("%q is no date", date)
		}
		later := superseded.FindStringSubmatch(status)
		if status != "Accepted" && status != "Rejected" && later == nil {
			say("the status %q is none of Accepted, Rejected, Superseded by NNNN", status)
		}
		if later != nil && !slices.ContainsFunc(all, func(o decision) bool { return strings.HasPrefix(o.file, later[1]) }) {
			say("it is superseded by %s, which is not there", later[1])
		}
		var parts []string
		for _, m := range regexp.MustCompile(`(?m)^## (.+)$`).FindAllStringSubmatch(d.text, -1) {
			parts = append(parts, m[1])
		}
		if want := []string{"Context", "Decision", "Consequences", "Rejected alternatives"}; !slices.Equal(parts, want) {
			say("its parts are %q, not %q", parts, want)
		}
		if n := strings.Count(d.text, "\n"); n > longest {
			say("it has %d lines; %d is the most", n, longest)
		}
		if row := fmt.Sprintf("| [%s](%s) | %s | %s |", number, d.file, title, status); !strings.Contains(index, row+"\n") {
			say("the index does not say %s", row)
		}
	}
	return problems
}

func TestDecisionsAreNumberedAndListed(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root(t), "docs/adr/*.md"))
	if err != nil {
		t.Fatal(err)
	}
	var all []decision
	for _, f := range files {
		if name := filepath.Base(f); name != "README.md" {
			all = append(all, decision{name, read(t, "docs/adr", name)})
		}
	}
	index := read(t, "docs/adr/README.md")
	for _, p := range checkDecisions(all, index) {
		t.Error(p)
	}
	if len(all) == 0 {
		t.Fatal("there are no decisions")
	}
	for _, broken := range []struct{ from, to string }{
		{"# 0001.", "# 0002."}, {"Status: Accepted", "Status: Agreed"}, {"Status: Accepted", "Status: Superseded by 9999"},
		{"Date: 2", "Date: early 2"}, {"## Decision", "## Decisions"}, {"## Context\n", "## Context\n" + strings.Repeat("\n", longest)},
	} {
		planted := slices.Clone(all)
		planted[0].text = strings.Replace(planted[0].text, broken.from, broken.to, 1)
		if planted[0].text == all[0].text || len(checkDecisions(planted, index)) == 0 {
			t.Errorf("with %q for %q nobody says anything", broken.to, broken.from)
		}
	}
	if len(checkDecisions(all[1:], index)) == 0 || len(checkDecisions(all, strings.Replace(index, "| [0001]", "[0001]", 1))) == 0 {
		t.Error("a decision that is missing is not missed")
	}
}
