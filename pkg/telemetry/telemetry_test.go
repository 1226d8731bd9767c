package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"

	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/parley-desk/parley/pkg/telemetry"
)

func TestALogRecordNamesItsTrace(t *testing.T) {
	var out bytes.Buffer
	spans := tracetest.NewSpanRecorder()
	tel, err := telemetry.Setup(t.Context(), telemetry.Config{Level: "info", Format: "json", Sampled: 1}, "p", "p-1", &out, sdktrace.SpanProcessor(spans))
	if err != nil {
		t.Fatal(err)
	}
	ctx, span := tel.Traces.Tracer("x").Start(context.Background(), "work")
	tel.Log.With("a", 1).WithGroup("g").InfoContext(ctx, "said")
	span.End()
	var record map[string]any
	if err := json.Unmarshal(out.Bytes(), &record); err != nil {
		t.Fatal(err)
	}
	group, _ := record["g"].(map[string]any)
	if group["trace_id"] != span.SpanContext().TraceID().String() || record["instance"] != "p-1" {
		t.Fatalf("got %v", record)
	}
	if len(spans.Ended()) != 1 {
		t.Fatalf("%d spans", len(spans.Ended()))
	}
	if err := tel.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Without a collector the logs still say what belongs together.
func TestATraceWithoutACollectorHasAnID(t *testing.T) {
	tel, err := telemetry.Setup(t.Context(), telemetry.Config{Level: "info", Format: "json"}, "p", "p-1", &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	tracer := tel.Traces.Tracer("x")
	ctx, outer := tracer.Start(context.Background(), "outer")
	_, inner := tracer.Start(ctx, "inner")
	_, other := tracer.Start(context.Background(), "other")
	if id := outer.SpanContext().TraceID(); !id.IsValid() || inner.SpanContext().TraceID() != id || other.SpanContext().TraceID() == id {
		t.Errorf("traces %s, %s within it, %s apart", id, inner.SpanContext().TraceID(), other.SpanContext().TraceID())
	}
	if outer.IsRecording() || outer.SpanContext().IsSampled() {
		t.Error("a span that nobody will see is recorded")
	}
	outer.End()
}

func BenchmarkSpanWithoutACollector(b *testing.B) {
	tel, err := telemetry.Setup(b.Context(), telemetry.Config{Level: "info", Format: "json", Sampled: 1}, "p", "p-1", &bytes.Buffer{})
	if err != nil {
		b.Fatal(err)
	}
	tracer := tel.Traces.Tracer("x")
	b.ReportAllocs()
	for b.Loop() {
		ctx, outer := tracer.Start(context.Background(), "outer")
		_, inner := tracer.Start(ctx, "inner")
		inner.End()
		outer.End()
	}
}

func TestBadSettingsAreNamed(t *testing.T) {
	for _, cfg := range []telemetry.Config{{Level: "loud", Format: "json"}, {Level: "info", Format: "xml"}, {Level: "info", Format: "json", Sampled: 2}} {
		if err := cfg.Validate(); err == nil {
			t.Errorf("%+v was taken", cfg)
		}
	}
}
