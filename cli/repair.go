package cli

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
)

// lookAgain is how often a repair that is waited for is looked at.
const lookAgain = 500 * time.Millisecond

func (a *app) repairCommand() *cobra.Command {
	since, leave, format := 2*time.Hour, false, ""
	cmd := &cobra.Command{
		Use:   "repair [PAGE]",
		Short: "Fetch messages of a page whose webhook was missed; without PAGE show how that went last",
		Long: "Fetch the messages of a page whose webhook was missed from Meta, and file those that are not there. It is done by\n" +
			"itself after a page was not subscribed or ingress was away. Meta shows the newest 20 messages of a conversation.\n\n" +
			"The command waits for the end, at most --timeout; the work goes on without it. Exit code 1 when it has not ended, or\n" +
			"not everything could be fetched.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				if len(args) == 0 {
					resp, err := s.provision.ListRepairs(ctx, &adminv1.ListRepairsRequest{})
					if err != nil {
						return err
					}
					return a.showRepairs(format, resp)
				}
				r, err := s.provision.RepairPage(ctx, &adminv1.RepairPageRequest{Page: args[0], SinceMs: time.Now().Add(-since).UnixMilli()})
				if err == nil && !leave {
					r, err = a.awaitRepair(ctx, s, r)
				}
				if err != nil {
					return err
				}
				return a.showRepair(format, r, leave)
			})
		},
	}
	formatFlag(cmd, &format)
	cmd.Flags().DurationVar(&since, "since", since, "how far back, at most 720h")
	cmd.Flags().BoolVar(&leave, "no-wait", false, "do not wait for the end")
	return cmd
}

// awaitRepair looks until the repair ended, it is held up, or time is up.
func (a *app) awaitRepair(ctx context.Context, s *server, r *adminv1.PageRepair) (*adminv1.PageRepair, error) {
	for r.GetRun() != nil && r.GetRun().GetRetryMs() == 0 {
		select {
		case <-ctx.Done():
			return r, nil
		case <-time.After(lookAgain):
		}
		next, err := s.provision.GetRepair(ctx, &adminv1.GetRepairRequest{Page: r.GetPage()})
		switch {
		case ctx.Err() != nil:
			return r, nil
		case err != nil:
			return nil, err
		}
		r = next
	}
	return r, nil
}

// showRepair writes how the repair of one page stands.
func (a *app) showRepair(format string, r *adminv1.PageRepair, leave bool) error {
	if err := a.show(format, r, repairRows(r)); err != nil {
		return err
	}
	switch run := r.GetRun(); {
	case run != nil && leave:
		return nil
	case run != nil:
		a.say("it has not ended yet and goes on by itself; parleyctl channel repair shows it")
		return errTold
	case r.GetLast().GetShort() > 0:
		a.say("of %d conversations older messages may be missing: Meta shows the newest 20 of each", r.GetLast().GetShort())
		return errTold
	case r.GetLast().GetUnread() > 0:
		a.say("%d conversations were left out: Meta does not let them be read", r.GetLast().GetUnread())
		return errTold
	case r.GetLast().GetTrouble() != "":
		return errTold
	}
	return nil
}

func (a *app) showRepairs(format string, resp *adminv1.ListRepairsResponse) error {
	rows := repairRows(resp.GetRepairs()...)
	if len(rows) == 1 {
		a.say("nothing was fetched yet: no page is known to have missed messages")
		rows = nil
	}
	return a.show(format, resp, rows)
}

func repairRows(all ...*adminv1.PageRepair) [][]string {
	rows := [][]string{{"PAGE", "STATE", "WHY", "SINCE", "BEGAN", "ENDED", "CONVERSATIONS", "FETCHED", "SHORT", "UNREAD", "TROUBLE"}}
	for _, r := range all {
		run, state := cmp.Or(r.GetRun(), r.GetLast()), "ENDED"
		switch {
		case run == nil:
			continue
		case run.GetRetryMs() > 0:
			state = "HELD"
		case r.GetRun() != nil:
			state = "RUNNING"
		}
		trouble := run.GetTrouble()
		if run.GetRetryMs() > 0 {
			trouble += ", again at " + moment(run.GetRetryMs())
		}
		rows = append(rows, []string{r.GetPage(), state, run.GetWhy(), moment(run.GetSinceMs()), moment(run.GetBeganMs()), when(run.GetEndedMs(), ""),
			number(run.GetConversations()), number(run.GetMessages()), number(run.GetShort()), number(run.GetUnread()), strings.TrimSpace(trouble)})
	}
	return rows
}
