package scenario_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/parley-desk/parley/pkg/access"
	"github.com/parley-desk/parley/pkg/host/hosttest"
)

// container is what a process needs to know of one of docker-compose.yml.
type container struct {
	Build struct {
		Args struct {
			Service string `yaml:"SERVICE"`
		} `yaml:"args"`
	} `yaml:"build"`
	Environment map[string]string `yaml:"environment"`
	Restart     string            `yaml:"restart"`
}

// place is the machine of a cluster: where things are that containers know by
// the names of their network and their volumes.
type place struct {
	h       *house
	listens map[string]string // by container
	words   []string          // name, address, name, address...
	access  string            // what parley access create made
}

func (p *place) put(name, at string) { p.words = append(p.words, name, at) }

// cluster is the deployment of docker-compose.yml: each container's process with
// the settings that stand there, three brokers and Redis with the files that are
// mounted there. Names, ports and folders are replaced, since no container brings
// its own; nobody collects logs; and there are four partitions, because the usual
// sixteen are 39 replicated streams, more than two cores beside all else can keep.
func cluster(t testing.TB) *house {
	redis, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not installed; make deps installs it")
	}
	containers := readCompose(t)
	h := &house{t: t, dir: t.TempDir()}
	p := &place{h: h, listens: map[string]string{}, access: filepath.Join(h.dir, "access")}
	if out, err := exec.Command(parley, "access", "create", p.access, "--partitions", "4", "--hosts", "nats-1,nats-2,nats-3").CombinedOutput(); err != nil {
		t.Fatalf("making the users: %v\n%s", err, out)
	}
	p.put("/etc/nats/access/", filepath.Join(p.access, "nats")+"/")
	p.put("/access/", filepath.Join(p.access, "redis")+"/")
	p.brokers()
	store := hosttest.Free(t)
	p.put("redis:6379", store)
	_, port, _ := cutAddr(store)
	h.add("redis", redis, nil, p.file("redis", "redis/redis.conf"), "--bind", "127.0.0.1", "--tls-port", port)
	for _, b := range h.processes {
		await(t, 60*time.Second, b.name+" is healthy", func() bool { return b.up == nil || b.up() }, h.logs)
	}
	await(t, 20*time.Second, "redis listens", func() bool { return dials(store) }, h.logs)
	p.listeners(containers)
	p.put("/keys/keyset.json", h.keyset())
	p.put("/admin/", h.dir+"/")
	p.put("/certificates", filepath.Join(h.dir, "certificates"))
	p.put("/backup-keys", filepath.Join(h.dir, "backup-keys"))
	h.server = "unix://" + filepath.Join(h.dir, "admin-1.sock")
	h.journal = filepath.Join(h.dir, "sandbox", "journal.ndjson")
	for _, name := range slices.Sorted(maps.Keys(containers)) {
		p.service(name, containers[name])
	}
	h.awaitReady()
	return h
}

// readCompose gives the containers that run a stage.
func readCompose(t testing.TB) map[string]container {
	t.Helper()
	raw, err := os.ReadFile("../../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	var compose struct{ Services map[string]container }
	if err := yaml.Unmarshal(raw, &compose); err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(compose.Services, func(_ string, c container) bool {
		return slices.Contains([]string{"", "parley", "parleyctl"}, c.Build.Args.Service) // no service, or a tool
	})
	return compose.Services
}

// file is a file of deploy/ as a container finds it, but for its volume, which
// is a folder of the test. The broker takes no other by its flags, and Redis
// looks for the one of the file first.
func (p *place) file(container, path string) string {
	p.h.t.Helper()
	raw, err := os.ReadFile(filepath.Join("../../deploy", path))
	if err != nil {
		p.h.t.Fatal(err)
	}
	dir := filepath.Join(p.h.dir, container)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		p.h.t.Fatal(err)
	}
	out := filepath.Join(dir, filepath.Base(path))
	if err := os.WriteFile(out, []byte(strings.NewReplacer(append(p.words, "/data", dir)...).Replace(string(raw))), 0o600); err != nil {
		p.h.t.Fatal(err)
	}
	return out
}

// brokers starts the three, each with its own file.
func (p *place) brokers() {
	names := []string{"nats-1", "nats-2", "nats-3"}
	secret, err := os.ReadFile(filepath.Join(p.access, access.RoutesSecretFile))
	if err != nil {
		p.h.t.Fatal(err)
	}
	password := strings.TrimSpace(string(secret))
	clients, monitors, routes := map[string]string{}, map[string]string{}, make([]string, len(names))
	for i, name := range names {
		clients[name], monitors[name], routes[i] = hosttest.Free(p.h.t), hosttest.Free(p.h.t), "nats://broker:"+password+"@"+hosttest.Free(p.h.t)
		p.put(name+":4222", clients[name])
		p.put(name+":8222", monitors[name])
	}
	asks := p.trusting()
	for i, name := range names {
		_, client, _ := cutAddr(clients[name])
		_, monitor, _ := cutAddr(monitors[name])
		p.file(name, "nats/common.conf")
		if err := os.Symlink(filepath.Join(p.access, "nats"), filepath.Join(p.h.dir, name, "access")); err != nil {
			p.h.t.Fatal(err)
		}
		b := p.h.add(name, broker, nil, "-c", p.file(name, "nats/"+name+".conf"), "-a", "127.0.0.1", "-p", client, "-ms", monitor,
			"--cluster", routes[i], "--routes", strings.Join(routes, ","))
		b.up = func() bool {
			resp, err := asks.Get("https://" + monitors[name] + "/healthz")
			if err != nil {
				return false
			}
			defer resp.Body.Close()
			return resp.StatusCode == http.StatusOK
		}
	}
}

