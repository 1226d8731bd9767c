package all

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/parley-desk/parley/pkg/secret"
)

// keyset makes what processes apart share and refuse to make each for itself.
func keyset() *cobra.Command {
	top := &cobra.Command{Use: "keyset", Short: "Make the keyset of a deployment, and give it a new key"}
	top.AddCommand(&cobra.Command{
		Use: "create PATH", Short: "Make the keyset of a new deployment, mode 0600; one that is there stays as it is", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := secret.Open(args[0], true); err != nil {
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "The keyset is at %s. Keep a copy apart from the data it opens.\n", args[0])
			return err
		},
	})
	top.AddCommand(&cobra.Command{
		Use: "rotate PATH", Short: "Add a key that new secrets are sealed with, where the control plane may not; running processes take it when they need it", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			box, err := secret.Open(args[0], false)
			if err != nil {
				return err
			}
			if err := box.Rotate(); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "The keyset %s has a new key. Copy it to where its backup is, then run parleyctl keys reencrypt.\n", args[0])
			return err
		},
	})
	return top
}
