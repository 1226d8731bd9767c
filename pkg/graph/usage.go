package graph

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// longestStay bounds what a header can make us wait.
const longestStay = 24 * time.Hour

// Usage is how much of what Meta allows has been used up, as its answers tell
// ("Rate limiting"). The zero value is an answer that tells nothing.
type Usage struct {
	Percent int           // of the limit that is used up most; above 100 calls are refused
	Regain  time.Duration // how long until calls are taken again; 0 when they are taken
}

// counts is one object of the usage headers.
type counts struct {
	Type    string  `json:"type"`
	Calls   float64 `json:"call_count"`
	CPU     float64 `json:"total_cputime"`
	Time    float64 `json:"total_time"`
	Minutes float64 `json:"estimated_time_to_regain_access"`
}

func (c counts) usage() Usage {
	percent := min(max(c.Calls, c.CPU, c.Time, 0), 1000)
	minutes := min(max(c.Minutes, 0), longestStay.Minutes())
	return Usage{Percent: int(percent), Regain: time.Duration(minutes * float64(time.Minute))}
}

func (u Usage) or(other Usage) Usage {
	return Usage{Percent: max(u.Percent, other.Percent), Regain: max(u.Regain, other.Regain)}
}

// usageOf reads the usage headers of an answer for the page: those of the app and
// of the page, and, by business use case, what is said of the page itself, or of
// whatever Meta names when it does not name the page. Use cases other than
// messages do not concern it.
func usageOf(h http.Header, page string) Usage {
	var u Usage
	for _, name := range []string{"X-App-Usage", "X-Page-Usage"} {
		var c counts
		if json.Unmarshal([]byte(h.Get(name)), &c) == nil {
			u = u.or(c.usage())
		}
	}
	var cases map[string][]counts
	if json.Unmarshal([]byte(h.Get("X-Business-Use-Case-Usage")), &cases) != nil {
		return u
	}
	if own, ok := cases[page]; ok {
		cases = map[string][]counts{page: own}
	}
	for _, all := range cases {
		for _, c := range all {
			if c.Type == "" || c.Type == "messenger" || c.Type == "pages" {
				u = u.or(c.usage())
			}
		}
	}
	return u
}

// retryAfter is how long the answer asks us to stay away: Retry-After in
// seconds, or what the usage headers estimate.
func retryAfter(h http.Header, u Usage) time.Duration {
	stay := u.Regain
	if seconds, err := strconv.Atoi(h.Get("Retry-After")); err == nil && seconds > 0 {
		stay = max(stay, time.Duration(min(seconds, int(longestStay/time.Second)))*time.Second)
	}
	return stay
}
