package house_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// collector is what a collector's configuration says of the way of a trace.
type collector struct {
	Receivers  map[string]receiver `yaml:"receivers"`
	Processors map[string]any      `yaml:"processors"`
	Exporters  map[string]any      `yaml:"exporters"`
	Service    struct {
		Pipelines map[string]struct {
			Receivers, Processors, Exporters []string
		}
	} `yaml:"service"`
}

type receiver struct {
	Protocols map[string]struct{ Endpoint string } `yaml:"protocols"`
}

// checkCollector names parts of pipelines that are not defined, parts that no
// pipeline has, and addresses to which processes send what nobody receives.
func checkCollector(text string, sent []string) (problems []string) {
	var c collector
	if err := yaml.Unmarshal([]byte(text), &c); err != nil {
		return []string{err.Error()}
	}
	used := map[string]bool{}
	for pipeline, p := range c.Service.Pipelines {
		parts := func(sort string, named []string, defined func(string) bool) {
			if len(named) == 0 && sort != "processor" {
				problems = append(problems, fmt.Sprintf("pipeline %s has no %s", pipeline, sort))
			}
			for _, name := range named {
				used[sort+" "+name] = true
				if !defined(name) {
					problems = append(problems, fmt.Sprintf("pipeline %s names the %s %s, which is not defined", pipeline, sort, name))
				}
			}
		}
		parts("receiver", p.Receivers, func(n string) bool { _, ok := c.Receivers[n]; return ok })
		parts("processor", p.Processors, func(n string) bool { _, ok := c.Processors[n]; return ok })
		parts("exporter", p.Exporters, func(n string) bool { _, ok := c.Exporters[n]; return ok })
	}
	if len(c.Service.Pipelines["traces"].Receivers) == 0 {
		problems = append(problems, "no pipeline takes traces")
	}
	var ports []string
	for name, r := range c.Receivers {
		if !used["receiver "+name] {
			problems = append(problems, "no pipeline has the receiver "+name)
		}
		if at := r.Protocols["grpc"].Endpoint; strings.HasPrefix(at, "0.0.0.0:") {
			ports = append(ports, strings.TrimPrefix(at, "0.0.0.0:"))
		}
	}
	for name := range c.Processors {
		if !used["processor "+name] {
			problems = append(problems, "no pipeline has the processor "+name)
		}
	}
	for name := range c.Exporters {
		if !used["exporter "+name] {
			problems = append(problems, "no pipeline has the exporter "+name)
		}
	}
	for _, address := range sent {
		if _, port, _ := strings.Cut(address, ":"); !slices.Contains(ports, port) {
			problems = append(problems, "traces go to "+address+", where nothing is received by gRPC from others")
		}
	}
	return problems
}

func TestTheCollectorTakesWhatIsSent(t *testing.T) {
	c := parse[compose](t, read(t, "docker-compose.yml"))
	var sent []string
	for name, s := range c.Services {
		address := s.Environment["PARLEY_LOG_OTLP"]
		switch host, _, _ := strings.Cut(address, ":"); {
		case isStage(s.ours()) && address == "" && name != "sandbox": // which has no certificate of the house
			t.Errorf("%s sends its traces nowhere", name)
		case address != "" && c.Services[host].Image == "":
			t.Errorf("%s sends its traces to %s, which is nobody", name, host)
		case address != "":
			sent = append(sent, address)
		}
	}
	text := read(t, "deploy", "otel", "collector.yaml")
	for _, p := range checkCollector(text, sent) {
		t.Error(p)
	}
	for _, broken := range []struct{ from, to, want string }{
		{"tail_sampling:", "tail_sample:", "names the processor tail_sampling, which is not defined"},
		{"tail_sampling, batch]", "batch]", "no pipeline has the processor tail_sampling"},
		{"exporters: [debug]", "exporters: [tempo]", "names the exporter tempo, which is not defined"},
		{"receivers: [otlp]", "receivers: []", "pipeline traces has no receiver"},
		{"    traces:", "    metrics:", "no pipeline takes traces"},
		{"0.0.0.0:4317", "0.0.0.0:4318", "where nothing is received by gRPC"},
		{"0.0.0.0:4317", "127.0.0.1:4317", "where nothing is received by gRPC"},
	} {
		if found := strings.Join(checkCollector(strings.Replace(text, broken.from, broken.to, 1), sent), "\n"); !strings.Contains(found, broken.want) {
			t.Errorf("%s in place of %s is not found: %s", broken.to, broken.from, found)
		}
	}
}
