package bus

import (
	"context"
	"strings"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// carrier puts trace context into headers of messages. The broker keeps the
// case of names and the W3C writes them in lower case, so that is how they are
// written; they are read whatever their case.
type carrier nats.Header

func (c carrier) Set(key, value string) { c[key] = []string{value} }

func (c carrier) Get(key string) string {
	if v := c[key]; len(v) > 0 {
		return v[0]
	}
	for k, v := range c {
		if len(v) > 0 && strings.EqualFold(k, key) {
			return v[0]
		}
	}
	return ""
}

func (c carrier) Keys() []string {
	keys := make([]string, 0, len(c))
	for k := range c {
		keys = append(keys, k)
	}
	return keys
}

// inject writes the trace of ctx into h.
func inject(ctx context.Context, h nats.Header) {
	if trace.SpanContextFromContext(ctx).IsValid() {
		propagation.TraceContext{}.Inject(ctx, carrier(h))
	}
}

// extract gives ctx the trace that h carries.
func extract(ctx context.Context, h nats.Header) context.Context {
	if len(h) == 0 {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, carrier(h))
}

// producer starts a span around a write. Names of spans are templates, never ids.
func (b *Bus) producer(ctx context.Context, name string) (context.Context, func()) {
	ctx, span := b.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindProducer),
		trace.WithAttributes(attribute.String("messaging.system", "nats")))
	return ctx, func() { span.End() }
}

// consumer starts a span for the handling of a message by stage: a child of
// the span that wrote it, and linked to it.
func (b *Bus) consumer(ctx context.Context, name, stage string, h nats.Header) (context.Context, trace.Span) {
	ctx = extract(ctx, h)
	return b.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithLinks(trace.LinkFromContext(ctx)),
		trace.WithAttributes(attribute.String("messaging.system", "nats"), attribute.String("messaging.consumer.group.name", stage)))
}
