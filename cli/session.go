package cli

import (
	"context"

	"github.com/spf13/cobra"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
)

func (a *app) sessionCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "session", Short: "See who is signed in, at the desk or by login, and sign them out"}
	cmd.AddCommand(a.listSessionsCommand(), a.endSessionsCommand())
	return cmd
}

func (a *app) listSessionsCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "list [AGENT]",
		Short: "List who is signed in, or how often one agent is",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				req := &adminv1.ListSessionsRequest{}
				if len(args) > 0 {
					req.Agent = args[0]
				}
				resp, err := adminv1.NewSessionServiceClient(s).ListSessions(ctx, req)
				if err != nil {
					return err
				}
				rows := [][]string{{"AGENT", "SINCE", "LAST USED", "UNTIL", "SESSION", "BY", "FROM"}}
				for _, l := range resp.GetSessions() {
					rows = append(rows, []string{l.GetAgent(), moment(l.GetCreatedMs()), moment(l.GetUsedMs()), moment(l.GetUntilMs()), l.GetId(), l.GetProgram(), l.GetAddress()})
				}
				return a.show(format, resp, rows)
			})
		},
	}
	formatFlag(cmd, &format)
	return cmd
}

func (a *app) endSessionsCommand() *cobra.Command {
	var only string
	cmd := &cobra.Command{
		Use:   "end AGENT",
		Short: "Sign an agent out everywhere; pages that are open end within moments",
		Long: "Sign an agent out everywhere; pages that are open end within moments. The agent may sign in again: set barred in the\n" +
			"agent's manifest to prevent that.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				resp, err := adminv1.NewSessionServiceClient(s).EndSessions(ctx, &adminv1.EndSessionsRequest{Agent: args[0], Session: only})
				if err != nil {
					return err
				}
				a.print("sessions of agents/%s: %d ended", args[0], resp.GetSessions())
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&only, "session", "", "end this one alone, as session list shows it")
	return cmd
}
