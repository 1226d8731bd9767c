package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
)

func (a *app) clientCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "client", Short: "Make, list, rotate and revoke API clients: programs with a token of their own"}
	cmd.AddCommand(a.createClientCommand(), a.listClientsCommand(), a.rotateClientCommand(), a.revokeClientCommand())
	return cmd
}

func (a *app) createClientCommand() *cobra.Command {
	c := &adminv1.ApiClient{}
	var life time.Duration
	var file string
	cmd := &cobra.Command{
		Use:   "create ID --scope SCOPE...",
		Short: "Make an API client and print its token, this once",
		Long: "Make an API client and print its token, this once. A scope is a permission, such as contact.read, or a role: admin,\n" +
			"operator, auditor or crm. What a client may do never changes, and its id is never used again.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c.Id, c.LifeMs = args[0], life.Milliseconds()
			return a.giveToken(cmd.Context(), file, func(ctx context.Context, s *server) (*adminv1.ApiClient, string, error) {
				resp, err := adminv1.NewClientServiceClient(s).CreateClient(ctx, &adminv1.CreateClientRequest{Client: c})
				return resp.GetClient(), resp.GetToken(), err
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.DisplayName, "display-name", "", "what it is for")
	f.StringSliceVar(&c.Scopes, "scope", nil, "permission or role that it has; again for another")
	f.StringSliceVar(&c.Queues, "queue", nil, "bind it to this queue, with crew.adjust and queue.pause; again for another")
	f.StringSliceVar(&c.Addresses, "address", nil, "network it may come from, 192.0.2.0/24 or one address; again for another")
	f.DurationVar(&life, "life", 0, "how long each of its tokens is good for (default 2160h, which is 90 days)")
	outFlag(cmd, &file)
	return cmd
}

func (a *app) rotateClientCommand() *cobra.Command {
	var overlap time.Duration
	var file string
	cmd := &cobra.Command{
		Use:   "rotate ID",
		Short: "Give an API client a new token and print it, this once; the one before is good for a while more",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ms := overlap.Milliseconds()
			return a.giveToken(cmd.Context(), file, func(ctx context.Context, s *server) (*adminv1.ApiClient, string, error) {
				resp, err := adminv1.NewClientServiceClient(s).RotateClient(ctx, &adminv1.RotateClientRequest{Id: args[0], OverlapMs: &ms})
				return resp.GetClient(), resp.GetToken(), err
			})
		},
	}
	cmd.Flags().DurationVar(&overlap, "overlap", 24*time.Hour, "how long the token before is good for beside the new one, 0 to 168h")
	outFlag(cmd, &file)
	return cmd
}

func outFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "out", "", "write the token to this new file, for nobody else to read, instead of standard output")
}

// giveToken has a token made and hands it over. The file is opened before, so that no
// token is made that cannot be kept.
func (a *app) giveToken(ctx context.Context, file string, do func(context.Context, *server) (*adminv1.ApiClient, string, error)) error {
	return a.withServer(ctx, func(ctx context.Context, s *server) (err error) {
		var kept *os.File
		if file != "" {
			kept, err = os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("--out %s: there is such a file already; name a new one", file)
			}
			if err != nil {
				return fmt.Errorf("--out: %w", err)
			}
			defer func() {
				if err = errors.Join(err, kept.Close()); err != nil {
					err = errors.Join(err, os.Remove(file))
				}
			}()
		}
		client, token, err := do(ctx, s)
		if err != nil {
			return err
		}
		a.say("clients/%s: the token is good until %s and is not shown again", client.GetId(), moment(client.GetTokens()[0].GetUntilMs()))
		if kept == nil {
			a.print("%s", token)
			return nil
		}
		_, err = fmt.Fprintln(kept, token)
		return err
	})
}

func (a *app) listClientsCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List API clients, what they may, and when their tokens were last used",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				resp, err := adminv1.NewClientServiceClient(s).ListClients(ctx, &adminv1.ListClientsRequest{})
				if err != nil {
					return err
				}
				rows := [][]string{{"NAME", "SCOPES", "QUEUES", "ADDRESSES", "TOKEN", "SINCE", "UNTIL", "LAST USED", "STATE"}}
				for _, c := range resp.GetClients() {
					rows = append(rows, clientRows(c, time.Now().UnixMilli())...)
				}
				return a.show(format, resp, rows)
			})
		},
	}
	formatFlag(cmd, &format)
	return cmd
}

// clientRows are a line for each token of a client.
func clientRows(c *adminv1.ApiClient, now int64) (rows [][]string) {
	for _, t := range c.GetTokens() {
		state, used := "good", ""
		switch {
		case c.GetRevokedMs() != 0:
			state = "revoked"
		case t.GetUntilMs() <= now:
			state = "expired"
		}
		if t.GetUsedMs() != 0 {
			used = moment(t.GetUsedMs())
		}
		rows = append(rows, []string{c.GetId(), words(c.GetScopes()), words(c.GetQueues()), words(c.GetAddresses()),
			t.GetFingerprint(), moment(t.GetCreatedMs()), moment(t.GetUntilMs()), used, state})
	}
	return rows
}

func (a *app) revokeClientCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke ID",
		Short: "Make all tokens of an API client good for nothing, for ever; its open streams end within 5 seconds",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				_, err := adminv1.NewClientServiceClient(s).RevokeClient(ctx, &adminv1.RevokeClientRequest{Id: args[0]})
				if err != nil {
					return err
				}
				a.print("clients/%s: revoked", args[0])
				return nil
			})
		},
	}
}
