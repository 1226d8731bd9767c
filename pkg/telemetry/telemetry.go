// Package telemetry makes logs, metrics and traces agree: JSON logs that carry
// the trace they belong to, one metrics registry a process, and OpenTelemetry
// traces that leave by OTLP when there is somewhere to send them.
//
// It is the only importer of the OpenTelemetry SDK. Nothing is global: whoever
// needs a logger, a registry or a tracer is given one.
package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/parley-desk/parley/pkg/telemetry/key"
)

// Config says where logs and traces go.
type Config struct {
	Level   string  `koanf:"level" default:"info" help:"Least level of log records: debug, info, warn or error."`
	Format  string  `koanf:"format" default:"json" help:"Form of log records: json or text."`
	OTLP    string  `koanf:"otlp" default:"" help:"Address of an OTLP collector (host:port, gRPC without TLS); empty keeps traces in the process."`
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
	return nil
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
		exporter, err := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(cfg.OTLP), otlptracegrpc.WithInsecure())
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
