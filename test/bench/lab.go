package bench

import (
	"bytes"
	"context"
	"errors"
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
	"time"

	"github.com/parley-desk/parley/cli"
)

// Lab is where a run keeps its files and the programs it starts.
type Lab struct {
	Say    func(format string, args ...any) // tells the reader how far it is
	dir    string
	self   string // this program, which serves the baselines
	parley string
}

// Open makes a lab and builds what is measured. Close takes it away.
func Open(ctx context.Context, say func(string, ...any)) (*Lab, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "parley-bench-")
	if err != nil {
		return nil, err
	}
	lab := &Lab{Say: say, dir: dir, self: self}
	if lab.parley, err = lab.build(ctx, "parley", "github.com/parley-desk/parley/services/all/cmd/parley"); err != nil {
		return nil, errors.Join(err, lab.Close())
	}
	return lab, nil
}

// Close removes the files.
func (l *Lab) Close() error { return os.RemoveAll(l.dir) }

func (l *Lab) build(ctx context.Context, name, pkg string) (string, error) {
	path := filepath.Join(l.dir, name)
	out, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", path, pkg).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", pkg, err, out)
	}
	return path, nil
}

// folder is a new one.
func (l *Lab) folder(name string) (string, error) { return os.MkdirTemp(l.dir, name+"-") }

// process is a program at work.
type process struct {
	cmd  *exec.Cmd
	pid  int
	said tail
	end  chan struct{}
}

func (l *Lab) run(path string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(path, args...), end: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.said, &p.said
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.pid = p.cmd.Process.Pid
	go func() { defer close(p.end); _ = p.cmd.Wait() }()
	return p, nil
}

// stop ends the process with s and waits for it.
func (p *process) stop(s syscall.Signal) {
	_ = p.cmd.Process.Signal(s)
	select {
	case <-p.end:
	case <-time.After(30 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.end
	}
}

// await looks again and again until holds, the process ends or it takes too long.
func (p *process) await(ctx context.Context, limit time.Duration, what string, holds func() bool) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(limit); ; {
		if holds() {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-p.end:
			return fmt.Errorf("%s: the process ended\n%s", what, &p.said)
		case <-late:
			return fmt.Errorf("%s: not within %s\n%s", what, limit, &p.said)
		}
	}
}

// resident is the memory that the process holds, in MB.
func (p *process) resident() (float64, error) { return p.memory("VmRSS:") }

// memory is what the system says of it, in MB: "VmRSS:" now, "VmHWM:" at its most.
func (p *process) memory(what string) (float64, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(raw)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == what {
			kb, err := strconv.ParseFloat(fields[1], 64)
			return kb / 1000, err
		}
	}
	return 0, errors.New("the system does not tell the memory of a process")
}

// processor is the time that the process has had of all processors.
func (p *process) processor() time.Duration {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid))
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	if err != nil || len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond // a hundredth of a second is the kernel's unit
}

// tail keeps the last of what a process says.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b...)
	t.buf = t.buf[max(0, len(t.buf)-8<<10):]
	return len(b), nil
}

// String is what was said last.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.buf)
}

// baseline starts this program as one of its baselines; it listens at addr.
func (l *Lab) baseline(ctx context.Context, name string, args ...string) (p *process, addr string, err error) {
	if addr, err = free(); err != nil {
		return nil, "", err
	}
	if p, err = l.run(l.self, append([]string{name, addr}, args...)...); err != nil {
		return nil, "", err
	}
	if err = p.await(ctx, 30*time.Second, name+" listens", func() bool { return listens(addr) }); err != nil {
		p.stop(syscall.SIGKILL)
		return nil, "", err
	}
	return p, addr, nil
}

// redis starts a server that keeps nothing on disk, and gives its address.
func (l *Lab) redis(ctx context.Context) (*process, string, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, "", fmt.Errorf("%w; make deps installs it", err)
	}
	addr, err := free()
	if err != nil {
		return nil, "", err
	}
	_, port, _ := strings.Cut(addr, ":")
	p, err := l.run(path, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", l.dir)
	if err != nil {
		return nil, "", err
	}
	return p, "redis://" + addr, p.await(ctx, 10*time.Second, "redis listens", func() bool { return listens(addr) })
}

