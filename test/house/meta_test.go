package house_test

import (
	"regexp"
	"strconv"
	"testing"

	"github.com/parley-desk/parley/pkg/graph"
)

// deskWords are the desk's texts of machine words, in English and Bulgarian.
func deskWords(t *testing.T) map[string][2]string {
	t.Helper()
	words := map[string][2]string{}
	line := regexp.MustCompile(`(?m)^  ([A-Z_]+):\s+'((?:[^'\\]|\\.)*)',$`)
	for i, language := range []string{"en", "bg"} {
		for _, m := range line.FindAllStringSubmatch(read(t, "services/desk/web/src/texts/"+language+".ts"), -1) {
			both := words[m[1]]
			both[i] = m[2]
			words[m[1]] = both
		}
	}
	return words
}

// metaReasons says of the document what each reason of a send means, to the
// agent and to whoever runs the house, and which errors of Meta's lead to it.
func metaReasons(t *testing.T, d *document) {
	words := deskWords(t)
	var rows [][]string
	for _, m := range graph.Meanings() {
		agent := words[m.Reason]
		if agent[0] == "" || agent[1] == "" {
			t.Errorf("the desk has no words for %s", m.Reason)
		}
		rows = append(rows, []string{code(m.Reason), agent[0] + " · " + agent[1], m.Means, m.Do, m.Then})
	}
	d.line("### What is told of each\n\n`parleyctl fb error CODE/SUBCODE` tells the same of an error with which Meta answered.")
	d.table([]string{"reason", "the agent reads", "an administrator reads", "to do", "then"}, rows)

	rows = nil
	for _, r := range graph.Rulings() {
		codes, subcode := strconv.Itoa(r.From), "any"
		if r.To != r.From {
			codes += "–" + strconv.Itoa(r.To)
		}
		if r.Subcode != 0 {
			subcode = strconv.Itoa(r.Subcode)
		}
		rows = append(rows, []string{codes, subcode, r.Class.String(), code(r.Reason)})
	}
	d.line("### Meta's errors\n\nTried from top to bottom. An error of HTTP 5xx, or one that Meta calls transient and that is not about how much is asked, is `uncertain` whatever its code. A code that is not here is `refused` as `INVALID_REQUEST` with HTTP 400, 401 and 403, `later` with 429, and else `uncertain`.")
	d.table([]string{"code", "subcode", "class", "reason"}, rows)
}
