package house_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// metric is a metric that the code registers.
type metric struct {
	kind   string // counter, gauge or histogram; empty for those of others
	labels []string
	help   string
	home   string // the package that registers it
}

func (m metric) histogram() bool { return m.kind == "histogram" }

// metrics are all there are, by name: those in the sources of services and
// packages, and those of Prometheus and its client that are used.
func metrics(t *testing.T) map[string]metric {
	t.Helper()
	found := map[string]metric{"up": {}, "process_open_fds": {}, "process_max_fds": {}, "process_resident_memory_bytes": {},
		"process_cpu_seconds_total": {}, "go_goroutines": {}}
	for _, p := range packages(t) {
		if !strings.HasPrefix(p.path(), "services/") && !strings.HasPrefix(p.path(), "pkg/") {
			continue
		}
		each(t, p, func(_ string, f *ast.File) {
			ast.Inspect(f, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok {
					if name, m := gather(call); name != "" {
						m.home = p.path()
						found[name] = m
					}
				}
				return true
			})
		})
	}
	if len(found) < 30 {
		t.Fatalf("only %d metrics: the sources are not read", len(found))
	}
	return found
}

// gather is the metric that a call makes, by prometheus.NewXxx(Opts{Name: ...})
// or by a helper for gauges that is given name and help; no name for any other
// call.
func gather(call *ast.CallExpr) (name string, m metric) {
	if len(call.Args) == 0 {
		return "", metric{}
	}
	if name, ok := text(call.Args[0]); ok && strings.HasPrefix(name, "parley_") && len(call.Args) > 1 {
		help, _ := text(call.Args[1])
		return name, metric{kind: "gauge", help: help}
	}
	maker, _ := call.Fun.(*ast.SelectorExpr)
	options, _ := call.Args[0].(*ast.CompositeLit)
	if maker == nil || options == nil || fmt.Sprint(maker.X) != "prometheus" {
		return "", metric{}
	}
	for _, e := range options.Elts {
		pair, _ := e.(*ast.KeyValueExpr)
		if pair == nil {
			continue
		}
		said, _ := text(pair.Value)
		switch fmt.Sprint(pair.Key) {
		case "Name":
			name = said
		case "Help":
			m.help = said
		}
	}
	for _, kind := range []string{"Counter", "Gauge", "Histogram"} {
		if strings.HasPrefix(maker.Sel.Name, "New"+kind) {
			m.kind = strings.ToLower(kind)
		}
	}
	if strings.HasSuffix(maker.Sel.Name, "Vec") {
		labels, _ := call.Args[1].(*ast.CompositeLit)
		for _, l := range labels.Elts {
			label, _ := text(l)
			m.labels = append(m.labels, label)
		}
	}
	return name, m
}

func text(e ast.Expr) (string, bool) {
	literal, _ := e.(*ast.BasicLit)
	if literal == nil {
		return "", false
	}
	s, err := strconv.Unquote(literal.Value)
	return s, err == nil
}

var (
	quoted    = regexp.MustCompile(`"[^"]*"`)
	grouping  = regexp.MustCompile(`\b(?:by|without|on|ignoring)\s*\(([^)]*)\)`)
	selector  = regexp.MustCompile(`\b([a-zA-Z_:][a-zA-Z0-9_:]*)\b(\s*\()?(?:\{([^}]*)\})?`)
	matcher   = regexp.MustCompile(`([a-zA-Z_]+)\s*(?:=~|!~|!=|=)`)
	window    = regexp.MustCompile(`\[[^\]]*\]`)
	operators = []string{"and", "or", "unless", "bool", "offset", "sum", "max", "min", "avg", "count"}
	everyone  = []string{"job", "instance", "service"}
)

