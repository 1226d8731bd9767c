package scenario_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/host/hosttest"
)

// lent is a manifest whose secrets come from the environment and a file.
const lent = `apiVersion: parley.dev/v1
kind: Agent
metadata: {name: mila}
spec: {capacity: 3, roles: [agent], password: {secretRef: {env: CANARY_PASSWORD}}}
---
apiVersion: parley.dev/v1
kind: ChannelAccount
metadata: {name: demo}
spec: {appId: 424242424242424, appSecret: {secretRef: {file: app-secret}}, verifyToken: {secretRef: {env: CANARY_VERIFY}}}
`

// TestSecretsAreNoArguments: the house and parleyctl run with secrets from the
// environment, files and standard input, and no process of this machine has one
// among its arguments, where everybody could read it.
func TestSecretsAreNoArguments(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the arguments of processes are read from /proc, which only Linux has")
	}
	redis, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not installed; make deps installs it")
	}
	canary := "canary" + rand.Text()
	h := guarded(t, redis, canary)
	ctl := filepath.Join(h.dir, "parleyctl")
	if err := build(t.Context(), ctl, "github.com/parley-desk/parley/cli/cmd/parleyctl"); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"lent.yaml": lent, "app-secret": canary} {
		if err := os.WriteFile(filepath.Join(h.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("CANARY_PASSWORD", canary)
	t.Setenv("CANARY_VERIFY", canary)
	manifest := filepath.Join(h.dir, "lent.yaml")
	h.ctl("apply", "-f", manifest)
	server, calls := silence(t)
	for i, args := range [][]string{
		{"apply", "-f", manifest},
		{"page", "token", "set", "shop", "--from", "env:CANARY_VERIFY"},
		{"page", "token", "fetch", "demo", "--from", "file:" + filepath.Join(h.dir, "app-secret")},
		{"channel", "rotate-secret", "demo", "--from", "env:CANARY_PASSWORD"},
	} {
		h.add(fmt.Sprint("parleyctl-", i+1), ctl, nil, append(args, "--server", server)...)
		await(t, time.Minute, strings.Join(args, " ")+" has its secret and asks the server", func() bool { return len(calls) > i }, h.logs)
	}
	h.add("parleyctl-fb", ctl, nil, "fb", "listen", "--address", hosttest.Free(t), "--secret-env", "CANARY_PASSWORD", "--verify-token-env", "CANARY_VERIFY")

	// Nor does the house leave them on disk when it crashes (SS4).
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", h.processes[slices.IndexFunc(h.processes, func(p *process) bool { return p.name == "all" })].cmd.Process.Pid))
	if err != nil || !regexp.MustCompile(`(?m)^Max core file size +0 +0 `).Match(limits) {
		t.Errorf("the house may dump its memory: %v, %s", err, limits)
	}

	seen := arguments(t)
	for _, p := range h.processes {
		if said := seen[p.cmd.Process.Pid]; !bytes.Contains(said, []byte(p.args[0])) {
			t.Errorf("%s runs with the arguments %q, as far as can be seen: the search proves nothing", p.name, said)
		}
	}
	for pid, said := range seen {
		if bytes.Contains(said, []byte(canary)) {
			t.Errorf("process %d, %s, has a secret among its arguments", pid, bytes.SplitN(said, []byte{0}, 2)[0])
		}
	}
}

// guarded is the house in one process, over a Redis that wants a password, with
// a secret for everything that takes one.
func guarded(t *testing.T, redis, canary string) *house {
	t.Helper()
	h := &house{t: t, dir: t.TempDir()}
	store, sandbox, ops := hosttest.Free(t), hosttest.Free(t), hosttest.Free(t)
	_, port, _ := cutAddr(store)
	config := filepath.Join(h.dir, "redis.conf")
	text := fmt.Sprintf("port %s\nbind 127.0.0.1\nsave \"\"\ndir %q\nrequirepass %s\n", port, h.dir, canary)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	// It writes "*:PORT" over its arguments.
	h.run(&process{name: "redis-server", path: redis, args: []string{config, "--set-proc-title", "no"}, log: &tail{}})
	await(t, 20*time.Second, "redis listens", func() bool { return dials(store) }, h.logs)
	h.server, h.ready = "unix://"+filepath.Join(h.dir, "admin.sock"), []string{ops}
	h.add("all", parley, []string{
		"PARLEY_REDIS_URL=redis://:" + canary + "@" + store, "PARLEY_SECRETS_KMS_TOKEN=" + canary,
		"PARLEY_SANDBOX_APP_SECRET=" + canary, "PARLEY_SANDBOX_VERIFY_TOKEN=" + canary,
	}, "all", "--data-dir", filepath.Join(h.dir, "data"), "--admin.socket", filepath.Join(h.dir, "admin.sock"), "--ops.listen", ops,
		"--sandbox.listen", sandbox, "--sandbox.data-dir", filepath.Join(h.dir, "sandbox"), "--graph.url", "http://"+sandbox+"/graph",
		"--ingress.listen", hosttest.Free(t), "--desk.listen", hosttest.Free(t))
	h.awaitReady()
	return h
}

// silence is a server that takes every call and answers none; each stands in
// the channel until the test ends.
func silence(t *testing.T) (address string, calls chan net.Conn) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "silent.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	calls = make(chan net.Conn, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			calls <- c
		}
	}()
	return "unix://" + path, calls
}

// arguments are those of every process that can be seen, by its id.
func arguments(t *testing.T) map[int][]byte {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int][]byte{}
	for _, f := range files {
		pid := 0
		if _, err := fmt.Sscanf(f, "/proc/%d/", &pid); err != nil {
			t.Fatal(err)
		}
		if said, err := os.ReadFile(f); err == nil { // else it ended meanwhile
			seen[pid] = said
		}
	}
	return seen
}
