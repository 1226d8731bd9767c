package classification

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/rules"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	"github.com/parley-desk/parley/pkg/thread"
	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/classification/internal/routing"
)

// profiles looks customers up; *graph.Client is one.
type profiles interface {
	Profile(ctx context.Context, page graph.Page, psid string) (graph.Profile, error)
}

// bucket is the part of bus.Bucket that is looked into.
type bucket interface {
	Get(ctx context.Context, key string) (bus.Entry, error)
}

// router gives every conversation that opens its queue, and another to those that
// wait in one that is deleted.
//
// One that has no queue to go to waits for the directory to change. The process
// that found it so keeps it in memory and tries again when its own directory
// changes; a process that dies takes its memory with it, so one process besides
// reads all threads when it takes the lead and after every change.
type router struct {
	cfg       Config
	log       threadLog
	directory *directory.Directory
	config    bucket // what the directory is made of
	secrets   *secret.Box
	profiles  profiles
	now       func() time.Time
	diary     *slog.Logger
	meters    *meters

	book   rules.Book
	places func(ctx context.Context, s *threadv1.State, limits []rules.Limit) (rules.Room, error)
	people people

	mu      sync.Mutex
	waiting map[subject.Thread]bool
	told    map[string]uint64 // rules that failed, and in which version that was said
}

// settle is how long a sweep lets a change of the directory settle, so that a
// manifest applied in many steps costs one sweep.
const settle = time.Second

// follow routes the conversation of one commit, if it needs it.
func (r *router) follow(ctx context.Context, rec bus.Record) error {
	return r.route(ctx, rec.Thread, rec.Commit.GetState())
}

// due tells whether the conversation of s is to be routed, and out of which queue:
// none, or one that was deleted while it waits there. The directory may be a moment
// behind, so before a queue is taken for deleted it is looked for where it is kept.
func (r *router) due(ctx context.Context, s *threadv1.State) (from string, due bool, err error) {
	if routing.Needed(s) {
		return "", true, nil
	}
	if !routing.Lost(r.directory.Now(), s) {
		return "", false, nil
	}
	from = s.GetConversation().GetQueue()
	_, err = r.config.Get(ctx, directory.Queues+"."+from)
	if fault.Is(err, fault.NotFound) {
		return from, true, nil
	}
	return from, false, fault.Wrap(err, "look for a queue")
}

