package house_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"go.yaml.in/yaml/v3"

	"github.com/parley-desk/parley/pkg/access"
	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/pkg/settings"
	"github.com/parley-desk/parley/services/all"
)

// compose is what the checks look at of docker-compose.yml.
type compose struct {
	Services map[string]container `yaml:"services"`
	Volumes  map[string]any       `yaml:"volumes"`
}

type container struct {
	Image string `yaml:"image"`
	Build struct {
		Dockerfile string            `yaml:"dockerfile"`
		Args       map[string]string `yaml:"args"`
	} `yaml:"build"`
	Command     []string          `yaml:"command"`
	Environment map[string]string `yaml:"environment"`
	Ports       []string          `yaml:"ports"`
	Volumes     []string          `yaml:"volumes"`
	Profiles    []string          `yaml:"profiles"`
	CapDrop     []string          `yaml:"cap_drop"`
	SecurityOpt []string          `yaml:"security_opt"`
	ReadOnly    bool              `yaml:"read_only"`
	DependsOn   any               `yaml:"depends_on"`
	Networks    any               `yaml:"networks"`
	Healthcheck struct {
		Test []string `yaml:"test"`
	} `yaml:"healthcheck"`
}

// ours is the SERVICE a container of ours is built from; empty for others.
func (c container) ours() string { return c.Build.Args["SERVICE"] }

func (c container) needs() []string {
	var names []string
	switch d := c.DependsOn.(type) {
	case []any:
		for _, name := range d {
			names = append(names, fmt.Sprint(name))
		}
	case map[string]any:
		for name := range d {
			names = append(names, name)
		}
	}
	return names
}

