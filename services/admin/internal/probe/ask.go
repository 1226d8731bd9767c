package probe

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/pkg/standing"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	provisionv1 "github.com/parley-desk/parley/proto/gen/parley/provision/v1"
	"github.com/parley-desk/parley/services/admin/internal/provision"
)

// Graph is the part of graph.Client that is asked.
type Graph interface {
	DebugToken(ctx context.Context, page graph.Page, appID string) (graph.TokenInfo, error)
	Approved(ctx context.Context, page graph.Page, appID string) ([]string, error)
	SubscribedApps(ctx context.Context, page graph.Page) ([]graph.SubscribedApp, error)
	Subscribe(ctx context.Context, page graph.Page, fields []string) error
	Unsubscribe(ctx context.Context, page graph.Page, appID string) error
	DebugUserToken(ctx context.Context, person graph.User) (graph.TokenInfo, error)
	ExchangeUserToken(ctx context.Context, person graph.User) (secret.Text, time.Time, error)
	PagesOfUser(ctx context.Context, person graph.User) (graph.UserPages, error)
	CustomersOf(ctx context.Context, app graph.User, person string) ([]graph.Customer, error)
}

// leastRest is how long nothing is asked in an app's name after Meta said that
// it asks too much, at the least: calls made meanwhile lengthen the penalty.
const leastRest = 5 * time.Minute

// rests are the apps that Meta wants to hear less of.
type rests struct {
	mu    sync.Mutex
	until map[string]time.Time // by app id
}

func (r *rests) of(app string, now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return max(0, r.until[app].Sub(now))
}

// heed remembers what an error says about asking too much.
func (r *rests) heed(app string, err error, now time.Time) {
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.Exhausted {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.until[app] = now.Add(max(f.RetryAfter, leastRest))
}

// Connection opens what a call on behalf of a page needs, or says why it cannot.
func (p *Prober) Connection(page *configv1.Page) (on graph.Page, trouble string) {
	t := aim(p.deps.Directory.Now(), p.deps.Secrets, page)
	return t.on, strings.Trim(t.setup.NoSecret+", "+t.setup.NoToken, ", ")
}

// Rest is how long Meta wants to be left alone by the app of a page.
func (p *Prober) Rest(page *configv1.Page) time.Duration {
	return p.rests.of(p.app(page), p.deps.Now())
}

// Heed remembers what an answer says about asking too much.
func (p *Prober) Heed(page *configv1.Page, err error) {
	p.rests.heed(p.app(page), err, p.deps.Now())
}

func (p *Prober) app(page *configv1.Page) string {
	return p.deps.Directory.Now().Accounts[page.GetAccount()].GetAppId()
}

// target is a page to be asked about.
type target struct {
	setup provision.Setup
	on    graph.Page
}

// askable tells whether there is what is needed to ask.
func (t target) askable() bool { return t.setup.NoSecret == "" && t.setup.NoToken == "" }

// aim reads a page's set-up.
func aim(world *directory.Snapshot, box *secret.Box, page *configv1.Page) target {
	account := world.Accounts[page.GetAccount()]
	s := provision.Setup{
		Page: page.GetMeta().GetId(), PageID: page.GetPageId(), Account: page.GetAccount(), AppID: account.GetAppId(),
		VerifyToken: account.GetVerifyToken().GetFingerprint(),
		Tagged:      world.Tagged(page),
		ChangedMs:   max(page.GetMeta().GetUpdatedMs(), account.GetMeta().GetUpdatedMs()),
		Basis:       standing.Basis(world, page),
	}
	t := target{setup: s, on: graph.Page{ID: page.GetPageId(), Version: account.GetGraphVersion()}}
	t.on.AppSecret, t.setup.NoSecret = open(box, "app_secret", account, account.GetAppSecret())
	t.on.Token, t.setup.NoToken = open(box, "access_token", page, page.GetAccessToken())
	return t
}

// open opens a secret, or says why there is none.
func open(box *secret.Box, field string, of directory.Resource, s *configv1.Secret) (text secret.Text, trouble string) {
	if len(s.GetSealed()) == 0 {
		return secret.Text{}, field + " is not set"
	}
	text, err := box.Reveal(directory.Place(of, field), s)
	if err != nil {
		return secret.Text{}, field + " does not open with this keyset"
	}
	return text, ""
}

// askToken asks what the page's token is, and nothing else.
func (p *Prober) askToken(ctx context.Context, t target) (a provision.Answers) {
	if !t.askable() || p.rests.of(t.setup.AppID, p.deps.Now()) > 0 {
		return a
	}
	info, err := p.graph.DebugToken(ctx, t.on, t.setup.AppID)
	p.rests.heed(t.setup.AppID, err, p.deps.Now())
	a.DebugToken, a.Token = answer(err), told(info)
	return a
}

// ask makes a round of questions. What Meta was not asked, or did not answer,
// is not definite in the answers.
func (p *Prober) ask(ctx context.Context, t target) provision.Answers {
	a := p.askToken(ctx, t)
	if !t.askable() || p.rests.of(t.setup.AppID, p.deps.Now()) > 0 {
		return a
	}
	said := func(err error) provision.Answer {
		p.rests.heed(t.setup.AppID, err, p.deps.Now())
		return answer(err)
	}
	if a.DebugToken.Definite && a.DebugToken.Code != 0 && a.DebugToken.Code != provision.Foreign {
		return a // Meta knows no such app, so it takes no proof by its secret either
	}
	apps, err := p.graph.SubscribedApps(ctx, t.on)
	a.Subscription = said(err)
	for _, app := range apps {
		if app.ID == t.setup.AppID {
			a.Fields = app.Fields
		}
	}
	a.Live, err = p.graph.Approved(ctx, t.on, t.setup.AppID)
	a.Approved = said(err)
	return a
}

// answer is what an error of the Graph client says: Meta's definite no, or
// nothing that can be relied on.
func answer(err error) provision.Answer {
	if err == nil {
		return provision.Answer{Definite: true}
	}
	var refusal graph.Error
	kind := fault.KindOf(err)
	if !errors.As(err, &refusal) || refusal.Code == 0 || kind != fault.Denied && kind != fault.Precondition && kind != fault.NotFound {
		return provision.Answer{}
	}
	return provision.Answer{Definite: true, Code: refusal.Code, Subcode: refusal.Subcode}
}

func numbers(a provision.Answer) string { return fmt.Sprintf("(%d/%d)", a.Code, a.Subcode) }

func told(i graph.TokenInfo) *provisionv1.Token {
	return &provisionv1.Token{Valid: i.Valid, Code: int32(i.Code), Subcode: int32(i.Subcode), Type: i.Type, AppId: i.AppID,
		PageId: i.Page, EndsMs: ms(i.Expires), DataEndsMs: ms(i.DataExpires), Scopes: i.Scopes}
}

func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
