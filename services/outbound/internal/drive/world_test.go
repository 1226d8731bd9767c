package drive_test

import (
	"context"
	"io"
	"iter"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/pkg/standing"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	provisionv1 "github.com/parley-desk/parley/proto/gen/parley/provision/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/outbound/internal/attempt"
	"github.com/parley-desk/parley/services/outbound/internal/drive"
	"github.com/parley-desk/parley/services/outbound/internal/gate"
	"github.com/parley-desk/parley/services/outbound/internal/pace"
)

var customer = subject.Thread{Page: "102030", PSID: "4040"}

// memory is one thread's log in memory, with the bus's precondition, so that
// time can be the bubble's.
type memory struct {
	mu      sync.Mutex
	state   *threadv1.State
	commits []*threadv1.Commit
	follow  []func()                     // called after every commit
	before  func([]*threadv1.Fact) error // sees facts before they are stored; may fail or take its time
}

func newMemory(facts ...*threadv1.Fact) *memory {
	m := &memory{state: thread.New(customer.Page, customer.PSID)}
	m.append(facts)
	return m
}

func (m *memory) append(facts []*threadv1.Fact) {
	c, err := thread.Extend(m.state, uint64(len(m.commits)), time.Now(), "test", facts...)
	if err != nil {
		panic(err)
	}
	m.state, m.commits = c.GetState(), append(m.commits, c)
}

func (m *memory) Load(context.Context, subject.Thread) (*threadv1.State, uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return proto.CloneOf(m.state), uint64(len(m.commits)), nil
}

func (m *memory) Update(ctx context.Context, t subject.Thread, decide func(*threadv1.State, uint64) ([]*threadv1.Fact, error)) (*threadv1.State, uint64, error) {
	for {
		state, revision, _ := m.Load(ctx, t)
		facts, err := decide(state, revision)
		if err != nil || len(facts) == 0 {
			return state, revision, err
		}
		if m.before != nil {
			if err := m.before(facts); err != nil {
				return nil, 0, err
			}
		}
		if m.store(revision, facts) {
			if ctx.Err() != nil {
				return nil, 0, ctx.Err() // stored, and nobody waited to hear it
			}
			state, revision, _ = m.Load(ctx, t)
			return state, revision, nil
		}
	}
}

func (m *memory) store(revision uint64, facts []*threadv1.Fact) bool {
	m.mu.Lock()
	if revision != uint64(len(m.commits)) {
		m.mu.Unlock()
		return false
	}
	m.append(facts)
	follow := slices.Clone(m.follow)
	m.mu.Unlock()
	for _, f := range follow {
		f()
	}
	return true
}

func (m *memory) History(_ context.Context, _ subject.Thread, after uint64) iter.Seq2[bus.Record, error] {
	return func(yield func(bus.Record, error) bool) {
		m.mu.Lock()
		commits := slices.Clone(m.commits)
		m.mu.Unlock()
		for i, c := range commits {
			if uint64(i) >= after && !yield(bus.Record{Thread: customer, Revision: uint64(i) + 1, Commit: c}, nil) {
				return
			}
		}
	}
}

// say commits facts as another service would.
func (m *memory) say(facts ...*threadv1.Fact) {
	_, _, _ = m.Update(context.Background(), customer, func(*threadv1.State, uint64) ([]*threadv1.Fact, error) { return facts, nil })
}

// facts lists, in words, what happened to sends.
func (m *memory) facts() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []string
	for _, c := range m.commits {
		for _, f := range c.GetFacts() {
			switch k := f.GetKind().(type) {
			case *threadv1.Fact_SendAttempted:
				out = append(out, "attempted")
			case *threadv1.Fact_SendSucceeded:
				out = append(out, "succeeded "+k.SendSucceeded.GetProof())
			case *threadv1.Fact_SendRefused:
				out = append(out, "refused "+k.SendRefused.GetReason())
			case *threadv1.Fact_SendDeferred:
				out = append(out, "deferred "+k.SendDeferred.GetReason())
			case *threadv1.Fact_SendUncertain:
				out = append(out, "uncertain "+k.SendUncertain.GetReason())
			case *threadv1.Fact_SendUnconfirmed:
				out = append(out, "unconfirmed")
			}
		}
	}
	return out
}

// crowd is many threads, by PSID.
type crowd struct{ logs map[string]*memory }

func (c crowd) Load(ctx context.Context, t subject.Thread) (*threadv1.State, uint64, error) {
	return c.logs[t.PSID].Load(ctx, t)
}

func (c crowd) Update(ctx context.Context, t subject.Thread, decide func(*threadv1.State, uint64) ([]*threadv1.Fact, error)) (*threadv1.State, uint64, error) {
	return c.logs[t.PSID].Update(ctx, t, decide)
}

func (c crowd) History(ctx context.Context, t subject.Thread, after uint64) iter.Seq2[bus.Record, error] {
	return c.logs[t.PSID].History(ctx, t, after)
}

