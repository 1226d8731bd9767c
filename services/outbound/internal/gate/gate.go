// Package gate decides whether the sends of one page may leave. It is pure: how
// the page stands, what Meta answered and the time go in.
//
//   - While the page works every send passes.
//   - While it is dead none does, but for one after every Park that tries it: the
//     checks of admin may be away, or a person may have healed the token.
//   - While it is doubtful one at a time passes, and what Meta says of that one
//     says it of all. A page that Meta keeps refusing and the checks keep finding
//     good is tried after pauses that double up to Park.
//   - What Meta said of another set-up of the page counts for nothing.
package gate

import (
	"time"

	"github.com/parley-desk/parley/pkg/standing"
)

// Policy is how often a page that does not work is tried.
type Policy struct {
	Backoff time.Duration // after the first refusal in doubt; it doubles
	Park    time.Duration // at most, and while the page is dead
}

// Word is what the answer to a send said of the page's token.
type Word int

// The words.
const (
	Silent  Word = iota // nothing
	Taken               // it works
	Refused             // it is dead
)

// Gate is the gate of one page in one process. The zero value has seen nothing.
type Gate struct {
	basis    string
	standing standing.Standing
	trying   bool      // a send is on its way to try the page
	refused  int       // tries in doubt that Meta refused, one after another
	next     time.Time // no try before
}

// Pass is the right to make one send.
type Pass struct {
	Try   bool // nobody knows whether it will be taken
	basis string
}

// See has the gate know how the page stands with the set-up basis.
func (g *Gate) See(p Policy, basis string, s standing.Standing, now time.Time) {
	renewed := basis != g.basis
	if !renewed && s == g.standing {
		return
	}
	if renewed {
		g.trying, g.refused = false, 0
	}
	g.basis, g.standing = basis, s
	switch s {
	case standing.Works:
		g.refused, g.next = 0, time.Time{}
	case standing.Doubtful:
		g.next = now.Add(p.pause(g.refused))
	case standing.Dead:
		g.next = now.Add(p.Park)
	}
}

// Open tells whether sends pass freely.
func (g *Gate) Open() bool { return g.standing == standing.Works }

// Next is when a send may try the page while the gate is not open; zero while
// one does.
func (g *Gate) Next() time.Time {
	if g.trying {
		return time.Time{}
	}
	return g.next
}

// Enter lets a send through, or does not. Whoever has a pass gives it to Leave.
func (g *Gate) Enter(now time.Time) (Pass, bool) {
	if g.Open() {
		return Pass{basis: g.basis}, true
	}
	if g.trying || now.Before(g.next) {
		return Pass{}, false
	}
	g.trying = true
	return Pass{Try: true, basis: g.basis}, true
}

// Leave takes the pass back. used says that a request was made, w what its
// answer said. The answer is whether that is news of the page, for all to know.
func (g *Gate) Leave(p Policy, pass Pass, used bool, w Word, now time.Time) (news bool) {
	if pass.basis != g.basis {
		return false
	}
	if !pass.Try {
		return w == Refused && g.Open()
	}
	g.trying = false
	switch {
	case !used:
	case g.standing == standing.Dead:
		g.next = now.Add(p.Park)
	case w == Refused:
		g.refused++
		g.next = now.Add(p.pause(g.refused))
	case w == Silent:
		g.next = now.Add(p.Backoff)
	}
	return w != Silent
}

// pause is how long to wait after so many refusals in doubt.
func (p Policy) pause(refused int) time.Duration {
	if refused == 0 {
		return 0
	}
	d := p.Backoff
	for i := 1; i < refused && d < p.Park; i++ {
		d *= 2
	}
	return min(d, p.Park)
}
