package all

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/pkg/settings"
)

// keyset makes what processes apart share and refuse to make each for itself.
// Its commands reach a KMS by the settings of the services.
func keyset() (*cobra.Command, error) {
	top := &cobra.Command{Use: "keyset", Short: "Make the keyset of a deployment, give it a new key, and wrap it"}
	kms := &host.KMSConfig{}
	set, err := settings.Define(settings.Section{Name: "secrets.kms", Target: kms})
	if err != nil {
		return nil, err
	}
	set.AddFlags(top.PersistentFlags())
	top.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return set.FlagError(err) })
	// on is a command that does something to a file, with the wrap that is set.
	on := func(use, short, done string, act func(cmd *cobra.Command, path string, wrap secret.Wrap) error) *cobra.Command {
		return &cobra.Command{Use: use + " PATH", Short: short, Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				if _, err := set.Load(settings.Source{Lookup: os.LookupEnv, Flags: cmd.Flags()}); err != nil {
					return err
				}
				wrap, err := kms.Wrap()
				if err != nil {
					return err
				}
				if err := act(cmd, args[0], wrap); err != nil {
					return err
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), done+"\n", args[0])
				return err
			}}
	}
	from := ""
	wrap := on("wrap", "Wrap the keyset with the key of secrets.kms.key; processes that have it set take the file when they need it",
		"The keyset %s is wrapped. Copy it to where its backup is; copies from before are in clear or wrapped otherwise.",
		func(cmd *cobra.Command, path string, to secret.Wrap) error {
			if to == nil {
				return needsKey()
			}
			before := *kms
			before.Key = from
			old, err := before.Wrap()
			if err != nil {
				return fmt.Errorf("--from: %w", err)
			}
			return secret.Rewrap(cmd.Context(), path, old, to)
		})
	wrap.Flags().StringVar(&from, "from", "", "key that wraps it now, when that is another one; the same for a newer version of it")
	top.AddCommand(on("create", "Make the keyset of a new deployment, mode 0600; one that is there stays as it is",
		"The keyset is at %s. Keep a copy apart from the data it opens.",
		func(cmd *cobra.Command, path string, wrap secret.Wrap) error {
			_, err := secret.OpenWrapped(cmd.Context(), path, true, wrap)
			return err
		}),
		on("rotate", "Add a key that new secrets are sealed with, where the control plane may not; running processes take it when they need it",
			"The keyset %s has a new key. Copy it to where its backup is, then run parleyctl keys reencrypt.",
			func(cmd *cobra.Command, path string, wrap secret.Wrap) error {
				box, err := secret.OpenWrapped(cmd.Context(), path, false, wrap)
				if err != nil {
					return err
				}
				return box.Rotate()
			}),
		wrap,
		on("unwrap", "Write the keyset in clear again, guarded by the mode of its file alone",
			"The keyset %s is in clear. Unset secrets.kms.key of every process at its next start.",
			func(cmd *cobra.Command, path string, from secret.Wrap) error {
				if from == nil {
					return needsKey()
				}
				return secret.Rewrap(cmd.Context(), path, from, nil)
			}))
	return top, nil
}

func needsKey() error {
	return errors.New("no key is named; set " + settings.Ways("secrets.kms.key"))
}