// meta plays Meta: answer decides what becomes of the n-th POST, from 1.
type meta struct {
	answer func(n int, m graph.Message) graph.Outcome
	recent func() ([]graph.Recent, error)
	upload func(n int, f graph.File) (string, graph.Outcome) // of the n-th upload; nil: there is none
	named  func(n int, name string) (string, error)          // of the n-th persona; nil: there is none

	mu     sync.Mutex
	posts  []graph.Message
	taken  []string          // contents of the files that were uploaded
	names  []string          // of the personas that were asked for
	gone   []string          // personas that were taken away
	forget func(n int) error // what the nth forgetting of a name gives; nil: done
	reads  int
	inside int
	most   int // POSTs at the same time
}

func (f *meta) Send(_ context.Context, _ graph.Page, m graph.Message) graph.Outcome {
	f.mu.Lock()
	f.posts = append(f.posts, m)
	n := len(f.posts)
	f.inside++
	f.most = max(f.most, f.inside)
	f.mu.Unlock()
	out := f.answer(n, m)
	f.mu.Lock()
	f.inside--
	f.mu.Unlock()
	return out
}

func (f *meta) Upload(_ context.Context, _ graph.Page, file graph.File) (string, graph.Outcome) {
	content, err := io.ReadAll(file.Body)
	f.mu.Lock()
	f.taken = append(f.taken, string(content))
	n := len(f.taken)
	f.mu.Unlock()
	if err != nil {
		return "", graph.Outcome{Class: graph.Later, Reason: graph.ReasonReset}
	}
	return f.upload(n, file)
}

func (f *meta) CreatePersona(_ context.Context, _ graph.Page, name, picture string) (string, error) {
	f.mu.Lock()
	f.names = append(f.names, name+picture)
	n := len(f.names)
	f.mu.Unlock()
	return f.named(n, name)
}

func (f *meta) DeletePersona(_ context.Context, _ graph.Page, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gone = append(f.gone, id)
	if f.forget != nil {
		return f.forget(len(f.gone))
	}
	return nil
}

// posted are the texts of all POSTs so far.
func (f *meta) posted() (texts []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.posts {
		texts = append(texts, m.Text)
	}
	return texts
}

func (f *meta) RecentMessages(context.Context, graph.Page, string) ([]graph.Recent, error) {
	f.mu.Lock()
	f.reads++
	f.mu.Unlock()
	if f.recent == nil {
		return nil, nil
	}
	return f.recent()
}

// config is a CONFIG that a test changes.
type config struct{ entries chan bus.Entry }

func (c config) Watch(ctx context.Context, ready func(), handle func(bus.Entry)) error {
	ready()
	for {
		select {
		case e := <-c.entries:
			handle(e)
		case <-ctx.Done():
			return nil
		}
	}
}

// connect writes the page's connection, as an administrator does.
func (c config) connect(t *testing.T, box *secret.Box, token string) {
	t.Helper()
	for _, r := range resources(t, box, token) {
		value, err := directory.Encode(r)
		if err != nil {
			t.Fatal(err)
		}
		c.entries <- bus.Entry{Key: directory.Key(r), Value: value, Revision: 1}
	}
	c.entries <- bus.Entry{Key: directory.Marker, Value: []byte{}, Revision: 2}
}

func resources(t *testing.T, box *secret.Box, token string) []directory.Resource {
	t.Helper()
	seal := func(place, value string) *configv1.Secret {
		s, err := box.Seal(place, value, 1)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	return []directory.Resource{
		&configv1.ChannelAccount{Meta: &configv1.Meta{Id: "demo"}, GraphVersion: "v26.0", AppSecret: seal("channelAccounts/demo#app_secret", "secret")},
		&configv1.Page{Meta: &configv1.Meta{Id: "shop"}, PageId: customer.Page, Account: "demo", AccessToken: seal("pages/shop#access_token", token)},
	}
}

func policy() attempt.Policy {
	return attempt.Policy{
		Start: 5 * time.Second, Orphan: 30 * time.Second, Echo: 60 * time.Second, Check: 30 * time.Second,
		CheckAgain: 5 * time.Second, Backoff: 2 * time.Second, BackoffMax: time.Minute, Attempts: 5,
		Patience: 10 * time.Minute, Park: 10 * time.Minute, Spacing: 100 * time.Millisecond,
	}
}

// shelf is a PROVISION in memory.
type shelf struct {
	mu       sync.Mutex
	entries  map[string]bus.Entry
	watchers []func(bus.Entry)
	away     bool
	writes   int
}

func (s *shelf) Write(_ context.Context, writes ...bus.Write) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return unavailable()
	}
	for _, w := range writes {
		if had := s.entries[w.Key].Revision; w.Revision != bus.AnyRevision && w.Revision != had {
			return fault.New(fault.Conflict, "REVISION", "key %s has revision %d, not %d", w.Key, had, w.Revision)
		}
	}
	for _, w := range writes {
		s.writes++
		e := bus.Entry{Key: w.Key, Value: w.Value, Revision: s.entries[w.Key].Revision + 1}
		s.entries[w.Key] = e
		for _, tell := range s.watchers {
			tell(e)
		}
	}
	return nil
}

