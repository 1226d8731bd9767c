package assign_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/parley-desk/parley/pkg/keyspace/keyspacetest"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
	"github.com/parley-desk/parley/services/distribution/internal/expect"
)

// What callers are told of their wait is held against the wait they have.

// foretold is what a caller who must wait could be told at once.
type foretold struct {
	place     int
	wait      time.Duration // by expect, of what the watch has seen
	told      time.Duration // by the book, if it is asked
	pace      time.Duration // by how many got an agent in the last 15 minutes
	changeFor int64         // ms since the staff changed
}

// watch sees callers come, served by a floor, and go. Naively: it keeps every
// hour for ever, and looks at all of them.
type watch struct {
	floor
	callers []caller
	book    *byBook // nil: nobody is asked
	changed *int64  // when the staff did
	hours   map[int64]*expect.History
	took    map[int]int64
	held    int64 // sum of took
	line    []int
	starts  []int64
	told    map[int]foretold
}

func watched(f floor, callers []caller) *watch {
	book, _ := f.(*byBook)
	return &watch{floor: f, callers: callers, book: book, changed: new(int64), hours: map[int64]*expect.History{}, took: map[int]int64{}, told: map[int]foretold{}}
}

func (w *watch) at(ms int64) *expect.History {
	hour := ms / 3_600_000
	if w.hours[hour] == nil {
		w.hours[hour] = &expect.History{}
	}
	return w.hours[hour]
}

func (w *watch) lately(now int64) (sum expect.History) {
	for hour := now/3_600_000 - 7; hour <= now/3_600_000; hour++ {
		if h := w.hours[hour]; h != nil {
			sum.Served, sum.Held, sum.Left, sum.Waited = sum.Served+h.Served, sum.Held+h.Held, sum.Left+h.Left, sum.Waited+h.Waited
		}
	}
	if h := w.hours[now/3_600_000-8]; h != nil {
		sum.Before = h.Served
	}
	return sum
}

func ms(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

func (w *watch) begin(now int64, starts []start) []start {
	for _, s := range starts {
		w.took[s.caller] = now
		w.held += now
		w.at(now).Waited += ms(now - w.callers[s.caller].at)
		w.starts = append(w.starts, now)
		w.line = slices.DeleteFunc(w.line, func(n int) bool { return n == s.caller })
	}
	return starts
}

// tell has the book know what time it is: where nothing hangs on it, it learns
// that only of those who come.
func (w *watch) tell(now int64) {
	if w.book != nil {
		w.book.now = time.UnixMilli(now)
	}
}

func (w *watch) finish(n int) []start {
	now := w.took[n] + w.callers[n].takes
	h := w.at(now)
	h.Served, h.Held = h.Served+1, h.Held+ms(w.callers[n].takes)
	w.held -= w.took[n]
	delete(w.took, n)
	w.tell(now)
	return w.begin(now, w.floor.finish(n))
}

func (w *watch) leave(n int) []start {
	now := w.callers[n].at + w.callers[n].patience
	h := w.at(now)
	h.Left, h.Waited = h.Left+1, h.Waited+ms(w.callers[n].patience)
	w.line = slices.DeleteFunc(w.line, func(of int) bool { return of == n })
	w.tell(now)
	return w.begin(now, w.floor.leave(n))
}

func (w *watch) arrive(n int) []start {
	now := w.callers[n].at
	w.line = append(w.line, n)
	starts := w.begin(now, w.floor.arrive(n))
	if len(w.line) == 0 || w.line[len(w.line)-1] != n {
		return starts
	}
	f := foretold{place: len(w.line), pace: w.pace(now), changeFor: now - *w.changed}
	f.wait = expect.Wait(w.lately(now), expect.Present{Serving: len(w.took), Held: ms(int64(len(w.took))*now - w.held)}, f.place)
	if w.book != nil {
		f.told = w.book.position(n).Wait
	}
	w.told[n] = f
	return starts
}

// pace is how long it takes until as many as wait have got an agent, at the rate
// of the last 15 minutes.
func (w *watch) pace(now int64) time.Duration {
	from := (now/60_000 - 14) * 60_000
	first := len(w.starts)
	for first > 0 && w.starts[first-1] >= from {
		first--
	}
	if first == len(w.starts) {
		return -1
	}
	took := max(now-w.starts[first]/60_000*60_000, 60_000)
	return ms(took * int64(len(w.line)) / int64(len(w.starts)-first))
}

func (b *byBook) position(caller int) assign.Position {
	b.t.Helper()
	got, err := b.book.Positions(b.ctx, b.now, []string{b.last[caller].Key})
	b.must(err)
	return got[0]
}

// staffing is a floor some of whose agents go and come back every so many
// callers.
type staffing struct {
	*byBook
	changed *int64
	some    []clerk
	every   int
	away    bool
}

func (s *staffing) arrive(caller int) []start {
	var starts []start
	if caller > 0 && caller%s.every == 0 {
		s.now, s.away = time.UnixMilli(s.callers[caller].at), !s.away
		*s.changed = s.callers[caller].at
		p := assign.Presence{Now: map[bool]string{true: "AWAY", false: "AVAILABLE"}[s.away], Source: "AGENT"}
		for _, c := range s.some {
			_, _, err := s.book.SetPresence(s.ctx, s.now, c.id, p)
			s.must(err)
			starts = append(starts, s.serve()...)
		}
	}
	return append(starts, s.byBook.arrive(caller)...)
}

// TestTheBookForetellsAsExpected has the book measure and reckon, and compares
// what it tells every caller who must wait with what follows from what was seen.
func TestTheBookForetellsAsExpected(t *testing.T) {
	onBoth(t, func(t *testing.T, rdb redis.UniversalClient, n int) {
		for _, c := range []struct {
			station
			room int32
		}{{stationA, 1}, {stationB, 5}, {stationE, 1}} {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				callers := mix(n, 11, c.stream("front"))
				hall := centre{clerks: pool("a", c.servers/int(c.room), c.room, "front"), method: assign.LeastActive}
				w := watched(hall.booked(t, rdb, callers), callers)
				play(callers, w)
				if len(w.told) == 0 && n > 1000 {
					t.Fatal("nobody had to wait")
				}
				for n, f := range w.told {
					if n > 0 && callers[n].at == callers[n-1].at {
						continue // who come in the same millisecond are told the same place
					}
					if f.told != f.wait {
						t.Fatalf("caller %d at place %d is told %v, expected is %v", n, f.place, f.told, f.wait)
					}
				}
			})
		}
	})
}

