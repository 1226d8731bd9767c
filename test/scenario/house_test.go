package scenario_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/parley-desk/parley/cli"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/proto/gen/parley/desk/v1/deskv1connect"
)

// process is a program that may be killed and started again with the same
// arguments.
type process struct {
	name string
	path string
	args []string
	env  []string
	log  *tail
	up   func() bool // nobody else may be killed before it holds; nil: at once
	// kept processes are started again when they end by themselves, as the
	// deployment does it; one that panics fails the test all the same.
	kept bool

	mu     sync.Mutex
	cmd    *exec.Cmd
	end    chan struct{}
	wanted bool
}

func (p *process) start(t testing.TB) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wanted = true
	p.launch(t)
}

// launch runs the process; the caller holds the lock.
func (p *process) launch(t testing.TB) {
	t.Helper()
	p.cmd = exec.Command(p.path, p.args...)
	p.cmd.Env = append(os.Environ(), p.env...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Errorf("starting %s: %v", p.name, err)
		return
	}
	p.end = make(chan struct{})
	go func(cmd *exec.Cmd, end chan struct{}) {
		_ = cmd.Wait()
		close(end)
		p.keep(t, cmd)
	}(p.cmd, p.end)
}

// keep starts a process again that ended by itself.
func (p *process) keep(t testing.TB, ended *exec.Cmd) {
	if !p.kept {
		return
	}
	<-time.After(500 * time.Millisecond)
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.wanted || p.cmd != ended {
		return
	}
	said := strings.TrimSpace(p.log.String())
	if strings.Contains(said, "\ngoroutine ") {
		t.Errorf("%s panicked:\n%s", p.name, said)
	}
	t.Logf("%s ended by itself and is started again; it said %s", p.name, said[strings.LastIndexByte(said, '\n')+1:])
	p.launch(t)
}

// signal sends s and waits for the process to be gone.
func (p *process) signal(t testing.TB, s os.Signal) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil || p.cmd.Process == nil {
		return
	}
	p.wanted = false
	_ = p.cmd.Process.Signal(s)
	select {
	case <-p.end:
	case <-time.After(30 * time.Second):
		t.Errorf("%s is still there 30 s after %v:\n%s", p.name, s, p.log)
		_ = p.cmd.Process.Kill()
	}
}

// tail keeps the last of what a process says.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (w *tail) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf = append(w.buf, b...)
	if over := len(w.buf) - 16<<10; over > 0 {
		w.buf = w.buf[over:]
	}
	return len(b), nil
}

func (w *tail) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.buf)
}

// house is a running deployment with its sandbox.
type house struct {
	t         testing.TB
	dir       string
	processes []*process
	sandbox   string   // base URL
	desks     []string // base URLs
	ready     []string // addresses of probes
	server    string   // of the control plane
	journal   string
}

func (h *house) add(name, path string, env []string, args ...string) *process {
	return h.run(&process{name: name, path: path, args: args, env: env, log: &tail{}})
}

func (h *house) run(p *process) *process {
	h.processes = append(h.processes, p)
	h.t.Cleanup(func() { p.signal(h.t, syscall.SIGKILL) })
	p.start(h.t)
	return p
}

// logs is the last of what every process said, for a failed test.
func (h *house) logs() string {
	var out strings.Builder
	for _, p := range h.processes {
		said := p.log.String()
		if len(said) > 3000 {
			said = said[len(said)-3000:]
		}
		fmt.Fprintf(&out, "--- %s\n%s\n", p.name, said)
	}
	return out.String()
}

func (h *house) awaitReady() {
	h.t.Helper()
	for _, addr := range h.ready {
		await(h.t, 2*time.Minute, "ready at "+addr, func() bool {
			resp, err := http.Get("http://" + addr + "/readyz")
			if err != nil {
				return false
			}
			defer resp.Body.Close()
			return resp.StatusCode == http.StatusOK
		}, h.logs)
	}
}

// awaitAgents waits until every desk lets in the newest agent of the world: what
// was applied is in effect then.
func (h *house) awaitAgents(agents int) {
	h.t.Helper()
	for _, desk := range h.desks {
		door := deskv1connect.NewSessionServiceClient(http.DefaultClient, desk)
		await(h.t, 30*time.Second, "the desk at "+desk+" knows the agents", func() bool {
			_, err := door.SignIn(h.t.Context(), connect.NewRequest(&deskv1.SignInRequest{Agent: fmt.Sprint("agent-", agents), Password: "parley-demo"}))
			return err == nil
		}, h.logs)
	}
}

// try runs parleyctl and gives what it printed, also when it ends with an error.
func (h *house) try(args ...string) ([]byte, error) {
	var out, words bytes.Buffer
	if code := cli.Main(append(args, "--server", h.server), strings.NewReader(""), &out, &words); code != 0 {
		return out.Bytes(), fmt.Errorf("parleyctl %s: code %d: %s", strings.Join(args, " "), code, words.String())
	}
	return out.Bytes(), nil
}

// ctl is try that must succeed within a while: the house may just have lost a
// broker. Every command here may be repeated.
func (h *house) ctl(args ...string) (out []byte) {
	h.t.Helper()
	var err error
	await(h.t, time.Minute, "parleyctl "+args[0], func() bool {
		out, err = h.try(args...)
		return err == nil
	}, func() string { return fmt.Sprintf("%v\n%s", err, h.logs()) })
	return out
}

