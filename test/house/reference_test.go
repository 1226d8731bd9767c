package house_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/parley-desk/parley/cli"
	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/pkg/settings"
	"github.com/parley-desk/parley/services/all"
)

// document is a generated page.
type document struct{ strings.Builder }

func begin(title string) *document {
	d := &document{}
	d.line("<!-- Written from the code by `make references`. Do not edit. -->")
	d.line("# %s", title)
	return d
}

func (d *document) line(format string, args ...any) { fmt.Fprintf(d, format+"\n", args...) }

// table writes a table; a cell may hold anything.
func (d *document) table(head []string, rows [][]string) {
	d.line("")
	d.row(head)
	d.line("%s|", strings.Repeat("|---", len(head)))
	for _, r := range rows {
		d.row(r)
	}
	d.line("")
}

func (d *document) row(cells []string) {
	escaped := make([]string, len(cells))
	for i, c := range cells {
		escaped[i] = strings.ReplaceAll(c, "|", `\|`)
	}
	d.line("| %s |", strings.Join(escaped, " | "))
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

// sectionsOf are all settings there are: of every process, of each stage, and
// of the one-process mode.
func sectionsOf() []settings.Section {
	sections := []settings.Section{{Target: &host.Config{}}}
	for _, s := range all.Stages() {
		sections = append(sections, settings.Section{Name: s.Name, Target: s.Config})
	}
	return append(sections, settings.Section{Name: "all", Target: &all.Options{}})
}

func fieldsOf(t *testing.T, sections ...settings.Section) []settings.Field {
	t.Helper()
	set, err := settings.Define(sections...)
	if err != nil {
		t.Fatal(err)
	}
	return set.Fields()
}

func settingRows(fields []settings.Field) [][]string {
	rows := make([][]string, 0, len(fields))
	for _, f := range fields {
		help := f.Help
		switch {
		case f.Secret:
			help += " Never printed, and no flag."
		case f.Login:
			help += " With a user or password it is never printed, and refused as a flag."
		}
		rows = append(rows, []string{code(f.Key), code(f.Env), f.Type, code(f.Default), help})
	}
	return rows
}

func TestReferenceOfSettings(t *testing.T) {
	d := begin("Settings")
	d.line(`
A setting is a key of one YAML file, an environment variable and a flag. Later ones win: default, file (` + "`--config FILE` or `PARLEY_CONFIG`" + `), environment, flag. The flag has the name of the key with ` + "`-` for `_`: `--bus.monitor-url`" + `. A secret has no flag, since everybody on the machine reads arguments. A key the file should not have is refused by name. In lists, commas separate. Numbers of bytes and items are whole numbers; durations are written ` + "`150ms`, `15s`, `2h`" + `.

` + "`parley <stage> config print`" + ` shows every setting in force and where it came from; ` + "`config check`" + ` starts nothing.`)
	head := []string{"setting", "environment", "type", "default", "what it is"}
	for _, section := range sectionsOf() {
		switch section.Name {
		case "":
			d.line("\n## Every process\n\nThe groups `bus`, `secrets`, `redis` and `graph` count only where a stage uses them; the table below says which.")
		case "all":
			d.line("\n## all\n\nOnly of `parley all`, the one-process mode.")
		default:
			d.line("\n## %s\n\n%s.", section.Name, all.Short(section.Name))
		}
		d.table(head, settingRows(fieldsOf(t, section)))
		if section.Name == "" {
			d.table([]string{"stage", "`bus`, `secrets`", "`redis`", "`graph`"}, uses())
		}
	}
	golden(t, "docs/settings.md", tidied(d))
}

func uses() [][]string {
	yes := func(holds bool) string {
		if holds {
			return "yes"
		}
		return ""
	}
	var rows [][]string
	for _, s := range all.Stages() {
		rows = append(rows, []string{s.Name, yes(s.Uses&host.Bus != 0), yes(s.Uses&(host.Redis|host.RedisGlance) != 0), yes(s.Uses&host.Graph != 0)})
	}
	return rows
}

// tidied has no two empty lines in a row and ends in one line break.
func tidied(d *document) string {
	s := d.String()
	for strings.Contains(s, "\n\n\n") {
		s = strings.ReplaceAll(s, "\n\n\n", "\n\n")
	}
	return strings.TrimSpace(s) + "\n"
}

// homes are the packages that register metrics, in the order of the page, with
// what is said of each.
func homes(found map[string]metric) []string {
	set := map[string]bool{}
	for _, m := range found {
		if m.home != "" {
			set[heading(m.home)] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// heading is the part of the page for a package: its stage, or the package.
func heading(home string) string {
	if s := service(home); s != "" {
		return s
	}
	return home
}

func TestReferenceOfMetrics(t *testing.T) {
	found := metrics(t)
	d := begin("Metrics")
	d.line(`
Every process serves its metrics at ` + "`/metrics`" + ` of ` + "`ops.listen`" + `, with those of the Go runtime (` + "`go_*`" + `) and of the process (` + "`process_*`" + `). A metric of a stage also has the label ` + "`service`" + `, so that stages can be told apart in the one-process mode; those of ` + "`pkg/`" + ` have not. No label ever holds an id of a customer. A histogram has ` + "`_bucket`, `_sum` and `_count`" + `. Alerts are in [alerts.yml](../deploy/prometheus/alerts.yml), what to do in the [runbook](../deploy/runbook.md).`)
	who := map[string]string{
		"pkg/bus":   "Of every process that uses the log.",
		"pkg/graph": "Of every process that calls Meta: classification and outbound.",
	}
	for _, home := range homes(found) {
		d.line("\n## %s", home)
		if who[home] != "" {
			d.line("\n%s", who[home])
		}
		var rows [][]string
		for _, name := range slices.Sorted(maps.Keys(found)) {
			m := found[name]
			if m.home == "" || heading(m.home) != home {
				continue
			}
			if m.kind == "" || m.help == "" {
				t.Errorf("%s: kind or help cannot be read from the source", name)
			}
			labels := make([]string, len(m.labels))
			for i, l := range m.labels {
				labels[i] = code(l)
			}
			rows = append(rows, []string{code(name), m.kind, strings.Join(labels, ", "), m.help})
		}
		d.table([]string{"metric", "type", "labels", "what it is"}, rows)
	}
	golden(t, "docs/metrics.md", tidied(d))
}

func TestReferenceOfParleyctl(t *testing.T) {
	d := begin("parleyctl")
	d.line(`
The command line of the control plane. Data goes to standard output, words to standard error. ` + "`parleyctl help COMMAND`" + ` says the same as this page, ` + "`parleyctl completion SHELL`" + ` writes completions. How to call the API without it: [clients](clients/README.md).

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | something to tell apart: differs, not found, a check failed; or the server failed |
| 2 | the command or its input is wrong |
| 3 | not allowed |
| 4 | the server cannot be reached or is too slow |
| 5 | somebody else changed the resource |`)
	root := cli.Command()
	d.line("\n## Flags of every command")
	d.table([]string{"flag", "default", "what it is"}, flagRows(root.PersistentFlags()))
	describe(d, root)
	golden(t, "docs/parleyctl.md", tidied(d))
}

func TestReferenceOfParley(t *testing.T) {
	d := begin("parley")
	d.line(`
The binary of the house: every stage, alone or together. Commands that run stages take the [settings](settings.md) as flags. A service is also a binary of its own, built from ` + "`services/<name>/cmd/<name>`" + `, with the same settings and the same commands below it.

Exit code 0 when it ended as asked, 1 when it could not start or failed, 130 when a second signal or the time limit cut it off. ` + "`parley doctor`" + ` ends as [parleyctl doctor](parleyctl.md#parleyctl-doctor) does.`)
	root, err := all.Command()
	if err != nil {
		t.Fatal(err)
	}
	together, _, err := root.Find([]string{"all"})
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for _, c := range root.Commands() {
		stage := c.Name() == "all" || isStage(c.Name())
		switch {
		case stage:
			rows = append(rows, commandRow(c))
			if !slices.EqualFunc(commandRows(together), commandRows(c), func(a, b []string) bool { return a[1] == b[1] }) {
				t.Errorf("%s has other commands below it than %s", c.CommandPath(), together.CommandPath())
			}
		case c.Runnable():
			rows = append(rows, commandRow(c))
		default:
			rows = append(rows, commandRows(c)...)
		}
	}
	d.table([]string{"command", "what it does"}, rows)
	d.line("Below `parley all`, and below every stage likewise:")
	d.table([]string{"command", "what it does"}, commandRows(together))
	golden(t, "docs/parley.md", tidied(d))
}

func commandRow(c *cobra.Command) []string {
	return []string{code(strings.TrimSuffix(c.UseLine(), " [flags]")), c.Short}
}

// commandRows are all commands below top that do something.
func commandRows(top *cobra.Command) (rows [][]string) {
	for _, c := range top.Commands() {
		if c.Runnable() {
			rows = append(rows, commandRow(c))
		}
		rows = append(rows, commandRows(c)...)
	}
	return rows
}

// describe writes the commands below top, except those that only group others.
func describe(d *document, top *cobra.Command) {
	for _, c := range top.Commands() {
		if c.Runnable() {
			d.line("\n## %s", c.CommandPath())
			d.line("\n%s.", c.Short)
			d.line("\n```\n%s\n```", strings.TrimSuffix(c.UseLine(), " [flags]"))
			if rows := flagRows(c.LocalNonPersistentFlags()); len(rows) > 0 {
				d.table([]string{"flag", "default", "what it is"}, rows)
			}
		}
		describe(d, c)
	}
}

func flagRows(flags *pflag.FlagSet) (rows [][]string) {
	flags.VisitAll(func(f *pflag.Flag) {
		name := code("--" + f.Name)
		if f.Shorthand != "" {
			name = code("-"+f.Shorthand) + ", " + name
		}
		rows = append(rows, []string{name, code(f.DefValue), f.Usage})
	})
	return rows
}
