package graph

import (
	"encoding/json"
	"net/http"
)

// phase is how far a request came.
type phase int

const (
	unwritten phase = iota // no byte of it left this process
	written                // some of it may have left; no whole answer came back
	answered               // a whole answer came back
)

// anySubcode matches whatever subcode there is, or none.
const anySubcode = -1

// rule says what one family of Graph errors means for a send.
type rule struct {
	from, to int // codes, both included
	subcode  int
	class    Class
	reason   string
}

// rules are tried in order; the first that matches decides, so a pair stands
// before its code. They go by numbers alone: Meta words the same error in
// different ways and different errors in the same way.
//
// Sources: Meta's pages "Error codes" (Messenger Platform), "Handling errors"
// and "Rate limiting" (Graph API). Codes 1, 2, -1 and 1200 are reported for messages that did
// arrive, 1/1357046 by Meta itself, so they say nothing about delivery.
func rules() []rule {
	return []rule{
		{1, 1, 99, Refused, ReasonPermissionMissing},
		{1, 1, 2018382, Refused, ReasonInvalidRequest},
		{1, 1, anySubcode, Uncertain, ReasonServerError},
		{2, 2, 2018344, Refused, ReasonTermsOpen},
		{2, 2, anySubcode, Uncertain, ReasonServerError},
		{-1, -1, anySubcode, Uncertain, ReasonServerError},
		{1200, 1200, anySubcode, Uncertain, ReasonServerError},

		{4, 4, 2018354, Refused, ReasonPersonBothered},
		{9, 9, 2018352, Refused, ReasonPersonBothered},
		{613, 613, 2018338, Refused, ReasonPersonBothered},
		{613, 613, 1893016, Refused, ReasonPersonBothered},
		{4, 4, anySubcode, Later, ReasonThrottled},
		{17, 17, anySubcode, Later, ReasonThrottled},
		{32, 32, anySubcode, Later, ReasonThrottled},
		{341, 341, anySubcode, Later, ReasonThrottled},
		{613, 613, anySubcode, Later, ReasonThrottled},
		{80001, 80001, anySubcode, Later, ReasonThrottled},
		{80006, 80006, anySubcode, Later, ReasonThrottled},

		{10, 10, 1893063, Refused, ReasonPageRestricted},
		{10, 10, 1404170, Refused, ReasonPageRestricted},
		{368, 368, anySubcode, Refused, ReasonPageRestricted},
		{2022, 2022, anySubcode, Refused, ReasonPageRestricted},
		{10, 10, 2018278, Refused, ReasonWindowClosed},
		{10, 10, 2018065, Refused, ReasonWindowClosed},
		{10, 10, 2534022, Refused, ReasonWindowClosed},
		{10, 10, 2018108, Refused, ReasonPersonUnavailable},
		{551, 551, anySubcode, Refused, ReasonPersonUnavailable},
		{200, 200, 1545041, Refused, ReasonPersonUnavailable},
		{1545041, 1545041, anySubcode, Refused, ReasonPersonUnavailable},
		{10, 10, 2018300, Refused, ReasonThreadOwned},
		{10, 10, 2018321, Refused, ReasonThreadOwned},
		{100, 100, 2018300, Refused, ReasonThreadOwned},
		{100, 100, 2018321, Refused, ReasonThreadOwned},
		{100, 100, 2534037, Refused, ReasonThreadOwned},
		{27, 27, anySubcode, Refused, ReasonThreadOwned},

		{200, 200, 2018028, Refused, ReasonAppNotLive},
		{200, 200, 2018027, Refused, ReasonAppNotLive},
		{3, 3, anySubcode, Parked, ReasonPermissionMissing},
		{10, 10, anySubcode, Parked, ReasonPermissionMissing},
		{200, 299, anySubcode, Parked, ReasonPermissionMissing},
		{190, 190, anySubcode, Parked, ReasonPageDisconnected},
		{102, 102, anySubcode, Parked, ReasonPageDisconnected},

		{100, 100, 2018001, Refused, ReasonPersonUnavailable},
		{100, 100, 33, Refused, ReasonPersonUnavailable},
		{100, 100, 2018008, Refused, ReasonMediaRefused},
		{100, 100, 2018047, Refused, ReasonMediaRefused},
		{100, 100, 2018074, Refused, ReasonMediaRefused},
		{100, 100, 2018109, Refused, ReasonMediaRefused},
		{100, 100, 2018294, Refused, ReasonMediaRefused},
		{100, 100, anySubcode, Refused, ReasonInvalidRequest},
		{9000001, 9000001, anySubcode, Refused, ReasonMessageGone},
	}
}

// classify says what is known of a send from how far it came and what came
// back. It is a pure function, and whatever it does not know is Uncertain.
func classify(p phase, status int, body []byte) Outcome {
	switch p {
	case unwritten:
		return Outcome{Class: Later, Reason: ReasonUnreachable}
	case written:
		return Outcome{Class: Uncertain, Reason: ReasonReset}
	}
	if status >= 500 {
		// A server that broke may have broken after the send; only the trace
		// id of its error is worth keeping.
		out := Outcome{Class: Uncertain, Reason: ReasonServerError}
		if e, ok := ParseError(body); ok {
			out.Code, out.Subcode, out.Trace = e.Code, e.Subcode, e.Trace
		}
		return out
	}
	mid := messageID(body)
	if mid != "" && success(status) {
		return Outcome{Class: Sent, MessageID: mid}
	}
	if e, ok := ParseError(body); ok && mid == "" {
		return e.outcome(status)
	}
	if status == http.StatusTooManyRequests {
		return Outcome{Class: Later, Reason: ReasonThrottled}
	}
	return Outcome{Class: Uncertain, Reason: ReasonUnreadable}
}

// outcome is what the error means for a send that was answered with status.
func (e Error) outcome(status int) Outcome {
	out := Outcome{Class: Uncertain, Code: e.Code, Subcode: e.Subcode, Trace: e.Trace, Reason: ReasonServerError}
	r, known := e.rule()
	switch {
	case known && r.class == Later:
		// Being throttled is transient by nature, and definite all the same.
		out.Class, out.Reason = r.class, r.reason
	case e.Transient:
	case known:
		out.Class, out.Reason = r.class, r.reason
	case status == http.StatusTooManyRequests:
		out.Class, out.Reason = Later, ReasonThrottled
	case refusing(status):
		out.Class, out.Reason = Refused, ReasonInvalidRequest
	}
	return out
}

// rule finds the rule for the error.
func (e Error) rule() (rule, bool) {
	for _, r := range rules() {
		if r.from <= e.Code && e.Code <= r.to && (r.subcode == anySubcode || r.subcode == e.Subcode) {
			return r, true
		}
	}
	return rule{}, false
}

func success(status int) bool { return status >= 200 && status < 300 }

// refusing tells whether an HTTP status, together with a Graph error of a code
// we do not know, is a definite no.
func refusing(status int) bool {
	return status == http.StatusBadRequest || status == http.StatusUnauthorized || status == http.StatusForbidden
}

// messageID reads the mid of an answer of the Send API; empty when it is none.
func messageID(body []byte) string {
	var answer struct {
		MessageID string `json:"message_id"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return ""
	}
	return answer.MessageID
}
