package host_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/pkg/stamp"
)

type work func(context.Context) error

func (w work) Run(ctx context.Context) error { return w(ctx) }

type nothing struct{}

func stage(name string, build func(host.Deps) (host.Service, error)) host.Stage {
	return host.NewStage(name, 0, func(_ nothing, d host.Deps) (host.Service, error) { return build(d) })
}

func steady(run work) func(host.Deps) (host.Service, error) {
	return func(host.Deps) (host.Service, error) { return run, nil }
}

func untilAsked(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

// process is a process with probes at a free port.
func process(t *testing.T, stages ...host.Stage) host.Process {
	t.Helper()
	cfg := host.Config{DataDir: t.TempDir(), Grace: 5 * time.Second}
	cfg.Log.Level, cfg.Log.Format, cfg.Ops.Listen = "info", "json", "127.0.0.1:0"
	return host.Process{Name: "test", Config: cfg, Stages: stages, Out: io.Discard}
}

func TestAStageThatFailsEndsTheOthers(t *testing.T) {
	boom := errors.New("boom")
	ended := make(chan struct{})
	err := host.Run(t.Context(), process(t,
		stage("good", steady(func(ctx context.Context) error { defer close(ended); return untilAsked(ctx) })),
		stage("bad", steady(func(context.Context) error { return boom }))))
	if !errors.Is(err, boom) || !strings.Contains(err.Error(), "bad") {
		t.Fatalf("got %v", err)
	}
	<-ended
}

func TestAStageThatQuietlyStopsIsAFault(t *testing.T) {
	err := host.Run(t.Context(), process(t, stage("lazy", steady(func(context.Context) error { return nil }))))
	if err == nil || !strings.Contains(err.Error(), "lazy stopped without being asked to") {
		t.Fatalf("got %v", err)
	}
}

func TestAnAskedForEndIsClean(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := process(t, stage("good", steady(untilAsked)))
	p.Started = cancel
	if err := host.Run(ctx, p); err != nil {
		t.Fatal(err)
	}
}

func TestProbesTellStartAndReadiness(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	var ready error = &fault.Error{Kind: fault.Unavailable, Message: "the thing is away", Cause: errors.New("secret of the cause")}
	address := make(chan string, 1)
	p := process(t, stage("one", func(d host.Deps) (host.Service, error) {
		d.Health.Ready("thing", func(context.Context) error { mu.Lock(); defer mu.Unlock(); return ready })
		d.Health.Ready("stuck", func(ctx context.Context) error {
			mu.Lock()
			defer mu.Unlock()
			if ready != nil {
				mu.Unlock()
				<-ctx.Done()
				mu.Lock()
			}
			return nil
		})
		return work(untilAsked), nil
	}))
	p.Heard = func(_ string, a net.Addr) { address <- a.String() }
	done := make(chan error, 1)
	go func() { done <- host.Run(ctx, p) }()
	base := "http://" + <-address
	get := func(path string) (int, string) {
		resp, err := http.Get(base + path)
		if err != nil {
			return 0, err.Error()
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body)
	}
	for code := 0; code != http.StatusOK; code, _ = get("/startupz") {
	}
	if code, _ := get("/livez"); code != http.StatusOK {
		t.Errorf("livez %d", code)
	}
	if code, body := get("/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(body, `"thing":"the thing is away"`) || !strings.Contains(body, "stuck") || strings.Contains(body, "secret") {
		t.Errorf("readyz %d %s", code, body)
	}
	mu.Lock()
	ready = nil
	mu.Unlock()
	if code, body := get("/readyz"); code != http.StatusOK {
		t.Errorf("readyz %d %s", code, body)
	}
	if code, body := get("/metrics"); code != http.StatusOK || !strings.Contains(body, "go_goroutines") {
		t.Errorf("metrics %d", code)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// While the services finish their work the probe says that the process is
// ending, and said so before they were asked to.
func TestTheProbeIsRedBeforeServicesEndAndUntilTheyHave(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	address, asked := make(chan string, 1), make(chan int, 1)
	var base string
	ready := func() (int, string) {
		resp, err := http.Get(base + "/readyz")
		if err != nil {
			return 0, err.Error()
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body)
	}
	finish := make(chan struct{})
	p := process(t, stage("slow", steady(func(ctx context.Context) error {
		<-ctx.Done()
		code, _ := ready()
		asked <- code
		<-finish
		return nil
	})))
	p.Heard = func(_ string, a net.Addr) { address <- a.String() }
	done := make(chan error, 1)
	go func() { done <- host.Run(ctx, p) }()
	base = "http://" + <-address
	for code := 0; code != http.StatusOK; code, _ = ready() {
	}
	cancel()
	if code := <-asked; code != http.StatusServiceUnavailable {
		t.Errorf("the service ended while the probe said %d", code)
	}
	if code, body := ready(); code != http.StatusServiceUnavailable || !strings.Contains(body, "drain") {
		t.Errorf("while the service finishes: %d %s", code, body)
	}
	close(finish)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestAPortInUseSaysWhichAndHowToChooseAnother(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := process(t, stage("desk", func(d host.Deps) (host.Service, error) {
		return work(func(ctx context.Context) error {
			_, err := d.Listen(ctx, "desk.listen", l.Addr().String())
			return err
		}), nil
	}))
	err = host.Run(t.Context(), p)
	for _, word := range []string{l.Addr().String(), "in use", "--desk.listen", "PARLEY_DESK_LISTEN"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%v does not say %q", err, word)
		}
	}
}

func TestASocketLeftByAKilledProcessIsTakenAndALivingOneIsNot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	_ = left.Close()
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	open := func(twice bool) error {
		return host.Run(t.Context(), process(t, stage("admin", func(d host.Deps) (host.Service, error) {
			return work(func(ctx context.Context) error {
				l, err := d.Listen(ctx, "admin.socket", path)
				if err != nil {
					return err
				}
				defer l.Close()
				if twice {
					_, err = d.Listen(ctx, "admin.socket", path)
					return err
				}
				return errors.New("taken")
			}), nil
		})))
	}
	if err := open(false); err == nil || !strings.Contains(err.Error(), "taken") {
		t.Fatalf("a socket without a process behind it: %v", err)
	}
	if err := open(true); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Fatalf("a socket in use: %v", err)
	}
}

func TestLogsAreJSONAndSayWho(t *testing.T) {
	var out bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	p := process(t, stage("one", func(d host.Deps) (host.Service, error) {
		return work(func(ctx context.Context) error { d.Log.InfoContext(ctx, "hello"); cancel(); return untilAsked(ctx) }), nil
	}))
	p.Out = &out
	if err := host.Run(ctx, p); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), `"msg":"hello"`) || !strings.Contains(out.String(), `"service":"one"`) {
		t.Fatal(out.String())
	}
}

