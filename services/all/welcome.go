package all

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/parley-desk/parley/cli"
	"github.com/parley-desk/parley/pkg/host"
)

// sample is the manifest whose names and passwords everybody may know.
const sample = "deploy/sample/house.yaml"

// welcome applies the manifest of the settings and says what to open.
type welcome struct {
	manifest  []string
	out       io.Writer
	missing   chan struct{} // closed when every door is open
	mu        sync.Mutex
	doors     map[string]bool // settings of listeners that will open
	addresses map[string]string
}

// newWelcome waits for the doors of stages before it says anything.
func newWelcome(manifest []string, out io.Writer, stages []host.Stage) *welcome {
	w := &welcome{manifest: manifest, out: out, missing: make(chan struct{}), doors: map[string]bool{}, addresses: map[string]string{}}
	for _, s := range stages {
		if door := doors[s.Name]; door != "" {
			w.doors[door] = true
		}
	}
	if len(w.doors) == 0 {
		close(w.missing)
	}
	return w
}

// doors are the settings of the listeners that stages always open.
var doors = map[string]string{"sandbox": "sandbox.listen", "desk": "desk.listen", "ingress": "ingress.listen", "admin": "admin.socket"}

func (w *welcome) heard(setting string, addr net.Addr) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.addresses[setting] = addr.String()
	if w.doors[setting] {
		delete(w.doors, setting)
		if len(w.doors) == 0 {
			close(w.missing)
		}
	}
}

// greet says everything once the doors are open; nothing without a manifest,
// as in production.
func (w *welcome) greet() {
	if len(w.manifest) == 0 {
		return
	}
	<-w.missing
	w.mu.Lock()
	open := opened{w.manifest, maps.Clone(w.addresses)}
	w.mu.Unlock()
	if err := open.apply(); err != nil {
		fmt.Fprintf(w.out, "\n  %s was not applied: %v\n", strings.Join(w.manifest, ", "), err)
	}
	fmt.Fprint(w.out, open.text())
}

// opened is a house whose doors are open.
type opened struct {
	manifest  []string
	addresses map[string]string // of listeners, by setting
}

// text names what runs here, and nothing else.
func (o opened) text() string {
	var b strings.Builder
	line := func(door, name, format string, args ...any) {
		if address := o.addresses[door]; address != "" {
			fmt.Fprintf(&b, "    %-19s%s\n", name, fmt.Sprintf(format, append([]any{address}, args...)...))
		}
	}
	sandbox := ""
	if o.addresses["sandbox.listen"] != "" {
		sandbox = ", with a sandbox in Meta's place. Not for production"
	}
	fmt.Fprintf(&b, "\n  Parley is running%s.\n\n", sandbox)
	account, signIn, administrator := "<account>", "", ""
	if slices.ContainsFunc(o.manifest, func(path string) bool { return strings.HasSuffix(filepath.ToSlash(absolute(path)), sample) }) {
		account, signIn = "demo", "        sign in as mila, orlin or, as their supervisor, elena; password parley-demo"
		administrator = "   sign in as petar; password parley-demo"
	}
	line("sandbox.listen", "Customer's phone", "http://%s/phone")
	line("desk.listen", "Agent desk", "http://%s/%s", signIn)
	line("desk.listen", "Set-up", "http://%s/setup%s", administrator)
	line("ingress.listen", "Webhook", "http://%s/webhook/%s", account)
	line("admin.socket", "Control plane", "%s    try: %s", o.hint())
	line("ops.listen", "Health, metrics", "http://%s/readyz")
	return b.String() + "\n"
}

// hint is a command that reaches this very control plane.
func (o opened) hint() string {
	if o.server() == absolute(cli.DefaultServer) {
		return "bin/parleyctl get queues"
	}
	return "bin/parleyctl get queues --server " + o.server()
}

// server is the control plane as parleyctl names it.
func (o opened) server() string { return absolute("unix://" + o.addresses["admin.socket"]) }

// apply brings in the manifest unless there are resources already: what an
// administrator has changed since is not changed back by a restart.
func (o opened) apply() error {
	if o.addresses["admin.socket"] == "" {
		return errors.New("all.services leaves out the stage admin, which does it")
	}
	run := func(args ...string) (string, error) {
		var out, words strings.Builder
		if code := cli.Main(append(args, "--server", o.server()), strings.NewReader(""), &out, &words); code != 0 {
			return "", errors.New(strings.TrimSpace(words.String()))
		}
		return out.String(), nil
	}
	there, err := run("get", "channelaccounts", "-o", "name")
	if err != nil || strings.TrimSpace(there) != "" {
		return err
	}
	for _, path := range o.manifest {
		if _, err := run("apply", "-f", path); err != nil {
			return err
		}
	}
	return nil
}

// absolute is a path, or the path of a socket's address, from the root.
func absolute(path string) string {
	scheme := ""
	if rest, found := strings.CutPrefix(path, "unix://"); found {
		scheme, path = "unix://", rest
	}
	if abs, err := filepath.Abs(path); err == nil {
		return scheme + abs
	}
	return scheme + path
}
