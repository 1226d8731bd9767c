package scenario_test

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/host/hosttest"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/web/webtest"
	"github.com/parley-desk/parley/test/check"
	"github.com/parley-desk/parley/test/load"
)

// pages are those of the world, as the sandbox is told of them.
var pages = []string{"1020304050607080:demo-page-token-shop:Магазин Витоша", "2040608010305070:demo-page-token-outlet:Аутлет Люлин"}

var (
	seed          = flag.Uint64("seed", 0, "seed of the crowd and of the kills; 0 takes the time")
	conversations = flag.Int("conversations", 40, "customers of a scenario")
	kills         = flag.Int("kills", 8, "processes killed in a scenario")
)

var parley, broker string

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "parley-scenario-")
	if err == nil {
		parley, broker = filepath.Join(dir, "parley"), filepath.Join(dir, "nats-server")
		err = build(context.Background(), parley, "github.com/parley-desk/parley/services/all/cmd/parley")
	}
	if err == nil {
		err = build(context.Background(), broker, "github.com/nats-io/nats-server/v2")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "building what the scenarios run:", err)
		os.Exit(1)
	}
	code := webtest.Run(m)
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// Settings that shorten the waits of a lost process and of a lost answer; none
// of them changes what is promised.
var (
	quickOutbound = []string{
		"--outbound.start", "2s", "--outbound.orphan", "4s", "--outbound.echo", "5s", "--outbound.check", "3s", "--outbound.check-again", "1s",
		"--outbound.backoff", "1s", "--outbound.orphan-grace", "1s", "--graph.timeout", "3s",
	}
	quickSandbox = []string{"--sandbox.retry-max", "1s", "--sandbox.echo-delay", "20ms", "--sandbox.receipt-delay", "30ms"}
)

// together is the house in one process, with more settings than it needs.
func together(t testing.TB, more ...string) *house {
	h := &house{t: t, dir: t.TempDir()}
	sandbox, desk, ops, hook := hosttest.Free(t), hosttest.Free(t), hosttest.Free(t), hosttest.Free(t)
	h.sandbox, h.desks, h.ready = "http://"+sandbox, []string{"http://" + desk}, []string{ops}
	h.server = "unix://" + filepath.Join(h.dir, "admin.sock")
	h.journal = filepath.Join(h.dir, "sandbox", "journal.ndjson")
	h.add("all", parley, nil, append([]string{"all",
		"--data-dir", filepath.Join(h.dir, "data"), "--admin.socket", filepath.Join(h.dir, "admin.sock"),
		"--sandbox.listen", sandbox, "--sandbox.data-dir", filepath.Join(h.dir, "sandbox"), "--sandbox.pages", strings.Join(pages, ","),
		"--sandbox.callback", "http://" + hook + "/webhook/demo", "--graph.url", "http://" + sandbox + "/graph",
		"--attachment.plain-hosts", sandbox, "--ingress.listen", hook, "--engagement.public-url", "http://" + hook, "--desk.listen", desk, "--ops.listen", ops,
		"--admin.webhook-url", "http://" + hook,
	}, slices.Concat(quickOutbound, quickSandbox, more)...)...)
	h.awaitReady()
	return h
}

// apart is the house with every service as its own process, two of each, over
// a real broker and a real Redis.
func apart(t testing.TB) *house {
	redis, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not installed; make deps installs it")
	}
	h := &house{t: t, dir: t.TempDir()}
	nats, monitor, store := hosttest.Free(t), hosttest.Free(t), hosttest.Free(t)
	h.add("nats-server", broker, nil, "-c", h.brokerConfig(nats, monitor))
	_, redisPort, _ := cutAddr(store)
	h.add("redis-server", redis, nil, "--port", redisPort, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", h.dir)
	hooks := []string{hosttest.Free(t), hosttest.Free(t)}
	sandbox := hosttest.Free(t)
	h.sandbox = "http://" + sandbox
	h.server = "unix://" + filepath.Join(h.dir, "admin-1.sock")
	h.journal = filepath.Join(h.dir, "sandbox", "journal.ndjson")
	await(t, 20*time.Second, "the broker listens", func() bool { return dials(nats) && dials(store) }, h.logs)
	shared := append([]string{
		"--bus.url", "nats://" + nats, "--bus.monitor-url", "http://" + monitor, "--bus.replicas", "1", "--bus.partitions", "4",
		"--redis.url", "redis://" + store, "--graph.url", "http://" + sandbox + "/graph", "--secrets.keyset", h.keyset(),
	}, "--log.level", "info")
	h.service("sandbox", 1, quickSandbox, "--sandbox.listen", sandbox, "--sandbox.data-dir", filepath.Join(h.dir, "sandbox"), "--sandbox.pages", strings.Join(pages, ","),
		"--sandbox.callback", "http://"+balance(t, hooks...)+"/webhook/demo")
	for n := 1; n <= 2; n++ {
		desk := hosttest.Free(t)
		h.desks = append(h.desks, "http://"+desk)
		h.service("ingress", n, shared, "--ingress.listen", hooks[n-1])
		h.service("classification", n, shared)
		h.service("distribution", n, shared)
		h.service("outbound", n, shared, quickOutbound...)
		h.service("attachment", n, shared, "--attachment.plain-hosts", sandbox)
		h.service("engagement", n, shared)
		h.service("desk", n, shared, "--desk.listen", desk)
		h.service("admin", n, shared, "--admin.socket", filepath.Join(h.dir, fmt.Sprintf("admin-%d.sock", n)))
	}
	h.awaitReady()
	return h
}

