package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/parley-desk/parley/pkg/manifest"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

func (a *app) callbackCommand() *cobra.Command {
	var reveal bool
	var format string
	cmd := &cobra.Command{
		Use:   "callback ACCOUNT",
		Short: "Show what to enter at Meta as webhook of an account",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if reveal && format != "table" {
				return errors.New("--reveal shows the verify token in the table alone; leave out --output")
			}
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				c, err := s.provision.GetCallback(ctx, &adminv1.GetCallbackRequest{Account: args[0]})
				if err != nil {
					return err
				}
				token := "not set"
				switch {
				case reveal:
					told, err := s.provision.RevealVerifyToken(ctx, &adminv1.RevealVerifyTokenRequest{Account: args[0]})
					if err != nil {
						return err
					}
					token = told.GetVerifyToken()
				case c.GetTokenFingerprint() != "":
					token = "the one with fingerprint " + c.GetTokenFingerprint()
					a.say("add --reveal to see the verify token, which takes the role admin")
				}
				if c.GetUrl() == "" {
					a.say("the setting admin.webhook_url does not say under which address Meta reaches ingress")
				}
				return a.show(format, c, [][]string{{"CALLBACK URL", cmp.Or(c.GetUrl(), "https://…"+c.GetPath())},
					{"VERIFY TOKEN", token}, {"VERIFIED", when(c.GetVerifiedMs(), "not yet")},
					{"DATA DELETION REQUEST URL", cmp.Or(c.GetDeletionUrl(), "https://…"+c.GetDeletionPath())},
					{"DEAUTHORIZE CALLBACK URL", cmp.Or(c.GetDeauthorizeUrl(), "https://…"+c.GetDeauthorizePath())}})
			})
		},
	}
	formatFlag(cmd, &format)
	cmd.Flags().BoolVar(&reveal, "reveal", false, "show the verify token itself, to be entered at Meta")
	return cmd
}

func (a *app) detachCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "detach PAGE",
		Short: "Take a page out of its workstream, so that it can be deleted; what customers write meanwhile waits",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				page, err := s.config.GetPage(ctx, &adminv1.GetPageRequest{Id: args[0]})
				if err != nil {
					return err
				}
				if page.GetWorkstream() == "" {
					a.say("page %s is in no workstream", args[0])
					return nil
				}
				from := page.GetWorkstream()
				page.Workstream = ""
				if _, err := s.config.UpdatePage(ctx, &adminv1.UpdatePageRequest{Page: page}); err != nil {
					return err
				}
				a.print("page/%s detached from workstream/%s", args[0], from)
				return nil
			})
		},
	}
}

func (a *app) rotateSecretCommand() *cobra.Command {
	var from string
	var replace bool
	cmd := &cobra.Command{
		Use:   "rotate-secret ACCOUNT --from env:NAME|file:PATH|-",
		Short: "Put a new app secret in force; the one before is taken too, until it is retired",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			value, err := a.secretFrom("new secret", from)
			if err != nil {
				return err
			}
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				account, err := s.config.RotateAppSecret(ctx, &adminv1.RotateAppSecretRequest{Account: args[0],
					AppSecret: &configv1.Secret{Value: value}, Replace: replace})
				if err != nil {
					return err
				}
				return a.showSecrets(account)
			})
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "where the new secret is: env:NAME, file:PATH, or - for standard input")
	cmd.Flags().BoolVar(&replace, "replace", false, "the secret in force was a mistake: drop it, and keep the previous one")
	return cmd
}

func (a *app) retireSecretCommand() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "retire-secret ACCOUNT",
		Short: "Drop the previous app secret; refused while Meta may still sign with it",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				account, err := s.config.RetireAppSecret(ctx, &adminv1.RetireAppSecretRequest{Account: args[0], Force: force})
				if err != nil {
					return err
				}
				return a.showSecrets(account)
			})
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "drop it at once, because it became known to others; webhooks signed with it are refused")
	return cmd
}

// showSecrets shows which app secrets of an account are taken.
func (a *app) showSecrets(account *configv1.ChannelAccount) error {
	rows := [][]string{{"SECRET", "FINGERPRINT", "SET"}}
	row := func(name string, s *configv1.Secret) {
		rows = append(rows, []string{name, s.GetFingerprint(), when(s.GetSetMs(), "")})
	}
	row("current", account.GetAppSecret())
	if account.GetPreviousSecret() != nil {
		row("previous", account.GetPreviousSecret())
		a.say("when Meta signs with the new one, run parleyctl channel retire-secret %s", account.GetMeta().GetId())
	}
	return table(a.out, rows)
}

// secretFrom reads a secret, by what it is called, from env:NAME, file:PATH or
// standard input.
func (a *app) secretFrom(what, from string) (string, error) {
	if from == "" {
		return "", fmt.Errorf("say where the %s is with --from env:NAME, --from file:PATH or --from -; an argument would stay in the history of the shell", what)
	}
	if from == "-" {
		data, err := io.ReadAll(io.LimitReader(a.in, 64<<10))
		if err != nil {
			return "", err
		}
		value, err := manifest.Plain(string(data))
		if err != nil {
			return "", fmt.Errorf("--from -: standard input %w", err)
		}
		return value, nil
	}
	source, name, ok := strings.Cut(from, ":")
	if !ok || name == "" || source != "env" && source != "file" {
		return "", errors.New("--from: write env:NAME, file:PATH or -") // without what was given: it may be the secret
	}
	value, err := a.env.Secret(source, name)
	if err != nil {
		return "", fmt.Errorf("--from: %w", err)
	}
	return value, nil
}

func (a *app) privacyCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "acknowledge-privacy ACCOUNT --yes",
		Short: "Read the privacy notice, and record that you took note of it for an account",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				notice, err := s.config.GetPrivacyNotice(ctx, &adminv1.GetPrivacyNoticeRequest{})
				if err != nil {
					return err
				}
				a.say("%s\n", notice.GetText())
				if !yes {
					return fmt.Errorf("when you took note of it, repeat the command with --yes; your name and the time are recorded with channel account %s", args[0])
				}
				account, err := s.config.AcknowledgePrivacy(ctx, &adminv1.AcknowledgePrivacyRequest{Account: args[0], Version: notice.GetVersion()})
				if err != nil {
					return err
				}
				p := account.GetPrivacy()
				a.print("channelaccount/%s: notice %s acknowledged by %s at %s", args[0], p.GetNotice(), p.GetBy(), moment(p.GetAtMs()))
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "you took note of it")
	return cmd
}