// checkQuery names metrics and labels of a query that do not exist.
func checkQuery(known map[string]metric, query string) (problems []string) {
	allowed := slices.Clone(everyone)
	bare := window.ReplaceAllString(quoted.ReplaceAllString(query, `""`), "")
	seen := 0
	for _, m := range selector.FindAllStringSubmatch(grouping.ReplaceAllString(bare, ""), -1) {
		name, called := m[1], m[2] != ""
		if called || slices.Contains(operators, name) {
			continue
		}
		seen++
		base := name
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			if cut, ok := strings.CutSuffix(name, suffix); ok && known[cut].histogram() {
				base = cut
			}
		}
		found, ok := known[base]
		if !ok || found.histogram() && base == name {
			problems = append(problems, "there is no metric "+name)
			continue
		}
		own := append(slices.Clone(everyone), found.labels...)
		if strings.HasSuffix(name, "_bucket") {
			own = append(own, "le")
		}
		for _, label := range matcher.FindAllStringSubmatch(m[3], -1) {
			if !slices.Contains(own, label[1]) {
				problems = append(problems, name+" has no label "+label[1])
			}
		}
		allowed = append(allowed, own...)
	}
	for _, g := range grouping.FindAllStringSubmatch(bare, -1) {
		for _, label := range strings.Split(g[1], ",") {
			if !slices.Contains(allowed, strings.TrimSpace(label)) {
				problems = append(problems, "nothing has the label "+label)
			}
		}
	}
	if seen == 0 || strings.Count(bare, "(") != strings.Count(bare, ")") || strings.Count(bare, "{") != strings.Count(bare, "}") {
		problems = append(problems, "it is no query: "+query)
	}
	return problems
}

type alerts struct {
	Groups []struct {
		Rules []struct {
			Alert, Expr, For    string
			Labels, Annotations map[string]string
		}
	}
}

func checkAlerts(known map[string]metric, rules, runbook string) (problems []string) {
	var a alerts
	if err := yaml.Unmarshal([]byte(rules), &a); err != nil {
		return []string{err.Error()}
	}
	sections := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^## (.+)$`).FindAllStringSubmatch(runbook, -1) {
		sections[strings.ReplaceAll(strings.ToLower(m[1]), " ", "-")] = true
	}
	for _, m := range regexp.MustCompile(`\]\(#([^)]*)\)`).FindAllStringSubmatch(runbook, -1) {
		if !sections[m[1]] {
			problems = append(problems, "the runbook links to #"+m[1]+", which is not there")
		}
	}
	for _, g := range a.Groups {
		for _, r := range g.Rules {
			for _, p := range checkQuery(known, r.Expr) {
				problems = append(problems, r.Alert+": "+p)
			}
			file, anchor, _ := strings.Cut(r.Annotations["runbook_url"], "#")
			if !strings.HasSuffix(file, "/deploy/runbook.md") || !sections[anchor] || anchor != strings.ToLower(r.Alert) {
				problems = append(problems, r.Alert+": no section of the runbook")
			}
			delete(sections, anchor)
			if s := r.Labels["severity"]; s != "page" && s != "ticket" || r.For == "" || r.Annotations["summary"] == "" {
				problems = append(problems, r.Alert+": severity, for or summary is missing")
			}
		}
	}
	for s := range sections {
		if strings.HasPrefix(s, "parley") { // others are about what no alert can tell
			problems = append(problems, "no alert leads to #"+s)
		}
	}
	return problems
}

func TestAlertsAskForMetricsThatExistAndLeadToTheRunbook(t *testing.T) {
	known, rules, runbook := metrics(t), read(t, "deploy/prometheus/alerts.yml"), read(t, "deploy/runbook.md")
	for _, p := range checkAlerts(known, rules, runbook) {
		t.Error(p)
	}
	for _, broken := range []struct{ from, to, want string }{
		{"parley_bus_lag_messages", "parley_bus_lag", "no metric parley_bus_lag"},
		{"up{job=", "up{jab=", "no label jab"},
		{"sum by (account)", "sum by (acount)", "label acount"},
		{"parley_desk_request_seconds_bucket", "parley_desk_request_seconds", "no metric parley_desk_request_seconds"},
		{"#parleyprocessdown", "#parleyprocessgone", "no section"},
		{"severity: page", "severity: loud", "severity"},
	} {
		got := strings.Join(checkAlerts(known, strings.Replace(rules, broken.from, broken.to, 1), runbook), "\n")
		if !strings.Contains(rules, broken.from) || !strings.Contains(got, broken.want) {
			t.Errorf("with %s nobody says %q: %s", broken.to, broken.want, got)
		}
	}
}

