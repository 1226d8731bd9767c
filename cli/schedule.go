package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/manifest"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

func (a *app) scheduleCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "schedule", Short: "Ask when operating hours are open"}
	cmd.AddCommand(a.scheduleEvalCommand(), a.scheduleNextCommand())
	return cmd
}

func (a *app) scheduleEvalCommand() *cobra.Command {
	var q question
	cmd := &cobra.Command{
		Use:   "eval NAME",
		Short: "Show whether a schedule is open, at the time of its zone, and until when",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			q.changes = 1
			return a.ask(cmd.Context(), q, args[0], func(resp *adminv1.EvaluateScheduleResponse) [][]string {
				until := ""
				for _, c := range resp.GetChanges() {
					until = c.GetLocalTime()
				}
				return [][]string{{"STATE", "TIME", "UNTIL", "REASON"}, {openWord(resp.GetOpen()), resp.GetLocalTime(), until, resp.GetReason()}}
			})
		},
	}
	q.flags(cmd)
	return cmd
}

func (a *app) scheduleNextCommand() *cobra.Command {
	var q question
	cmd := &cobra.Command{
		Use:   "next NAME",
		Short: "Show when a schedule opens and closes next",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ask(cmd.Context(), q, args[0], func(resp *adminv1.EvaluateScheduleResponse) [][]string {
				if len(resp.GetChanges()) == 0 {
					a.say("it stays %s for the next ten years", openWord(resp.GetOpen()))
					return nil
				}
				rows := [][]string{{"TIME", "STATE", "REASON"}}
				for _, c := range resp.GetChanges() {
					rows = append(rows, []string{c.GetLocalTime(), openWord(c.GetOpen()), c.GetReason()})
				}
				return rows
			})
		},
	}
	q.flags(cmd)
	cmd.Flags().Int32VarP(&q.changes, "number", "n", 10, "how many, 1 to 50")
	return cmd
}

// question is what is asked about a schedule.
type question struct {
	at, file, format string
	changes          int32
}

func (q *question) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&q.at, "at", "", "at this time, such as 2026-12-24T09:30:00+02:00; else now")
	cmd.Flags().StringVarP(&q.file, "file", "f", "", "ask about the schedule of this name in a manifest, which stays as it is on the server")
	formatFlag(cmd, &q.format)
}

// ask evaluates the schedule of that name and writes the answer; rows are what a
// table shows of it.
func (a *app) ask(ctx context.Context, q question, name string, rows func(*adminv1.EvaluateScheduleResponse) [][]string) error {
	if q.changes < 1 || q.changes > 50 {
		return fmt.Errorf("--number %d is out of range; use 1 to 50", q.changes)
	}
	req := &adminv1.EvaluateScheduleRequest{Of: &adminv1.EvaluateScheduleRequest_Id{Id: name}, Changes: q.changes}
	var written manifest.Document
	if q.at != "" {
		at, err := time.Parse(time.RFC3339, q.at)
		if err != nil {
			return fmt.Errorf("--at %q is not a time; write it with its distance from UTC, as 2026-12-24T09:30:00+02:00", q.at)
		}
		req.AtMs = at.UnixMilli()
	}
	if q.file != "" {
		d, unsaved, err := a.unsaved(q.file, name)
		if err != nil {
			return err
		}
		written, req.Of = d, &adminv1.EvaluateScheduleRequest_Schedule{Schedule: unsaved}
	}
	return a.withServer(ctx, func(ctx context.Context, s *server) error {
		resp, err := s.schedules.EvaluateSchedule(ctx, req)
		if err != nil {
			return inDocument(err, written)
		}
		return a.show(q.format, resp, rows(resp))
	})
}

// inDocument says what the server has against a schedule in the words of its
// manifest; any other error stays as it is.
func inDocument(err error, d manifest.Document) error {
	st, _ := status.FromError(err)
	var errs []error
	for _, v := range badFields(st) {
		path, ours := strings.CutPrefix(v.GetField(), "schedule.")
		if !ours || d.Resource == nil {
			return err
		}
		field := manifest.Field(path)
		errs = append(errs, fmt.Errorf("%s: %s: %s", d.Where(field), field, v.GetDescription()))
	}
	if len(errs) == 0 {
		return err
	}
	return errors.Join(errs...)
}

// unsaved is the schedule of that name in a manifest.
func (a *app) unsaved(file, name string) (manifest.Document, *configv1.Schedule, error) {
	documents, _, err := a.read(file)
	if err != nil {
		return manifest.Document{}, nil, err
	}
	for _, d := range documents {
		if s, ok := d.Resource.(*configv1.Schedule); ok && s.GetMeta().GetId() == name {
			return d, s, nil
		}
	}
	return manifest.Document{}, nil, fmt.Errorf("%s: holds no Schedule %q", file, name)
}

// show writes an answer of the API: as rows, or whole.
func (a *app) show(format string, m proto.Message, rows [][]string) error {
	if format == "table" {
		return table(a.out, rows)
	}
	return a.write(format, m)
}

// write writes an answer of the API whole, as json or yaml: what is false or
// empty stands there, so that scripts can look at it.
func (a *app) write(format string, m proto.Message) error {
	data, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(m)
	if err != nil {
		return err
	}
	if format == "json" {
		enc := json.NewEncoder(a.out)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(json.RawMessage(data))
	}
	var node yaml.Node
	if err := yaml.Unmarshal(data, &node); err != nil {
		return err
	}
	spread(&node)
	enc := yaml.NewEncoder(a.out)
	enc.SetIndent(2)
	return errors.Join(enc.Encode(&node), enc.Close())
}

// spread writes what came from JSON over lines, as people write YAML.
func spread(n *yaml.Node) {
	n.Style = 0
	for _, c := range n.Content {
		spread(c)
	}
}

func openWord(open bool) string {
	if open {
		return "open"
	}
	return "closed"
}
