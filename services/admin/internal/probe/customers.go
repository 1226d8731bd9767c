package probe

import (
	"context"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/proto/subject"
)

// Customers asks Meta as whom the pages of this house know a person whom the app of
// a channel account knows by an id of its own.
func (p *Prober) Customers(ctx context.Context, account, user string) ([]subject.Thread, error) {
	world := p.deps.Directory.Now()
	a := world.Accounts[account]
	if a == nil {
		return nil, unknownAccount(account)
	}
	appSecret, trouble := open(p.deps.Secrets, "app_secret", a, a.GetAppSecret())
	if trouble != "" {
		return nil, fault.New(fault.Unavailable, "SECRET_MISSING", "Meta cannot be asked in the name of account %q: %s; set its app_secret first", account, trouble)
	}
	if p.rests.of(a.GetAppId(), p.deps.Now()) > 0 {
		return nil, fault.New(fault.Exhausted, "META_RESTS", "Meta wants to be asked less in the name of account %q", account)
	}
	found, err := p.graph.CustomersOf(ctx, graph.User{AppID: a.GetAppId(), AppSecret: appSecret, Version: a.GetGraphVersion()}, user)
	p.rests.heed(a.GetAppId(), err, p.deps.Now())
	if err != nil {
		return nil, fault.Wrap(err, "asking Meta who it is")
	}
	var ours []subject.Thread
	for _, c := range found {
		if world.PagesByMeta[c.Page] != nil {
			ours = append(ours, subject.Thread{Page: c.Page, PSID: c.PSID})
		}
	}
	return ours, nil
}