// service starts process n of a stage.
func (h *house) service(stage string, n int, shared []string, more ...string) {
	ops := hosttest.Free(h.t)
	args := append([]string{stage, "--ops.listen", ops, "--data-dir", filepath.Join(h.dir, fmt.Sprintf("%s-%d", stage, n))}, shared...)
	h.add(fmt.Sprintf("%s-%d", stage, n), parley, nil, append(args, more...)...)
	h.ready = append(h.ready, ops)
}

func TestOneProcess(t *testing.T) {
	h := together(t)
	story(t, h, *kills/2, func(p *process) bool { return p.name == "all" })
}

func TestProcessesApart(t *testing.T) {
	h := apart(t)
	story(t, h, *kills, func(*process) bool { return true })
}

// staffed is how many agents a story has.
const staffed = 6

// story is a rush: customers write, agents answer, processes die; turns say which.
// In the end every promise is looked at.
func story(t *testing.T, h *house, deaths int, turns ...func(*process) bool) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", *seed)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	h.apply(world(staffed))
	h.awaitAgents(staffed)
	h.blow(*seed)
	crowd := load.NewCrowd(load.Plan{Sandbox: h.sandbox, Pages: pageIDs(), Conversations: *conversations, Messages: 3,
		Duplicates: 0.2, Batch: 2, Rate: 12, Reads: true, Seed: *seed})
	agents, staff := make([]*load.Agent, staffed), sync.WaitGroup{}
	work, goHome := context.WithCancel(ctx)
	for i := range agents {
		agents[i] = &load.Agent{Desk: h.desks[i%len(h.desks)], Name: fmt.Sprintf("agent-%d", i+1), Password: "parley-demo", End: true}
		staff.Go(func() {
			if err := agents[i].Run(work); err != nil {
				t.Errorf("agent %d: %v", i+1, err)
			}
		})
	}
	written := make(chan error, 1)
	go func() { written <- crowd.Run(ctx) }()
	h.kill(rand.New(rand.NewPCG(*seed, 1)), deaths, turns)
	h.awaitReady()
	if err := <-written; err != nil {
		t.Fatalf("the crowd: %v\n%s", err, h.logs())
	}
	h.settle(ctx, agents)
	goHome()
	staff.Wait()
	h.compare(agents)
}

// kill kills a process every second or so, one in three as Ctrl-C does, and
// starts it again. The turns say among whom, one after another.
func (h *house) kill(dice *rand.Rand, deaths int, turns []func(*process) bool) {
	for n := range deaths {
		var mortal []*process
		for _, p := range h.processes {
			if turns[n%len(turns)](p) {
				mortal = append(mortal, p)
			}
		}
		<-time.After(time.Duration(500+dice.IntN(1000)) * time.Millisecond)
		p := mortal[dice.IntN(len(mortal))]
		how := os.Signal(syscall.SIGKILL)
		if n%3 == 2 {
			how = os.Interrupt
		}
		h.t.Logf("%s: %v", p.name, how)
		p.signal(h.t, how)
		<-time.After(time.Duration(dice.IntN(500)) * time.Millisecond)
		p.start(h.t)
		if p.up != nil {
			await(h.t, 60*time.Second, p.name+" is well again", p.up, h.logs)
		}
	}
}

