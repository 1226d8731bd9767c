// Package bundle turns the page's sources into the few files a browser loads.
package bundle

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// Budget is how many bytes of compressed JavaScript the page may load before an
// agent can work: on slow lines that is the start of each shift.
const Budget = 40 * 1024

// Later is how many more it may load afterwards, while the agent works.
const Later = 18 * 1024

// Setup is how many the set-up page may load before an administrator can work.
// Agents load none of it.
const Setup = 40 * 1024

// Aside is how many more the set-up page may load afterwards.
const Aside = 16 * 1024

// Leave is how many the page before a doubtful link may load.
const Leave = 4 * 1024

// Sizes is how heavy the build is, gzip bytes.
type Sizes struct {
	// Script is what the page and its worker begin with, in the longest language.
	Script int
	// Later is every part that is loaded when it is wanted, in the longest language.
	Later int
	// Apart are the parts with bounds of their own, by their sources.
	Apart map[string]int
	// Style is the style sheet.
	Style int
	// Setup is what the set-up page begins with, in the longest language.
	Setup int
	// Aside is every part of it that is loaded when it is wanted.
	Aside int
	// Leave is the page before a doubtful link.
	Leave int
}

// bound is how much a part of the build weighs, and how much it may.
type bound struct {
	part        string
	weight, may int
	source      string // of a part that is bounded apart
}

func (s Sizes) bounds() []bound {
	all := []bound{
		{part: "what the page begins with", weight: s.Script, may: Budget}, {part: "what it loads later", weight: s.Later, may: Later},
		{part: "what the set-up page begins with", weight: s.Setup, may: Setup}, {part: "what that loads later", weight: s.Aside, may: Aside},
		{part: "the page before doubtful links", weight: s.Leave, may: Leave},
	}
	for _, own := range apart {
		own.weight = s.Apart[own.source]
		all = append(all, own)
	}
	return all
}

// String tells the sizes in one line.
func (s Sizes) String() string {
	said := fmt.Sprintf("gzip bytes: the style sheet %d", s.Style)
	for _, b := range s.bounds() {
		said += fmt.Sprintf(", %s %d of %d", b.part, b.weight, b.may)
	}
	return said
}

// Within is an error when a part exceeds what it may weigh.
func (s Sizes) Within() error {
	for _, b := range s.bounds() {
		if b.weight > b.may {
			return fmt.Errorf("compressed, %s is %d B, over its budget of %d B", b.part, b.weight, b.may)
		}
	}
	return nil
}

// entry is a page: the sources that a browser begins with, and what their files
// are called.
type entry struct {
	script, style, html string // in src
	name                string
}

// The pages. They share sources and no files, so that neither makes the other
// heavier.
var (
	agents = entry{"main.ts", "desk.css", "index.html", "app"}
	setup  = entry{"setup/main.tsx", "setup/setup.css", "setup/setup.html", "setup"}
	leave  = entry{"leave/main.ts", "leave/leave.css", "leave/leave.html", "leave"}
)

// texts is where languages are.
const texts = "src/texts/"

// apart are the parts of pages that may weigh something on top of Later and Aside, each
// with its words: what few need, and what the page works without.
var apart = []bound{
	{part: "the view of supervisors", may: 7 * 1024, source: "src/floor.tsx"},
	{part: "what stands beside the offers", may: 1536, source: "src/beside.tsx"},
	{part: "the choice of utility templates", may: 1536, source: "src/utility.tsx"},
	{part: "the button of the sticker", may: 768, source: "src/sticker.tsx"},
	{part: "the picture over the page", may: 2048, source: "src/lightbox.tsx"},
	{part: "the queues of a supervisor", may: 1536, source: "src/lines.tsx"},
	{part: "the End that can be undone", may: 1536, source: "src/ending.tsx"},
	{part: "what is known about the customer", may: 2048, source: "src/customer.tsx"},
	{part: "what is over today", may: 1024, source: "src/closed.tsx"},
	{part: "the choice above the work list", may: 1024, source: "src/narrow.tsx"},
	{part: "an earlier conversation", may: 1536, source: "src/earlier.tsx"},
	{part: "the labels of conversations", may: 2048, source: "src/labels.tsx"},
	{part: "the sentences of the house", may: 16 * 1024, source: "src/setup/sentences.ts"},
}

// view is where those of the supervisor's view are, which come with it.
const view = texts + "floor/"

// Build bundles the pages in dir and gives the files of dist by name, each with
// a name that changes with what it holds. The same sources give the same bytes
// on every machine.
func Build(dir string) (map[string][]byte, Sizes, error) {
	root, err := filepath.Abs(dir)
	if err != nil {
		return nil, Sizes{}, err
	}
	files := map[string][]byte{}
	desk, err := agents.build(root, files)
	if err != nil {
		return nil, Sizes{}, err
	}
	other, err := setup.build(root, files)
	if err != nil {
		return nil, Sizes{}, err
	}
	desk.Setup, desk.Aside = other.Script, other.Later
	maps.Copy(desk.Apart, other.Apart)
	last, err := leave.build(root, files)
	desk.Leave = last.Script
	return files, desk, err
}