// trusting is a client that trusts the authority of the house alone.
func (p *place) trusting() *http.Client {
	raw, err := os.ReadFile(filepath.Join(p.access, access.AuthorityFile))
	roots := x509.NewCertPool()
	if err != nil || !roots.AppendCertsFromPEM(raw) {
		p.h.t.Fatalf("reading the authority: %v", err)
	}
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
}

// listeners finds a port for everything that listens.
func (p *place) listeners(containers map[string]container) {
	var hooks []string
	for _, name := range slices.Sorted(maps.Keys(containers)) {
		c := containers[name]
		if c.Environment["PARLEY_"+strings.ToUpper(c.Build.Args.Service)+"_LISTEN"] == "" {
			continue
		}
		at := hosttest.Free(p.h.t)
		p.listens[name] = at
		switch c.Build.Args.Service {
		case "ingress":
			hooks = append(hooks, at)
		case "desk":
			p.h.desks = append(p.h.desks, "http://"+at)
		case "sandbox":
			p.h.sandbox = "http://" + at
			p.put("sandbox:8082", at)
			p.put("127.0.0.1:8082", at)
		}
	}
	p.put("ingress:8081", balance(p.h.t, hooks...))
}

var variable = regexp.MustCompile(`\$\{([A-Z_]+):-([^}]*)\}`)

// service starts a container's process.
func (p *place) service(name string, c container) {
	stage := c.Build.Args.Service
	replace := strings.NewReplacer(append(p.words, "/user/", filepath.Join(p.access, stage)+"/")...)
	env := []string{"PARLEY_BUS_PARTITIONS=4"}
	if stage == "sandbox" {
		env = nil // it knows no bus
	}
	for key, value := range c.Environment {
		value = variable.ReplaceAllStringFunc(value, func(v string) string {
			parts := variable.FindStringSubmatch(v)
			if parts[1] == "PARLEY_GRAPH_URL" {
				return "http://sandbox:8082/graph" // as the file says for the sandbox
			}
			if parts[1] == "PARLEY_ATTACHMENT_PLAIN_HOSTS" {
				return "sandbox:8082"
			}
			return parts[2]
		})
		switch {
		case key == "PARLEY_LOG_OTLP":
			continue
		case strings.HasSuffix(key, "_LISTEN"):
			value = p.listens[name]
		case key == "PARLEY_SANDBOX_DATA_DIR":
			value = filepath.Join(p.h.dir, "sandbox")
		}
		env = append(env, key+"="+replace.Replace(value))
	}
	ops := hosttest.Free(p.h.t)
	args := []string{stage, "--ops.listen", ops, "--data-dir", filepath.Join(p.h.dir, name)}
	switch stage {
	case "outbound":
		args = append(args, quickOutbound...)
	case "attachment":
		args = append(args, "--attachment.erase-rest", "1s")
	case "sandbox":
		args = append(args, append([]string{"--sandbox.pages", strings.Join(pages, ",")}, quickSandbox...)...)
	}
	p.h.run(&process{name: name, path: parley, args: args, env: env, log: &tail{}, kept: c.Restart != "no" && c.Restart != ""})
	p.h.ready = append(p.h.ready, ops)
}

// TestCluster is the story on the deployment that is shipped. Every third death
// is a broker's; the next one waits until it is well again, since the brokers
// promise to survive the loss of one, not of two.
func TestCluster(t *testing.T) {
	h := cluster(t)
	isBroker := func(p *process) bool { return p.up != nil }
	other := func(p *process) bool { return p.up == nil }
	if n := len(h.processes); n != 3+1+2*8+1 {
		t.Errorf("%d processes run: %s", n, names(h.processes))
	}
	story(t, h, *kills, isBroker, other, other)
	operated(t, h)
	for _, p := range h.processes {
		if said := p.log.String(); strings.Contains(strings.ToLower(said), "permissions violation") || strings.Contains(said, "NOPERM") || strings.Contains(said, "can't run this command") {
			t.Errorf("%s was refused something that it needs:\n%s", p.name, said)
		}
	}
}

// operated does what stories do not: a backup, an export and an erasure of a person, the
// checks.
func operated(t *testing.T, h *house) {
	t.Helper()
	exported, err := h.export()
	if err != nil || len(exported) == 0 {
		t.Fatalf("the export: %v", err)
	}
	person := exported[0].GetPage() + "/" + exported[0].GetPsid()
	h.ctl("backup", "create", filepath.Join(h.dir, "backup"))
	h.ctl("dlq", "list")
	h.ctl("lag")
	h.ctl("audit", "verify")
	h.ctl("privacy", "export", "--thread", person, "--out", filepath.Join(h.dir, "takeout"))
	h.ctl("privacy", "erase", "--thread", person, "--end-conversation")
	await(t, 3*time.Minute, "the person is erased", func() bool {
		_, err := h.try("privacy", "certificate", "--thread", person)
		return err == nil
	}, func() string {
		status, err := h.try("privacy", "status")
		return fmt.Sprintf("%s %v\n%s", status, err, h.logs())
	})
	if said, err := h.try("doctor"); strings.Contains(string(said), "may do everything") {
		t.Errorf("doctor says that a user may do everything (%v):\n%s", err, said)
	}
}

func names(ps []*process) string {
	var out []string
	for _, p := range ps {
		out = append(out, p.name)
	}
	return fmt.Sprint(out)
}
