package cli

import (
	"context"

	"github.com/spf13/cobra"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

func (a *app) tokenCommand() *cobra.Command {
	token := &cobra.Command{Use: "token", Short: "Replace the access tokens of pages"}
	token.AddCommand(a.setTokenCommand(), a.fetchTokensCommand())
	cmd := &cobra.Command{Use: "page", Short: "Look after pages"}
	cmd.AddCommand(token)
	return cmd
}

func (a *app) setTokenCommand() *cobra.Command {
	var from, format string
	var unchecked bool
	cmd := &cobra.Command{
		Use:   "set PAGE --from env:NAME|file:PATH|-",
		Short: "Put a new access token of a page in force, once Meta said that it is the page's; exit code 1 when the page does not run then",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			value, err := a.secretFrom("new token", from)
			if err != nil {
				return err
			}
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				status, err := s.provision.SetPageToken(ctx, &adminv1.SetPageTokenRequest{Page: args[0],
					AccessToken: &configv1.Secret{Value: value}, Unchecked: unchecked})
				if err != nil {
					return err
				}
				return a.showPage(format, status)
			})
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "where the new token is: env:NAME, file:PATH, or - for standard input")
	cmd.Flags().BoolVar(&unchecked, "unchecked", false, "store it without an answer while Meta does not tell what it is; one that Meta refuses is not stored")
	formatFlag(cmd, &format)
	return cmd
}
