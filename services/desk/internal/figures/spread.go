package figures

import (
	"math"
	"slices"
	"time"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
)

const (
	// exact is up to how many seconds a time is kept to the second. No threshold
	// is above it.
	exact = 600
	// finer is in how many steps a time above that doubles: each is less than a
	// twentieth.
	finer = 16
	// most bounds them: a time above counts as that.
	most = exact + finer*16
)

// spread is how long something took, how often. It has at most as many steps as
// there are, however often it was measured.
type spread struct {
	count int
	total time.Duration
	steps map[int]int // how often, by step
}

// step is that of a time: of a time that is no whole second the next one.
func step(d time.Duration) int {
	seconds := int(math.Ceil(d.Seconds()))
	if seconds <= exact {
		return seconds
	}
	return min(exact+int(math.Ceil(finer*math.Log2(float64(seconds)/exact))), most)
}

// seconds is the longest time of a step.
func seconds(step int) int {
	if step <= exact {
		return step
	}
	return int(exact * math.Pow(2, float64(step-exact)/finer))
}

func (s *spread) add(d time.Duration) {
	if s.steps == nil {
		s.steps = map[int]int{}
	}
	d = max(d, 0) // the clocks of two processes differ
	s.count++
	s.total += d
	s.steps[step(d)]++
}

func (s *spread) merge(o spread) {
	if s.steps == nil {
		s.steps = make(map[int]int, len(o.steps))
	}
	s.count += o.count
	s.total += o.total
	for at, n := range o.steps {
		s.steps[at] += n
	}
}

// within is how many took at most so many seconds, up to exact.
func (s *spread) within(seconds int32) (n int) {
	for at, times := range s.steps {
		if at <= int(seconds) {
			n += times
		}
	}
	return n
}

// quantile is the shortest time, in seconds, that a share of all took at most;
// 0 when there is none.
func (s *spread) quantile(share float64) int32 {
	left := int(math.Ceil(share * float64(s.count)))
	at := make([]int, 0, len(s.steps))
	for k := range s.steps {
		at = append(at, k)
	}
	slices.Sort(at)
	for _, k := range at {
		if left -= s.steps[k]; left <= 0 {
			return int32(seconds(k))
		}
	}
	return 0
}

func (s *spread) times() *deskv1.Times {
	t := &deskv1.Times{Count: int32(s.count), P50: s.quantile(0.5), P90: s.quantile(0.9)}
	if s.count > 0 {
		t.MeanMs = (s.total / time.Duration(s.count)).Milliseconds()
	}
	return t
}
