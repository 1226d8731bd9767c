// Command fuzz runs every fuzz target of the workspace for a while, one after
// the other, and says in a line each how it went.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

func main() {
	each := flag.Duration("time", 30*time.Second, "how long each target runs")
	only := flag.String("run", "", "run only targets whose package.Function matches this regular expression")
	flag.Parse()
	if err := run(os.Stdout, *each, *only); err != nil {
		fmt.Fprintln(os.Stderr, "fuzz:", err)
		os.Exit(1)
	}
}

// target is one fuzz function.
type target struct{ pkg, name string }

func (t target) String() string {
	return strings.TrimPrefix(t.pkg, "github.com/parley-desk/parley/") + "." + t.name
}

func run(out io.Writer, each time.Duration, only string) error {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	all, err := targets()
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(t target) bool { return !wanted.MatchString(t.String()) })
	if len(all) == 0 {
		return fmt.Errorf("no target matches %q", only)
	}
	var failed []error
	for _, t := range all {
		words, err := exec.Command("go", "test", "-run", "^$", "-fuzz", "^"+t.name+"$", "-fuzztime", each.String(), t.pkg).CombinedOutput()
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", t, err))
			fmt.Fprintf(out, "FAIL %s\n%s", t, words)
			continue
		}
		fmt.Fprintf(out, "ok   %-82s %s\n", t, tally(words))
	}
	return errors.Join(failed...)
}

var function = regexp.MustCompile(`(?m)^func (Fuzz\w*)\(\w+ \*testing\.F\)`)

// targets reads the test files instead of asking the test binaries: those of
// the scenarios build a whole house before they answer.
func targets() ([]target, error) {
	list := exec.Command("go", "list", "-json=ImportPath,Dir,TestGoFiles,XTestGoFiles", "work")
	list.Stderr = os.Stderr
	found, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var all []target
	for d := json.NewDecoder(strings.NewReader(string(found))); d.More(); {
		var pkg struct {
			ImportPath, Dir           string
			TestGoFiles, XTestGoFiles []string
		}
		if err := d.Decode(&pkg); err != nil {
			return nil, err
		}
		for _, file := range slices.Concat(pkg.TestGoFiles, pkg.XTestGoFiles) {
			source, err := os.ReadFile(filepath.Join(pkg.Dir, file))
			if err != nil {
				return nil, err
			}
			for _, m := range function.FindAllSubmatch(source, -1) {
				all = append(all, target{pkg.ImportPath, string(m[1])})
			}
		}
	}
	return all, nil
}

var progress = regexp.MustCompile(`execs: (\d+) .*total: (\d+)`)

// tally is what the last line of progress said.
func tally(words []byte) string {
	all := progress.FindAllSubmatch(words, -1)
	if len(all) == 0 {
		return ""
	}
	last := all[len(all)-1]
	return fmt.Sprintf("%9s runs %5s inputs kept", last[1], last[2])
}