// errors of what was told, by how it was reckoned, in seconds.
type misses struct {
	n                 int
	real, told, paced float64 // sums of absolute misses, but for real
}

func (m misses) log(t *testing.T, what string) {
	n := float64(max(m.n, 1))
	t.Logf("%s: %d wait, on the average %.1f s; the mean miss is %.1f s, by pace %.1f s", what, m.n, m.real/n, m.told/n, m.paced/n)
}

func (m *misses) add(real, told, paced float64) {
	m.n, m.real = m.n+1, m.real+real
	m.told, m.paced = m.told+math.Abs(real-told), m.paced+math.Abs(real-paced)
}

// places are grouped: those so far from the next agent are told apart.
var places = []int{1, 2, 4, 8, 16, math.MaxInt}

// TestForetoldIsWhatComes serves the sets of callers for long, and asks of each
// group of places that what callers are told is, on the average, what comes.
func TestForetoldIsWhatComes(t *testing.T) {
	for _, c := range []struct {
		station
		name string
		room int32
	}{{stationA, "A", 1}, {stationB, "B", 1}, {stationC, "C", 1}, {stationB, "D", 5}, {stationE, "E", 1}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			streams := []stream{c.stream("front")}
			if c.patience > 0 { // some wait whatever comes, so that it is known what does
				streams[0].load -= 1
				streams = append(streams, stream{queue: "front", load: 1, service: c.service})
			}
			callers := mix(*calls/10, 12, streams...)
			hall := centre{clerks: pool("a", c.servers/int(c.room), c.room, "front"), method: assign.LeastActive}
			w := watched(hall.handled(callers), callers)
			out := play(callers, w)
			var all misses
			miss, real := make([][]float64, len(places)), make([]float64, len(places))
			for n := range callers {
				f, waits := w.told[n]
				if !waits || f.wait < 0 || c.patience > 0 && callers[n].patience > 0 {
					continue
				}
				came := seconds(out[n].wait)
				all.add(came, f.wait.Seconds(), f.pace.Seconds())
				g := slices.IndexFunc(places, func(upTo int) bool { return f.place <= upTo })
				miss[g], real[g] = append(miss[g], came-f.wait.Seconds()), real[g]+came
			}
			all.log(t, c.name)
			if all.told >= all.paced {
				t.Errorf("the mean miss is no smaller than by pace")
			}
			for g := range places {
				calibrated(t, places[g], miss[g], real[g]/float64(max(len(miss[g]), 1)))
			}
		})
	}
}

// calibrated holds the mean of misses against none. A hundredth is allowed for:
// the longer the line, the likelier it is that services took longer of late than
// they do.
func calibrated(t *testing.T, upTo int, miss []float64, real float64) {
	t.Helper()
	if len(miss) < 100*batches {
		return
	}
	line := tally{of: len(miss)}
	for _, m := range miss {
		line.add(m)
	}
	mean, off := line.estimate()
	t.Logf("up to place %d: %d wait %.1f s, %+.2f ± %.2f more than they were told", upTo, len(miss), real, mean, off)
	if math.Abs(mean) > off+real/100 {
		t.Errorf("up to place %d: callers wait %.2f ± %.2f s more than they are told, of %.1f", upTo, mean, off, real)
	}
	if off > real/4 {
		t.Errorf("up to place %d: ± %.2f says nothing of %.1f", upTo, off, real)
	}
}

// TestForetoldWhenTheStaffChanges has a quarter of the agents leave and return,
// and looks at who comes in the quarter of an hour after.
func TestForetoldWhenTheStaffChanges(t *testing.T) {
	callers := mix(*customers, 13, stream{queue: "front", load: 8, service: 180})
	hall := centre{clerks: pool("a", 12, 1, "front"), method: assign.LeastActive}
	b := hall.booked(t, keyspacetest.Server(t), callers)
	s := &staffing{byBook: b, some: hall.clerks[:4], every: 150}
	w := watched(s, callers)
	w.book, s.changed = b, w.changed
	out := play(callers, w)
	var soon, other misses
	for n, f := range w.told {
		if f.told < 0 {
			continue
		}
		m := &other
		if f.changeFor < 15*60_000 {
			m = &soon
		}
		m.add(seconds(out[n].wait), f.told.Seconds(), f.pace.Seconds())
	}
	soon.log(t, "within 15 minutes of a change")
	other.log(t, "at other times")
	if soon.n < 100 || soon.told >= soon.paced {
		t.Errorf("of %d who come within 15 minutes of a change, the mean miss is no smaller than by pace", soon.n)
	}
}
