package bus

import (
	"context"
	"strings"
	"time"

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

// writerOf is the span that wrote a message with header h.
func writerOf(h nats.Header) trace.SpanContext {
	return trace.SpanContextFromContext(extract(context.Background(), h))
}

// brief is how soon after a commit the next one is still the same piece of
// work. What a timer does later is a trace of its own, linked to that one.
const brief = 10 * time.Second

// following gives a commit that no request led to, as those of a relay or a
// timer, the trace of the commit it follows.
func following(ctx context.Context, s snapshot) (context.Context, []trace.SpanStartOption) {
	switch {
	case !s.trace.IsValid() || trace.SpanContextFromContext(ctx).IsValid():
		return ctx, nil
	case time.Since(s.stored) < brief:
		return trace.ContextWithRemoteSpanContext(ctx, s.trace), nil
	}
	return ctx, []trace.SpanStartOption{trace.WithLinks(trace.Link{SpanContext: s.trace})}
}

// producer starts a span around a write. Names of spans are templates, never ids.
func (b *Bus) producer(ctx context.Context, name string, more ...trace.SpanStartOption) (context.Context, func()) {
	ctx, span := b.tracer.Start(ctx, name, append(more, trace.WithSpanKind(trace.SpanKindProducer),
		trace.WithAttributes(attribute.String("messaging.system", "nats")))...)
	return ctx, func() { span.End() }
}

// consumer starts a span for the handling of a message by stage: a child of
// the span that wrote it, and linked to it.
func (b *Bus) consumer(ctx context.Context, name, stage string, h nats.Header) (context.Context, trace.Span) {
	ctx = extract(ctx, h)
	return b.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithLinks(trace.LinkFromContext(ctx)),
		trace.WithAttributes(attribute.String("messaging.system", "nats"), attribute.String("messaging.consumer.group.name", stage)))
}
