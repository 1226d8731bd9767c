package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
)

func (a *app) historyCommand() *cobra.Command {
	var limit int
	var format string
	cmd := &cobra.Command{
		Use:   "history",
		Short: "Show the versions of the configuration, the newest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 1 {
				return fmt.Errorf("--limit %d is none; show 1 version or more", limit)
			}
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				versions, err := newest(ctx, s, limit)
				if err != nil {
					return err
				}
				if len(versions) == 0 {
					a.say("there are no versions yet; the next change makes the first")
				}
				return a.showVersions(format, versions)
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 20, "how many at most")
	formatFlag(cmd, &format)
	cmd.AddCommand(a.historyShowCommand(), a.historyDiffCommand())
	return cmd
}

// formatFlag lets a command be told how to show its answer; it does not begin
// when it does not know the format.
func formatFlag(cmd *cobra.Command, format *string) {
	cmd.Flags().StringVarP(format, "output", "o", "table", "table, json or yaml")
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if *format != "table" && *format != "json" && *format != "yaml" {
			return fmt.Errorf("--output %q is not known; use table, json or yaml", *format)
		}
		return nil
	}
}

// newest reads so many versions, the newest first.
func newest(ctx context.Context, s *server, limit int) ([]*adminv1.Version, error) {
	var all []*adminv1.Version
	for token := ""; ; {
		resp, err := s.history.ListVersions(ctx, &adminv1.ListVersionsRequest{PageSize: int32(min(limit-len(all), pageSize)), PageToken: token})
		if err != nil {
			return nil, err
		}
		all = append(all, resp.GetVersions()...)
		if token = resp.GetNextPageToken(); token == "" || len(all) >= limit {
			return all, nil
		}
	}
}

func (a *app) showVersions(format string, versions []*adminv1.Version) error {
	if format != "table" {
		return showMessages(a.out, format, versions, false)
	}
	if len(versions) == 0 {
		return nil
	}
	rows := [][]string{{"VERSION", "AT", "BY", "CREATED", "UPDATED", "DELETED", "NOTE"}}
	for _, v := range versions {
		rows = append(rows, []string{strconv.FormatUint(v.GetNumber(), 10), moment(v.GetAtMs()), v.GetBy(),
			number(v.GetCreated()), number(v.GetUpdated()), number(v.GetDeleted()), strings.Join(notes(v), "; ")})
	}
	return table(a.out, rows)
}

// notes say what a version was for.
func notes(v *adminv1.Version) (all []string) {
	if v.GetBase() {
		all = append(all, "history begins")
	}
	if to := v.GetRolledBackTo(); to > 0 {
		all = append(all, fmt.Sprintf("back to version %d", to))
	}
	if n := v.GetResealed(); n > 0 {
		all = append(all, fmt.Sprintf("secrets of %d resources sealed with another key", n))
	}
	if v.GetComment() != "" {
		all = append(all, v.GetComment())
	}
	return all
}

func (a *app) historyShowCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "show VERSION",
		Short: "Show what a version changed; secrets only as fingerprints",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := versionOf(args[0])
			if err != nil {
				return err
			}
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				resp, err := s.history.GetVersion(ctx, &adminv1.GetVersionRequest{Number: n})
				if err != nil {
					return err
				}
				if format != "table" {
					return showMessages(a.out, format, []*adminv1.GetVersionResponse{resp}, true)
				}
				v := resp.GetVersion()
				a.print("version %d, %s, by %s", v.GetNumber(), moment(v.GetAtMs()), v.GetBy())
				for _, note := range notes(v) {
					a.print("%s", note)
				}
				return a.showChanges(resp.GetChanges())
			})
		},
	}
	formatFlag(cmd, &format)
	return cmd
}

// showChanges writes what changed, line by line of each document.
func (a *app) showChanges(changes []*adminv1.Change) error {
	for _, c := range changes {
		text, err := changeDiff(c)
		if err != nil {
			return err
		}
		a.print("%s", text)
	}
	return nil
}

func (a *app) historyDiffCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "diff VERSION [VERSION]",
		Short: "Show what differs between a version and a later one, or the one in force; exit code 1 when it differs",
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			req := &adminv1.DiffVersionsRequest{}
			var errs [2]error
			req.From, errs[0] = versionOf(args[0])
			if len(args) == 2 {
				req.To, errs[1] = versionOf(args[1])
			}
			if err := errors.Join(errs[:]...); err != nil {
				return err
			}
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				resp, err := s.history.DiffVersions(ctx, req)
				if err != nil {
					return err
				}
				if format == "table" {
					err = a.showChanges(resp.GetChanges())
				} else {
					err = showMessages(a.out, format, []*adminv1.DiffVersionsResponse{resp}, true)
				}
				if err == nil && len(resp.GetChanges()) > 0 {
					return errTold
				}
				return err
			})
		},
	}
	formatFlag(cmd, &format)
	return cmd
}

func (a *app) rollbackCommand() *cobra.Command {
	req := &adminv1.RollBackRequest{}
	cmd := &cobra.Command{
		Use:   "rollback VERSION",
		Short: "Put back the settings of a version, all or none; secrets stay as they are",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if req.To, err = versionOf(args[0]); err != nil {
				return err
			}
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				resp, err := s.history.RollBack(ctx, req)
				if err != nil {
					return err
				}
				if len(resp.GetChanges()) == 0 {
					a.say("nothing to do: version %d has the same settings as version %d, which is in force", req.GetTo(), resp.GetVersion())
					return nil
				}
				a.tell(resp.GetChanges(), resp.GetVersion(), req.GetValidateOnly())
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&req.ValidateOnly, "dry-run", false, "let the server check and tell the plan, and change nothing")
	cmd.Flags().Uint64Var(&req.Expected, "expect", 0, "only when this version is in force")
	commentFlag(cmd, &req.Comment)
	return cmd
}

func commentFlag(cmd *cobra.Command, comment *string) {
	cmd.Flags().StringVarP(comment, "message", "m", "", "why, for the history")
}

// versionOf reads the number of a version.
func versionOf(arg string) (uint64, error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(arg, "v"), 10, 64)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is no version; `parleyctl history` lists them by number", arg)
	}
	return n, nil
}

// showMessages writes messages of the API: single one as it is, else a list.
func showMessages[M proto.Message](w io.Writer, format string, list []M, single bool) error {
	if format != "json" && format != "yaml" {
		return fmt.Errorf("--output %q is not known; use table, json or yaml", format)
	}
	items := make([]json.RawMessage, len(list))
	for i, m := range list {
		data, err := jsonOf(m)
		if err != nil {
			return err
		}
		items[i] = data
	}
	var shown any = items
	if single {
		shown = items[0]
	}
	if format == "yaml" {
		return writeYAML(w, shown)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(shown)
}

// writeYAML writes what encodes to JSON as YAML, fields in the same order.
func writeYAML(w io.Writer, shown any) error {
	data, err := json.Marshal(shown)
	if err != nil {
		return err
	}
	var node yaml.Node
	if err := yaml.Unmarshal(data, &node); err != nil {
		return err
	}
	unstyle(&node)
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(&node); err != nil {
		return err
	}
	return enc.Close()
}

// unstyle drops that a node was written as JSON.
func unstyle(n *yaml.Node) {
	n.Style = 0
	for _, c := range n.Content {
		unstyle(c)
	}
}
