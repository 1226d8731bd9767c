// Package status tells faults to gRPC callers: the kind as code, the reason as
// ErrorInfo, violations as BadRequest, the wait as RetryInfo. Causes stay here.
package status

import (
	"errors"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/parley-desk/parley/pkg/fault"
)

// Of is err as a gRPC status; nil stays nil, and a status stays what it is.
func Of(err error) error {
	if err == nil {
		return nil
	}
	var f *fault.Error
	if !errors.As(err, &f) {
		if _, ok := grpcstatus.FromError(err); ok {
			return err
		}
		f = &fault.Error{Kind: fault.KindOf(err)}
	}
	st := grpcstatus.New(Code(f), message(f))
	if detailed, derr := st.WithDetails(details(f)...); derr == nil {
		st = detailed
	}
	return st.Err()
}

// message is what may be shown; a fault without words of its own gives those
// of its kind, and a bug of ours is not explained to callers.
func message(f *fault.Error) string {
	switch {
	case f.Kind == fault.Internal:
		return "something is wrong with the server; its log says more"
	case f.Message != "":
		return f.Message
	case f.Kind == fault.Canceled:
		return "the caller went away"
	case f.Kind == fault.Timeout:
		return "the call ran out of time"
	}
	return f.Kind.String()
}

// Code is the gRPC code of a fault.
func Code(f *fault.Error) codes.Code {
	switch f.Kind {
	case fault.Invalid:
		return codes.InvalidArgument
	case fault.Unauthenticated:
		return codes.Unauthenticated
	case fault.Denied:
		return codes.PermissionDenied
	case fault.NotFound:
		return codes.NotFound
	case fault.Conflict:
		if f.Reason == "ALREADY_EXISTS" {
			return codes.AlreadyExists
		}
		return codes.Aborted
	case fault.Precondition:
		return codes.FailedPrecondition
	case fault.Exhausted:
		return codes.ResourceExhausted
	case fault.Unavailable:
		return codes.Unavailable
	case fault.Timeout:
		return codes.DeadlineExceeded
	case fault.Canceled:
		return codes.Canceled
	case fault.Internal:
	}
	return codes.Internal
}

func details(f *fault.Error) []protoadapt.MessageV1 {
	reason := f.Reason
	if reason == "" {
		reason = "UNSPECIFIED"
	}
	out := []protoadapt.MessageV1{&errdetails.ErrorInfo{
		Reason: reason, Domain: fault.Domain, Metadata: map[string]string{"kind": f.Kind.String()},
	}}
	if len(f.Violations) > 0 {
		bad := &errdetails.BadRequest{}
		for _, v := range f.Violations {
			bad.FieldViolations = append(bad.FieldViolations,
				&errdetails.BadRequest_FieldViolation{Field: v.Field, Description: v.Description})
		}
		out = append(out, bad)
	}
	if f.RetryAfter > 0 {
		out = append(out, &errdetails.RetryInfo{RetryDelay: durationpb.New(f.RetryAfter)})
	}
	return out
}