func (c container) aliases() []string {
	var names []string
	networks, _ := c.Networks.(map[string]any)
	for _, n := range networks {
		more, _ := n.(map[string]any)
		list, _ := more["aliases"].([]any)
		for _, name := range list {
			names = append(names, fmt.Sprint(name))
		}
	}
	return names
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(append([]string{root(t)}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func parse[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// mainOf is the folder of the command that SERVICE builds.
func mainOf(service string) string {
	switch service {
	case "parley":
		return "services/all/cmd/parley"
	case "parleyctl":
		return "cli/cmd/parleyctl"
	}
	return "services/" + service + "/cmd/" + service
}

var variable = regexp.MustCompile(`\$\{[A-Z_]+:-([^}]*)\}`)

// values are the settings a container of ours would run with.
func values(c container) ([]settings.Value, error) {
	sections := []settings.Section{{Target: &host.Config{}}}
	for _, s := range all.Stages() {
		if s.Name == c.ours() {
			sections = append(sections, settings.Section{Name: s.Name, Target: s.Config})
		}
	}
	set, err := settings.Define(sections...)
	if err != nil {
		return nil, err
	}
	env := map[string]string{"PARLEY_DATA_DIR": "/data", "PARLEY_OPS_LISTEN": ":9090"} // as the Dockerfile says
	for k, v := range c.Environment {
		if strings.HasPrefix(k, "PARLEY_") && !slices.ContainsFunc(set.Fields(), func(f settings.Field) bool { return f.Env == k }) {
			return nil, fmt.Errorf("%s is no setting of %s", k, c.ours())
		}
		env[k] = variable.ReplaceAllString(v, "$1")
	}
	return set.Load(settings.Source{Lookup: func(k string) (string, bool) { v, ok := env[k]; return v, ok }})
}

// isStage tells a service of ours that runs from a tool.
func isStage(service string) bool {
	return slices.ContainsFunc(all.Stages(), func(s host.Stage) bool { return s.Name == service })
}

// reachable is what may be dialled inside the deployment, as name:port.
func reachable(c compose) map[string]bool {
	others := map[string][]string{"nats-1": {"4222", "6222", "8222"}, "nats-2": {"4222", "6222", "8222"}, "nats-3": {"4222", "6222", "8222"},
		"redis": {"6379"}, "otel-collector": {"4317"}, "prometheus": {"9090"}, "grafana": {"3000"}}
	found := map[string]bool{}
	for name, s := range c.Services {
		ports := others[name]
		if isStage(s.ours()) {
			all, _ := values(s) // its errors are told by checkSettings
			for _, v := range all {
				if _, port, err := net.SplitHostPort(v.Text); err == nil && strings.HasSuffix(v.Key, "listen") {
					ports = append(ports, port)
				}
			}
		}
		for _, n := range append(s.aliases(), name) {
			for _, p := range ports {
				found[n+":"+p] = true
			}
		}
	}
	return found
}

var address = regexp.MustCompile(`(?:^|//|,)([a-z][a-z0-9-]*:[0-9]+)`)

// unreachable names addresses in text that nobody in the deployment serves.
func unreachable(c compose, text string) (problems []string) {
	known := reachable(c)
	for _, m := range address.FindAllStringSubmatch(text, -1) {
		if !known[m[1]] {
			problems = append(problems, m[1]+" is served by nobody")
		}
	}
	return problems
}

func checkSettings(c compose) (problems []string) {
	for name, s := range c.Services {
		say := func(format string, a ...any) { problems = append(problems, name+": "+fmt.Sprintf(format, a...)) }
		for _, text := range s.Environment {
			for _, p := range unreachable(c, text) {
				say("%s", p)
			}
		}
		if !isStage(s.ours()) {
			continue
		}
		if _, err := values(s); err != nil {
			say("%v", err)
		}
		if want := []string{"CMD", "/service", "healthcheck"}; !slices.Equal(s.Healthcheck.Test, want) {
			say("health is asked with %q, not %q", s.Healthcheck.Test, want)
		}
	}
	return problems
}

func checkImages(root string, c compose) (problems []string) {
	count := map[string]int{}
	for name, s := range c.Services {
		say := func(format string, a ...any) { problems = append(problems, name+": "+fmt.Sprintf(format, a...)) }
		if s.ours() == "" {
			if !regexp.MustCompile(`:v?[0-9]+\.[0-9]+`).MatchString(s.Image) {
				say("%q names no version", s.Image)
			}
			continue
		}
		count[s.ours()]++
		for _, path := range []string{filepath.Join(mainOf(s.ours()), "main.go"), s.Build.Dockerfile} {
			if _, err := os.Stat(filepath.Join(root, path)); err != nil {
				say("there is no %s", path)
			}
		}
		if !strings.HasPrefix(s.Image, "parley/"+s.ours()+":") {
			say("%s is built as %s", s.ours(), s.Image)
		}
		if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			say("it may more than it needs: read_only, cap_drop, security_opt")
		}
	}
	for _, s := range all.Stages() {
		if n := count[s.Name]; n != 2 && s.Name != "sandbox" {
			problems = append(problems, fmt.Sprintf("%d processes of %s; the house runs two", n, s.Name))
		}
	}
	return problems
}

func checkWiring(root string, c compose) (problems []string) {
	taken, used := map[string]string{}, map[string]bool{}
	for name, s := range c.Services {
		say := func(format string, a ...any) { problems = append(problems, name+": "+fmt.Sprintf(format, a...)) }
		for _, need := range s.needs() {
			if other, ok := c.Services[need]; !ok {
				say("depends on %s, which is not there", need)
			} else if len(other.Profiles) > 0 && len(s.Profiles) == 0 {
				say("depends on %s, which only runs with a profile", need)
			}
		}
		for _, p := range s.Ports {
			published, inside := p[:strings.LastIndex(p, ":")], p[strings.LastIndex(p, ":")+1:]
			if other, ok := taken[published]; ok {
				say("%s is published by %s too", published, other)
			}
			taken[published] = name
			if !strings.HasPrefix(p, "127.0.0.1:") {
				say("%s is open to the world", p)
			}
			if !reachable(c)[name+":"+inside] {
				say("publishes %s, where nothing listens", inside)
			}
		}
		for _, v := range s.Volumes {
			from, _, _ := strings.Cut(v, ":")
			used[from] = true
			if _, named := c.Volumes[from]; named {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, from)); !strings.HasPrefix(from, "./") || err != nil {
				say("mounts %s, which is neither a volume nor a file", from)
			}
		}
	}
	for v := range c.Volumes {
		if !used[v] {
			problems = append(problems, "volume "+v+" is mounted by nobody")
		}
	}
	return problems
}

func checkCompose(root string, text string) []string {
	var c compose
	if err := yaml.Unmarshal([]byte(text), &c); err != nil {
		return []string{err.Error()}
	}
	return slices.Concat(checkSettings(c), checkImages(root, c), checkWiring(root, c))
}

func TestComposeNamesOnlyWhatExists(t *testing.T) {
	text := read(t, "docker-compose.yml")
	for _, p := range checkCompose(root(t), text) {
		t.Error(p)
	}
	for _, broken := range []struct{ from, to, want string }{
		{"PARLEY_BUS_REPLICAS:", "PARLEY_BUS_COPIES:", "PARLEY_BUS_COPIES is no setting"},
		{`PARLEY_BUS_REPLICAS: "3"`, `PARLEY_BUS_REPLICAS: many`, "not a whole number"},
		{"SERVICE: outbound,", "SERVICE: outbond,", "there is no services/outbond"},
		{"rediss://redis:6379", "rediss://cache:6379", "cache:6379 is served by nobody"},
		{`PARLEY_DESK_LISTEN: ":8080"`, `PARLEY_DESK_LISTEN: ":8000"`, "where nothing listens"},
		{"127.0.0.1:8091:", "127.0.0.1:8081:", "published by"},
		{"127.0.0.1:8091:", "0.0.0.0:8091:", "open to the world"},
		{"depends_on: [prometheus]", "depends_on: [promteus]", "promteus, which is not there"},
		{"depends_on: [prometheus]", "depends_on: [sandbox]", "only runs with a profile"},
		{"./deploy/redis/redis.conf", "./deploy/redis.conf", "neither a volume nor a file"},
		{"  nats-3: {}\n", "", "mounts nats-3"},
		{"/service, healthcheck", "/service, health", "health is asked"},
		{"read_only: true", "read_only: false", "more than it needs"},
		{"nats:2.15.2-alpine", "nats:latest", "names no version"},
	} {
		got := strings.Join(checkCompose(root(t), strings.Replace(text, broken.from, broken.to, 1)), "\n")
		if !strings.Contains(text, broken.from) || !strings.Contains(got, broken.want) {
			t.Errorf("with %s for %s nobody says %q: %s", broken.to, broken.from, broken.want, got)
		}
	}
}

func TestContainersRunCommandsThatExist(t *testing.T) {
	c := parse[compose](t, read(t, "docker-compose.yml"))
	cmd, err := all.Command()
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range c.Services {
		args := s.Command
		switch {
		case isStage(s.ours()):
			args = append([]string{s.ours()}, s.Healthcheck.Test[2:]...)
		case s.ours() != "parley":
			continue
		}
		if found, _, err := cmd.Find(args); err != nil || !strings.Contains(strings.Join(args, " "), found.Name()) || found.HasSubCommands() {
			t.Errorf("%s: there is no command %q: %v", name, args, err)
		}
	}
	if !strings.Contains(read(t, "cli", "link.go"), `"PARLEY_SERVER"`) || c.Services["parleyctl"].Environment["PARLEY_SERVER"] == "" {
		t.Error("parleyctl is not told its server")
	}
	if server := strings.TrimPrefix(c.Services["parleyctl"].Environment["PARLEY_SERVER"], "unix://"); server != c.Services["admin-1"].Environment["PARLEY_ADMIN_SOCKET"] {
		t.Errorf("parleyctl looks for %s, where no admin listens", server)
	}
}

// TestTheImageIsBareAndBuiltAsTheBinaryIs (SC3), and its user is nobody.
func TestTheImageIsBareAndBuiltAsTheBinaryIs(t *testing.T) {
	text := read(t, "deploy", "Dockerfile")
	for _, want := range []string{"CGO_ENABLED=0", "GOWORK=off", "-trimpath", "timetzdata", "\nFROM scratch\n", "\nUSER 65532:65532\n",
		"ca-certificates.crt", "-X $stamp.version=$VERSION -X $stamp.commit=$COMMIT", "PARLEY_DATA_DIR=/data", "PARLEY_OPS_LISTEN=:9090", `ENTRYPOINT ["/service"]`} {
		if !strings.Contains(text, want) {
			t.Errorf("the Dockerfile does not say %s", want)
		}
	}
	// The linker says nothing of a variable that is not there.
	for _, build := range []string{text, read(t, "Makefile")} {
		if !strings.Contains(build, "github.com/parley-desk/parley/pkg/stamp") || !strings.Contains(read(t, "pkg/stamp/stamp.go"), "\nvar version, commit string\n") {
			t.Error("Makefile, Dockerfile and pkg/stamp do not agree on what is linked in")
		}
	}
	_, final, _ := strings.Cut(text, "FROM scratch")
	if strings.Contains(final, "RUN ") {
		t.Error("the last stage has no shell to run anything with")
	}
}

// checkBroker reads a broker's configuration as the broker does.
func checkBroker(path, name string) (problems []string) {
	o, err := server.ProcessConfigFile(path)
	if err != nil {
		return []string{err.Error()}
	}
	for what, holds := range map[string]bool{
		"is called otherwise":             o.ServerName == name,
		"does not sync before it answers": o.SyncAlways,
		"has no JetStream in /data":       o.JetStream && o.StoreDir == "/data",
		"has no limit for its volume":     o.JetStreamMaxStore > 0,
		"serves no monitoring":            o.HTTPSPort == 8222,
		"takes no clients":                o.Port == 4222,
		"has no cluster of three":         o.Cluster.Name != "" && o.Cluster.Port == 6222 && len(o.Routes) == 3,
		"takes anybody for a broker":      o.Cluster.Password != "",
		"tells of itself in the clear":    o.HTTPPort == 0,
		"speaks in the clear":             asks(o.TLSConfig) && asks(o.Cluster.TLSConfig),
		"lets everybody in":               len(o.Nkeys) == len(access.Services()) && len(o.Users) == 0 && o.NoAuthUser == "",
	} {
		if !holds {
			problems = append(problems, name+" "+what)
		}
	}
	return problems
}

// asks tells whether who listens so speaks TLS, and only with who has a certificate.
func asks(c *tls.Config) bool { return c != nil && c.ClientAuth == tls.RequireAndVerifyClientCert }

// brokerFiles are those of deploy/nats, changed, with users as Compose makes them.
func brokerFiles(t *testing.T, change *strings.Replacer) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range []string{"nats-1.conf", "nats-2.conf", "nats-3.conf", "common.conf"} {
		text := read(t, "deploy/nats", name)
		if change != nil {
			text = change.Replace(text)
		}
		text = strings.ReplaceAll(text, "/etc/nats/access/", dir+"/access/")
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	made := t.TempDir()
	if _, err := access.Create(access.Plan{Dir: made, Partitions: 16, Group: "main", Brokers: []string{"nats-1:6222", "nats-2:6222", "nats-3:6222"},
		Certificates: true, Redis: []string{"redis"}}); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(made, "nats"), filepath.Join(dir, "access")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestBrokersWriteBeforeTheyAnswer(t *testing.T) {
	c := parse[compose](t, read(t, "docker-compose.yml"))
	dir := brokerFiles(t, nil)
	for _, name := range []string{"nats-1", "nats-2", "nats-3"} {
		for _, p := range append(checkBroker(filepath.Join(dir, name+".conf"), name), unreachable(c, read(t, "deploy/nats", "common.conf"))...) {
			t.Error(p)
		}
		if !slices.Contains(c.Services[name].Volumes, "./deploy/nats/"+name+".conf:/etc/nats/nats.conf:ro") {
			t.Errorf("%s does not read its own configuration", name)
		}
	}
	_, version, _ := strings.Cut(read(t, "pkg/go.mod"), "nats-server/v2 v")
	version, _, _ = strings.Cut(version, "\n")
	version, _, _ = strings.Cut(version, " ")
	if image := c.Services["nats-1"].Image; image != "nats:"+version+"-alpine" {
		t.Errorf("the brokers are %s, the tests run %s", image, version)
	}
	planted := brokerFiles(t, strings.NewReplacer("sync_interval: always", "sync_interval: 1s", `include "access/users.conf"`, "", "verify: true", ""))
	if got := strings.Join(checkBroker(filepath.Join(planted, "nats-1.conf"), "nats-1"), "\n"); !strings.Contains(got, "sync") || !strings.Contains(got, "lets everybody in") || !strings.Contains(got, "in the clear") {
		t.Errorf("a broker that syncs later, knows no users and asks for no certificate is not found: %s", got)
	}
}

// checkStore names what Redis would lose silently with this configuration.
func checkStore(text string) (problems []string) {
	said := map[string]string{}
	for _, line := range strings.Split(text, "\n") {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), " "); ok && k != "#" {
			said[k] = v
		}
	}
	for k, v := range map[string]string{"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction", "dir": "/data", "aclfile": "/access/users.acl",
		"port": "0", "tls-port": "6379", "tls-cert-file": "/access/tls.pem", "tls-key-file": "/access/tls.key", "tls-ca-cert-file": "/access/ca.pem"} {
		if said[k] != v {
			problems = append(problems, fmt.Sprintf("redis: %s is %q, not %q", k, said[k], v))
		}
	}
	return problems
}

func TestRedisForgetsNothingSilently(t *testing.T) {
	text := read(t, "deploy/redis/redis.conf")
	for _, p := range checkStore(text) {
		t.Error(p)
	}
	if len(checkStore(strings.Replace(text, "noeviction", "allkeys-lru", 1))) != 1 {
		t.Error("an eviction policy is not found")
	}
}
