package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/manifest"
)

// show writes resources of one kind; single when one was asked for by name.
type show func(w io.Writer, k kind, list []manifest.Resource, single bool) error

func shower(format string) (show, error) {
	switch format {
	case "table":
		return showTable, nil
	case "json":
		return showJSON, nil
	case "yaml":
		return func(w io.Writer, _ kind, list []manifest.Resource, _ bool) error {
			return manifest.Write(w, manifest.Omit, list...)
		}, nil
	case "name":
		return func(w io.Writer, k kind, list []manifest.Resource, _ bool) error {
			for _, r := range list {
				if _, err := fmt.Fprintf(w, "%s/%s\n", k.one(), r.GetMeta().GetId()); err != nil {
					return err
				}
			}
			return nil
		}, nil
	}
	return nil, fmt.Errorf("--output %q is not known; use table, json, yaml or name", format)
}

func showTable(w io.Writer, k kind, list []manifest.Resource, _ bool) error {
	if len(list) == 0 {
		return nil
	}
	rows := [][]string{append(append([]string{"NAME"}, k.columns...), "DISPLAY NAME")}
	for _, r := range list {
		cells := append([]string{r.GetMeta().GetId()}, k.row(r)...)
		rows = append(rows, append(cells, r.GetMeta().GetDisplayName()))
	}
	return table(w, rows)
}

// table aligns rows; an empty cell shows as "-", so that columns can be counted.
func table(w io.Writer, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, cells := range rows {
		shown := make([]string, len(cells))
		for i, c := range cells {
			if shown[i] = c; c == "" {
				shown[i] = "-"
			}
		}
		if _, err := fmt.Fprintln(t, strings.Join(shown, "\t")); err != nil {
			return err
		}
	}
	return t.Flush()
}

// showJSON writes the messages of the API: one by name, else a list.
func showJSON(w io.Writer, _ kind, list []manifest.Resource, single bool) error {
	items := make([]json.RawMessage, len(list))
	for i, r := range list {
		data, err := jsonOf(r)
		if err != nil {
			return err
		}
		items[i] = data
	}
	var shown any = items
	if single {
		shown = items[0]
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(shown)
}

// jsonOf is a message on one line; the same message always gives the same text.
func jsonOf(m proto.Message) ([]byte, error) {
	data, err := protojson.Marshal(m)
	if err != nil {
		return nil, err
	}
	var line bytes.Buffer
	err = json.Compact(&line, data)
	return line.Bytes(), err
}

func moment(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }
