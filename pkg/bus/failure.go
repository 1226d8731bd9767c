package bus

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/parley-desk/parley/pkg/fault"
)

const (
	// ackTimeout is how long one request waits for the broker.
	ackTimeout = 2 * time.Second
	// patience is how long a write is repeated while the broker is away. The
	// election of a new leader of a stream takes 4 to 8 seconds.
	patience = 8 * time.Second
	// startPatience is that at the start of a process: a whole cluster that
	// starts with it may need longer for its first streams.
	startPatience = 30 * time.Second
)

// Error codes of the broker that nats.go does not name.
const (
	codeWrongSequence         jetstream.ErrorCode = 10071 // precondition failed, one replica
	codeWrongSequenceConstant jetstream.ErrorCode = 10164 // precondition failed, several replicas
	codeMessageTooLarge       jetstream.ErrorCode = 10054
	codeNoMessage             jetstream.ErrorCode = 10037
	codeNoPeers               jetstream.ErrorCode = 10005 // a cluster of fewer brokers than replicas
	codeNoCluster             jetstream.ErrorCode = 10074 // replicas, and no cluster at all
	codeNoJetStream           jetstream.ErrorCode = 10076
	codeNoAccount             jetstream.ErrorCode = 10039 // without JetStream
)

// errRace is a precondition that did not hold: surely nothing was stored.
var errRace = fault.New(fault.Conflict, "LOST_RACE", "another writer was first")

// refused tells whether the broker itself said no, so that surely nothing was
// stored. Every other error of a publish leaves that open.
func refused(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) || errors.Is(err, nats.ErrMaxPayload)
}

// raced tells whether a precondition was why.
func raced(err error) bool {
	var api *jetstream.APIError
	return errors.Is(err, errRace) || errors.As(err, &api) && (api.ErrorCode == codeWrongSequence || api.ErrorCode == codeWrongSequenceConstant)
}

// hopeless tells whether the same message will be refused again.
func hopeless(err error) bool {
	var api *jetstream.APIError
	return errors.Is(err, nats.ErrMaxPayload) || errors.As(err, &api) && api.ErrorCode == codeMessageTooLarge
}

// definite tells whether the broker will say the same to the same request,
// however often it is asked: the request does not suit what is there.
func definite(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.Code == http.StatusBadRequest || api.Code == http.StatusNotFound ||
		slices.Contains([]jetstream.ErrorCode{codeNoCluster, codeNoJetStream, codeNoAccount}, api.ErrorCode))
}

// tooFewBrokers tells whether a stream could not have its replicas.
func tooFewBrokers(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == codeNoPeers || api.ErrorCode == codeNoCluster)
}

// closed tells whether the bus itself is closed, so that waiting is in vain.
func closed(err error) bool { return errors.Is(err, nats.ErrConnectionClosed) }

// absent tells whether the message asked for is not there.
func absent(err error) bool {
	var api *jetstream.APIError
	return errors.Is(err, jetstream.ErrMsgNotFound) || errors.As(err, &api) && api.ErrorCode == codeNoMessage
}

// brokerFault gives an error of the client library its kind. What is left over
// is that the broker could not do it now.
func brokerFault(err error, format string, args ...any) error {
	var f *fault.Error
	message := fmt.Sprintf(format, args...)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &f):
		return fault.Wrap(err, "%s", message)
	case errors.Is(err, context.Canceled):
		return &fault.Error{Kind: fault.Canceled, Message: message, Cause: err}
	case raced(err):
		return &fault.Error{Kind: fault.Conflict, Reason: "LOST_RACE", Message: message, Cause: err}
	case hopeless(err):
		return &fault.Error{Kind: fault.Invalid, Reason: "TOO_LARGE", Message: message, Cause: err}
	case absent(err):
		return &fault.Error{Kind: fault.NotFound, Message: message, Cause: err}
	}
	return &fault.Error{Kind: fault.Unavailable, Reason: "BROKER_AWAY", Message: message, Cause: err, RetryAfter: time.Second}
}

// retryAway does it again while the broker is away, as long as patience lasts.
// What the broker answers for good comes back at once.
func retryAway[T any](ctx context.Context, do func(context.Context) (T, error)) (T, error) {
	return retryFor(ctx, patience, do)
}

func retryFor[T any](ctx context.Context, patience time.Duration, do func(context.Context) (T, error)) (T, error) {
	deadline := time.Now().Add(patience)
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, 500*time.Millisecond) {
		v, err := do(ctx)
		if err == nil || absent(err) || definite(err) || hopeless(err) || closed(err) || ctx.Err() != nil || time.Now().After(deadline) {
			return v, err
		}
		pause(ctx, wait)
	}
}

// pause waits, shorter when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
