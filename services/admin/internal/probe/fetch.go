package probe

import (
	"context"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/secret"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	provisionv1 "github.com/parley-desk/parley/proto/gen/parley/provision/v1"
	"github.com/parley-desk/parley/services/admin/internal/change"
	"github.com/parley-desk/parley/services/admin/internal/provision"
	"github.com/parley-desk/parley/services/admin/internal/status"
)

// FetchPageTokens puts the tokens in force that Meta gives a person for the
// pages of an account, each page by itself.
func (s *Service) FetchPageTokens(ctx context.Context, req *adminv1.FetchPageTokensRequest) (*adminv1.FetchPageTokensResponse, error) {
	p := s.Prober
	world := p.deps.Directory.Now()
	account := world.Accounts[req.GetAccount()]
	if account == nil {
		return nil, unknownAccount(req.GetAccount())
	}
	value := req.GetUserToken().GetValue()
	if err := oneWord("user_token", value, "give the token of a person who administers the pages"); err != nil {
		return nil, err
	}
	appSecret, trouble := open(p.deps.Secrets, "app_secret", account, account.GetAppSecret())
	if trouble != "" {
		return nil, fault.New(fault.Precondition, "SECRET_MISSING", "Meta cannot be asked in the name of account %q: %s; set its app_secret first", req.GetAccount(), trouble)
	}
	person := graph.User{AppID: account.GetAppId(), AppSecret: appSecret, Token: secret.NewText(value), Version: account.GetGraphVersion()}
	token, err := p.admitPerson(ctx, account, person)
	if err != nil {
		return nil, err
	}
	resp := &adminv1.FetchPageTokensResponse{UserTokenEndsMs: token.GetEndsMs()}
	if provision.Shortlived(token) {
		long, ends, err := p.graph.ExchangeUserToken(ctx, person)
		if err := p.ofPerson(person, "exchange it", err); err != nil {
			return nil, err
		}
		person.Token, resp.UserTokenEndsMs = long, ms(ends)
	}
	list, err := p.graph.PagesOfUser(ctx, person)
	if err := p.ofPerson(person, "list the pages of the person", err); err != nil {
		return nil, err
	}
	resp.Cut, resp.Others = list.Cut, others(world, account, list.Pages)
	resp.Pages, err = s.fetchAll(ctx, world, account, list, req.GetValidateOnly())
	return resp, err
}

// admitPerson refuses a token that is neither a person's nor a system user's, or
// not for the account's app; of another it gives what Meta says of it.
func (p *Prober) admitPerson(ctx context.Context, account *configv1.ChannelAccount, person graph.User) (*provisionv1.Token, error) {
	if p.rests.of(person.AppID, p.deps.Now()) > 0 {
		return nil, p.away(person.AppID)
	}
	info, err := p.graph.DebugUserToken(ctx, person)
	p.rests.heed(person.AppID, err, p.deps.Now())
	a := answer(err)
	switch {
	case ctx.Err() != nil:
		return nil, fault.Wrap(context.Cause(ctx), "asking Meta")
	case !a.Definite:
		return nil, p.away(person.AppID)
	case a.Code != 0 && a.Code != provision.Foreign:
		return nil, fault.New(fault.Precondition, "APP_UNKNOWN",
			"Meta does not know app %s with this app secret (%d/%d); nothing was stored: compare app_id and app_secret of account %s with App settings, Basic, at Meta",
			person.AppID, a.Code, a.Subcode, account.GetMeta().GetId())
	}
	token := told(info)
	found, remedy := provision.Person(account.GetMeta().GetId(), person.AppID, a, token, p.deps.Now().UnixMilli())
	if found != "" {
		return nil, badToken("user_token", found+"; "+remedy)
	}
	return token, nil
}

// ofPerson is what an error means that Meta answered to a person's token.
func (p *Prober) ofPerson(person graph.User, doing string, err error) error {
	if err == nil {
		return nil
	}
	p.rests.heed(person.AppID, err, p.deps.Now())
	if a := answer(err); a.Definite {
		return badToken("user_token", "Meta does not "+doing+" "+numbers(a)+"; make a new user token with app "+person.AppID+" and the permission pages_show_list")
	}
	return p.away(person.AppID)
}

