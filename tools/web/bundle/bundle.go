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
	"strconv"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// Budget is how many bytes of compressed JavaScript the page may have: agents
// on slow lines load it at the start of each shift.
const Budget = 30 * 1024

// Sizes is how heavy the build is, gzip bytes.
type Sizes struct {
	// Script is the page's own script.
	Script int
	// Worker is the script of the shared stream.
	Worker int
	// Style is the style sheet.
	Style int
}

// String tells the sizes in one line.
func (s Sizes) String() string {
	return fmt.Sprintf("app %d B, worker %d B, css %d B (gzip); script budget %d B", s.Script, s.Worker, s.Style, Budget)
}

// Within is an error when the scripts together exceed Budget.
func (s Sizes) Within() error {
	if s.Script+s.Worker > Budget {
		return fmt.Errorf("scripts weigh %d B compressed, over the budget of %d B", s.Script+s.Worker, Budget)
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
	worker, err := one(root, "src/worker.ts", nil)
	if err != nil {
		return nil, Sizes{}, err
	}
	workerName := named(files, "worker", ".js", worker)
	app, err := one(root, "src/app.tsx", map[string]string{"WORKER_URL": strconv.Quote("/" + workerName)})
	if err != nil {
		return nil, Sizes{}, err
	}
	appName := named(files, "app", ".js", app)
	css, err := one(root, "src/desk.css", nil)
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
	return files, Sizes{Script: zipped(app), Worker: zipped(worker), Style: zipped(css)}, nil
}

// one bundles one entry point.
func one(root, entry string, define map[string]string) ([]byte, error) {
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
		Define:            define,
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
