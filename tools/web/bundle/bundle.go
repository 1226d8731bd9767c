// Package bundle turns the page's sources into the few files a browser loads.
package bundle

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
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
const Later = 24 * 1024

// Beside is how many of them stand beside the offers, on top of Later: an agent
// is told by them of what is no offer.
const Beside = 1536

// Utility is how many the choice of utility templates may have, on top of Later: it
// is loaded where the time to reply is over.
const Utility = 1536

// Lightbox is how many the picture over the page may have, with its words, on top of
// Later: it is there for conversations with pictures.
const Lightbox = 2048

// Lines is how many the queues in the supervisors' view may have, with their words, on
// top of Later: agents see none of it.
const Lines = 1536

// Ending is how many an End that can be undone may have, with its words, on top of
// Later: without it the desk works, too.
const Ending = 1536

// Setup is how many the set-up page may load before an administrator can work.
// Agents load none of it.
const Setup = 40 * 1024

// Aside is how many more the set-up page may load afterwards.
const Aside = 16 * 1024

// Sentences is how many the sentences of the house may weigh in a language, on top of
// Aside: who reads them in English loads none.
const Sentences = 16 * 1024

// Leave is how many the page before a doubtful link may load.
const Leave = 4 * 1024

// Sizes is how heavy the build is, gzip bytes.
type Sizes struct {
	// Script is what the page and its worker begin with, in the longest language.
	Script int
	// Later is every part that is loaded when it is wanted, in the longest language.
	Later int
	// Beside is the part of what stands beside the offers.
	Beside int
	// Utility is the part that offers utility templates.
	Utility int
	// Lightbox is the part that shows a picture over the page.
	Lightbox int
	// Ending is the part that holds an End back.
	Ending int
	// Lines is the part that shows a supervisor the queues.
	Lines int
	// Style is the style sheet.
	Style int
	// Setup is what the set-up page begins with, in the longest language.
	Setup int
	// Aside is every part of it that is loaded when it is wanted.
	Aside int
	// Sentences is what the house says, in the longest language.
	Sentences int
	// Leave is the page before a doubtful link.
	Leave int
}

// bound is how much a part of the build weighs, and how much it may.
type bound struct {
	part        string
	weight, may int
}

func (s Sizes) bounds() []bound {
	return []bound{
		{"what the page begins with", s.Script, Budget}, {"what it loads later", s.Later, Later}, {"what stands beside the offers", s.Beside, Beside},
		{"the choice of utility templates", s.Utility, Utility}, {"the picture over the page", s.Lightbox, Lightbox}, {"the queues of a supervisor", s.Lines, Lines}, {"the End that can be undone", s.Ending, Ending}, {"what the set-up page begins with", s.Setup, Setup}, {"what that loads later", s.Aside, Aside},
		{"the sentences of the house", s.Sentences, Sentences}, {"the page before doubtful links", s.Leave, Leave},
	}
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

// beside is what stands beside the offers.
const beside = "src/beside.tsx"

// sentences is what the house says, in a language.
const sentences = "src/setup/sentences.ts"

// utility is the choice of utility templates.
const utility = "src/utility.tsx"

// lightbox is the picture over the page.
const lightbox = "src/lightbox.tsx"

// lines are the queues in the supervisors' view.
const lines = "src/lines.tsx"

// ending is the End that can be undone.
const ending = "src/ending.tsx"

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
	desk.Setup, desk.Aside, desk.Sentences = other.Script, other.Later, other.Sentences
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
	var sizes Sizes
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
		case part.entry == beside:
			sizes.Beside = weight
		case part.entry == utility:
			sizes.Utility = weight
		case part.entry == lightbox:
			sizes.Lightbox = weight
		case part.entry == lines:
			sizes.Lines = weight
		case part.entry == ending:
			sizes.Ending = weight
		case part.entry == sentences:
			sizes.Sentences = weight
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
