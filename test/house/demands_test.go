package house_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// demand is a stretch of the numbered demands that the sources name as L62 or S33:
// what conversations, rules, agents, messages and files do; or of the checklist of
// security, as in SI4: ingress, deletion, attachments, desk, gRPC, storage, supply.
type demand struct {
	kind        string
	first, last int
}

var demanded = []demand{{"L", 7, 119}, {"S", 19, 20}, {"S", 25, 50}, {"S", 1, 2},
	{"SI", 1, 9}, {"SD", 1, 4}, {"SA", 1, 5}, {"SK", 1, 8}, {"SG", 1, 6}, {"SS", 1, 7}, {"SC", 1, 5}}

// waived are the numbers that no case can hold, and why.
var waived = map[string]string{
	"L17": "what Messenger makes of asterisks is Messenger's; the desk sends what is typed",
	"L26": "names of fields of another system",
	"L27": "numbers of another system's enumerations",
	"L41": "there is one sort of queue, as there is one channel",
	"L64": "a preview of groups that grow with the wait; steps that relax by conversation.waited do that (L60)",
	"L99": "where things stand on the page",
	"S26": "the list of pages is the set-up page's",
	"S50": "names other demands",
	"SS3": "in place of a key a person each backup has one, which dies with it (TestABackupIsSealedUntilItIsForgotten), and a restore erases again by certificate (TestWhoWasErasedSinceTheBackupIsErasedAgain)",
	"SC1": "make lint and make vulnerable, which need tools and a database from elsewhere",
	"SC4": "there are no manifests for Kubernetes",
}

var cited = regexp.MustCompile(`\b(L|S[IDAKGSC]?)(\d{1,3})(?:(?:-| to )(?:L|S[IDAKGSC]?)?(\d{1,3}))?\b`)

// numbers are the demands that a text names.
func numbers(text string) (all []string) {
	for _, m := range cited.FindAllStringSubmatch(text, -1) {
		first, _ := strconv.Atoi(m[2])
		last := first
		if n, err := strconv.Atoi(m[3]); err == nil && n > first && n < first+20 {
			last = n
		}
		for n := first; n <= last; n++ {
			all = append(all, fmt.Sprint(m[1], n))
		}
	}
	return all
}

// unheld tells which demands no test names, and which are waived for nothing.
func unheld(named map[string]bool, waived map[string]string) (problems []string) {
	for _, d := range demanded {
		for n := d.first; n <= d.last; n++ {
			number := fmt.Sprint(d.kind, n)
			switch _, is := waived[number]; {
			case !named[number] && !is:
				problems = append(problems, number+" has no case that names it")
			case named[number] && is:
				problems = append(problems, number+" has a case; take it out of what is waived")
			}
		}
	}
	slices.Sort(problems)
	return problems
}

// TestEveryDemandHasACase that names its number, or a reason why not.
func TestEveryDemandHasACase(t *testing.T) {
	cmd := exec.Command("git", "ls-files", "*_test.go", "*.txtar")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	if err != nil {
		t.Skip("not a git checkout")
	}
	named := map[string]bool{}
	for _, name := range strings.Fields(string(out)) {
		if name == "test/house/demands_test.go" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root(t), name))
		if err != nil {
			t.Fatal(err)
		}
		for _, number := range numbers(string(text)) {
			named[number] = true
		}
	}
	for _, problem := range unheld(named, waived) {
		t.Error(problem)
	}
}

// TestAMissingCaseIsFound, as is a number that is waived though a case has it.
func TestAMissingCaseIsFound(t *testing.T) {
	named := map[string]bool{}
	for _, d := range demanded {
		for n := d.first; n <= d.last; n++ {
			named[fmt.Sprint(d.kind, n)] = true
		}
	}
	delete(named, "L62")
	got := unheld(named, map[string]string{"L81": "x"})
	if want := []string{"L62 has no case that names it", "L81 has a case; take it out of what is waived"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := numbers("(L31-L33), S1, L76 to L78 and L8; SL9, L1234, SK4-SK5"); !slices.Equal(got, []string{"L31", "L32", "L33", "S1", "L76", "L77", "L78", "L8", "SK4", "SK5"}) {
		t.Errorf("read %q", got)
	}
}
