package assign_test

import (
	"math"
	"testing"
)

// station is a pool of servers as Erlang saw it: customers come and are served
// at random, and wait in one line in the order of their coming.
type station struct {
	name     string
	servers  int
	load     float64 // in erlangs
	service  float64 // mean, in seconds
	patience float64 // mean, in seconds; 0: for ever
}

var (
	stationA = station{name: "A", servers: 10, load: 8, service: 180}
	stationB = station{name: "B", servers: 50, load: 45, service: 300}
	stationC = station{name: "C", servers: 200, load: 190, service: 240}
	stationE = station{name: "E", servers: 20, load: 22, service: 240, patience: 120}
)

// queueing is what is known of a station in the long run.
type queueing struct{ waits, mean, within20, line float64 }

func (s station) rate() float64 { return s.load / s.service }

// erlangC is the probability of waiting out of that of being turned away.
func (s station) erlangC(blocked float64) float64 {
	return blocked / (1 - s.load/float64(s.servers)*(1-blocked))
}

func (s station) queueing(waits float64) queueing {
	drain := (float64(s.servers) - s.load) / s.service
	return queueing{waits: waits, mean: waits / drain, within20: 1 - waits*math.Exp(-20*drain), line: s.rate() * waits / drain}
}

// byRecursion is Erlang B from one server to the next.
func (s station) byRecursion() float64 {
	blocked := 1.0
	for n := 1; n <= s.servers; n++ {
		blocked = s.load * blocked / (float64(n) + s.load*blocked)
	}
	return s.erlangC(blocked)
}

// byLogarithms is Erlang B as the quotient it is defined by, terms taken
// relative to the greatest.
func (s station) byLogarithms() float64 {
	term := func(n int) float64 {
		factorial, _ := math.Lgamma(float64(n + 1))
		return float64(n)*math.Log(s.load) - factorial
	}
	var sum float64
	for n := range s.servers + 1 {
		sum += math.Exp(term(n) - term(s.servers))
	}
	return s.erlangC(1 / sum)
}

// byBalance solves the chain of who is there, state by state, far beyond where
// anybody would be. It is the only one of the three to know of patience.
func (s station) byBalance() (waits, abandons float64) {
	leaves := 0.0
	if s.patience > 0 {
		leaves = 1 / s.patience
	}
	weight, sum, line := 1.0, 1.0, 0.0
	for n := 1; n < 20_000; n++ {
		queued := max(n-s.servers, 0)
		weight *= s.rate() / (float64(n-queued)/s.service + float64(queued)*leaves)
		sum += weight
		line += float64(queued) * weight
		if n >= s.servers {
			waits += weight
		}
		if weight > 1e200 {
			weight, sum, line, waits = weight/1e200, sum/1e200, line/1e200, waits/1e200
		}
	}
	return waits / sum, leaves * line / sum / s.rate()
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.Abs(got-want) > tolerance*math.Abs(want) {
		t.Errorf("%s: got %.9g, want %.9g", what, got, want)
	}
}

func TestErlangByThreeWays(t *testing.T) {
	for _, c := range []struct {
		station
		queueing
	}{
		{stationA, queueing{0.409180, 36.8262, 0.67235, 1.6367}},
		{stationB, queueing{0.363864, 21.8319, 0.73928, 3.2748}},
		{stationC, queueing{0.365264, 8.7663, 0.84126, 6.9400}},
	} {
		t.Run(c.station.name, func(t *testing.T) {
			waits := c.byRecursion()
			near(t, "waits, by logarithms", c.byLogarithms(), waits, 1e-9)
			balance, _ := c.byBalance()
			near(t, "waits, by balance", balance, waits, 1e-9)
			got := c.station.queueing(waits)
			near(t, "waits", got.waits, c.waits, 1e-5)
			near(t, "mean wait", got.mean, c.mean, 1e-5)
			near(t, "answered within 20 s", got.within20, c.within20, 1e-5)
			near(t, "line", got.line, c.line, 2e-5)
		})
	}
}

func TestErlangWithPatience(t *testing.T) {
	waits, abandons := stationE.byBalance()
	near(t, "waits", waits, 0.59351, 1e-5)
	near(t, "abandons", abandons, 0.15162, 3e-5)
}

// cobham is the mean wait of each class, the most urgent first, when all are
// served alike; loads in erlangs.
func cobham(servers int, service float64, loads ...float64) []float64 {
	var sum float64
	for _, l := range loads {
		sum += l
	}
	s := station{servers: servers, load: sum, service: service}
	ahead, means := 0.0, make([]float64, len(loads))
	for n, l := range loads {
		upTo := ahead + l/float64(servers)
		means[n] = s.byRecursion() * service / float64(servers) / ((1 - ahead) * (1 - upTo))
		ahead = upTo
	}
	return means
}

func TestCobham(t *testing.T) {
	means := cobham(10, 180, 3, 5.5)
	near(t, "urgent", means[0], 13.625, 1e-4)
	near(t, "others", means[1], 90.833, 1e-4)
	// Without classes it is Erlang C.
	near(t, "one class", cobham(10, 180, 8)[0], stationA.queueing(stationA.byRecursion()).mean, 1e-9)
}
