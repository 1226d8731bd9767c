package drive

import (
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/pkg/standing"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	provisionv1 "github.com/parley-desk/parley/proto/gen/parley/provision/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/outbound/internal/attempt"
	"github.com/parley-desk/parley/services/outbound/internal/gate"
	"github.com/parley-desk/parley/services/outbound/internal/pace"
)

// Notes is the bucket in which outbound says what it learnt of pages.
type Notes interface {
	Write(ctx context.Context, writes ...bus.Write) error
}

// Premises is what Pages knows pages by.
type Premises struct {
	Directory *directory.Directory
	Secrets   *secret.Box
	Board     *standing.Board
	Notes     Notes
	Pace      *pace.Pace
	Policy    gate.Policy
	Now       func() time.Time
	Log       *slog.Logger
}

// Pages knows how to act for a page and when it may act again.
type Pages struct {
	Premises

	known sync.Map // *connection by Meta's page id

	mu      sync.Mutex
	gates   map[string]*gate.Gate
	unsaid  map[string]*provisionv1.TokenUsed // to be written, by Meta's page id
	news    chan struct{}                     // that something is unsaid; room for one
	changed chan struct{}                     // closed at the next change of a gate
}

// NewPages makes Pages; what it learns is written by Run.
func NewPages(p Premises) *Pages {
	return &Pages{Premises: p, gates: map[string]*gate.Gate{},
		unsaid: map[string]*provisionv1.TokenUsed{}, news: make(chan struct{}, 1), changed: make(chan struct{})}
}

// connection is a page as one acts for it, for as long as the directory says what
// it said: opening its secrets takes longer than all else about it.
type connection struct {
	by   *directory.Snapshot
	page graph.Page
}

// Connection gives the page with Meta's id as one acts for it; false when it is
// not set up for that.
func (p *Pages) Connection(id string) (graph.Page, bool) {
	now := p.Directory.Now()
	if c, ok := p.known.Load(id); ok && c.(*connection).by == now {
		return c.(*connection).page, true
	}
	page, ok := p.connect(now, id)
	if ok { // what cannot be opened may be tomorrow, with another keyset
		p.known.Store(id, &connection{now, page})
	}
	return page, ok
}

func (p *Pages) connect(now *directory.Snapshot, id string) (graph.Page, bool) {
	page := now.PagesByMeta[id]
	account := now.Accounts[page.GetAccount()]
	if page == nil || account == nil {
		return graph.Page{}, false
	}
	token, err := p.Secrets.Reveal(directory.Place(page, "access_token"), page.GetAccessToken())
	if err != nil || token.Empty() {
		return graph.Page{}, false
	}
	appSecret, err := p.Secrets.Reveal(directory.Place(account, "app_secret"), account.GetAppSecret())
	if err != nil {
		return graph.Page{}, false
	}
	return graph.Page{ID: id, AppSecret: appSecret, Token: token, Version: account.GetGraphVersion()}, true
}

// View is how the page stands for those who wait for it.
func (p *Pages) View(id string) attempt.Page {
	p.mu.Lock()
	defer p.mu.Unlock()
	g, setup := p.gate(id)
	if _, usable := p.Connection(id); !usable {
		return attempt.Page{Setup: setup}
	}
	if g.Open() {
		return attempt.Page{Setup: setup, Open: true}
	}
	return attempt.Page{Setup: setup, Try: g.Next()}
}

// gate is the page's gate, and what it is set up with, as things stand.
func (p *Pages) gate(id string) (g *gate.Gate, setup string) {
	g = p.gates[id]
	if g == nil {
		g = &gate.Gate{}
		p.gates[id] = g
	}
	basis, s := p.Board.Of(id)
	g.See(p.Policy, basis, s, p.Now())
	if basis == "" {
		return g, ""
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(basis))
	return g, fmt.Sprintf("%016x", h.Sum64())
}

// Pass is the right to make one send in the name of a page.
type Pass struct {
	Page  graph.Page
	Setup string // what the page is set up with, a hash
	inner gate.Pass
}

// Enter gives the right to make one send, if the page's sends may leave. Whoever
// has it gives it back by Leave.
func (p *Pages) Enter(id string) (Pass, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	page, usable := p.Connection(id)
	if !usable {
		return Pass{}, false
	}
	g, setup := p.gate(id)
	inner, ok := g.Enter(p.Now())
	if !ok {
		return Pass{}, false
	}
	if inner.Try {
		p.tell()
	}
	return Pass{Page: page, Setup: setup, inner: inner}, true
}

// Leave takes back what Enter gave; out is what became of the send, nil when none
// was made. What it says of the page's token holds here from now on, and is
// written for everybody else.
func (p *Pages) Leave(pass Pass, out *graph.Outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id, now := pass.Page.ID, p.Now()
	g, _ := p.gate(id)
	news := g.Leave(p.Policy, pass.inner, out != nil, word(out), now)
	if news {
		basis, _ := p.Board.Of(id)
		used := &provisionv1.TokenUsed{AtMs: now.UnixMilli(), Basis: basis}
		if word(out) == gate.Refused {
			used.Code, used.Subcode = int32(out.Code), int32(out.Subcode)
		}
		p.Board.Learn(id, used)
		p.unsaid[id] = used
		select {
		case p.news <- struct{}{}:
		default:
		}
	}
	if news || pass.inner.Try { // else nothing is otherwise, and everybody who waits would look in vain
		p.tell()
	}
}

// word is what an outcome says of the token: any definite answer but one about
// the token itself, or about how much is asked, shows that Meta took it.
func word(out *graph.Outcome) gate.Word {
	switch {
	case out == nil || out.Class == graph.Uncertain || out.Class == graph.Later:
		return gate.Silent
	case attempt.Disconnected(*out):
		return gate.Refused
	}
	return gate.Taken
}

func (p *Pages) tell() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// Run writes down what was learnt of pages, until ctx ends and then once more.
func (p *Pages) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			p.write(context.WithoutCancel(ctx))
			return
		case <-p.news:
			if !p.write(ctx) {
				pause(ctx, time.Second)
				select {
				case p.news <- struct{}{}:
				default:
				}
			}
		}
	}
}

// write writes what is unsaid; false when something is left.
func (p *Pages) write(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	p.mu.Lock()
	unsaid := p.unsaid
	p.unsaid = map[string]*provisionv1.TokenUsed{}
	p.mu.Unlock()
	done := true
	for id, used := range unsaid {
		value, err := proto.Marshal(used)
		if err == nil {
			err = p.Notes.Write(ctx, bus.Write{Key: subject.TokenKey(id), Value: value, Revision: bus.AnyRevision})
		}
		if err == nil {
			continue
		}
		done = false
		p.Log.WarnContext(ctx, "what Meta said of a page is not written yet, trying again", slog.String(key.Page, id), slog.Any(key.Err, err))
		p.mu.Lock()
		if p.unsaid[id] == nil {
			p.unsaid[id] = used
		}
		p.mu.Unlock()
	}
	return done
}

// watch waits until how the page stands is not seen any more, or until the
// channel or ctx ends it.
func (p *Pages) watch(ctx context.Context, id string, seen attempt.Page, until <-chan time.Time, woken <-chan struct{}) {
	for {
		p.mu.Lock()
		gates := p.changed
		p.mu.Unlock()
		words, setups := p.Board.Changed(), p.Directory.Changed()
		if p.View(id) != seen {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-until:
			return
		case <-woken:
			return
		case <-gates:
		case <-words:
		case <-setups:
		}
	}
}
