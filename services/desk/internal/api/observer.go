package api

import (
	"context"
	"errors"
	"net/http"
	"path"
	"time"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	"github.com/parley-desk/parley/pkg/thread"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
)

// Meter counts what the API does.
type Meter struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	events   *prometheus.CounterVec
	uploads  *prometheus.CounterVec
	bytes    prometheus.Counter
	closed   *prometheus.CounterVec
}

// NewMeter registers the API's metrics.
func NewMeter(r prometheus.Registerer) *Meter {
	m := &Meter{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_desk_requests_total", Help: "Requests of the desk API that ended, by method and code.",
		}, []string{"method", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "parley_desk_request_seconds", Help: "How long commands of the desk API took.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 11),
		}, []string{"method"}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_desk_events_total", Help: "Events sent to agents' pages, by kind.",
		}, []string{"kind"}),
		uploads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_desk_uploads_total", Help: "Files of agents that were taken, or refused and why.",
		}, []string{"outcome"}),
		closed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_desk_closed_total", Help: "Conversations that agents closed in wrap-up, by how many dispositions they chose.",
		}, []string{"dispositions"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "parley_desk_upload_bytes_total", Help: "Bytes of the files of agents that were taken.",
		}),
	}
	r.MustRegister(m.requests, m.seconds, m.events, m.uploads, m.bytes, m.closed)
	return m
}

// taken counts a file that is whole and may be sent.
func (m *Meter) taken(size int64) {
	m.uploads.WithLabelValues("taken").Inc()
	m.bytes.Add(float64(size))
}

// refused counts a request of an upload that came to nothing.
func (m *Meter) refused(reason string) { m.uploads.WithLabelValues(reason).Inc() }

// sent counts one event.
func (m *Meter) sent(e *deskv1.Event) {
	m.events.WithLabelValues(kind(e)).Inc()
}

func kind(e *deskv1.Event) string {
	switch e.GetKind().(type) {
	case *deskv1.Event_Snapshot:
		return "snapshot"
	case *deskv1.Event_Conversation:
		return "conversation"
	case *deskv1.Event_Removed:
		return "removed"
	case *deskv1.Event_Timeline:
		return "timeline"
	case *deskv1.Event_Standing:
		return "standing"
	case *deskv1.Event_Queues:
		return "queues"
	case *deskv1.Event_Heartbeat:
		return "heartbeat"
	case *deskv1.Event_SessionEnded:
		return "session_ended"
	}
	return "unknown"
}

// observer is the outermost interceptor: a span, a count and a log line for
// what went wrong, and errors as callers may see them.
type observer struct{ *Server }

// WrapUnary observes a command.
func (o observer) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, r connect.AnyRequest) (connect.AnyResponse, error) {
		started := time.Now()
		ctx, span := o.start(ctx, r.Spec(), r.Header())
		defer span.End()
		response, err := next(ctx, r)
		o.seconds(r.Spec(), time.Since(started))
		return response, o.end(ctx, span, r.Spec(), err)
	}
}

// WrapStreamingHandler observes a stream.
func (o observer) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		ctx, span := o.start(ctx, conn.Spec(), conn.RequestHeader())
		defer span.End()
		return o.end(ctx, span, conn.Spec(), next(ctx, conn))
	}
}

// WrapStreamingClient leaves clients alone.
func (observer) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// start begins a span in the trace that the caller names, if it names one.
func (o observer) start(ctx context.Context, spec connect.Spec, h http.Header) (context.Context, trace.Span) {
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(h))
	return o.Tracer.Start(ctx, "desk "+path.Base(spec.Procedure),
		trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String("rpc.system", "connect_rpc"),
			attribute.String("rpc.method", path.Base(spec.Procedure))))
}

func (o observer) seconds(spec connect.Spec, d time.Duration) {
	o.Meter.seconds.WithLabelValues(path.Base(spec.Procedure)).Observe(d.Seconds())
}

// end counts and logs how it ended. A refusal is daily business; a failure of
// ours or of what we depend on is not.
func (o observer) end(ctx context.Context, span trace.Span, spec connect.Spec, err error) error {
	out := wire(err)
	name := "ok"
	if out != nil {
		name = connect.CodeOf(out).String()
	}
	o.Meter.requests.WithLabelValues(path.Base(spec.Procedure), name).Inc()
	if ours(err) {
		span.SetStatus(codes.Error, name)
		o.Log.ErrorContext(ctx, "request not answered",
			key.Method, path.Base(spec.Procedure), key.Code, name, key.Err, err)
	}
	return out
}

func ours(err error) bool {
	if err == nil || errors.As(err, new(*thread.Refusal)) || errors.As(err, new(*connect.Error)) {
		return false
	}
	switch fault.KindOf(err) {
	case fault.Internal, fault.Unavailable, fault.Timeout:
		return true
	default:
		return false
	}
}
