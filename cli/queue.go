package cli

import (
	"context"

	"github.com/spf13/cobra"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
)

func (a *app) queueCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "queue", Short: "Pause a queue, and go on with it"}
	cmd.AddCommand(
		a.pauseCommand(true, "pause QUEUE", "Offer nothing of what waits in a queue",
			"Offer nothing of what waits in a queue, until it goes on. Offers that are out may be answered, agents may pick, and\n"+
				"rules about waiting hold."),
		a.pauseCommand(false, "resume QUEUE", "Go on with a queue that was paused", "Go on with a queue that was paused, whoever paused it."))
	return cmd
}

func (a *app) pauseCommand(pause bool, use, short, long string) *cobra.Command {
	return &cobra.Command{
		Use:   use,
		Short: short,
		Long:  long,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				resp, err := adminv1.NewQueueServiceClient(s).PauseQueue(ctx, &adminv1.PauseQueueRequest{Queue: args[0], Pause: pause})
				switch {
				case err != nil:
					return err
				case resp.GetBy() == "":
					a.print("queue %s goes on", args[0])
				default:
					a.print("queue %s is paused by %s since %s", args[0], resp.GetBy(), moment(resp.GetSinceMs()))
				}
				return nil
			})
		},
	}
}