// route decides about the conversation of s and commits it; when there is no
// queue for it to go to, it remembers the thread.
func (r *router) route(ctx context.Context, t subject.Thread, s *threadv1.State) error {
	from, due, err := r.due(ctx, s)
	if err != nil || !due {
		return err
	}
	var route routing.Route
	var profile *threadv1.CustomerProfiled
	var contact *contactv1.Contact
	for {
		view := r.directory.Now()
		facts, err := r.opening(ctx, view, t, s)
		if err != nil {
			return fault.Wrap(err, "read how a conversation opened")
		}
		var found *threadv1.CustomerProfiled
		if s, found = r.introduce(ctx, view, s); found != nil {
			profile = found
		}
		contact = r.identify(ctx, view, s)
		route = r.decide(ctx, view, s, facts, contact)
		if route.From = from; !route.Stays() {
			break
		}
		r.remember(ctx, t, route.Outcome.Rule)
		// A change between reading and remembering would be missed.
		if r.directory.Now() == view {
			break
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var decided []*threadv1.Fact
	_, _, err = r.log.Update(ctx, t, func(now *threadv1.State, _ uint64) ([]*threadv1.Fact, error) {
		decided = routing.Decide(now, s.GetConversation().GetId(), route, profile, contact.GetId())
		return decided, nil
	})
	if err == nil && len(decided) > 0 {
		r.meters.routed(route)
	}
	return fault.Wrap(err, "route a conversation")
}

// introduce looks the customer of s up, where that is needed, and gives the
// thread with what was found. It takes at most ProfileWait. Without workstream
// there is nothing to decide with, so nobody is looked up.
func (r *router) introduce(ctx context.Context, view *directory.Snapshot, s *threadv1.State) (*threadv1.State, *threadv1.CustomerProfiled) {
	if rules.Workstream(view, s) == "" {
		return s, nil
	}
	profile := r.profile(ctx, view, s)
	if profile != nil {
		s = proto.CloneOf(s)
		_ = thread.Apply(s, 0, r.now(), thread.Of(profile)) // a profile is never refused
	}
	return s, profile
}

// decide asks the rules about the conversation of s, whose customer was found to
// be a contact; nil: none. It takes at most RoomWait and a glance.
func (r *router) decide(ctx context.Context, view *directory.Snapshot, s *threadv1.State, opening []*threadv1.Fact, found *contactv1.Contact) routing.Route {
	set, now := r.book.Of(view), r.now()
	seen := rules.NewContext(view, s, opening, now)
	rules.Recognise(seen, r.recognise(ctx, view, s, found))
	route := routing.Route{Version: view.Version, Classified: set.Classify(seen, nil)}
	choice := set.Route(seen, s.GetConversation().GetId(), now, nil)
	route.Outcome = choice.Settle(r.room(ctx, s, choice.Limits()))
	r.failures(ctx, view, slices.Concat(route.Classified.GetFailed(), route.Outcome.Failed))
	return route
}

// opening are the facts that the conversation of s opened with, out of the log.
// Without rules nobody needs them.
func (r *router) opening(ctx context.Context, view *directory.Snapshot, t subject.Thread, s *threadv1.State) ([]*threadv1.Fact, error) {
	ws := view.Workstreams[rules.Workstream(view, s)]
	if ws.GetRouting() == "" && len(ws.GetClassification()) == 0 {
		return nil, nil
	}
	for rec, err := range r.log.History(ctx, t, 0) {
		if err != nil || rules.Opens(rec.Commit, s.GetConversation().GetId()) {
			return rec.Commit.GetFacts(), err
		}
	}
	return nil, nil
}

// room asks distribution which of the queues has room for the conversation of
// s. When it does not tell in time, routing goes on without.
func (r *router) room(ctx context.Context, s *threadv1.State, limits []rules.Limit) rules.Room {
	if len(limits) == 0 {
		return rules.Room{}
	}
	ctx, cancel := context.WithTimeout(ctx, r.cfg.RoomWait)
	defer cancel()
	room, err := r.places(ctx, s, limits)
	if err != nil {
		r.diary.WarnContext(ctx, "it is not known how many wait in a queue, so its limit does not count",
			slog.String(key.Queue, limits[0].Queue), slog.Any(key.Err, err))
		return rules.Room{}
	}
	return room
}

// failures counts rules that failed, and tells of each once a version.
func (r *router) failures(ctx context.Context, view *directory.Snapshot, failed []string) {
	for _, rule := range failed {
		ruleset, _, _ := strings.Cut(rule, "/")
		r.meters.failed.WithLabelValues(ruleset).Inc()
		r.mu.Lock()
		if r.told[rule] != view.Revision {
			if r.told == nil {
				r.told = map[string]uint64{}
			}
			r.told[rule] = view.Revision
			r.diary.WarnContext(ctx, "a rule fails and counts as one that does not match; try it with parleyctl rules eval", slog.String(key.Rule, rule))
		}
		r.mu.Unlock()
	}
}

// welcome is what is known of a conversation when it opens.
type welcome struct {
	facts []*threadv1.Fact // of the customer and of the route, as far as there are
	route routing.Route
}

// welcome decides about a conversation that is about to open: s is the thread
// after the facts it opens with. It takes as long as introduce, identify and decide.
func (r *router) welcome(ctx context.Context, s *threadv1.State, facts []*threadv1.Fact) (*welcome, error) {
	view, opened := r.directory.Now(), s
	s, profile := r.introduce(ctx, view, s)
	contact := r.identify(ctx, view, s)
	if thread.BotHas(s.GetConversation()) {
		return &welcome{facts: routing.Meet(opened, profile, contact.GetId())}, ctx.Err()
	}
	route := r.decide(ctx, view, s, facts, contact)
	return &welcome{routing.Decide(opened, s.GetConversation().GetId(), route, profile, contact.GetId()), route}, ctx.Err()
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
