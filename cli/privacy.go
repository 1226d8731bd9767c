package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
)

func (a *app) personsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "privacy", Short: "Read what people asked of their data, give it out, and erase persons"}
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
	cmd.AddCommand(requests, a.eraseCommand(), a.erasuresCommand(), a.certificateCommand(), a.stopErasureCommand(),
		a.holdCommand(), a.holdsCommand(), a.releaseCommand(), a.eraseFilesCommand(), a.exportPersonCommand(), a.retentionCommand())
	return cmd
}

func (a *app) eraseFilesCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "erase-files PAGE PSID",
		Short: "Erase all files of a customer's thread, for good: those that came, and those that agents sent or have uploaded",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				resp, err := s.privacy.EraseFiles(ctx, &adminv1.EraseFilesRequest{Page: args[0], Psid: args[1]})
				if err != nil {
					return err
				}
				a.say("the files of this thread are being erased (revision %d)", resp.GetRevision())
				return nil
			})
		},
	}
}
