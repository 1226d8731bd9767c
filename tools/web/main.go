// Command web builds the agent's page from services/desk/web/src into its dist
// directory, with esbuild as a library: a machine with only Go can do it.
//
//	go run .          write dist and src/types.gen.ts
//	go run . -check   change nothing; fail when what is committed differs
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/parley-desk/parley/tools/web/bundle"
	"github.com/parley-desk/parley/tools/web/shapes"
)

func main() {
	page := flag.String("page", "../../services/desk/web", "directory of the page")
	check := flag.Bool("check", false, "compare with what is committed instead of writing")
	flag.Parse()
	if err := run(*page, *check); err != nil {
		fmt.Fprintln(os.Stderr, "web:", err)
		os.Exit(1)
	}
}

// run makes the types first, because the bundle reads them.
func run(page string, check bool) error {
	for name, source := range map[string][]byte{"types.gen.ts": shapes.TypeScript(), "setup/types.gen.ts": shapes.Setup(), "setup/forms.gen.ts": shapes.Forms()} {
		if err := settle(filepath.Join(page, "src", name), source, check); err != nil {
			return err
		}
	}
	files, sizes, err := bundle.Build(page)
	if err != nil {
		return err
	}
	dist := filepath.Join(page, "dist")
	if err := sweep(dist, files, check); err != nil {
		return err
	}
	for name, body := range files {
		if err := settle(filepath.Join(dist, name), body, check); err != nil {
			return err
		}
	}
	fmt.Println(sizes)
	return sizes.Within()
}

// settle writes body, or in a check compares it with what is there.
func settle(path string, body []byte, check bool) error {
	if !check {
		return os.WriteFile(path, body, 0o644)
	}
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !bytes.Equal(old, body) {
		return fmt.Errorf("%s is not what the sources give: run the build and commit it", path)
	}
	return nil
}

// sweep removes what an earlier build left in dist.
func sweep(dist string, keep map[string][]byte, check bool) error {
	entries, err := os.ReadDir(dist)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if _, ok := keep[e.Name()]; ok {
			continue
		}
		if check {
			return fmt.Errorf("%s is left over in %s", e.Name(), dist)
		}
		if err := os.Remove(filepath.Join(dist, e.Name())); err != nil {
			return err
		}
	}
	return os.MkdirAll(dist, 0o755)
}
