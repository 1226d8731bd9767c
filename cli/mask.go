package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/parley-desk/parley/pkg/mask"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

func (a *app) maskCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "mask", Short: "Try what rules hide of texts"}
	cmd.AddCommand(a.tryMaskCommand())
	return cmd
}

func (a *app) tryMaskCommand() *cobra.Command {
	var of, file string
	cmd := &cobra.Command{
		Use:   "try WORKSTREAM [FILE]",
		Short: "Show a text as the masking rules of a workstream leave it",
		Long: "Show a text as the masking rules of a workstream leave it, and which of them found something. The text is in FILE or\n" +
			"comes from standard input, so that no shell keeps what is to be hidden; it is not sent anywhere.\n" +
			"With -f, of rules that are not applied yet.",
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if of != "customer" && of != "agent" {
				return fmt.Errorf("--of %q is not known; use customer or agent", of)
			}
			text, err := a.input(args[1:])
			if err != nil {
				return err
			}
			if file != "" {
				w, err := a.unsavedWorkstream(file, args[0])
				if err != nil {
					return err
				}
				return a.tryMask(w, of, string(text))
			}
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				k, err := findKind("workstream")
				if err != nil {
					return err
				}
				r, err := k.get(ctx, s, args[0])
				if err != nil {
					return err
				}
				return a.tryMask(r.(*configv1.Workstream), of, string(text))
			})
		},
	}
	cmd.Flags().StringVar(&of, "of", "customer", "whose text it is: customer or agent")
	cmd.Flags().StringVarP(&file, "file", "f", "", "the workstream of this manifest, or of - for standard input")
	return cmd
}

// tryMask writes the text with what is hidden, and says by which rules.
func (a *app) tryMask(w *configv1.Workstream, of, text string) error {
	for i, r := range w.GetMasks() {
		if field, remedy := mask.Wrong(r); field != "" {
			return fmt.Errorf("masks[%d].%s: %s", i, field, remedy)
		}
	}
	both := mask.Compile(w.GetMasks())
	set := both.Customer
	if of == "agent" {
		set = both.Agent
	}
	hidden, by := set.Try(text)
	if _, err := fmt.Fprintln(a.out, strings.TrimRight(hidden, "\n")); err != nil {
		return err
	}
	if len(by) == 0 {
		a.say("no rule found anything")
		return nil
	}
	a.say("hidden by %s", strings.Join(by, ", "))
	return nil
}

// unsavedWorkstream is the workstream of that name in a manifest.
func (a *app) unsavedWorkstream(file, name string) (*configv1.Workstream, error) {
	documents, _, err := a.read(file)
	if err != nil {
		return nil, err
	}
	for _, d := range documents {
		if w, ok := d.Resource.(*configv1.Workstream); ok && w.GetMeta().GetId() == name {
			return w, nil
		}
	}
	return nil, fmt.Errorf("%s: holds no Workstream %q", file, name)
}
