package classification

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/classification/internal/routing"
)

// profiles looks customers up; *graph.Client is one.
type profiles interface {
	Profile(ctx context.Context, page graph.Page, psid string) (graph.Profile, error)
}

// router gives every conversation that opens its queue.
//
// One that has no queue to go to waits for the directory to change. The process
// that found it so keeps it in memory and tries again when its own directory
// changes; a process that dies takes its memory with it, so one process besides
// reads all threads when it takes the lead and after every change.
type router struct {
	cfg       Config
	log       threadLog
	directory *directory.Directory
	secrets   *secret.Box
	profiles  profiles
	now       func() time.Time
	diary     *slog.Logger
	meters    *meters

	mu      sync.Mutex
	waiting map[subject.Thread]bool
}

// settle is how long a sweep lets a change of the directory settle, so that a
// manifest applied in many steps costs one sweep.
const settle = time.Second

// follow routes the conversation of one commit, if it needs it.
func (r *router) follow(ctx context.Context, rec bus.Record) error {
	return r.route(ctx, rec.Thread, rec.Commit.GetState())
}

// route picks a queue for the conversation of s and commits it; when there is
// none, it remembers the thread.
func (r *router) route(ctx context.Context, t subject.Thread, s *threadv1.State) error {
	if !routing.Needed(s) {
		return nil
	}
	view := r.directory.Now()
	choice := routing.Choose(view, s)
	for choice.Queue == "" {
		r.remember(ctx, t, choice.Rule)
		// A change between reading and remembering would be missed.
		latest := r.directory.Now()
		if latest == view {
			return nil
		}
		view, choice = latest, routing.Choose(latest, s)
	}
	profile := r.profile(ctx, view, s)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var facts []*threadv1.Fact
	_, _, err := r.log.Update(ctx, t, func(now *threadv1.State, _ uint64) ([]*threadv1.Fact, error) {
		facts = routing.Decide(now, s.GetConversation().GetId(), choice, profile)
		return facts, nil
	})
	if err == nil && len(facts) > 0 {
		r.meters.routed(choice.Rule)
	}
	return fault.Wrap(err, "route a conversation")
}

// welcome is what is known of a conversation when it opens.
type welcome struct {
	facts []*threadv1.Fact // empty: it has no queue to go to yet
	rule  string
}

// welcome picks the queue of a conversation that is about to open, and looks
// the customer up. It takes at most ProfileWait.
func (r *router) welcome(ctx context.Context, t subject.Thread, opened *threadv1.ConversationOpened, customer *threadv1.Customer) (*welcome, error) {
	s := thread.New(t.Page, t.PSID)
	s.Customer = customer
	s.Conversation = &threadv1.Conversation{Id: opened.GetId(), Phase: threadv1.Phase_PHASE_OPEN, Workstream: opened.GetWorkstream()}
	view := r.directory.Now()
	choice := routing.Choose(view, s)
	if choice.Queue == "" {
		return &welcome{}, nil
	}
	profile := r.profile(ctx, view, s)
	return &welcome{routing.Decide(s, opened.GetId(), choice, profile), choice.Rule}, ctx.Err()
}

func (r *router) remember(ctx context.Context, t subject.Thread, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting == nil {
		r.waiting = map[subject.Thread]bool{}
	}
	if !r.waiting[t] {
		r.diary.WarnContext(ctx, "a conversation has no queue to go to", slog.String(key.Page, t.Page), slog.String(key.Reason, why))
	}
	r.waiting[t] = true
	r.meters.unrouted.Set(float64(len(r.waiting)))
}

// retry routes what waits in memory after every change of the directory.
func (r *router) retry(ctx context.Context) error {
	for {
		changed := r.directory.Changed()
		r.mu.Lock()
		again := r.waiting
		r.waiting = nil
		r.meters.unrouted.Set(0)
		r.mu.Unlock()
		for t := range again {
			s, _, err := r.log.Load(ctx, t)
			if err == nil {
				err = r.route(ctx, t, s)
			}
			if err != nil && ctx.Err() == nil {
				r.diary.WarnContext(ctx, "a conversation is not routed yet", slog.String(key.Page, t.Page), slog.Any(key.Err, err))
				r.remember(ctx, t, "error")
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

// sweep routes what waits in any thread, now and after every change.
func (r *router) sweep(ctx context.Context) error {
	for {
		changed := r.directory.Changed()
		for rec, err := range r.log.States(ctx) {
			if err != nil {
				return err
			}
			if err := r.route(ctx, rec.Thread, rec.Commit.GetState()); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(settle):
		}
	}
}

// profile looks the customer of s up; nil when that is not needed or did not
// work and something is known already. It never takes longer than ProfileWait.
func (r *router) profile(ctx context.Context, view *directory.Snapshot, s *threadv1.State) *threadv1.CustomerProfiled {
	if !routing.Unknown(s, r.now(), r.cfg.ProfileAge) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, r.cfg.ProfileWait)
	defer cancel()
	page, err := r.page(view, s.GetPage())
	var found graph.Profile
	if err == nil {
		found, err = r.profiles.Profile(ctx, page, s.GetPsid())
	}
	r.meters.profiled(err)
	switch {
	case err != nil && s.GetCustomer() != nil:
		return nil
	case err != nil:
		return &threadv1.CustomerProfiled{Failure: fault.KindOf(err).String()}
	}
	return &threadv1.CustomerProfiled{Name: found.Name, Locale: found.Locale, Timezone: found.Timezone, Picture: found.Picture}
}

// page opens the secrets that a call on behalf of a page needs.
func (r *router) page(view *directory.Snapshot, id string) (graph.Page, error) {
	page, known := view.PagesByMeta[id]
	account := view.Accounts[page.GetAccount()]
	if !known || account == nil {
		return graph.Page{}, fault.New(fault.NotFound, "PAGE", "the page is not connected")
	}
	token, err := r.secrets.Reveal("pages/"+page.GetMeta().GetId()+"#access_token", page.GetAccessToken())
	if err != nil {
		return graph.Page{}, fault.Wrap(err, "open the page's token")
	}
	app, err := r.secrets.Reveal("channelAccounts/"+account.GetMeta().GetId()+"#app_secret", account.GetAppSecret())
	if err != nil {
		return graph.Page{}, fault.Wrap(err, "open the app's secret")
	}
	return graph.Page{ID: id, AppSecret: app, Token: token, Version: account.GetGraphVersion()}, nil
}
