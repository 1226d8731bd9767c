// Package probe finds out whether pages are connected to Meta and work, keeps
// what it found in the bucket PROVISION, and serves it as ProvisionService.
// What the findings mean is decided in package provision.
package probe

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	provisionv1 "github.com/parley-desk/parley/proto/gen/parley/provision/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/admin/internal/privacy"
	"github.com/parley-desk/parley/services/admin/internal/provision"
)

const (
	role     = "provisioning" // one process of all asks Meta by itself
	atOnce   = 4              // pages that are asked about at a time
	longest  = time.Minute    // between two looks at what is due
	shortest = time.Second    // between two rounds about one page
)

// Prober asks about pages. Its methods may be called from any goroutine.
type Prober struct {
	deps   host.Deps
	graph  Graph
	bucket *bus.Bucket
	board  *board
	rests  rests
	meters meters
}

// New makes a prober and registers its metrics; nothing is asked before Run.
func New(deps host.Deps) (*Prober, error) {
	m, err := newMeters(deps.Registry)
	if err != nil {
		return nil, err
	}
	return &Prober{deps: deps, graph: deps.Graph, bucket: deps.Bus.Bucket(subject.ProvisionBucket), board: newBoard(),
		rests: rests{until: map[string]time.Time{}}, meters: m}, nil
}

// Run follows what is found, and asks about the pages that are due while this
// process leads. It returns nil when ctx ends.
func (p *Prober) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	ready := make(chan struct{})
	group.Go(func() error { return p.bucket.Watch(ctx, func() { close(ready) }, p.board.take) })
	group.Go(func() error { return p.measure(ctx) })
	group.Go(func() error {
		select {
		case <-ready:
		case <-ctx.Done():
			return nil
		}
		return p.deps.Bus.Lead(ctx, role, p.lead)
	})
	err := group.Wait()
	if ctx.Err() != nil && (fault.Is(err, fault.Canceled) || err == nil) {
		return nil
	}
	return err
}

