package bus

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

const (
	headerTimeout = "Parley-Timeout" // milliseconds the caller still waits
	headerFault   = "Parley-Fault"   // JSON of wireFault; an answer without it is a success
	serveGroup    = "serve"
	callTimeout   = 5 * time.Second // when the caller names none
	maxServing    = 256             // calls of one method at a time
)

// wireFault is how an error crosses to the caller. The cause stays behind: it
// is logged where it happened.
type wireFault struct {
	Kind       string            `json:"kind"`
	Reason     string            `json:"reason,omitempty"`
	Message    string            `json:"message,omitempty"`
	Violations []fault.Violation `json:"violations,omitempty"`
	RetryMS    int64             `json:"retry_ms,omitempty"`
	Refusal    *wireRefusal      `json:"refusal,omitempty"`
}

type wireRefusal struct {
	Reason  string   `json:"reason"`
	Phase   int32    `json:"phase"`
	Allowed []string `json:"allowed,omitempty"`
}

func encodeFault(err error) string {
	w := wireFault{Kind: fault.KindOf(err).String()}
	var f *fault.Error
	if errors.As(err, &f) {
		w.Reason, w.Message, w.Violations, w.RetryMS = f.Reason, f.Message, f.Violations, f.RetryAfter.Milliseconds()
	}
	var r *thread.Refusal
	if errors.As(err, &r) {
		w.Refusal = &wireRefusal{Reason: r.Reason, Phase: int32(r.Phase), Allowed: r.Allowed}
	}
	text, err := json.Marshal(w) // ASCII without line ends after escaping
	if err != nil {
		return `{"kind":"internal"}`
	}
	return string(text)
}

func decodeFault(text string) error {
	var w wireFault
	if err := json.Unmarshal([]byte(text), &w); err != nil {
		return &fault.Error{Kind: fault.Internal, Message: "answer of the other service", Cause: err}
	}
	if w.Refusal != nil {
		return &thread.Refusal{Reason: w.Refusal.Reason, Phase: threadv1.Phase(w.Refusal.Phase), Allowed: w.Refusal.Allowed}
	}
	kind := fault.Internal
	for k := fault.Internal; k <= fault.Canceled; k++ {
		if k.String() == w.Kind {
			kind = k
		}
	}
	return &fault.Error{Kind: kind, Reason: w.Reason, Message: w.Message, Violations: w.Violations,
		RetryAfter: time.Duration(w.RetryMS) * time.Millisecond}
}

// Call asks whichever process serves method and reads the answer; its faults
// come back with their kind, a *thread.Refusal as such. Unavailable when nobody
// serves it, Timeout when no answer came in time (5 s when ctx has no
// deadline): then it may have happened.
func (b *Bus) Call(ctx context.Context, method string, req, resp proto.Message) error {
	data, err := proto.Marshal(req)
	if err != nil {
		return &fault.Error{Kind: fault.Invalid, Message: "encode a call", Cause: err}
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, callTimeout)
		defer cancel()
	}
	ctx, span := b.tracer.Start(ctx, "call "+method, trace.WithSpanKind(trace.SpanKindClient))
	defer span.End()
	deadline, _ := ctx.Deadline()
	m := &nats.Msg{Subject: subject.Call(method), Data: data, Header: nats.Header{
		headerTimeout: {strconv.FormatInt(max(time.Until(deadline).Milliseconds(), 1), 10)}}}
	inject(ctx, m.Header)
	reply, err := b.nc.RequestMsgWithContext(ctx, m)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return fault.New(fault.Unavailable, "NOBODY_SERVES", "no process serves %s now", method)
	case errors.Is(err, context.DeadlineExceeded):
		return &fault.Error{Kind: fault.Timeout, Message: "no answer from " + method, Cause: err}
	case err != nil:
		return brokerFault(err, "call %s", method)
	}
	if text := reply.Header.Get(headerFault); text != "" {
		return decodeFault(text)
	}
	if err := proto.Unmarshal(reply.Data, resp); err != nil {
		return &fault.Error{Kind: fault.Internal, Message: "read the answer of " + method, Cause: err}
	}
	return nil
}

// Serve answers calls of method until ctx ends, sharing them with the other
// processes that serve it. Calls run side by side, 256 at most; their contexts
// end when the caller stops waiting. When ctx ends it takes no new call and
// returns when those under way are answered.
func Serve[Req, Resp proto.Message](ctx context.Context, b *Bus, method string, handle func(context.Context, Req) (Resp, error)) error {
	ctx, leave := b.enter(ctx)
	defer leave()
	calls := make(chan *nats.Msg, maxServing)
	sub, err := b.nc.ChanQueueSubscribe(subject.Call(method), serveGroup, calls)
	if err != nil {
		return brokerFault(err, "serve %s", method)
	}
	var busy sync.WaitGroup
	defer busy.Wait()
	slots := make(chan struct{}, maxServing)
	answer := func(m *nats.Msg) {
		slots <- struct{}{}
		busy.Go(func() {
			defer func() { <-slots }()
			b.answer(ctx, method, m, func(ctx context.Context) (proto.Message, error) {
				var zero Req
				req := zero.ProtoReflect().Type().New().Interface()
				if err := proto.Unmarshal(m.Data, req); err != nil {
					return nil, &fault.Error{Kind: fault.Invalid, Message: "the call cannot be read", Cause: err}
				}
				return handle(ctx, req.(Req))
			})
		})
	}
	for {
		select {
		case m := <-calls:
			answer(m)
		case <-ctx.Done():
			// What the broker has already given us nobody else will answer.
			_ = sub.Unsubscribe()
			for len(calls) > 0 {
				answer(<-calls)
			}
			return brokerFault(ctx.Err(), "serve %s", method)
		}
	}
}

func (b *Bus) answer(ctx context.Context, method string, m *nats.Msg, do func(context.Context) (proto.Message, error)) {
	timeout := callTimeout
	if ms, err := strconv.ParseInt(m.Header.Get(headerTimeout), 10, 64); err == nil && ms > 0 {
		timeout = min(time.Duration(ms)*time.Millisecond, time.Minute)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	ctx, span := b.tracer.Start(extract(ctx, m.Header), "serve "+method, trace.WithSpanKind(trace.SpanKindServer))
	defer span.End()
	reply := &nats.Msg{Subject: m.Reply, Header: nats.Header{}}
	resp, err := guard(func() (proto.Message, error) { return do(ctx) })
	if err == nil {
		reply.Data, err = proto.Marshal(resp)
	}
	if err != nil {
		if fault.Is(err, fault.Internal) && !isRefusal(err) {
			b.log.ErrorContext(ctx, "call failed", key.Method, method, key.Err, err)
		}
		reply.Header.Set(headerFault, encodeFault(err))
	}
	if err := b.nc.PublishMsg(reply); err != nil {
		b.log.WarnContext(ctx, "answer was lost", key.Method, method, key.Err, err)
	}
}

func isRefusal(err error) bool {
	var r *thread.Refusal
	return errors.As(err, &r)
}
