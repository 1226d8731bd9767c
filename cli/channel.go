package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
)

func (a *app) channelCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "channel", Short: "See whether pages are connected to Meta, and connect them"}
	cmd.AddCommand(a.healthCommand(), a.pageCommand("verify", "Ask Meta about a page now, and show what it says",
		func(ctx context.Context, s *server, page string) (*adminv1.PageStatus, error) {
			return s.provision.VerifyPage(ctx, &adminv1.VerifyPageRequest{Page: page})
		}), a.pageCommand("subscribe", "Have Meta send the events of a page, then verify it",
		func(ctx context.Context, s *server, page string) (*adminv1.PageStatus, error) {
			return s.provision.SubscribePage(ctx, &adminv1.SubscribePageRequest{Page: page})
		}), a.pageCommand("unsubscribe", "Have Meta send no more events of a page, then verify it",
		func(ctx context.Context, s *server, page string) (*adminv1.PageStatus, error) {
			return s.provision.UnsubscribePage(ctx, &adminv1.UnsubscribePageRequest{Page: page})
		}), a.detachCommand(), a.repairCommand(), a.testCommand(), a.callbackCommand(), a.rotateSecretCommand(), a.retireSecretCommand(), a.privacyCommand())
	return cmd
}

func (a *app) healthCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "health [PAGE]",
		Short: "Show how pages stand, or one check by check; exit code 1 when one does not run",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				if len(args) == 1 {
					status, err := s.provision.GetPageStatus(ctx, &adminv1.GetPageStatusRequest{Page: args[0]})
					if err != nil {
						return err
					}
					return a.showPage(format, status)
				}
				resp, err := s.provision.ListPageStatuses(ctx, &adminv1.ListPageStatusesRequest{})
				if err != nil {
					return err
				}
				return a.showPages(format, resp)
			})
		},
	}
	formatFlag(cmd, &format)
	return cmd
}

// pageCommand is a command that does something about one page and shows how it
// stands after.
func (a *app) pageCommand(verb, short string, act func(context.Context, *server, string) (*adminv1.PageStatus, error)) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   verb + " PAGE",
		Short: short + "; exit code 1 when it does not run",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				status, err := act(ctx, s, args[0])
				if err != nil {
					return err
				}
				return a.showPage(format, status)
			})
		},
	}
	formatFlag(cmd, &format)
	return cmd
}

// showPages writes a line a page, and what to do about those that do not run.
func (a *app) showPages(format string, resp *adminv1.ListPageStatusesResponse) error {
	all, ill := resp.GetStatuses(), 0
	var rows [][]string
	if len(all) == 0 {
		a.say("there are no pages")
	} else {
		rows = [][]string{{"PAGE", "STATE", "ACCOUNT", "TOKEN ENDS", "DATA ENDS", "CHECKED", "AMISS"}}
	}
	for _, p := range all {
		var amiss []string
		for _, c := range p.GetChecks() {
			if c.GetVerdict() != adminv1.Verdict_VERDICT_PASSED {
				amiss = append(amiss, c.GetName())
			}
		}
		rows = append(rows, []string{p.GetPage(), stateWord(p), p.GetAccount(), when(p.GetTokenEndsMs(), ""), when(p.GetDataEndsMs(), ""), when(p.GetCheckedMs(), "never"), words(amiss)})
		if !runs(p) {
			ill++
		}
	}
	if err := a.show(format, resp, rows); err != nil {
		return err
	}
	a.remark(all...)
	if ill == 0 {
		return nil
	}
	a.say("%d of %d pages do not run; parleyctl channel health PAGE says why", ill, len(all))
	return errTold
}

// showPage writes a page check by check.
func (a *app) showPage(format string, p *adminv1.PageStatus) error {
	rows := [][]string{{"VERDICT", "CHECK", "RAN", "FOUND"}}
	for _, c := range p.GetChecks() {
		found := c.GetFound()
		if c.GetSilentSinceMs() > 0 && c.GetRanMs() > 0 {
			found += " (could not be asked again since " + moment(c.GetSilentSinceMs()) + ")"
		}
		rows = append(rows, []string{strings.TrimPrefix(c.GetVerdict().String(), "VERDICT_"), c.GetName(), when(c.GetRanMs(), "never"), found})
	}
	if err := a.show(format, p, rows); err != nil {
		return err
	}
	if format == "table" {
		a.print("%s is %s", p.GetPage(), stateWord(p))
	}
	a.remark(p)
	for _, c := range p.GetChecks() {
		if c.GetVerdict() != adminv1.Verdict_VERDICT_PASSED && c.GetRemedy() != "" {
			a.say("%s: %s", c.GetName(), c.GetRemedy())
		}
	}
	if !runs(p) {
		return errTold
	}
	return nil
}

// remark says what is left to do about pages, each thing once.
func (a *app) remark(pages ...*adminv1.PageStatus) {
	said := map[string]bool{}
	for _, p := range pages {
		for _, r := range p.GetRemarks() {
			if !said[r] {
				a.say("%s", r)
			}
			said[r] = true
		}
	}
}

func runs(p *adminv1.PageStatus) bool { return p.GetState() == adminv1.PageState_PAGE_STATE_RUNNING }

func stateWord(p *adminv1.PageStatus) string {
	return strings.TrimPrefix(p.GetState().String(), "PAGE_STATE_")
}

// when is a moment, or another word when there was none.
func when(ms int64, none string) string {
	if ms == 0 {
		return none
	}
	return time.UnixMilli(ms).UTC().Format(time.RFC3339)
}