func (h *house) apply(manifest string) {
	h.t.Helper()
	path := filepath.Join(h.dir, "manifest.yaml")
	if err := os.WriteFile(path, []byte(manifest), 0o600); err != nil {
		h.t.Fatal(err)
	}
	h.ctl("apply", "-f", path)
}

// talks tells whether an agent has the skill and the capacity profile of even
// customers: two of three do.
func talks(agent string) bool {
	n, err := strconv.Atoi(strings.TrimPrefix(agent, "agent-"))
	return err == nil && n%3 != 2
}

// world is a manifest with agents of capacity 3 each, and two pages of one app.
func world(agents int) string {
	var out strings.Builder
	names := make([]string, agents)
	for i := range agents {
		names[i] = fmt.Sprintf("agent-%d", i+1)
		can := ""
		if talks(names[i]) {
			can = "skills: [{skill: talk, value: 4}], profiles: [{profile: talk}], "
		}
		fmt.Fprintf(&out, "apiVersion: parley.dev/v1\nkind: Agent\nmetadata: {name: %s, displayName: Agent %d}\nspec: {capacity: 3, %sroles: [agent], password: {value: parley-demo}}\n---\n", names[i], i+1, can)
	}
	fmt.Fprintf(&out, `apiVersion: parley.dev/v1
kind: Skill
metadata: {name: talk}
---
apiVersion: parley.dev/v1
kind: CapacityProfile
metadata: {name: talk}
spec: {limit: 2}
---
apiVersion: parley.dev/v1
kind: Queue
metadata: {name: front, displayName: Front desk}
spec: {agents: [%[1]s], assignment: least_active}
---
apiVersion: parley.dev/v1
kind: Queue
metadata: {name: even, displayName: Even customers}
spec:
  agents: [%[1]s]
  overflow: [{condition: items, items: 2, action: transfer, queue: front}]
---
apiVersion: parley.dev/v1
kind: Ruleset
metadata: {name: sort}
spec:
  classify:
    - name: even
      when: message.text.matches("клиент [0-9]*[02468] ")
      set: {priority: 7, variables: {kind: even}, skills: [{skill: talk, value: 3}], capacityProfiles: [talk]}
---
apiVersion: parley.dev/v1
kind: Ruleset
metadata: {name: routes}
spec:
  route:
    - name: even
      when: variables.kind == "even"
      queues: [{queue: even}]
---
apiVersion: parley.dev/v1
kind: Workstream
metadata: {name: facebook, displayName: Facebook}
spec: {queue: front, units: 1, offerSeconds: 20, classification: [sort], routing: routes, variables: [{name: kind}]}
---
apiVersion: parley.dev/v1
kind: ChannelAccount
metadata: {name: demo, displayName: Demo app}
spec:
  appId: 424242424242424
  appSecret: {value: demo-app-secret-0123456789abcdef}
  verifyToken: {value: demo-verify-token}
  graphVersion: v26.0
`, strings.Join(names, ", "))
	for i, p := range pages {
		id, token, _ := strings.Cut(p, ":")
		token, name, _ := strings.Cut(token, ":")
		fmt.Fprintf(&out, "---\napiVersion: parley.dev/v1\nkind: Page\nmetadata: {name: page-%d, displayName: %q}\nspec: {pageId: %s, account: demo, workstream: facebook, accessToken: {value: %s}}\n", i+1, name, id, token)
	}
	return out.String()
}

// pageIDs are the ids of the pages.
func pageIDs() (ids []string) {
	for _, p := range pages {
		id, _, _ := strings.Cut(p, ":")
		ids = append(ids, id)
	}
	return ids
}

// await looks again and again until it holds; it fails the test after limit.
func await(t testing.TB, limit time.Duration, what string, holds func() bool, more ...func() string) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	end := time.After(limit)
	for !holds() {
		select {
		case <-tick.C:
		case <-end:
			said := ""
			for _, m := range more {
				said += m()
			}
			t.Fatalf("not within %s: %s\n%s", limit, what, said)
		}
	}
}

// balance takes connections at an address of its own and passes each to the
// first of the backends, in turn, that answers: what a load balancer does.
func balance(t testing.TB, backends ...string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for turn := 0; ; turn++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go pass(c, backends, turn)
		}
	}()
	return l.Addr().String()
}

func pass(c net.Conn, backends []string, turn int) {
	defer c.Close()
	for i := range backends {
		b, err := net.DialTimeout("tcp", backends[(turn+i)%len(backends)], time.Second)
		if err != nil {
			continue
		}
		defer b.Close()
		go func() { _, _ = io.Copy(b, c); _ = b.(*net.TCPConn).CloseWrite() }()
		_, _ = io.Copy(c, b)
		return
	}
}

// records counts the records of the journal by kind.
func records(t testing.TB, path string) map[string]int {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	counts := map[string]int{}
	lines := bufio.NewScanner(f)
	lines.Buffer(make([]byte, 64<<10), 8<<20)
	for lines.Scan() {
		var rec struct{ Kind string }
		if json.Unmarshal(lines.Bytes(), &rec) == nil {
			counts[rec.Kind]++
		}
	}
	return counts
}

func build(ctx context.Context, out, pkg string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", out, pkg)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	return cmd.Run()
}
