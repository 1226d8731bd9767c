package api

import (
	"errors"
	"strconv"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/thread"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
)

// code is how a kind of failure is told over the wire.
func code(k fault.Kind) connect.Code {
	switch k {
	case fault.Invalid:
		return connect.CodeInvalidArgument
	case fault.Unauthenticated:
		return connect.CodeUnauthenticated
	case fault.Denied:
		return connect.CodePermissionDenied
	case fault.NotFound:
		return connect.CodeNotFound
	case fault.Conflict:
		return connect.CodeAborted
	case fault.Precondition:
		return connect.CodeFailedPrecondition
	case fault.Exhausted:
		return connect.CodeResourceExhausted
	case fault.Unavailable:
		return connect.CodeUnavailable
	case fault.Timeout:
		return connect.CodeDeadlineExceeded
	case fault.Canceled:
		return connect.CodeCanceled
	case fault.Internal:
	}
	return connect.CodeInternal
}

// wire is err as the caller may see it: the code of its kind, the message that
// is safe to show, and the details that a program needs. What connect found
// wrong itself stays as it is.
func wire(err error) error {
	if err == nil {
		return nil
	}
	if e := new(connect.Error); errors.As(err, &e) {
		return e
	}
	if r := new(thread.Refusal); errors.As(err, &r) {
		return refused(connect.CodeFailedPrecondition, &deskv1.Refusal{
			Reason: r.Reason, Phase: r.Phase, Allowed: r.Allowed})
	}
	f := told(err)
	out := connect.NewError(code(f.Kind), errors.New(f.Message))
	if len(f.Violations) > 0 {
		detail(out, violations(f.Violations))
	}
	if f.Reason != "" {
		detail(out, &errdetails.ErrorInfo{Reason: f.Reason, Domain: fault.Domain})
	}
	if f.RetryAfter > 0 {
		detail(out, &errdetails.RetryInfo{RetryDelay: durationpb.New(f.RetryAfter)})
		seconds := (f.RetryAfter + time.Second - 1) / time.Second
		out.Meta().Set("Retry-After", strconv.Itoa(int(seconds)))
	}
	return out
}

// told is the failure as its caller may see it.
func told(err error) *fault.Error {
	kind := fault.KindOf(err)
	if e := new(fault.Error); kind != fault.Internal && errors.As(err, &e) {
		return e
	}
	return &fault.Error{Kind: kind, Message: message(kind)}
}

// message is what is told of a failure whose own words are not for callers.
func message(k fault.Kind) string {
	switch k {
	case fault.Timeout:
		return "it took too long"
	case fault.Canceled:
		return "the caller went away"
	default:
		return "something went wrong here; it is noted"
	}
}

// refused tells that a state does not allow what was asked.
func refused(c connect.Code, r *deskv1.Refusal) error {
	out := connect.NewError(c, errors.New(r.GetReason()))
	detail(out, r)
	return out
}

func violations(all []fault.Violation) *errdetails.BadRequest {
	bad := &errdetails.BadRequest{}
	for _, v := range all {
		bad.FieldViolations = append(bad.FieldViolations,
			&errdetails.BadRequest_FieldViolation{Field: v.Field, Description: v.Description})
	}
	return bad
}

func detail(e *connect.Error, m proto.Message) {
	if d, err := connect.NewErrorDetail(m); err == nil { // it cannot fail for a message that we made
		e.AddDetail(d)
	}
}