// lazy starts a broker as it is out of the box, which acknowledges what is not on
// disk, and gives the settings of a house on it; the second is its address.
func (l *Lab) lazy(ctx context.Context) (*process, []string, error) {
	broker, err := l.build(ctx, "nats-server", "github.com/nats-io/nats-server/v2")
	if err != nil {
		return nil, nil, err
	}
	dir, err := l.folder("lazy")
	if err != nil {
		return nil, nil, err
	}
	addr, err := free()
	if err != nil {
		return nil, nil, err
	}
	file, keys := filepath.Join(dir, "nats.conf"), filepath.Join(dir, "keyset.json")
	if err := os.WriteFile(file, fmt.Appendf(nil, "listen: %q\njetstream { store_dir: %q }\n", addr, dir), 0o600); err != nil {
		return nil, nil, err
	}
	p, err := l.run(l.parley, "keyset", "create", keys)
	if err != nil {
		return nil, nil, err
	}
	<-p.end
	nats, err := l.run(broker, "-c", file)
	if err != nil {
		return nil, nil, err
	}
	if err := nats.await(ctx, 20*time.Second, "the broker listens", func() bool { return listens(addr) }); err != nil {
		nats.stop(syscall.SIGKILL)
		return nil, nil, err
	}
	return nats, []string{"--bus.url", "nats://" + addr, "--bus.replicas", "1", "--bus.partitions", "4",
		"--bus.allow-unsafe-durability=true", "--secrets.keyset", keys}, nil
}

// house is a parley process.
type house struct {
	*process
	dir, hook, desk, ops string
	server               string // of the control plane
	took                 time.Duration
}

// house starts the stages in one process with its data in dir, and waits until
// it is ready. Without stages it starts all of them.
func (l *Lab) house(ctx context.Context, dir, stages string, more ...string) (*house, error) {
	h := &house{dir: dir, server: "unix://" + filepath.Join(dir, "admin.sock")}
	for _, addr := range []*string{&h.hook, &h.desk, &h.ops} {
		var err error
		if *addr, err = free(); err != nil {
			return nil, err
		}
	}
	args := append([]string{"all", "--data-dir", filepath.Join(dir, "data"), "--admin.socket", filepath.Join(dir, "admin.sock"),
		"--ingress.listen", h.hook, "--desk.listen", h.desk, "--ops.listen", h.ops, "--log.level", "warn",
		"--sandbox.listen", "127.0.0.1:0", "--sandbox.data-dir", filepath.Join(dir, "sandbox")}, more...)
	if stages != "" {
		args = append(args, "--all.services", stages)
	}
	began := time.Now()
	var err error
	if h.process, err = l.run(l.parley, args...); err != nil {
		return nil, err
	}
	probe := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	err = h.await(ctx, 2*time.Minute, "the house is ready", func() bool {
		resp, err := probe.Get("http://" + h.ops + "/readyz")
		if err != nil {
			return false
		}
		defer func() { _ = resp.Body.Close() }()
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode == http.StatusOK
	})
	h.took = time.Since(began)
	if err == nil && (stages == "" || strings.Contains(stages, "admin")) { // it may open its socket a moment later
		err = h.await(ctx, time.Minute, "the control plane listens", func() bool {
			_, missing := os.Stat(strings.TrimPrefix(h.server, "unix://"))
			return missing == nil
		})
	}
	if err != nil {
		h.stop(syscall.SIGKILL)
		return nil, err
	}
	return h, nil
}

// apply brings in resources.
func (h *house) apply(manifest string) error {
	path := filepath.Join(h.dir, "manifest.yaml")
	if err := os.WriteFile(path, []byte(manifest), 0o600); err != nil {
		return err
	}
	var words bytes.Buffer
	if code := cli.Main([]string{"apply", "-f", path, "--server", h.server}, strings.NewReader(""), io.Discard, &words); code != 0 {
		return fmt.Errorf("parleyctl apply: %s\n%s", words.String(), &h.said)
	}
	return nil
}

func free() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func listens(addr string) bool {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	return c.Close() == nil
}