func TestARedisOfItsOwnBesideASharedLogIsRefused(t *testing.T) {
	p := process(t)
	p.Stages = []host.Stage{host.NewStage("d", host.Redis, func(nothing, host.Deps) (host.Service, error) { return work(untilAsked), nil })}
	p.Config.Bus.URL = "nats://somewhere:4222"
	if err := host.Run(t.Context(), p); err == nil || !strings.Contains(err.Error(), "redis.url") {
		t.Fatalf("got %v", err)
	}
}

// What a refused start advises must work: without the setting, a deployment
// keeps the number of partitions that it was made with.
func TestPartitionsAreThoseOfTheDeploymentWhenTheSettingIsLeftOut(t *testing.T) {
	dir := t.TempDir()
	open := func(partitions int) (int, error) {
		ctx, cancel := context.WithCancel(t.Context())
		got := 0
		p := process(t, host.NewStage("log", host.Bus, func(_ nothing, d host.Deps) (host.Service, error) {
			got = d.Bus.Partitions()
			return work(untilAsked), nil
		}))
		p.Config.DataDir, p.Config.Bus.Partitions, p.Started = dir, partitions, cancel
		err := host.Run(ctx, p)
		return got, err
	}
	if got, err := open(2); err != nil || got != 2 {
		t.Fatalf("a new deployment of 2: %d, %v", got, err)
	}
	_, err := open(4)
	for _, word := range []string{"2 partitions", "bus.partitions says 4", "leave it out"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%v does not say %q", err, word)
		}
	}
	if got, err := open(0); err != nil || got != 2 {
		t.Errorf("left out: %d partitions, %v", got, err)
	}
	dir = t.TempDir()
	if got, err := open(0); err != nil || got != 4 {
		t.Errorf("a new deployment without the setting: %d partitions, %v; want 4", got, err)
	}
}

// Whoever reads a log or a metric must be able to tell which build it is of.
func TestAProcessSaysWhichBuildItIs(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := process(t, stage("good", steady(untilAsked)))
	var log bytes.Buffer
	p.Out = &log
	address := make(chan string, 1)
	p.Heard = func(_ string, a net.Addr) { address <- a.String() }
	metrics := make(chan string, 1)
	p.Started = func() {
		go func() {
			defer cancel()
			answer, err := http.Get("http://" + <-address + "/metrics")
			if err != nil {
				metrics <- err.Error()
				return
			}
			defer answer.Body.Close()
			text, _ := io.ReadAll(answer.Body)
			metrics <- string(text)
		}()
	}
	if err := host.Run(ctx, p); err != nil {
		t.Fatal(err)
	}
	build := stamp.Read()
	first, _, _ := strings.Cut(log.String(), "\n")
	for _, word := range []string{`"msg":"starting"`, `"version":"` + build.Version + `"`, `"commit":"` + build.Commit + `"`, `"go":"` + build.Go + `"`} {
		if !strings.Contains(first, word) {
			t.Errorf("the log begins with %s and does not say %s", first, word)
		}
	}
	if text, want := <-metrics, `parley_build_info{commit="`+build.Commit+`",go="`+build.Go+`",version="`+build.Version+`"} 1`; !strings.Contains(text, want) {
		t.Errorf("the metrics do not say %s", want)
	}
}
