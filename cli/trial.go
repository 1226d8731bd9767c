package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
)

func (a *app) testCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "test PAGE",
		Short: "Send a signed test event from the callback URL, as it is set up, to the log; exit code 1 when it does not arrive",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				resp, err := s.provision.TestPage(ctx, &adminv1.TestPageRequest{Page: args[0]})
				if err != nil {
					return err
				}
				rows, arrived := [][]string{{"VERDICT", "STEP", "FOUND"}}, true
				for _, c := range resp.GetSteps() {
					rows = append(rows, []string{strings.TrimPrefix(c.GetVerdict().String(), "VERDICT_"), c.GetName(), c.GetFound()})
					arrived = arrived && c.GetVerdict() == adminv1.Verdict_VERDICT_PASSED
				}
				if err := a.show(format, resp, rows); err != nil {
					return err
				}
				for _, c := range resp.GetSteps() {
					if c.GetRemedy() != "" {
						a.say("%s: %s", c.GetName(), c.GetRemedy())
					}
				}
				if !arrived {
					return errTold
				}
				return nil
			})
		},
	}
	formatFlag(cmd, &format)
	return cmd
}
