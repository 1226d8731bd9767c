package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
)

func (a *app) personsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "privacy", Short: "Read what people asked of their data"}
	var limit int32
	var format string
	requests := &cobra.Command{
		Use:   "requests",
		Short: "Show what Meta passed on: deletion requests, and people who removed the app; the newest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				resp, err := s.privacy.ListPrivacyRequests(ctx, &adminv1.ListPrivacyRequestsRequest{PageSize: limit})
				if err != nil {
					return err
				}
				if len(resp.GetRequests()) == 0 {
					a.say("nobody asked for anything")
					return a.show(format, resp, nil)
				}
				rows := [][]string{{"CODE", "KIND", "ACCOUNT", "USER", "RECEIVED", "STATE"}}
				for _, r := range resp.GetRequests() {
					rows = append(rows, []string{r.GetCode(), strings.ToLower(strings.TrimPrefix(r.GetKind().String(), "KIND_")), r.GetAccount(), r.GetUser(),
						moment(r.GetReceivedMs()), strings.TrimPrefix(r.GetState().String(), "STATE_")})
				}
				return a.show(format, resp, rows)
			})
		},
	}
	formatFlag(requests, &format)
	requests.Flags().Int32Var(&limit, "limit", 100, "how many at most, 1 to 1000")
	cmd.AddCommand(requests)
	return cmd
}
