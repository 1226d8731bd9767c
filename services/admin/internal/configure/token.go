package configure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/admin/internal/change"
	"github.com/parley-desk/parley/services/admin/internal/commit"
)

// hearMeta is how long a change waits for what Meta says of the tokens in it.
const hearMeta = 5 * time.Second

// commit makes edits happen, unless Meta says of a page's new token that it is
// of no use to the page. Where Meta does not tell in time the change is made all
// the same, for a house must be set up while Meta is away: untold are the pages,
// by id, whose tokens nobody looked at, and the check "token" tells later.
func (s *Service) commit(ctx context.Context, edits []change.Edit, dry bool, comment string) (done commit.Done, untold map[string]bool, err error) {
	if untold, err = s.hear(ctx, edits); err != nil {
		return commit.Done{}, nil, err
	}
	done, err = s.Committer.Make(ctx, commit.Deed{Dry: dry, Comment: comment,
		Plan: func(world *directory.Snapshot) ([]change.Outcome, error) { return s.Committer.Planner.Plan(world, edits) }})
	return done, untold, err
}

// hear refuses edits with tokens that Meta refuses.
func (s *Service) hear(ctx context.Context, edits []change.Edit) (untold map[string]bool, err error) {
	if !setToken(edits) {
		return nil, nil
	}
	world := s.Directory.Now()
	planned, err := s.Committer.Planner.Plan(world, edits)
	if err != nil {
		return nil, err
	}
	var pages []*configv1.Page
	var paths []string
	for i, o := range planned {
		if page := renewed(o); page != nil {
			pages, paths = append(pages, page), append(paths, edits[i].Path)
		}
	}
	if len(pages) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, hearMeta)
	defer cancel()
	var violations []fault.Violation
	untold = map[string]bool{}
	for i, err := range s.Admit(ctx, change.After(world, planned), pages) {
		var f *fault.Error
		switch {
		case err == nil:
		case errors.As(err, &f) && f.Kind == fault.Invalid:
			for _, v := range f.Violations {
				violations = append(violations, fault.Violation{Field: paths[i] + "." + v.Field, Description: v.Description})
			}
		default:
			untold[pages[i].GetMeta().GetId()] = true
		}
	}
	if len(violations) > 0 {
		return nil, change.Invalid(violations)
	}
	return untold, nil
}

// setToken tells whether edits give a token to a page.
func setToken(edits []change.Edit) bool {
	for _, e := range edits {
		if page, ok := e.Resource.(*configv1.Page); ok && page.GetAccessToken().GetValue() != "" {
			return true
		}
	}
	return false
}

// renewed is the page of an outcome whose token is another than before; else nil.
func renewed(o change.Outcome) *configv1.Page {
	page, ok := o.Resource.(*configv1.Page)
	before, _ := o.Before.(*configv1.Page)
	if !ok || page.GetAccessToken() == nil || page.GetAccessToken().GetFingerprint() == before.GetAccessToken().GetFingerprint() {
		return nil
	}
	return page
}

// unheard says that nobody looked at a page's token yet.
func unheard(page string) string {
	return fmt.Sprintf("page %s: Meta does not tell now whether the token is this page's; parleyctl channel health %[1]s tells as soon as Meta answers", page)
}
