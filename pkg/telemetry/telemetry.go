// Package telemetry makes logs, metrics and traces agree: JSON logs that carry
// the trace they belong to, one metrics registry a process, and OpenTelemetry
// traces that leave by OTLP when there is somewhere to send them.
//
// It is the only importer of the OpenTelemetry SDK. Nothing is global: whoever
// needs a logger, a registry or a tracer is given one.
package telemetry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/credentials"

	"github.com/parley-desk/parley/pkg/keyfile"
	"github.com/parley-desk/parley/pkg/telemetry/key"
)

// Config says where logs and traces go.
type Config struct {
	Level   string  `koanf:"level" default:"info" help:"Least level of log records: debug, info, warn or error."`
	Format  string  `koanf:"format" default:"json" help:"Form of log records: json or text."`
	OTLP    string  `koanf:"otlp" default:"" help:"Address of an OTLP collector, host:port of gRPC, or https://host:port for TLS with a certificate that the system trusts; empty keeps traces in the process."`
	CA      string  `koanf:"otlp_ca" default:"" help:"PEM file of the authorities that sign the certificate of the collector; it is then reached by TLS."`
	Cert    string  `koanf:"otlp_cert" default:"" help:"PEM file of a certificate that this process shows the collector, if it asks. Read again at every connection."`
	Key     string  `koanf:"otlp_key" default:"" help:"PEM file of its key, readable by nobody else."`
	Plain   bool    `koanf:"otlp_plain" default:"false" help:"Start although a collector that is not on this machine is reached in the clear. Right on a network that nobody else is on."`
	Sampled float64 `koanf:"sampled" default:"1" help:"Share of new traces that are kept, 0 to 1."`
}

// Validate names the first setting that cannot be.
func (c *Config) Validate() error {
	var l slog.Level
	if err := l.UnmarshalText([]byte(c.Level)); err != nil {
		return fmt.Errorf("log.level %q is none of debug, info, warn, error", c.Level)
	}
	if c.Format != "json" && c.Format != "text" {
		return fmt.Errorf("log.format %q is neither json nor text", c.Format)
	}
	if c.Sampled < 0 || c.Sampled > 1 {
		return fmt.Errorf("log.sampled %g is not between 0 and 1", c.Sampled)
	}
	if (c.Cert == "") != (c.Key == "") {
		return errors.New("log.otlp_cert and log.otlp_key belong together; set both or none")
	}
	if c.OTLP == "" {
		return nil
	}
	address, _ := c.collector()
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("log.otlp %q is no address; set it to host:port, or https://host:port", c.OTLP)
	}
	// What spans say of a house is for nobody on the way (SS4).
	if ip := net.ParseIP(host); !c.encrypted() && !c.Plain && host != "localhost" && !ip.IsLoopback() {
		return fmt.Errorf("log.otlp reaches the collector at %s in the clear; set log.otlp_ca and give it a certificate, or set log.otlp_plain where nobody else is on that network", host)
	}
	return nil
}

// collector is where traces go, and whether its address says that the way is TLS.
func (c *Config) collector() (address string, tls bool) {
	return strings.CutPrefix(c.OTLP, "https://")
}

func (c *Config) encrypted() bool {
	_, tls := c.collector()
	return tls || c.CA != "" || c.Cert != ""
}

// way is how the collector is reached. What is wrong with its files now is an error;
// what will be, one of the connection.
func (c *Config) way() (otlptracegrpc.Option, error) {
	if !c.encrypted() {
		return otlptracegrpc.WithInsecure(), nil
	}
	read := func() (*tls.Config, error) { return keyfile.Client("log.otlp_", c.CA, c.Cert, c.Key) }
	config, err := read()
	if err != nil {
		return nil, err
	}
	if c.Cert != "" {
		config.Certificates = nil
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			now, err := read()
			if err != nil {
				return nil, err
			}
			return &now.Certificates[0], nil
		}
	}
	return otlptracegrpc.WithTLSCredentials(credentials.NewTLS(config)), nil
}

// Telemetry is what a process reports with.
type Telemetry struct {
	Log      *slog.Logger
	Registry *prometheus.Registry
	Traces   trace.TracerProvider
	stop     func(context.Context) error
}

// Setup starts telemetry of the process called name and instance; logs go to
// out. processors see every finished span, for tests.
func Setup(ctx context.Context, cfg Config, name, instance string, out io.Writer, processors ...sdktrace.SpanProcessor) (*Telemetry, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	traces, stop, err := traces(ctx, cfg, name, instance, processors)
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return &Telemetry{
		Log:      slog.New(handler(cfg, out)).With(slog.String(key.Instance, instance)),
		Registry: registry,
		Traces:   traces,
		stop:     stop,
	}, nil
}

// traces makes the provider of tracers, and what gives it up.
func traces(ctx context.Context, cfg Config, name, instance string, processors []sdktrace.SpanProcessor) (trace.TracerProvider, func(context.Context) error, error) {
	if cfg.OTLP == "" && len(processors) == 0 {
		return ids{}, func(context.Context) error { return nil }, nil
	}
	options := []sdktrace.TracerProviderOption{
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(cfg.Sampled))),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", name), attribute.String("service.instance.id", instance))),
	}
	for _, p := range processors {
		options = append(options, sdktrace.WithSpanProcessor(p))
	}
	if cfg.OTLP != "" {
		way, err := cfg.way()
		if err != nil {
			return nil, nil, err
		}
		address, _ := cfg.collector()
		exporter, err := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(address), way)
		if err != nil {
			return nil, nil, fmt.Errorf("opening the OTLP exporter to %s: %w", cfg.OTLP, err)
		}
		options = append(options, sdktrace.WithBatcher(exporter))
	}
	provider := sdktrace.NewTracerProvider(options...)
	return provider, provider.Shutdown, nil
}

// Stop sends what is still held back and gives everything up.
func (t *Telemetry) Stop(ctx context.Context) error { return t.stop(ctx) }

func handler(cfg Config, out io.Writer) slog.Handler {
	var level slog.Level
	_ = level.UnmarshalText([]byte(strings.ToUpper(cfg.Level)))
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: seconds}
	if cfg.Format == "text" {
		return traced{slog.NewTextHandler(out, options)}
	}
	return traced{slog.NewJSONHandler(out, options)}
}

// seconds writes durations in the unit that metrics have.
func seconds(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.Float64Value(a.Value.Duration().Seconds())
	}
	return a
}

// traced adds the trace of the context to every record.
type traced struct{ slog.Handler }

func (t traced) Handle(ctx context.Context, r slog.Record) error {
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		r.AddAttrs(slog.String(key.TraceID, sc.TraceID().String()), slog.String(key.SpanID, sc.SpanID().String()))
	}
	return t.Handler.Handle(ctx, r)
}

func (t traced) WithAttrs(attrs []slog.Attr) slog.Handler { return traced{t.Handler.WithAttrs(attrs)} }
func (t traced) WithGroup(name string) slog.Handler       { return traced{t.Handler.WithGroup(name)} }
