// Package expect reckons how long whoever stands in line will wait.
//
// It is Erlang's queue: s conversations at a time are served of a line, each for
// a time of mean 1/mu, and of those who wait each goes without an agent at the
// rate theta. With k in line up to somebody and nobody free, one leaves the line
// every 1/(s·mu + (k-1)·theta) at first, then every 1/(s·mu + (k-2)·theta), and
// the last of these waits is one's own. So the mean wait at place k is
//
//	sum over j from 0 to k-1 of 1/(s·mu + j·theta)
//
// exactly, when service and patience are exponential; and nearly, however long
// services last, when s is large, because many independent services end like a
// stream without memory.
//
// What is served at the moment counts for 1/mu when nobody was served before the
// history begins: else, in the morning, those who are soon done would speak for
// all. When customers were, the history holds all of services that began before
// it, as much as is missing of those that go on.
//
// It is assumed that whoever comes later stays behind, that all in the line can
// be served by the same agents, and that these go on to serve the line by as many
// conversations at a time as they do now. How fast customers come is not needed:
// it has made the line, and changes nothing for those who stand in it.
package expect

import (
	"math"
	"time"
)

// Enough is how many conversations must have been served before anything is said
// of the time that one takes.
const Enough = 5

// History is what a line was like lately.
type History struct {
	Served int64         // conversations that gave back what capacity they took
	Held   time.Duration // how long capacity was held, by them and for offers that came to nothing
	Before int64         // as Served, in the hour before
	Left   int64         // who left the line without an agent
	Waited time.Duration // of all who left the line, by whatever way
}

// Present is who serves it now.
type Present struct {
	Serving int           // conversations of it that are served, or offered, at the moment
	Held    time.Duration // for how long in all they have been
}

// Wait is the mean wait of whoever stands at a place of the line, 1 the first,
// with nobody free; negative when nothing can be said of it.
func Wait(h History, p Present, place int) time.Duration {
	held := h.Held
	if h.Before == 0 {
		held += p.Held
	}
	if h.Served < Enough || p.Serving <= 0 || held <= 0 {
		return -1
	}
	drain := float64(p.Serving) * rate(h.Served, held)
	leaves := rate(h.Left, h.Waited)
	var wait float64 // seconds
	exact := min(place, most)
	for j := range exact {
		wait += 1 / (drain + float64(j)*leaves)
	}
	switch rest := float64(place - exact); {
	case rest <= 0:
	case leaves == 0:
		wait += rest / drain
	default: // the sum as the area under it, from the middle before to the middle after
		from := drain + (most-0.5)*leaves
		wait += math.Log1p(rest*leaves/from) / leaves
	}
	return time.Duration(min(wait, longest) * float64(time.Second))
}

const (
	most    = 1000
	longest = 30 * 24 * 60 * 60 // seconds: beyond, a number means nothing
)

// rate is so many in a time, a second; 0 when nothing is known of it.
func rate(n int64, in time.Duration) float64 {
	if n <= 0 || in <= 0 {
		return 0
	}
	return float64(n) / in.Seconds()
}
