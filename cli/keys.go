package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
)

func (a *app) keysCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "keys", Short: "See and replace the keys that seal secrets"}
	retire := a.keysVerb("retire KEY", "Remove a key; refused while it seals a secret", cobra.ExactArgs(1),
		func(ctx context.Context, s *server, args []string) (*adminv1.Keys, error) {
			id, err := strconv.ParseUint(args[0], 10, 32)
			if err != nil {
				return nil, fmt.Errorf("%q is no key; `parleyctl keys status` lists them", args[0])
			}
			return s.keys.RetireKey(ctx, &adminv1.RetireKeyRequest{Id: uint32(id)})
		})
	cmd.AddCommand(
		a.keysVerb("status", "Show which keys there are and how many secrets each one seals", cobra.NoArgs,
			func(ctx context.Context, s *server, _ []string) (*adminv1.Keys, error) {
				return s.keys.GetKeys(ctx, &adminv1.GetKeysRequest{})
			}),
		a.keysVerb("rotate", "Make a new key, and seal with it from now on", cobra.NoArgs,
			func(ctx context.Context, s *server, _ []string) (*adminv1.Keys, error) {
				keys, err := s.keys.RotateKey(ctx, &adminv1.RotateKeyRequest{})
				if err == nil {
					a.say("copy the keyset to where its backup is, then run parleyctl keys reencrypt")
				}
				return keys, err
			}),
		a.reencryptCommand(), retire)
	return cmd
}

// keysVerb is a command that does something about keys and shows them after.
func (a *app) keysVerb(use, short string, args cobra.PositionalArgs, act func(context.Context, *server, []string) (*adminv1.Keys, error)) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  args,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				keys, err := act(ctx, s, args)
				if err != nil {
					return err
				}
				rows := [][]string{{"KEY", "SEALS", "SECRETS"}}
				for _, k := range keys.GetKeys() {
					seals := "no"
					if k.GetPrimary() {
						seals = "yes"
					}
					rows = append(rows, []string{strconv.FormatUint(uint64(k.GetId()), 10), seals, number(k.GetSecrets())})
				}
				return a.show(format, keys, rows)
			})
		},
	}
	formatFlag(cmd, &format)
	return cmd
}

func (a *app) reencryptCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "reencrypt",
		Short: "Seal every secret with the newest key; exit code 1 when no key opens one",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				done, err := s.keys.ReencryptSecrets(ctx, &adminv1.ReencryptSecretsRequest{})
				if err != nil {
					return err
				}
				a.print("%d secrets sealed anew", done.GetSealed())
				for _, place := range done.GetUnreadable() {
					a.say("%s: no key opens it; set it again", place)
				}
				if len(done.GetUnreadable()) > 0 {
					return errTold
				}
				return nil
			})
		},
	}
}
