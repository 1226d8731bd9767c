package probe

import (
	"context"
	"strings"
	"unicode"

	"google.golang.org/protobuf/proto"

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
	switch {
	case value == "":
		return nil, badToken("is missing; give the page's access token")
	case strings.ContainsFunc(value, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }):
		return nil, badToken("has a space or a control character in it; a token has none")
	case t.setup.NoSecret != "":
		return nil, fault.New(fault.Precondition, "SECRET_MISSING", "Meta cannot be asked about a token of page %q: %s; set app_secret of account %s first",
			t.setup.Page, t.setup.NoSecret, t.setup.Account)
	}
	t.on.Token, t.setup.NoToken = secret.NewText(value), ""
	answers := s.Prober.ask(ctx, t)
	if ctx.Err() != nil {
		return nil, fault.Wrap(context.Cause(ctx), "asking Meta")
	}
	if err := s.Prober.admit(t.setup, answers, req.GetUnchecked()); err != nil {
		return nil, err
	}
	if err := s.storeToken(ctx, stored, value); err != nil {
		return nil, err
	}
	status, _, err := s.Prober.check(ctx, t.setup.Page)
	return status, err
}

// admit refuses a token that is of no use to the page, by what Meta said of it.
func (p *Prober) admit(s provision.Setup, a provision.Answers, unchecked bool) error {
	c := provision.Candidate(s, a, p.deps.Now().UnixMilli())
	switch {
	case c.GetVerdict() == adminv1.Verdict_VERDICT_PASSED || c.GetHarm() == adminv1.Harm_HARM_LESS:
		return nil
	case c.GetVerdict() != adminv1.Verdict_VERDICT_FAILED && unchecked:
		return nil
	case c.GetVerdict() != adminv1.Verdict_VERDICT_FAILED:
		f := fault.New(fault.Unavailable, "GRAPH_AWAY", "Meta does not tell now whether this is the token of page %q; nothing was stored. Try again, or store it with unchecked", s.Page)
		f.RetryAfter = max(comeBack, p.rests.of(s.AppID, p.deps.Now()))
		return f
	case c.GetName() == provision.App:
		return fault.New(fault.Precondition, "APP_UNKNOWN", "%s; nothing was stored: %s", c.GetFound(), c.GetRemedy())
	}
	return badToken(c.GetFound() + "; " + c.GetRemedy())
}

// storeToken changes the page's token and nothing else.
func (s *Service) storeToken(ctx context.Context, stored *configv1.Page, value string) error {
	next := proto.CloneOf(stored)
	next.Meta.Etag = change.Etag(stored)
	next.AccessToken = &configv1.Secret{Value: value}
	_, err := s.Committer.Commit(ctx, []change.Edit{{Verb: change.Update, Path: "page", Resource: next}}, false)
	return err
}

// badToken is the fault of a token that cannot be the page's. It never holds it.
func badToken(description string) error {
	f := fault.New(fault.Invalid, "TOKEN_REFUSED", "access_token: %s", description)
	f.Violations = []fault.Violation{{Field: "access_token", Description: description}}
	return f
}
