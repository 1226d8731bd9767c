package graph

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/parley-desk/parley/pkg/fault"
)

// Error is what the Graph API says of a request that failed. Its text is ours:
// Meta's may quote what we sent.
type Error struct {
	Code      int
	Subcode   int    // 0 when there is none
	Transient bool   // Meta's own word that trying again may help
	Trace     string // fbtrace_id
}

// Error gives the numbers, which is all that may be shown.
func (e Error) Error() string {
	return fmt.Sprintf("graph error %d/%d, trace %s", e.Code, e.Subcode, e.Trace)
}

// ParseError reads the error object of an answer. It reports false when there
// is none or when it has no code, for then nothing can be concluded from it.
func ParseError(body []byte) (Error, bool) {
	var answer struct {
		Error *struct {
			Code      *number `json:"code"`
			Subcode   number  `json:"error_subcode"`
			Transient flag    `json:"is_transient"`
			Trace     text    `json:"fbtrace_id"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.Error == nil || answer.Error.Code == nil {
		return Error{}, false
	}
	e := answer.Error
	return Error{Code: int(*e.Code), Subcode: int(e.Subcode), Transient: bool(e.Transient), Trace: string(e.Trace)}, true
}

// number is an integer that may come as a string. Anything else fails the
// parse: a code that cannot be read must not pass for 0.
type number int

func (n *number) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		return nil
	}
	v, err := strconv.ParseInt(string(bytes.Trim(b, `"`)), 10, 32)
	if err != nil {
		return fmt.Errorf("number: %w", err)
	}
	*n = number(v)
	return nil
}

// flag is a boolean that may come as a number or a string; what cannot be read
// as false counts as set, because transient is the careful reading.
type flag bool

func (f *flag) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case "null", "false", "0", `"false"`, `"0"`, `""`:
		*f = false
	default:
		*f = true
	}
	return nil
}

// text is a string of diagnostic worth only: other types are dropped, long
// values cut.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		*t = text(strings.ToValidUTF8(s[:min(len(s), 64)], ""))
	}
	return nil
}

// readFault is what a failed read means to its caller: reads may be repeated,
// so an unknown outcome is simply a failure that passes.
func readFault(operation string, out Outcome) error {
	if out.Class == Sent {
		return nil
	}
	cause := Error{Code: out.Code, Subcode: out.Subcode, Trace: out.Trace}
	kind := fault.Unavailable
	switch out.Class {
	case Refused:
		kind = fault.Precondition
		if out.Reason == ReasonPersonUnavailable {
			kind = fault.NotFound
		}
	case Parked:
		kind = fault.Denied
	case Later:
		if out.Reason == ReasonThrottled {
			kind = fault.Exhausted
		}
	case Uncertain, Sent:
	}
	return &fault.Error{Kind: kind, Reason: out.Reason, RetryAfter: out.RetryAfter,
		Message: "Meta did not answer " + operation, Cause: cause}
}
