package drive

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/secret"
)

// Limits of Meta's for one page ("Rate limiting" of the Messenger Platform).
const (
	sendsPerSecond = 300 // texts
	readsPerSecond = 2   // conversations
	// longestRest bounds how long a page's sends wait in line because Meta
	// asked for it; the rest of the pause is the policy's to decide.
	longestRest = time.Minute
)

// Pages knows how to act for a page and when it may act again. The processes
// of the stage share a page's rates evenly, whoever has how much to send: each
// keeps its part of them by itself.
type Pages struct {
	directory *directory.Directory
	secrets   *secret.Box
	members   func() int // processes that share the rates now

	mu    sync.Mutex
	paces map[string]*pace
}

// pace is how fast a page may be used.
type pace struct {
	sends, reads *rate.Limiter
	members      int       // among whom the rates are shared
	rest         time.Time // no send before
}

// NewPages makes Pages over the resources of administrators; members tells how
// many processes share the rates of a page at the moment.
func NewPages(d *directory.Directory, secrets *secret.Box, members func() int) *Pages {
	return &Pages{directory: d, secrets: secrets, members: members, paces: map[string]*pace{}}
}

// Connection is a page's connection to Meta.
type Connection struct {
	Page    graph.Page
	Usable  bool   // the page is known and has a token
	Version string // changes whenever an administrator changes it; never empty
}

// Connection gives the connection of the page with Meta's id.
func (p *Pages) Connection(id string) Connection {
	now := p.directory.Now()
	page := now.PagesByMeta[id]
	account := now.Accounts[page.GetAccount()]
	c := Connection{Version: page.GetMeta().GetEtag() + "/" + account.GetMeta().GetEtag()}
	if page == nil || account == nil {
		return c
	}
	token, err := p.secrets.Reveal(directory.Place(page, "access_token"), page.GetAccessToken())
	if err != nil || token.Empty() {
		return c
	}
	appSecret, err := p.secrets.Reveal(directory.Place(account, "app_secret"), account.GetAppSecret())
	if err != nil {
		return c
	}
	c.Page = graph.Page{ID: id, AppSecret: appSecret, Token: token, Version: account.GetGraphVersion()}
	c.Usable = true
	return c
}

// Changed is closed at the next change of any resource.
func (p *Pages) Changed() <-chan struct{} { return p.directory.Changed() }

// Turn blocks until the page may send, or ctx ends.
func (p *Pages) Turn(ctx context.Context, id string) error {
	for {
		rest := time.Until(p.resting(id))
		if rest <= 0 {
			return p.pace(id).sends.Wait(ctx)
		}
		pause(ctx, rest)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// ReadTurn blocks until the page may read a conversation, or ctx ends.
func (p *Pages) ReadTurn(ctx context.Context, id string) error { return p.pace(id).reads.Wait(ctx) }

// Rest keeps the page from sending for d, or as long as is reasonable.
func (p *Pages) Rest(id string, d time.Duration) {
	pace := p.pace(id)
	p.mu.Lock()
	defer p.mu.Unlock()
	if until := time.Now().Add(min(d, longestRest)); until.After(pace.rest) {
		pace.rest = until
	}
}

func (p *Pages) resting(id string) time.Time {
	pace := p.pace(id)
	p.mu.Lock()
	defer p.mu.Unlock()
	return pace.rest
}

// pace gives how fast this process may use the page, as many as share it now.
func (p *Pages) pace(id string) *pace {
	p.mu.Lock()
	defer p.mu.Unlock()
	found := p.paces[id]
	if found == nil {
		found = &pace{sends: rate.NewLimiter(0, 1), reads: rate.NewLimiter(0, 1)}
		p.paces[id] = found
	}
	if n := max(1, p.members()); n != found.members {
		found.members = n
		found.sends.SetLimit(rate.Limit(sendsPerSecond) / rate.Limit(n))
		found.sends.SetBurst(max(1, sendsPerSecond/n))
		found.reads.SetLimit(rate.Limit(readsPerSecond) / rate.Limit(n))
	}
	return found
}
