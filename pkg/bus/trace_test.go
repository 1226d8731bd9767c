package bus_test

import (
	"context"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
)

// The trace of a webhook reaches the handler of the commit it led to.
func TestTraceCrossesTheLog(t *testing.T) {
	broker := bustest.Broker(t)
	spans := tracetest.NewSpanRecorder()
	provider := trace.NewTracerProvider(trace.WithSpanProcessor(spans))
	registry := prometheus.NewPedanticRegistry()
	b, err := bus.Open(t.Context(), bus.Config{URL: broker.URL, MonitorURL: broker.Monitor, Partitions: 1, Instance: "one"},
		bus.Tools{Tracer: provider.Tracer("test"), Registry: registry})
	if err != nil {
		t.Fatal(err)
	}
	defer closeBus(t, b)
	ctx, root := provider.Tracer("test").Start(t.Context(), "webhook")
	if err := b.PublishInbound(ctx, []*inboundv1.Event{event(1, "a")}); err != nil {
		t.Fatal(err)
	}
	stopIntake := background(t, func(ctx context.Context) error {
		return b.FollowInbound(ctx, "intake", func(ctx context.Context, r bus.InboundRecord) error {
			_, _, err := b.Update(ctx, r.Thread, say("a"))
			return err
		})
	})
	got := make(chan oteltrace.TraceID, 1)
	writer := make(chan string, 1)
	stopRouting := background(t, func(ctx context.Context) error {
		return b.FollowThreads(ctx, "routing", func(ctx context.Context, r bus.Record) error {
			got <- oteltrace.SpanContextFromContext(ctx).TraceID()
			writer <- r.Commit.GetWriter()
			return nil
		})
	})
	if id := <-got; id != root.SpanContext().TraceID() {
		t.Errorf("handler ran in trace %s, want %s", id, root.SpanContext().TraceID())
	}
	if w := <-writer; w != "intake/one" {
		t.Errorf("writer is %q", w)
	}
	stopRouting()
	stopIntake()
	names := map[string]bool{}
	for _, s := range spans.Ended() {
		names[s.Name()] = true
	}
	for _, want := range []string{"send inbound.event", "process inbound.event", "send thread.commit", "process thread.commit"} {
		if !names[want] {
			t.Errorf("no span %q among %v", want, names)
		}
	}
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v, %v", problems, err)
	}
}