func (s *shelf) Get(_ context.Context, key string) (bus.Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[key]
	if e.Value == nil {
		return e, fault.New(fault.NotFound, "KEY_UNKNOWN", "key %s is not there", key)
	}
	return e, nil
}

// Watch calls back one at a time and never after ctx has ended, as the bus does.
func (s *shelf) Watch(ctx context.Context, ready func(), handle func(bus.Entry)) error {
	s.mu.Lock()
	for _, e := range s.entries {
		handle(e)
	}
	s.watchers = append(s.watchers, func(e bus.Entry) {
		if ctx.Err() == nil {
			handle(e)
		}
	})
	ready()
	s.mu.Unlock()
	<-ctx.Done()
	return nil
}

// noted is what was last written of the page, and how often something was.
func (s *shelf) noted(t *testing.T) (used *provisionv1.TokenUsed, writes int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	used = &provisionv1.TokenUsed{}
	if err := proto.Unmarshal(s.entries[subject.TokenKey(customer.Page)].Value, used); err != nil {
		t.Fatal(err)
	}
	return used, s.writes
}

// failures are those after which a page is left alone.
const failures = 3

// pages are the pages of one process; they end with ctx, and stop waits for it.
func pages(ctx context.Context, d *directory.Directory, box *secret.Box, notes *shelf, members func() int) (p *drive.Pages, stop func()) {
	board := standing.New(notes, d)
	var running sync.WaitGroup
	running.Go(func() { _ = board.Run(ctx) })
	paces, err := pace.New(pace.Settings{Room: 100, Failures: failures, Pause: 15 * time.Second}, nil, members, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		panic(err)
	}
	p = drive.NewPages(drive.Premises{Directory: d, Secrets: box, Board: board, Notes: notes, Pace: paces,
		Policy: gate.Policy{Backoff: policy().Backoff, Park: policy().Park}, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	running.Go(func() { p.Run(ctx) })
	_ = board.Wait(ctx)
	return p, running.Wait
}

// process starts a driver over the log, as a process of the stage; stop ends
// it and waits for it.
func process(t *testing.T, log *memory, meta *meta, d *directory.Directory, box *secret.Box) (stop func()) {
	t.Helper()
	return processWith(t, log, meta, d, box, &shelf{entries: map[string]bus.Entry{}})
}

func processWith(t *testing.T, log *memory, meta *meta, d *directory.Directory, box *secret.Box, notes *shelf) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	pages, ended := pages(ctx, d, box, notes, func() int { return 1 })
	driver, err := drive.New(drive.World{
		Threads: log, Meta: meta, Pages: pages, Signer: box, Policy: policy(), Now: time.Now,
		Files: store{}, Shelf: notes, Patience: time.Minute, Names: notes, Face: 2 * time.Second,
		Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(), Tracer: noop.NewTracerProvider().Tracer(""),
	})
	if err != nil {
		t.Fatal(err)
	}
	wake := func() { driver.Wake(ctx, customer) }
	log.mu.Lock()
	log.follow = append(log.follow, wake)
	log.mu.Unlock()
	wake()
	swept := make(chan error)
	go func() { swept <- driver.SweepNames(ctx) }()
	return func() {
		cancel()
		if err := <-swept; err != nil && ctx.Err() == nil {
			t.Error(err)
		}
		driver.Wait()
		ended()
	}
}

func connected(t *testing.T, box *secret.Box) *directory.Directory {
	t.Helper()
	return directory.Fixed(directory.NewSnapshot(resources(t, box, "1")...))
}

func keys(t *testing.T) *secret.Box {
	t.Helper()
	box, err := secret.New()
	if err != nil {
		t.Fatal(err)
	}
	return box
}

// asked is a thread whose customer has just written and whose agent has
// pressed Send for each of these texts, with those parts.
func asked(texts ...[]string) []*threadv1.Fact {
	facts := []*threadv1.Fact{
		thread.Of(&threadv1.MessageReceived{Mid: "m_in", Text: "hello", SentMs: time.Now().UnixMilli()}),
		thread.Of(&threadv1.ConversationOpened{Id: "c1", Workstream: "facebook", Units: 1, OfferSeconds: 60}),
		thread.Of(&threadv1.ConversationRouted{Queue: "front"}),
		thread.Of(&threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_PICKED}),
	}
	for i, parts := range texts {
		id := "s" + strconv.Itoa(i)
		facts = append(facts, thread.Of(&threadv1.SendRequested{Id: id, ClientId: id, Agent: "mila", Parts: parts, Human: true}))
	}
	return facts
}

func sent(mid string) graph.Outcome { return graph.Outcome{Class: graph.Sent, MessageID: mid} }

func unknown() graph.Outcome {
	return graph.Outcome{Class: graph.Uncertain, Reason: graph.ReasonTimeout}
}

func later(after time.Duration) graph.Outcome {
	return graph.Outcome{Class: graph.Later, Reason: graph.ReasonThrottled, RetryAfter: after}
}

func unavailable() error { return fault.New(fault.Unavailable, "BUS", "the bus is away") }
