package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/parley-desk/parley/pkg/manifest"
)

func (a *app) getCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:               "get KIND [NAME]",
		Short:             "Show resources; secrets only as fingerprints",
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: a.complete,
		RunE: func(cmd *cobra.Command, args []string) error {
			k, err := findKind(args[0])
			if err != nil {
				return err
			}
			show, err := shower(format)
			if err != nil {
				return err
			}
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				if len(args) == 2 {
					r, err := k.get(ctx, s, args[1])
					if err != nil {
						return err
					}
					return show(a.out, k, []manifest.Resource{r}, true)
				}
				list, err := k.list(ctx, s)
				if err != nil {
					return err
				}
				if len(list) == 0 {
					a.say("there are no %s", k.many())
				}
				return show(a.out, k, list, false)
			})
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", "table", "table, json, yaml or name")
	return cmd
}

func (a *app) deleteCommand() *cobra.Command {
	var yes bool
	var how removal
	cmd := &cobra.Command{
		Use:               "delete KIND NAME --yes",
		Short:             "Remove a resource that nothing refers to",
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: a.complete,
		RunE: func(cmd *cobra.Command, args []string) error {
			k, err := findKind(args[0])
			if err != nil {
				return err
			}
			if how.force && k.one() != "page" {
				return fmt.Errorf("--force is for pages, which Meta has to be told about; a %s is deleted when nothing refers to it", k.one())
			}
			if !yes && !how.dry {
				return fmt.Errorf("deleting %s %s cannot be undone; repeat the command with --yes", k.one(), args[1])
			}
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				if err := k.remove(ctx, s, args[1], how); err != nil {
					return err
				}
				a.print("%s/%s deleted%s", k.one(), args[1], note(how.dry))
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do it without further question")
	cmd.Flags().BoolVar(&how.dry, "dry-run", false, "let the server check, and change nothing")
	cmd.Flags().BoolVar(&how.force, "force", false, "delete a page although Meta could not be told, and may go on sending")
	cmd.Flags().StringVar(&how.etag, "etag", "", "delete only this version")
	return cmd
}

// withServer runs work with a connection and the time that --timeout gives.
func (a *app) withServer(ctx context.Context, work func(context.Context, *server) error) error {
	s, err := a.link.open()
	if err != nil {
		return err
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	return work(ctx, s)
}

// complete offers kinds, then the names of that kind.
func (a *app) complete(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	var words []string
	switch len(args) {
	case 0:
		for _, k := range kinds() {
			words = append(words, k.many())
		}
	case 1:
		k, err := findKind(args[0])
		if err != nil {
			break
		}
		_ = a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
			list, err := k.list(ctx, s)
			for _, r := range list {
				words = append(words, r.GetMeta().GetId())
			}
			return err
		})
	}
	var fitting []string
	for _, w := range words {
		if strings.HasPrefix(w, prefix) {
			fitting = append(fitting, w)
		}
	}
	return fitting, cobra.ShellCompDirectiveNoFileComp
}
