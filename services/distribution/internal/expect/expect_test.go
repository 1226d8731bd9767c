package expect_test

import (
	"math"
	"testing"
	"time"

	"github.com/parley-desk/parley/services/distribution/internal/expect"
)

func TestWait(t *testing.T) {
	served := expect.History{Served: 10, Held: 1000 * time.Second} // 100 s each
	impatient := served
	impatient.Left, impatient.Waited = 10, 500*time.Second // 50 s each
	two := expect.Present{Serving: 2}
	for name, c := range map[string]struct {
		history expect.History
		present expect.Present
		place   int
		want    time.Duration
	}{
		"nothing is known":                 {expect.History{}, two, 1, -1},
		"too little is known":              {expect.History{Served: expect.Enough - 1, Held: time.Hour}, two, 1, -1},
		"nobody serves":                    {served, expect.Present{}, 1, -1},
		"no time passed":                   {expect.History{Served: 10}, two, 1, -1},
		"the first":                        {served, two, 1, 50 * time.Second},
		"the third":                        {served, two, 3, 150 * time.Second},
		"twice as many serve":              {served, expect.Present{Serving: 4}, 3, 75 * time.Second},
		"what goes on says how long, too":  {served, expect.Present{Serving: 2, Held: 1000 * time.Second}, 1, 100 * time.Second},
		"the first, whoever is impatient":  {impatient, two, 1, 50 * time.Second},
		"those before may leave":           {impatient, two, 3, 92 * time.Second}, // 50 + 25 + 50/3
		"nobody left, however many waited": {expect.History{Served: 10, Held: 1000 * time.Second, Waited: time.Hour}, two, 3, 150 * time.Second},
		"what began before it makes up for it": {expect.History{Served: 10, Held: 1000 * time.Second, Before: 1},
			expect.Present{Serving: 2, Held: 1000 * time.Second}, 1, 50 * time.Second},
		"no number means anything": {served, expect.Present{Serving: 1}, math.MaxInt32, 30 * 24 * time.Hour},
	} {
		if got := expect.Wait(c.history, c.present, c.place); max(got, -1).Round(time.Second) != c.want.Round(time.Second) || got < 0 != (c.want < 0) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

// TestLongLinesAreSummedAsShortOnes adds one by one what the package does not.
func TestLongLinesAreSummedAsShortOnes(t *testing.T) {
	h := expect.History{Served: 100, Held: 10_000 * time.Second, Left: 3, Waited: 9000 * time.Second}
	drain, leaves := 20*100/10_000.0, 3/9000.0
	var want float64
	for place := 1; place <= 50_000; place++ {
		want += 1 / (drain + float64(place-1)*leaves)
		if place%997 != 0 {
			continue
		}
		got := expect.Wait(h, expect.Present{Serving: 20}, place).Seconds()
		if math.Abs(got-want) > 1e-3 {
			t.Fatalf("at place %d: %v s, want %.2f", place, got, want)
		}
	}
}
