package cli

import (
	"errors"
	"fmt"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// explain gives the exit code of an error and what to say about it. What did
// not come from the server is about the command or its input.
func explain(err error, server string) (int, string) {
	var silent unreachable
	if errors.As(err, &silent) {
		return exitUnreachable, err.Error()
	}
	st, fromServer := status.FromError(err)
	if !fromServer {
		return exitUsage, err.Error()
	}
	text := st.Message()
	if lines := violations(st); len(lines) > 0 {
		text = "the server refuses it:\n  " + strings.Join(lines, "\n  ")
	}
	switch st.Code() {
	case codes.InvalidArgument, codes.FailedPrecondition, codes.OutOfRange:
		return exitUsage, text
	case codes.Unauthenticated, codes.PermissionDenied:
		return exitDenied, text
	case codes.Unavailable:
		if reasoned(st) { // the server was reached, and something that it needs was not
			return exitUnreachable, text
		}
		return exitUnreachable, fmt.Sprintf("cannot reach %s: %s; is it running? choose another with --server or PARLEY_SERVER", server, text)
	case codes.ResourceExhausted:
		return exitUnreachable, fmt.Sprintf("%s has too much to do: %s; try again", server, text)
	case codes.DeadlineExceeded:
		return exitUnreachable, fmt.Sprintf("%s did not answer in time: %s; wait longer with --timeout", server, text)
	case codes.Aborted, codes.AlreadyExists:
		return exitConflict, text
	default:
		return exitTold, text
	}
}

// reasoned tells whether the server itself gave the error.
func reasoned(st *status.Status) bool {
	for _, d := range st.Details() {
		if _, ok := d.(*errdetails.ErrorInfo); ok {
			return true
		}
	}
	return false
}

// violations are the bad fields that the server named, one line each.
func violations(st *status.Status) []string {
	var lines []string
	for _, v := range badFields(st) {
		lines = append(lines, v.GetField()+": "+v.GetDescription())
	}
	return lines
}

func badFields(st *status.Status) []*errdetails.BadRequest_FieldViolation {
	for _, d := range st.Details() {
		if bad, ok := d.(*errdetails.BadRequest); ok {
			return bad.GetFieldViolations()
		}
	}
	return nil
}
