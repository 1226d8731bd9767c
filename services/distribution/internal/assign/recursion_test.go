package assign_test

import (
	"flag"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

// What the scripts are held against is held against theory here: equality for
// the scripts, which are slow, and statistics for these, by the million. They
// run without the race detector.

var calls = flag.Int("calls", 2_000_000, "customers of a simulation without scripts")

// batches and student belong together: an interval of that many batch means
// misses the truth once in a thousand times. A seed that passes passes always.
const (
	batches = 20
	student = 3.883
)

// tally is values in the order they came in, so many of them, in batches.
type tally struct {
	of, seen int
	sums     [batches]float64
}

func (l *tally) add(v float64) {
	l.sums[min(l.seen*batches/l.of, batches-1)] += v
	l.seen++
}

// estimate is the mean and how far it may be off.
func (l *tally) estimate() (mean, off float64) {
	var squares float64
	for _, s := range l.sums {
		s *= float64(batches) / float64(l.seen)
		mean, squares = mean+s/batches, squares+s*s/batches
	}
	return mean, student * math.Sqrt((squares-mean*mean)/(batches-1))
}

func (l *tally) agrees(t *testing.T, what string, want float64) {
	t.Helper()
	mean, off := l.estimate()
	t.Logf("%s: %.5f ± %.5f, theory %.5f", what, mean, off, want)
	if math.Abs(mean-want) > off {
		t.Errorf("%s: %.5f ± %.5f does not contain %.5f", what, mean, off, want)
	}
	if off > want/2 {
		t.Errorf("%s: ± %.5f says nothing of %.5f", what, off, want)
	}
}

func share(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

func seconds(ms int64) float64 { return float64(ms) / 1000 }

func TestTheoryOfTheRecursion(t *testing.T) {
	for _, s := range []station{stationA, stationB, stationC} {
		t.Run(s.name, func(t *testing.T) {
			waits, mean, soon := tally{of: *calls}, tally{of: *calls}, tally{of: *calls}
			line := make(servers, s.servers)
			for c := range mixed(*calls, 4, s.stream("front")) {
				w := seconds(line.wait(c))
				waits.add(share(w > 0))
				mean.add(w)
				soon.add(share(w <= 20))
			}
			want := s.queueing(s.byRecursion())
			waits.agrees(t, "waits", want.waits)
			mean.agrees(t, "mean wait", want.mean)
			soon.agrees(t, "answered within 20 s", want.within20)
		})
	}
}

// TestRecursionAsItWasPublished sorts what is left to do at every server after
// every customer, as Kiefer and Wolfowitz did.
func TestRecursionAsItWasPublished(t *testing.T) {
	callers := mix(20_000, 5, stationA.stream("front"))
	left, last := make([]int64, stationA.servers), callers[0].at
	for n, want := range kieferWolfowitz(callers, stationA.servers) {
		c := callers[n]
		for i := range left {
			left[i] = max(left[i]-(c.at-last), 0)
		}
		last = c.at
		if left[0] != want {
			t.Fatalf("customer %d waits %d ms, want %d", n, want, left[0])
		}
		left[0] += c.takes
		slices.Sort(left)
	}
}

func TestByHandAgreesWithTheRecursion(t *testing.T) {
	for by := range orders {
		for _, room := range []int32{1, 5} {
			t.Run(fmt.Sprintf("%s/room=%d", by, room), func(t *testing.T) {
				callers := mix(100_000, 6, stationA.stream("front"))
				hall := centre{clerks: pool("a", stationA.servers/int(room), room, "front"), method: by}
				sameWaits(t, hall.byHand(callers), kieferWolfowitz(callers, stationA.servers))
			})
		}
	}
}

// hundreds is for what is served by hand: all agents looked at each time.
func hundreds() int { return *calls / 4 }

func TestTheoryOfPriorities(t *testing.T) {
	callers := mix(hundreds(), 7, urgent...)
	hall := centre{clerks: pool("a", 10, 1, "front"), method: assign.LeastActive}
	share := map[int32]int{}
	for _, c := range callers {
		share[c.priority]++
	}
	first, others := tally{of: share[7]}, tally{of: share[0]}
	for n, o := range hall.byHand(callers) {
		if callers[n].priority == 7 {
			first.add(seconds(o.wait))
		} else {
			others.add(seconds(o.wait))
		}
	}
	want := cobham(10, 180, 3, 5.5)
	first.agrees(t, "urgent", want[0])
	others.agrees(t, "others", want[1])
}

func TestTheoryOfPatience(t *testing.T) {
	callers := mix(hundreds(), 8, stationE.stream("front"))
	hall := centre{clerks: pool("a", stationE.servers, 1, "front"), method: assign.LeastActive}
	waited, left := tally{of: len(callers)}, tally{of: len(callers)}
	for _, o := range hall.byHand(callers) {
		waited.add(share(o.wait > 0))
		left.add(share(o.clerk == ""))
	}
	waits, abandons := stationE.byBalance()
	waited.agrees(t, "waits", waits)
	left.agrees(t, "abandons", abandons)
}

// TestTheoryOfTwoPools bounds what agents of two queues can give.
func TestTheoryOfTwoPools(t *testing.T) {
	apart := station{servers: 10, load: 8.5, service: 180}
	together := station{servers: 20, load: 17, service: 180}
	callers := mix(hundreds(), 9, stream{queue: "back", load: 8.5, service: 180}, stream{queue: "front", load: 8.5, service: 180})
	before := math.Inf(1)
	for _, both := range []int{0, 4, 20} {
		waits := tally{of: len(callers)}
		for _, o := range (centre{clerks: shared(both), method: assign.LeastActive}).byHand(callers) {
			waits.add(seconds(o.wait))
		}
		mean, _ := waits.estimate()
		if mean >= before {
			t.Errorf("with %d agents of both queues the wait is %.1f s, not shorter than %.1f", both, mean, before)
		}
		before = mean
		switch both {
		case 0:
			waits.agrees(t, "apart", apart.queueing(apart.byRecursion()).mean)
		case 20:
			waits.agrees(t, "together", together.queueing(together.byRecursion()).mean)
		default:
			t.Logf("%d of both queues: %.1f s", both, mean)
		}
	}
}

// TestTheoryOfFairness serves station A for many days by each method and looks
// how the work of the agents differs on a day. That the scripts choose as is
// done by hand, other tests show.
func TestTheoryOfFairness(t *testing.T) {
	const days, day = 50, 5000
	spread := map[assign.Method]float64{}
	for by := range orders {
		hall := centre{clerks: pool("a", stationA.servers, 1, "front"), method: by}
		for seed := range uint64(days) {
			callers := mix(day, seed, stationA.stream("front"))
			spread[by] += spreadOf(callers, hall.byHand(callers)) / days
		}
		t.Logf("%s: sd of the share of the time that agents are busy %.4f", by, spread[by])
	}
	for by, sd := range spread {
		if by != assign.LeastActive && spread[assign.LeastActive]*1.3 > sd {
			t.Errorf("least active has a spread of %.4f, %s of %.4f; want well below", spread[assign.LeastActive], by, sd)
		}
	}
}

// spreadOf is the standard deviation, over agents with room for one, of the
// share of the time that they are busy.
func spreadOf(callers []caller, out []outcome) float64 {
	busy := map[string]float64{}
	for n, o := range out {
		busy[o.clerk] += float64(callers[n].takes)
	}
	lasted := float64(callers[len(callers)-1].at - callers[0].at)
	var sum, squares float64
	for _, b := range busy {
		sum, squares = sum+b/lasted, squares+b/lasted*b/lasted
	}
	mean := sum / float64(len(busy))
	return math.Sqrt(squares/float64(len(busy)) - mean*mean)
}
