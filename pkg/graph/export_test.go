package graph

import (
	"fmt"
	"net/http"
)

// Phase and its values, for the tests of the table.
type Phase = phase

const (
	Unwritten = unwritten
	Written   = written
	Answered  = answered
)

// Classify is classify.
func Classify(p Phase, status int, body []byte) Outcome { return classify(p, status, body) }

// HiddenRules names the rules that never decide because a wider one stands
// before them.
func HiddenRules() []string {
	var hidden []string
	for _, r := range rules() {
		if got, _ := (Error{Code: r.from, Subcode: max(r.subcode, 0)}).rule(); got != r {
			hidden = append(hidden, fmt.Sprintf("%+v behind %+v", r, got))
		}
	}
	return hidden
}

// UsageOf is usageOf.
func UsageOf(h http.Header, page string) Usage { return usageOf(h, page) }