// lead asks about pages when they are due, until ctx ends.
func (p *Prober) lead(ctx context.Context) error {
	asked, told := map[string]time.Time{}, map[string]adminv1.PageState{}
	for ctx.Err() == nil {
		seen, changed := p.board.next(), p.deps.Directory.Changed()
		p.tell(ctx, told)
		said := p.publish(ctx)
		due, wait := p.due(asked)
		if !said {
			wait = min(wait, shortest)
		}
		if len(due) > 0 {
			p.round(ctx, due, asked)
			continue
		}
		p.tidy(ctx)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-seen:
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// due are the pages to ask about now, or how long there are none.
func (p *Prober) due(asked map[string]time.Time) (due []string, wait time.Duration) {
	world, now := p.deps.Directory.Now(), p.deps.Now()
	wait = longest
	for _, id := range slices.Sorted(maps.Keys(world.Pages)) {
		t := aim(world, p.deps.Secrets, world.Pages[id])
		seen, record := p.board.look(t.setup)
		at := time.UnixMilli(provision.Due(t.setup, seen, record, now.UnixMilli()))
		if soonest := asked[id].Add(shortest); at.Before(soonest) {
			at = soonest
		}
		if rest := now.Add(p.rests.of(t.setup.AppID, now)); at.Before(rest) && record.GetBasis() == t.setup.Basis {
			at = rest
		}
		if left := at.Sub(now); left > 0 {
			wait = min(wait, left)
			continue
		}
		due = append(due, id)
	}
	return due, wait
}

// round asks about several pages.
func (p *Prober) round(ctx context.Context, pages []string, asked map[string]time.Time) {
	var group errgroup.Group
	group.SetLimit(atOnce)
	var mu sync.Mutex
	for _, id := range pages {
		mu.Lock()
		asked[id] = p.deps.Now()
		mu.Unlock()
		group.Go(func() error {
			if _, _, err := p.check(ctx, id); err != nil && ctx.Err() == nil {
				mu.Lock()
				asked[id] = p.deps.Now().Add(comeBack) // or Meta would be asked all the time for nothing
				mu.Unlock()
				p.deps.Log.WarnContext(ctx, "a page could not be checked, trying again", slog.String(key.Page, id), slog.Any(key.Err, err))
			}
			return nil
		})
	}
	_ = group.Wait()
}

// tidy forgets pages and accounts that are gone.
func (p *Prober) tidy(ctx context.Context) {
	for _, stray := range p.board.strays(p.deps.Directory.Now()) {
		if err := p.bucket.Write(ctx, bus.Write{Key: stray, Revision: bus.AnyRevision}); err != nil && ctx.Err() == nil {
			p.deps.Log.WarnContext(ctx, "a page that is gone is not forgotten yet", slog.String(key.Name, stray), slog.Any(key.Err, err))
			return
		}
	}
}

// check asks Meta about a page, keeps the answers, and tells how the page
// stands; answered is whether Meta answered anything.
func (p *Prober) check(ctx context.Context, page string) (status *adminv1.PageStatus, answered bool, err error) {
	t, err := p.find(page)
	if err != nil {
		return nil, false, err
	}
	before, err := p.seen(ctx, t.setup)
	if err != nil {
		return nil, false, err
	}
	answers := p.ask(ctx, t)
	if ctx.Err() != nil {
		return nil, false, fault.Wrap(context.Cause(ctx), "asking Meta")
	}
	answered = answers.DebugToken.Definite || answers.Subscription.Definite || answers.Approved.Definite
	for {
		record, revision, err := p.stored(ctx, t.setup.Page)
		if err != nil {
			return nil, answered, err
		}
		now := p.deps.Now().UnixMilli()
		next := provision.Take(record, t.setup.Basis, before.Used, answers, now)
		value, err := proto.Marshal(next)
		if err != nil {
			return nil, answered, fault.Wrap(err, "encoding what was found")
		}
		err = p.bucket.Write(ctx, bus.Write{Key: subject.RecordKey(t.setup.Page), Value: value, Revision: revision})
		if fault.Is(err, fault.Conflict) && ctx.Err() == nil {
			continue
		}
		if err != nil {
			return nil, answered, err
		}
		p.warn(ctx, t.setup, provision.Warnings(record, next))
		seen, err := p.seen(ctx, t.setup)
		if err != nil {
			return nil, answered, err
		}
		return p.judge(t.setup, seen, next), answered, nil
	}
}

// tell logs the pages that came to another state than was told before. One of
// which nothing was told yet is known to be so.
func (p *Prober) tell(ctx context.Context, told map[string]adminv1.PageState) {
	for _, s := range p.Statuses() {
		before, known := told[s.GetPage()]
		told[s.GetPage()] = s.GetState()
		if !known || before == s.GetState() {
			continue
		}
		level := slog.LevelInfo
		if s.GetState() == adminv1.PageState_PAGE_STATE_FAILED || s.GetState() == adminv1.PageState_PAGE_STATE_DISCONNECTED {
			level = slog.LevelWarn
		}
		p.deps.Log.LogAttrs(ctx, level, "a page's connection changed", slog.String(key.Page, s.GetPageId()), slog.String(key.State, word(s.GetState())))
	}
}

// publish says how pages stand to those who send and write, where it is not said
// already; false when it could not be.
func (p *Prober) publish(ctx context.Context) bool {
	world, now, done := p.deps.Directory.Now(), p.deps.Now().UnixMilli(), true
	for _, page := range world.Pages {
		t := aim(world, p.deps.Secrets, page)
		seen, record := p.board.look(t.setup)
		if record.GetBasis() != t.setup.Basis {
			continue // nothing is known of it
		}
		next := &provisionv1.Standing{Basis: t.setup.Basis, HeardMs: record.GetHeardMs(),
			Disconnected: provision.Judge(t.setup, seen, record, now).GetState() == adminv1.PageState_PAGE_STATE_DISCONNECTED}
		if proto.Equal(next, p.board.told(t.setup.PageID)) {
			continue
		}
		value, err := proto.Marshal(next)
		if err == nil {
			err = p.bucket.Write(ctx, bus.Write{Key: subject.StandingKey(t.setup.PageID), Value: value, Revision: bus.AnyRevision})
		}
		if err != nil && ctx.Err() == nil {
			p.deps.Log.WarnContext(ctx, "how a page stands is not said yet, trying again", slog.String(key.Page, t.setup.PageID), slog.Any(key.Err, err))
			done = false
		}
	}
	return done
}

// warn logs the ends that came within another threshold. What was told is in
// the record, so that of all processes one tells it, and no restart repeats it.
func (p *Prober) warn(ctx context.Context, s provision.Setup, warnings []provision.Warning) {
	for _, w := range warnings {
		message := "a page's token ends soon"
		if w.Data {
			message = "a page's access to data ends soon"
		}
		p.deps.Log.WarnContext(ctx, message, slog.String(key.Page, s.PageID), slog.Int(key.Days, w.Days), slog.Time(key.Until, time.UnixMilli(w.EndMS).UTC()))
	}
}

// find reads the set-up of a page, by resource id or Meta's page id.
func (p *Prober) find(page string) (target, error) {
	world := p.deps.Directory.Now()
	found := world.Pages[page]
	if found == nil {
		found = world.PagesByMeta[page]
	}
	if found == nil {
		return target{}, fault.New(fault.NotFound, "PAGE_UNKNOWN", "there is no page %q; `parleyctl get pages` lists them", page)
	}
	return aim(world, p.deps.Secrets, found), nil
}

// Unsubscribe has Meta send no more events of a page, by resource id or Meta's
// page id. It is Unavailable when Meta does not answer, and Precondition when it
// refuses or there is nothing to ask it with.
func (p *Prober) Unsubscribe(ctx context.Context, page string) error {
	t, err := p.find(page)
	if err != nil {
		return err
	}
	if t.setup.NoSecret != "" {
		return fault.New(fault.Precondition, "SECRET_MISSING", "page %q cannot act at Meta: %s", t.setup.Page, t.setup.NoSecret)
	}
	if p.rests.of(t.setup.AppID, p.deps.Now()) > 0 {
		return p.away(t.setup.AppID)
	}
	err = p.graph.Unsubscribe(ctx, t.on, t.setup.AppID)
	p.rests.heed(t.setup.AppID, err, p.deps.Now())
	switch a := answer(err); {
	case err == nil || fault.Is(err, fault.Precondition) && !a.Definite:
		return err
	case !a.Definite:
		return p.away(t.setup.AppID)
	default:
		return fault.New(fault.Precondition, "UNSUBSCRIBE_REFUSED",
			"Meta ends the subscription of page %q neither for its token nor for app %s (%d/%d); see to the checks of `parleyctl channel health %[1]s`",
			t.setup.Page, t.setup.AppID, a.Code, a.Subcode)
	}
}

// status is how a page stands, read from the broker itself.
func (p *Prober) status(ctx context.Context, s provision.Setup) (*adminv1.PageStatus, error) {
	record, _, err := p.stored(ctx, s.Page)
	if err != nil {
		return nil, err
	}
	seen, err := p.seen(ctx, s)
	if err != nil {
		return nil, err
	}
	return p.judge(s, seen, record), nil
}

// judge says how a page stands, and what is left to do about its account.
func (p *Prober) judge(s provision.Setup, seen provision.Seen, r *provisionv1.Record) *adminv1.PageStatus {
	status := provision.Judge(s, seen, r, p.deps.Now().UnixMilli())
	if account := p.deps.Directory.Now().Accounts[s.Account]; account != nil {
		status.Remarks = privacy.Remarks(account)
	}
	return status
}

// Statuses is how all pages stand, by id, as far as this process has read.
func (p *Prober) Statuses() []*adminv1.PageStatus {
	world := p.deps.Directory.Now()
	var all []*adminv1.PageStatus
	for _, id := range slices.Sorted(maps.Keys(world.Pages)) {
		s := aim(world, p.deps.Secrets, world.Pages[id]).setup
		seen, record := p.board.look(s)
		all = append(all, p.judge(s, seen, record))
	}
	return all
}

func (p *Prober) stored(ctx context.Context, page string) (*provisionv1.Record, uint64, error) {
	r := &provisionv1.Record{}
	revision, err := p.read(ctx, subject.RecordKey(page), r)
	if err != nil || revision == 0 {
		return nil, 0, err
	}
	return r, revision, nil
}

func (p *Prober) seen(ctx context.Context, s provision.Setup) (provision.Seen, error) {
	callback, events, used := &provisionv1.CallbackSeen{}, &provisionv1.EventsSeen{}, &provisionv1.TokenUsed{}
	var seen provision.Seen
	at, err := p.read(ctx, subject.CallbackKey(s.Account), callback)
	if err != nil {
		return seen, err
	}
	if at > 0 {
		seen.Callback = callback
	}
	if at, err = p.read(ctx, subject.EventsKey(s.PageID), events); err != nil {
		return seen, err
	}
	if at > 0 {
		seen.Events = events
	}
	if at, err = p.read(ctx, subject.TokenKey(s.PageID), used); at > 0 {
		seen.Used = used
	}
	return seen, err
}

// Signed is with which app secrets webhooks of an account were signed, as far as
// ingress noted it.
func (p *Prober) Signed(ctx context.Context, account string) (*provisionv1.SignatureSeen, error) {
	seen := &provisionv1.SignatureSeen{}
	_, err := p.read(ctx, subject.SignatureKey(account), seen)
	return seen, err
}

// read reads an entry into m and gives its revision; 0 when there is none. One
// that is damaged reads as empty: it is found out again.
func (p *Prober) read(ctx context.Context, at string, m proto.Message) (uint64, error) {
	e, err := p.bucket.Get(ctx, at)
	if fault.Is(err, fault.NotFound) {
		return 0, nil
	}
	if err == nil && proto.Unmarshal(e.Value, m) != nil {
		proto.Reset(m)
	}
	return e.Revision, err
}