// others are the pages of a person that the account does not have.
func others(world *directory.Snapshot, account *configv1.ChannelAccount, pages []graph.UserPage) []*adminv1.OtherPage {
	var all []*adminv1.OtherPage
	for _, one := range pages {
		has := world.PagesByMeta[one.ID].GetAccount()
		if has != account.GetMeta().GetId() {
			all = append(all, &adminv1.OtherPage{PageId: one.ID, Name: one.Name, Account: has, Tasks: one.Tasks})
		}
	}
	return all
}

// fetchAll takes the tokens of all pages of an account, several at a time.
func (s *Service) fetchAll(ctx context.Context, world *directory.Snapshot, account *configv1.ChannelAccount, list graph.UserPages, dry bool) ([]*adminv1.FetchedToken, error) {
	given := map[string]graph.UserPage{}
	for _, one := range list.Pages {
		given[one.ID] = one
	}
	var all []*adminv1.FetchedToken
	var group errgroup.Group
	group.SetLimit(atOnce)
	for _, id := range slices.Sorted(maps.Keys(world.Pages)) {
		page := world.Pages[id]
		if page.GetAccount() != account.GetMeta().GetId() {
			continue
		}
		one := given[page.GetPageId()]
		fetched := &adminv1.FetchedToken{Page: id, PageId: page.GetPageId(), Tasks: one.Tasks}
		all = append(all, fetched)
		group.Go(func() error {
			if one.Token.Empty() {
				fetched.Result = adminv1.FetchResult_FETCH_RESULT_NOT_GRANTED
				fetched.Why, fetched.Remedy = withheld(one.ID != "", list.Cut)
			} else {
				s.fetch(ctx, fetched, aim(world, s.Prober.deps.Secrets, page), page, one.Token, dry)
			}
			return s.stands(ctx, fetched, aim(world, s.Prober.deps.Secrets, page).setup)
		})
	}
	return all, group.Wait()
}

// fetch takes the token of one page, or says why it does not.
func (s *Service) fetch(ctx context.Context, fetched *adminv1.FetchedToken, t target, page *configv1.Page, token secret.Text, dry bool) {
	check, action, err := s.replace(ctx, t, page, token.Reveal(), terms{dry: dry})
	switch {
	case err == nil && action == change.Unchanged:
		fetched.Result, fetched.Check = adminv1.FetchResult_FETCH_RESULT_UNCHANGED, check
	case err == nil:
		fetched.Result, fetched.Check = adminv1.FetchResult_FETCH_RESULT_STORED, check
	default:
		fetched.Result = adminv1.FetchResult_FETCH_RESULT_REFUSED
		fetched.Why, fetched.Remedy = check.GetFound(), check.GetRemedy()
		if check.GetVerdict() != adminv1.Verdict_VERDICT_FAILED || check.GetHarm() == adminv1.Harm_HARM_LESS {
			fetched.Why, fetched.Remedy = grpcstatus.Convert(status.Of(err)).Message(), "try again; nothing was stored for this page"
		}
	}
}

// stands adds how the token stands that a page has still when it got no new one.
func (s *Service) stands(ctx context.Context, fetched *adminv1.FetchedToken, setup provision.Setup) error {
	if fetched.GetCheck() != nil {
		return nil
	}
	now, err := s.Prober.status(ctx, setup)
	for _, c := range now.GetChecks() {
		switch c.GetName() {
		case provision.Token:
			fetched.Check = c
		}
	}
	return err
}

// withheld says why Meta gave no token for a page, and what to do.
func withheld(listed, cut bool) (why, remedy string) {
	grant := "have somebody who administers the page make the user token, and tick this page and every permission"
	switch {
	case listed:
		return "Meta lists the page and gives the person no token for it", "give the person full control of the page; or " + grant
	case cut:
		return "the person has more pages than were read, and this one is not among those", grant + "; or set its token with parleyctl page token set"
	}
	return "the page is not among those that the person granted the app", grant
}
