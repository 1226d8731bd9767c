package probe

import (
	"context"
	"strings"
	"unicode"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/admin/internal/change"
	"github.com/parley-desk/parley/services/admin/internal/provision"
)

// SetPageToken puts a new access token of a page in force after Meta said that
// it is this page's, and verifies the page.
func (s *Service) SetPageToken(ctx context.Context, req *adminv1.SetPageTokenRequest) (*adminv1.PageStatus, error) {
	t, err := s.Prober.find(req.GetPage())
	if err != nil {
		return nil, err
	}
	// As it is now, before Meta is asked: a change meanwhile is a conflict.
	stored := s.Prober.deps.Directory.Now().Pages[t.setup.Page]
	value := req.GetAccessToken().GetValue()
	if err := oneWord("access_token", value, "give the page's access token"); err != nil {
		return nil, err
	}
	if t.setup.NoSecret != "" {
		return nil, fault.New(fault.Precondition, "SECRET_MISSING", "Meta cannot be asked about a token of page %q: %s; set app_secret of account %s first",
			t.setup.Page, t.setup.NoSecret, t.setup.Account)
	}
	if _, _, err := s.replace(ctx, t, stored, value, terms{unchecked: req.GetUnchecked()}); err != nil {
		return nil, err
	}
	status, _, err := s.Prober.check(ctx, t.setup.Page)
	return status, err
}

// terms are on what a token is stored.
type terms struct {
	unchecked bool // without an answer of Meta's, while it does not tell
	dry       bool // not at all
}

// replace asks Meta about a new token of a page, with nothing else of the set-up
// changed, and stores it when it is of use. The check says what was found, also
// beside an error, unless Meta was not asked.
func (s *Service) replace(ctx context.Context, t target, stored *configv1.Page, value string, on terms) (*adminv1.PageCheck, change.Action, error) {
	t.on.Token, t.setup.NoToken = secret.NewText(value), ""
	answers := s.Prober.ask(ctx, t)
	if ctx.Err() != nil {
		return nil, "", fault.Wrap(context.Cause(ctx), "asking Meta")
	}
	check, err := s.Prober.admit(t.setup, answers, on.unchecked)
	if err != nil {
		return check, "", err
	}
	action, err := s.storeToken(ctx, stored, value, on.dry)
	return check, action, err
}

// admit refuses a token that is of no use to the page, by what Meta said of it.
func (p *Prober) admit(s provision.Setup, a provision.Answers, unchecked bool) (*adminv1.PageCheck, error) {
	c := provision.Candidate(s, a, p.deps.Now().UnixMilli())
	switch {
	case c.GetVerdict() == adminv1.Verdict_VERDICT_PASSED || c.GetHarm() == adminv1.Harm_HARM_LESS:
		return c, nil
	case c.GetVerdict() != adminv1.Verdict_VERDICT_FAILED && unchecked:
		return c, nil
	case c.GetVerdict() != adminv1.Verdict_VERDICT_FAILED:
		f := fault.New(fault.Unavailable, "GRAPH_AWAY", "Meta does not tell now whether this is the token of page %q; nothing was stored. Try again, or store it with unchecked", s.Page)
		f.RetryAfter = max(comeBack, p.rests.of(s.AppID, p.deps.Now()))
		return c, f
	case c.GetName() == provision.App:
		return c, fault.New(fault.Precondition, "APP_UNKNOWN", "%s; nothing was stored: %s", c.GetFound(), c.GetRemedy())
	}
	return c, badToken("access_token", c.GetFound()+"; "+c.GetRemedy())
}

// Admit asks Meta about the tokens of pages that are to become part of a world,
// several at a time, and says of each what SetPageToken would: nil is a good
// token, Invalid one that is of no use, and anything else that Meta does not
// tell. It takes about as long as ctx lets it.
func (p *Prober) Admit(ctx context.Context, world *directory.Snapshot, pages []*configv1.Page) []error {
	said := make([]error, len(pages))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, page := range pages {
		group.Go(func() error {
			t := aim(world, p.deps.Secrets, page)
			_, said[i] = p.admit(t.setup, p.askToken(ctx, t), false)
			return nil
		})
	}
	_ = group.Wait()
	return said
}

// storeToken changes the page's token and nothing else; dry only tells what
// would become of it.
func (s *Service) storeToken(ctx context.Context, stored *configv1.Page, value string, dry bool) (change.Action, error) {
	next := proto.CloneOf(stored)
	next.Meta.Etag = change.Etag(stored)
	next.AccessToken = &configv1.Secret{Value: value}
	outcomes, err := s.Committer.Commit(ctx, []change.Edit{{Verb: change.Update, Path: "page", Resource: next}}, dry)
	if err != nil {
		return "", err
	}
	return outcomes[0].Action, nil
}

// oneWord refuses what can be no token.
func oneWord(field, value, remedy string) error {
	switch {
	case value == "":
		return badToken(field, "is missing; "+remedy)
	case strings.ContainsFunc(value, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }):
		return badToken(field, "has a space or a control character in it; a token has none")
	}
	return nil
}

// badToken is the fault of a token that is of no use in that field. It never
// holds the token.
func badToken(field, description string) error {
	f := fault.New(fault.Invalid, "TOKEN_REFUSED", "%s: %s", field, description)
	f.Violations = []fault.Violation{{Field: field, Description: description}}
	return f
}
