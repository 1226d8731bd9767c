package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/manifest"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

const (
	maxName = 100 // characters of a display name
	maxID   = 63  // characters of an id
)

func (a *app) copyCommand() *cobra.Command {
	var withRules, dry bool
	cmd := &cobra.Command{
		Use:   "copy KIND NAME NEW",
		Short: "Make a resource like another, under a new name; secrets are not copied",
		Long: "copy makes a resource NEW that is like NAME, with the display name \"Copy of ...\". " +
			"A workstream's copy has the same rulesets; with --with-rules it gets copies of them, whose names end in -NEW. " +
			"Pages and channel accounts cannot be copied: there is one for each page and app of Meta.",
		Args:              cobra.ExactArgs(3),
		ValidArgsFunction: a.complete,
		RunE: func(cmd *cobra.Command, args []string) error {
			k, err := findKind(args[0])
			if err != nil {
				return err
			}
			switch {
			case k.document == "Page" || k.document == "ChannelAccount":
				return fmt.Errorf("a %s holds secrets and belongs to one %s of Meta, so it cannot be copied; "+
					"run `parleyctl get %[1]s %[3]s -o yaml`, give what it prints a new name, id and secrets, and apply it",
					k.one(), map[string]string{"Page": "page", "ChannelAccount": "app"}[k.document], args[1])
			case withRules && k.document != "Workstream":
				return fmt.Errorf("--with-rules is for workstreams; leave it out to copy a %s", k.one())
			}
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				copies, err := s.copies(ctx, k, args[1], args[2], withRules)
				if err != nil {
					return err
				}
				req := &adminv1.ApplyRequest{ValidateOnly: dry}
				for _, c := range copies {
					req.Resources = append(req.Resources, manifest.Wrap(c))
				}
				resp, err := s.config.Apply(ctx, req)
				if err != nil {
					return err
				}
				a.tell(resp.GetChanges(), resp.GetVersion(), dry)
				if k.document == "Agent" {
					a.say("agent %s has no password yet; set one with parleyctl apply to let them sign in by name", args[2])
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&withRules, "with-rules", false, "copy a workstream's rulesets too")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "let the server check and tell the plan, and change nothing")
	return cmd
}

// copies are the copy of a resource, and with rules those of its rulesets. None
// of them is there yet; one that somebody else makes in this moment is replaced.
func (s *server) copies(ctx context.Context, k kind, from, to string, withRules bool) ([]manifest.Resource, error) {
	original, err := k.get(ctx, s, from)
	if err != nil {
		return nil, err
	}
	copies := []manifest.Resource{copyOf(original, to)}
	if w, ok := copies[0].(*configv1.Workstream); ok && withRules {
		rulesets, err := s.copyRules(ctx, w)
		if err != nil {
			return nil, err
		}
		copies = append(copies, rulesets...)
	}
	for _, c := range copies {
		k, err := findKind(manifest.Kind(c))
		if err != nil {
			return nil, err
		}
		switch _, err := k.get(ctx, s, c.GetMeta().GetId()); {
		case err == nil:
			return nil, fmt.Errorf("%s %q exists already; choose another name for the copy", k.one(), c.GetMeta().GetId())
		case status.Code(err) != codes.NotFound:
			return nil, err
		}
	}
	return copies, nil
}

// copyRules makes w use copies of its rulesets, and gives them.
func (s *server) copyRules(ctx context.Context, w *configv1.Workstream) ([]manifest.Resource, error) {
	var copies []manifest.Resource
	name := func(id string) string {
		suffix := "-" + w.GetMeta().GetId()
		return id[:min(len(id), max(maxID-len(suffix), 0))] + suffix
	}
	for _, id := range rulesets(w) {
		r, err := s.config.GetRuleset(ctx, &adminv1.GetRulesetRequest{Id: id})
		if err != nil {
			return nil, err
		}
		copies = append(copies, copyOf(r, name(id)))
	}
	for i, id := range w.GetClassification() {
		w.Classification[i] = name(id)
	}
	if w.GetRouting() != "" {
		w.Routing = name(w.GetRouting())
	}
	return copies, nil
}

// rulesets are those that a workstream uses, each once.
func rulesets(w *configv1.Workstream) []string {
	all := slices.Clone(w.GetClassification())
	if w.GetRouting() != "" {
		all = append(all, w.GetRouting())
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// copyOf is r under another id (L25, L39, L45), without its secrets.
func copyOf(r manifest.Resource, id string) manifest.Resource {
	c, _ := proto.Clone(r).(manifest.Resource)
	letters := []rune("Copy of " + cmp.Or(r.GetMeta().GetDisplayName(), r.GetMeta().GetId()))
	meta := c.GetMeta()
	meta.Id, meta.Etag, meta.UpdatedMs = id, "", 0
	meta.DisplayName = string(letters[:min(len(letters), maxName)])
	manifest.Forget(c)
	return c
}
