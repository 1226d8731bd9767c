package telemetry

import (
	"context"
	"encoding/binary"
	"math/rand/v2"

	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/embedded"
)

// ids makes spans that nobody will look at: they carry the id of their trace
// to the logs and to the next process, and cost next to nothing.
type ids struct{ embedded.TracerProvider }

// Tracer gives the one there is.
func (ids) Tracer(string, ...trace.TracerOption) trace.Tracer { return idTracer{} }

type idTracer struct{ embedded.Tracer }

// Start goes on with the trace of ctx, or begins one.
func (idTracer) Start(ctx context.Context, _ string, _ ...trace.SpanStartOption) (context.Context, trace.Span) {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		var t trace.TraceID
		var s trace.SpanID
		binary.NativeEndian.PutUint64(t[:8], rand.Uint64())
		binary.NativeEndian.PutUint64(t[8:], rand.Uint64()|1) // an id of zeros is none
		binary.NativeEndian.PutUint64(s[:], rand.Uint64()|1)
		ctx = trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{TraceID: t, SpanID: s}))
	}
	return ctx, trace.SpanFromContext(ctx)
}