// settle waits until nothing is on its way any more: every webhook is taken, and
// what it brought is in the log; every message is answered, no send is open, no
// conversation is left.
func (h *house) settle(ctx context.Context, agents []*load.Agent) {
	h.t.Helper()
	var missing []check.Violation
	await(h.t, 150*time.Second, "all webhooks are taken and in the log, all conversations are answered and closed", func() bool {
		left, err := load.Waiting(ctx, h.sandbox)
		if err != nil || left > 0 {
			return false
		}
		in, err := h.told(agents)
		if err != nil {
			return false
		}
		report := check.Compare(in)
		missing = slices.Concat(report.Of(check.Lost), report.Of(check.ReceiptLost), report.Of(check.ReplyLost))
		return len(missing) == 0 && calm(in.Export)
	}, func() string {
		said := fmt.Sprintf("records %v\n", records(h.t, h.journal))
		for _, v := range missing {
			said += fmt.Sprintf("missing: %s: %+v: %s\n", v.Row, v.Thread, v.Detail)
		}
		for i, a := range agents {
			said += fmt.Sprintf("agent-%d %+v\n", i+1, a.Tally())
		}
		exported, err := h.export()
		return said + unrest(exported) + fmt.Sprintln("export:", err) + h.logs()
	})
}

// told is what everybody says that happened.
func (h *house) told(agents []*load.Agent) (check.Input, error) {
	in := check.Input{Default: 3, Profiles: map[string]int32{"talk": 2}}
	resp, err := http.Get(h.sandbox + "/sandbox/journal") // the file lags behind what the sandbox has done
	if err != nil {
		return in, err
	}
	defer resp.Body.Close()
	for _, a := range agents {
		in.Replies = append(in.Replies, a.Acknowledged()...)
	}
	if in.Journal, err = check.ReadJournal(resp.Body); err != nil {
		return in, err
	}
	in.Export, err = h.export()
	return in, err
}

func (h *house) compare(agents []*load.Agent) *check.Report {
	h.t.Helper()
	var in check.Input
	await(h.t, time.Minute, "everybody tells what happened", func() bool {
		var err error
		in, err = h.told(agents)
		return err == nil
	}, h.logs)
	report := check.Compare(in)
	h.t.Logf("looked at %v", report.Counts)
	for _, v := range report.Violations {
		h.t.Errorf("%s: %+v: %s", v.Row, v.Thread, v.Detail)
	}
	h.followed(in.Export)
	if len(in.Export) == 0 || report.Counts["threads"] < *conversations {
		h.t.Errorf("only %d commits of %d threads were looked at", len(in.Export), report.Counts["threads"])
	}
	return report
}

// even is the text of a customer whose conversations the rules send to a queue
// of their own, to agents who can talk.
var even = regexp.MustCompile("клиент [0-9]*[02468] ")

// followed checks that the rules decided about every conversation, and about
// each by how it opened and by one version.
func (h *house) followed(exported []*adminv1.ExportTranscriptResponse) {
	h.t.Helper()
	slices.SortFunc(exported, func(a, b *adminv1.ExportTranscriptResponse) int { return cmp.Compare(a.GetRevision(), b.GetRevision()) })
	texts, found, routed := map[string]string{}, map[string]*threadv1.ConversationClassified{}, map[string]int{}
	for _, c := range exported {
		thread := c.GetPage() + "/" + c.GetPsid()
		for _, f := range c.GetCommit().GetFacts() {
			switch k := f.GetKind().(type) {
			case *threadv1.Fact_ConversationOpened:
				texts[thread], found[thread] = c.GetCommit().GetFacts()[0].GetMessageReceived().GetText(), nil
			case *threadv1.Fact_ConversationClassified:
				found[thread] = k.ConversationClassified
			case *threadv1.Fact_OfferMade:
				if a := k.OfferMade.GetAgent(); even.MatchString(texts[thread]) && !talks(a) {
					h.t.Errorf("%s, who cannot talk, was offered a conversation that opened with %q", a, texts[thread])
				}
			case *threadv1.Fact_ConversationRouted:
				r := k.ConversationRouted
				routed[r.GetRule()]++
				by := []string{"workstream facebook"}
				if even.MatchString(texts[thread]) {
					by = []string{"routes/even", "overflow: even is full"}
				}
				if !slices.Contains(by, r.GetRule()) || (found[thread] != nil) != (len(by) == 2) ||
					found[thread] != nil && found[thread].GetVersion() != r.GetVersion() || r.GetVersion() == 0 {
					h.t.Errorf("a conversation that opened with %q was classified as %v and routed as %v", texts[thread], found[thread], r)
				}
			}
		}
	}
	h.t.Logf("routed %v", routed)
	if routed["workstream facebook"] == 0 || routed["routes/even"] == 0 {
		h.t.Errorf("nothing was tried: routed %v", routed)
	}
}