func TestPrometheusWatchesEveryProcess(t *testing.T) {
	c := parse[compose](t, read(t, "docker-compose.yml"))
	p := parse[struct {
		RuleFiles     []string `yaml:"rule_files"`
		ScrapeConfigs []struct {
			JobName       string                       `yaml:"job_name"`
			StaticConfigs []struct{ Targets []string } `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}](t, read(t, "deploy/prometheus/prometheus.yml"))
	watched := map[string]string{}
	for _, s := range p.ScrapeConfigs {
		for _, static := range s.StaticConfigs {
			for _, target := range static.Targets {
				name, port, _ := strings.Cut(target, ":")
				watched[name] = s.JobName
				if c.Services[name].ours() != s.JobName || port != "9090" {
					t.Errorf("%s of job %s is not there", target, s.JobName)
				}
			}
		}
	}
	for name, s := range c.Services {
		if isStage(s.ours()) && s.ours() != "sandbox" && watched[name] == "" {
			t.Errorf("nobody watches %s", name)
		}
	}
	for _, f := range p.RuleFiles {
		local := strings.Replace(f, "/etc/prometheus/", "deploy/prometheus/", 1)
		if _, err := os.Stat(filepath.Join(root(t), local)); err != nil {
			t.Errorf("rules %s are not there", f)
		}
	}
	collector := read(t, "deploy/otel/collector.yaml")
	if parse[map[string]any](t, collector)["service"] == nil || !strings.Contains(collector, "0.0.0.0:4317") {
		t.Error("the collector does not listen where the services send")
	}
}

type dashboard struct {
	UID, Title string
	Panels     []struct {
		Title      string
		Datasource struct{ UID string }
		Targets    []struct{ Expr string }
	}
}

func checkDashboard(known map[string]metric, raw, source string) (problems []string) {
	var d dashboard
	if err := json.Unmarshal([]byte(raw), &d); err != nil {
		return []string{err.Error()}
	}
	if d.UID == "" || d.Title == "" || len(d.Panels) == 0 {
		problems = append(problems, "it is no dashboard")
	}
	for _, p := range d.Panels {
		if p.Datasource.UID != source || len(p.Targets) == 0 {
			problems = append(problems, p.Title+": asks nothing, or nobody")
		}
		for _, target := range p.Targets {
			for _, problem := range checkQuery(known, target.Expr) {
				problems = append(problems, p.Title+": "+problem)
			}
		}
	}
	return problems
}

func TestDashboardsAskForMetricsThatExist(t *testing.T) {
	known, c := metrics(t), parse[compose](t, read(t, "docker-compose.yml"))
	sources := parse[struct {
		Datasources []struct{ UID, URL string }
	}](t, read(t, "deploy/grafana/provisioning/datasources/prometheus.yaml")).Datasources
	for _, p := range unreachable(c, sources[0].URL) {
		t.Error(p)
	}
	folder := parse[struct {
		Providers []struct{ Options struct{ Path string } }
	}](t, read(t, "deploy/grafana/provisioning/dashboards/parley.yaml")).Providers[0].Options.Path
	if !slices.Contains(c.Services["grafana"].Volumes, "./deploy/grafana:"+folder+":ro") {
		t.Errorf("dashboards are looked for in %s, where none are", folder)
	}
	files, err := filepath.Glob(filepath.Join(root(t), "deploy/grafana/*.json"))
	if err != nil || len(files) < 6 {
		t.Fatalf("%d dashboards, %v", len(files), err)
	}
	for _, f := range files {
		raw := read(t, "deploy/grafana", filepath.Base(f))
		for _, p := range checkDashboard(known, raw, sources[0].UID) {
			t.Errorf("%s: %s", filepath.Base(f), p)
		}
		if planted := strings.Replace(raw, "parley_", "parlez_", 1); len(checkDashboard(known, planted, sources[0].UID)) == 0 {
			t.Errorf("%s: a metric that is not there is not found", filepath.Base(f))
		}
	}
}
