package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	crmv1 "github.com/parley-desk/parley/proto/gen/parley/crm/v1"
)

func (a *app) crmCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "crm", Short: "Read what a CRM is told: what happened to contacts, and which conversations are over"}
	cmd.AddCommand(a.crmListCommand(), a.crmNextCommand(), a.crmAckCommand())
	return cmd
}

func (a *app) crmListCommand() *cobra.Command {
	var after uint64
	var limit int32
	var format string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Show events, oldest first, of the 14 days for which they are kept",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				resp, err := s.crm.ListEvents(ctx, &crmv1.ListEventsRequest{After: after, PageSize: limit})
				if err != nil {
					return err
				}
				if resp.GetGap() {
					a.say("events after %d were let go because of their age", after)
				}
				if len(resp.GetEvents()) == 0 {
					a.say("there are no events; they are noted with engagement.crm.events or engagement.crm.url")
					return a.show(format, resp, nil)
				}
				rows := [][]string{{"POSITION", "AT", "WHAT", "CONTACT", "BY", "MORE"}}
				for _, e := range resp.GetEvents() {
					rows = append(rows, []string{strconv.FormatUint(e.GetPosition(), 10), moment(e.GetAtMs()), strings.ToLower(strings.TrimPrefix(e.GetType().String(), "EVENT_TYPE_")),
						e.GetContact(), e.GetBy(), strings.TrimSpace(words(e.GetFields()) + " " + e.GetOther() + " " + e.GetConversation().GetId())})
				}
				return a.show(format, resp, rows)
			})
		},
	}
	formatFlag(cmd, &format)
	cmd.Flags().Uint64Var(&after, "after", 0, "only events with a higher position")
	cmd.Flags().Int32Var(&limit, "limit", 100, "how many at most, 1 to 1000")
	return cmd
}

func (a *app) crmNextCommand() *cobra.Command {
	var file string
	var limit, wait int32
	cmd := &cobra.Command{
		Use:   "next --position FILE",
		Short: "Write the events that come after the position in a file, one JSON object a line",
		Long: "The same events come again until parleyctl crm ack moves the position, so that none is lost when whatever handles them ends in the middle. " +
			"A file that is not there begins with the oldest event. Exit code 1 when events between were let go because of their age: " +
			"then all contacts have to be compared (parleyctl contact export).",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			after, err := positionIn(file)
			if err != nil {
				return err
			}
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				resp, err := s.crm.ListEvents(ctx, &crmv1.ListEventsRequest{After: after, PageSize: limit, WaitSeconds: wait})
				if err != nil {
					return err
				}
				for _, e := range resp.GetEvents() {
					line, err := jsonOf(e)
					if err != nil {
						return err
					}
					a.print("%s", line)
				}
				if resp.GetGap() {
					a.say("events after %d were let go because of their age; compare all contacts, and go on with: parleyctl crm ack --position %s %d", after, file, resp.GetNext())
					return errTold
				}
				return nil
			})
		},
	}
	positionFlag(cmd, &file)
	cmd.Flags().Int32Var(&limit, "limit", 100, "how many at most, 1 to 1000")
	cmd.Flags().Int32Var(&wait, "wait", 0, "how many seconds to wait for an event when there is none, at most 20")
	return cmd
}

func (a *app) crmAckCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "ack --position FILE POSITION",
		Short: "Keep in the file that all events up to a position are handled; it never goes back",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			to, err := strconv.ParseUint(args[0], 10, 64)
			if err != nil {
				return fmt.Errorf("%q is no position; an event has it as position", args[0])
			}
			at, err := positionIn(file)
			switch {
			case err != nil:
				return err
			case to < at:
				return fmt.Errorf("%s is at %d already; write %d into it by hand to read those events again", file, at, to)
			}
			return keepPosition(file, to)
		},
	}
	positionFlag(cmd, &file)
	return cmd
}

func positionFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "position", "", "file that keeps the position of the last event that was handled")
	_ = cmd.MarkFlagRequired("position")
}

// positionIn is the position that a file keeps; 0 when there is no file yet.
func positionIn(file string) (uint64, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("--position: %w", err)
	}
	at, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("--position %s: it holds no position; write one into it, or remove it to begin with the oldest event", file)
	}
	return at, nil
}

// keepPosition writes a position in one piece: whoever is cut off leaves the one
// before.
func keepPosition(file string, at uint64) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".position-")
	if err != nil {
		return fmt.Errorf("--position: %w", err)
	}
	_, err = fmt.Fprintln(f, at)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("--position: %w", err)
	}
	return nil
}