// build bundles one page into files.
func (e entry) build(root string, files map[string][]byte) (Sizes, error) {
	built, err := e.bundle(root)
	if err != nil {
		return Sizes{}, err
	}
	sizes := Sizes{Apart: map[string]int{}}
	script, style := "src/"+e.script, "src/"+e.style
	first := built.begin(script)
	language, words := 0, 0
	for name, part := range built {
		files[name] = part.body
		switch weight := zipped(part.body); {
		case slices.Contains(first, name):
			sizes.Script += weight
		case part.entry == style:
			sizes.Style = weight
		case slices.ContainsFunc(apart, func(own bound) bool { return own.source == part.entry }):
			sizes.Apart[part.entry] = weight
		case strings.HasPrefix(part.entry, view):
			words = max(words, weight)
		case strings.HasPrefix(part.entry, texts):
			language = max(language, weight)
		default:
			sizes.Later += weight
		}
	}
	sizes.Script += language
	sizes.Later += words
	html, err := os.ReadFile(filepath.Join(root, "src", e.html))
	if err != nil {
		return Sizes{}, err
	}
	var hints strings.Builder
	for _, name := range first[1:] {
		fmt.Fprintf(&hints, "<link rel=\"modulepreload\" href=\"/%s\">\n", name)
	}
	whole := strings.NewReplacer("{{app}}", "/"+first[0], "{{css}}", "/"+built.begin(style)[0], "{{parts}}\n", hints.String()).Replace(string(html))
	files[filepath.Base(e.html)] = []byte(whole)
	return sizes, nil
}

// parts are the files that were built, by name.
type parts map[string]part

type part struct {
	entry string   // the source it begins with, if any
	needs []string // parts that must be there before it
	body  []byte
}

// begin names the part that begins with a source, and after it what that needs.
func (p parts) begin(entry string) []string {
	var names []string
	for name, part := range p {
		if part.entry == entry {
			names = append(names, name)
		}
	}
	for i := 0; i < len(names); i++ {
		for _, need := range p[names[i]].needs {
			if !slices.Contains(names, need) {
				names = append(names, need)
			}
		}
	}
	return names
}

// bundle runs esbuild.
func (e entry) bundle(root string) (parts, error) {
	out := api.Build(api.BuildOptions{
		AbsWorkingDir:       root,
		EntryPointsAdvanced: []api.EntryPoint{{InputPath: "src/" + e.script, OutputPath: e.name}, {InputPath: "src/" + e.style, OutputPath: strings.TrimSuffix(filepath.Base(e.style), ".css")}},
		EntryNames:          "[name].[hash]",
		ChunkNames:          "[name].[hash]",
		Bundle:              true,
		Splitting:           true,
		Write:               false,
		Metafile:            true,
		Outdir:              filepath.Join(root, "dist"),
		Format:              api.FormatESModule,
		Target:              api.ES2022,
		Charset:             api.CharsetUTF8,
		MinifyWhitespace:    true,
		MinifyIdentifiers:   true,
		MinifySyntax:        true,
		LegalComments:       api.LegalCommentsNone,
		JSX:                 api.JSXAutomatic,
		JSXImportSource:     "preact",
		Alias: map[string]string{
			"preact/jsx-runtime": filepath.Join(root, "vendor/preact/jsxRuntime.mjs"),
			"preact/hooks":       filepath.Join(root, "vendor/preact/hooks.mjs"),
			"preact":             filepath.Join(root, "vendor/preact/preact.mjs"),
		},
	})
	if len(out.Errors) > 0 {
		text := api.FormatMessages(out.Errors, api.FormatMessagesOptions{})
		return nil, fmt.Errorf("bundle the page:\n%s", strings.Join(text, ""))
	}
	var meta struct {
		Outputs map[string]struct {
			EntryPoint string
			Imports    []struct{ Path, Kind string }
		}
	}
	if err := json.Unmarshal([]byte(out.Metafile), &meta); err != nil {
		return nil, fmt.Errorf("what esbuild says of the bundle: %w", err)
	}
	all := parts{}
	for _, file := range out.OutputFiles {
		name := filepath.Base(file.Path)
		of := meta.Outputs["dist/"+name]
		one := part{entry: of.EntryPoint, body: file.Contents}
		for _, need := range of.Imports {
			if need.Kind == "import-statement" {
				one.needs = append(one.needs, filepath.Base(need.Path))
			}
		}
		all[name] = one
	}
	return all, nil
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
