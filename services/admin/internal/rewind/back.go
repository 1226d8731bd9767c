package rewind

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/admin/internal/change"
	"github.com/parley-desk/parley/services/admin/internal/commit"
	"github.com/parley-desk/parley/services/admin/internal/privacy"
)

// RollBack puts back the settings of a version. Pages that were created since are
// deleted as DeletePage does it: Meta is told first, and when it cannot be told
// nothing is changed.
func (s *Service) RollBack(ctx context.Context, req *adminv1.RollBackRequest) (*adminv1.RollBackResponse, error) {
	if req.GetTo() == 0 {
		return nil, bad("to", "is missing; give the number of a version, from 1")
	}
	target, expected := directory.NewSnapshot(), req.GetExpected()
	deed := commit.Deed{Dry: true, Comment: req.GetComment(), RolledBackTo: req.GetTo(),
		Plan: func(world *directory.Snapshot) (_ []change.Outcome, err error) {
			if expected != 0 && expected != world.Version {
				return nil, fault.New(fault.Conflict, "VERSION_MISMATCH", "version %d of the configuration is in force and not %d; look at what changed, and roll back expecting %[1]d", world.Version, expected)
			}
			if target, err = s.Ledger.State(ctx, world, req.GetTo()); err != nil {
				return nil, err
			}
			return s.plan(world, target)
		}}
	done, err := s.Committer.Make(ctx, deed)
	if err != nil {
		return nil, err
	}
	if !req.GetValidateOnly() {
		left, err := s.leave(ctx, done.Outcomes)
		if err != nil {
			return nil, err
		}
		if deed.Dry = false; left {
			expected = done.Version // another world may have other pages to delete
		}
		if done, err = s.Committer.Make(ctx, deed); err != nil {
			return nil, err
		}
	}
	resp := &adminv1.RollBackResponse{Version: done.Version}
	for _, o := range done.Outcomes {
		if o.Action != change.Unchanged {
			resp.Changes = append(resp.Changes, outcome(o, target))
		}
	}
	return resp, nil
}

// plan makes world what target was, but for secrets.
func (s *Service) plan(world, target *directory.Snapshot) ([]change.Outcome, error) {
	var edits []change.Edit
	for _, d := range differences(world, target) {
		e := change.Edit{Verb: change.Put, Resource: d.after, Bare: true}
		if d.after == nil {
			e.Verb, e.Resource = change.Delete, d.before
		}
		e.Path = directory.Kind(e.Resource) + "/" + e.Resource.GetMeta().GetId()
		edits = append(edits, e)
	}
	outcomes, err := s.Committer.Planner.Plan(world, edits)
	if err != nil {
		return nil, err
	}
	changing := 0
	for _, o := range outcomes {
		if o.Action != change.Unchanged {
			changing++
		}
	}
	if changing > maxChanges {
		return nil, fault.New(fault.Precondition, "TOO_MANY_CHANGES", "%d resources differ from version %d, and at most %d are changed at once; go back to versions between first", changing, target.Version, maxChanges)
	}
	return outcomes, nil
}

// leave has Meta send no more events of the pages that are to be deleted, and tells
// whether there are any.
func (s *Service) leave(ctx context.Context, outcomes []change.Outcome) (left bool, err error) {
	for _, o := range outcomes {
		page, ok := o.Resource.(*configv1.Page)
		if !ok || o.Action != change.Deleted {
			continue
		}
		if err := s.Unsubscribe(ctx, page.GetMeta().GetId()); err != nil {
			f := &fault.Error{Kind: fault.KindOf(err), Cause: err}
			if inner := (*fault.Error)(nil); errors.As(err, &inner) {
				*f = *inner
			}
			f.Message = fmt.Sprintf("nothing is changed: page %q would be deleted, and Meta would go on sending its events: %s; try again, or delete the page with force first", page.GetMeta().GetId(), f.Message)
			return false, f
		}
		left = true
	}
	return left, nil
}

// outcome is what a roll back to target made of one resource, as the API tells it.
func outcome(o change.Outcome, target *directory.Snapshot) *adminv1.Change {
	c := &adminv1.Change{Kind: change.KindName(o.Resource), Id: o.Resource.GetMeta().GetId(), Action: string(o.Action), Before: change.Wrap(o.Before)}
	if o.Action == change.Deleted {
		return c
	}
	c.After = change.Wrap(o.Resource)
	once, _ := find(target, o.Resource)
	c.Remarks = remarks(once, o)
	if a, ok := o.Resource.(*configv1.ChannelAccount); ok && o.Before == nil {
		c.Remarks = append(c.Remarks, privacy.Remarks(a)...)
	}
	return c
}

// remedies say how a secret is set that did not come back.
var remedies = map[string]string{
	"channelAccounts#app_secret": "set it with `parleyctl channel rotate-secret %[2]s`; until then its webhooks are refused",
	"pages#access_token":         "set it with `parleyctl page token set %[2]s`, then run `parleyctl channel subscribe %[2]s`",
	"agents#password":            "set it in a manifest, spec.password of agent %[2]s, and apply it",
	"workstreams#bot_secret":     "set it in a manifest, spec.botSecret of workstream %[2]s, and apply it; until then its bot is not asked, and agents get its conversations",
}

// remarks say what became of the secrets that a resource had once.
func remarks(once directory.Resource, o change.Outcome) []string {
	held := map[string]*configv1.Secret{}
	for field, s := range change.Secrets(o.Resource) {
		held[field] = s
	}
	var all []string
	id := o.Resource.GetMeta().GetId()
	for field, was := range change.Secrets(once) {
		is, place := held[field], directory.Place(o.Resource, field)
		remedy := remedies[directory.Kind(o.Resource)+"#"+field]
		switch {
		case was.GetFingerprint() == "" || was.GetFingerprint() == is.GetFingerprint():
		case is == nil && remedy != "":
			all = append(all, fmt.Sprintf("%[1]s did not come back: "+remedy, place, id))
		case is == nil: // a previous secret, which is of no use any more
		case o.Before == nil:
			all = append(all, fmt.Sprintf("%s was made anew: have Meta verify the callback again; `parleyctl channel callback %s` shows what it takes", place, id))
		default:
			all = append(all, fmt.Sprintf("%s stays the one set at %s: secrets are not put back", place, time.UnixMilli(is.GetSetMs()).UTC().Format(time.RFC3339)))
		}
	}
	return all
}
