// Package bundle turns the page's sources into the few files a browser loads.
package bundle

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// Budget is how many bytes of compressed JavaScript the page may have: agents
// on slow lines load it at the start of each shift.
const Budget = 40 * 1024

// Sizes is how heavy the build is, gzip bytes.
type Sizes struct {
	// Script is the script of the page and of its worker.
	Script int
	// Style is the style sheet.
	Style int
}

// String tells the sizes in one line.
func (s Sizes) String() string {
	return fmt.Sprintf("script %d B of %d B, css %d B (gzip)", s.Script, Budget, s.Style)
}

// Within is an error when the scripts together exceed Budget.
func (s Sizes) Within() error {
	if s.Script > Budget {
		return fmt.Errorf("the script weighs %d B compressed, over the budget of %d B", s.Script, Budget)
	}
	return nil
}

// Build bundles the page in dir and gives the files of dist by name. The same
// sources give the same bytes on every machine.
func Build(dir string) (map[string][]byte, Sizes, error) {
	root, err := filepath.Abs(dir)
	if err != nil {
		return nil, Sizes{}, err
	}
	files := map[string][]byte{}
	app, err := one(root, "src/main.ts")
	if err != nil {
		return nil, Sizes{}, err
	}
	appName := named(files, "app", ".js", app)
	css, err := one(root, "src/desk.css")
	if err != nil {
		return nil, Sizes{}, err
	}
	cssName := named(files, "desk", ".css", css)
	index, err := os.ReadFile(filepath.Join(root, "src", "index.html"))
	if err != nil {
		return nil, Sizes{}, err
	}
	html := strings.NewReplacer("{{app}}", "/"+appName, "{{css}}", "/"+cssName).Replace(string(index))
	files["index.html"] = []byte(html)
	return files, Sizes{Script: zipped(app), Style: zipped(css)}, nil
}

// one bundles one entry point.
func one(root, entry string) ([]byte, error) {
	out := api.Build(api.BuildOptions{
		AbsWorkingDir:     root,
		EntryPoints:       []string{entry},
		Bundle:            true,
		Write:             false,
		Outdir:            filepath.Join(root, "dist"),
		Format:            api.FormatIIFE,
		Target:            api.ES2022,
		Charset:           api.CharsetUTF8,
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		MinifySyntax:      true,
		LegalComments:     api.LegalCommentsNone,
		JSX:               api.JSXAutomatic,
		JSXImportSource:   "preact",
		Alias: map[string]string{
			"preact/jsx-runtime": filepath.Join(root, "vendor/preact/jsxRuntime.mjs"),
			"preact/hooks":       filepath.Join(root, "vendor/preact/hooks.mjs"),
			"preact":             filepath.Join(root, "vendor/preact/preact.mjs"),
		},
	})
	if len(out.Errors) > 0 {
		text := api.FormatMessages(out.Errors, api.FormatMessagesOptions{})
		return nil, fmt.Errorf("bundle %s:\n%s", entry, strings.Join(text, ""))
	}
	return out.OutputFiles[0].Contents, nil
}

// named adds body under a name that changes with it, so that browsers may keep
// it for ever.
func named(files map[string][]byte, stem, ext string, body []byte) string {
	sum := sha256.Sum256(body)
	name := stem + "." + hex.EncodeToString(sum[:5]) + ext
	files[name] = body
	return name
}

// zipped is how many bytes body has on the wire.
func zipped(body []byte) int {
	var buf bytes.Buffer
	// The best level always exists and a buffer never fails.
	w, _ := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	_, _ = w.Write(body)
	_ = w.Close()
	return buf.Len()
}
