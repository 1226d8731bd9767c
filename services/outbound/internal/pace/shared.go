package pace

import (
	"context"
	_ "embed"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/parley-desk/parley/pkg/keyspace"
	"github.com/parley-desk/parley/pkg/telemetry/key"
)

//go:embed turn.lua
var turnSource string

//go:embed heed.lua
var heedSource string

var (
	turnScript = keyspace.NewScript("turn", turnSource)
	heedScript = keyspace.NewScript("heed", heedSource)
)

// away is for how long Redis is not asked again after it failed.
const away = 5 * time.Second

// word is what a keeper of turns says.
type word struct {
	rest   time.Duration // the page rests for so long
	wait   time.Duration // until the turn
	none   bool          // no turn was given; ask again after wait
	stalls bool          // the page's inbox at Meta cannot follow
}

// keyOf is where Redis keeps what is known of a page.
func keyOf(id string) string { return keyspace.Group("pace:" + id).Key("page") }

// shared asks Redis for a turn; false when Redis cannot say.
func (p *Pace) shared(ctx context.Context, id string, k Kind) (word, bool) {
	if !p.reachable() {
		return word{}, false
	}
	line := &p.page(id).lines[k]
	r, place := line.join()
	if place == 0 {
		p.lead(context.WithoutCancel(ctx), line, r, id, k) // others count on it
	}
	select {
	case <-r.told:
	case <-ctx.Done():
		return word{}, true // its turn is lost, and who comes next waits a little longer
	}
	if place >= len(r.words) {
		return word{}, false
	}
	return r.words[place], true
}

// line is where calls of a kind wait to be asked for together: one question of a
// page's is on its way at a time, and the next asks for all who came meanwhile.
type line struct {
	mu   sync.Mutex
	next *round        // whom the next question asks for
	busy chan struct{} // room for the one that leads
}

// round is one question to Redis.
type round struct {
	size  int
	told  chan struct{}
	words []word // none when Redis cannot say
}

// join gives the question that asks for the caller as well, and its place there.
// Whoever is the first leads it.
func (l *line) join() (r *round, place int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next == nil {
		l.next = &round{told: make(chan struct{})}
	}
	l.next.size++
	return l.next, l.next.size - 1
}

// lead asks for a round once the one before has its answer.
func (p *Pace) lead(ctx context.Context, l *line, r *round, id string, k Kind) {
	l.busy <- struct{}{}
	defer func() { <-l.busy }()
	l.mu.Lock()
	l.next = nil // who comes now waits for the next
	l.mu.Unlock()
	r.words = p.ask(ctx, id, k, r.size)
	close(r.told)
}

// ask asks Redis for turns; nil when it cannot say.
func (p *Pace) ask(ctx context.Context, id string, k Kind, turns int) []word {
	limit := limits[k]
	reply, err := turnScript.Run(ctx, p.rdb, keyOf(id), limit.name,
		int64(limit.interval()/time.Microsecond), limit.burst(1), int64(longestWait/time.Microsecond), flag(k.counts()), turns)
	if err != nil || len(reply) != 3*turns {
		p.lost(ctx, err)
		return nil
	}
	p.found()
	words := make([]word, 0, turns)
	for w := range slices.Chunk(reply, 3) {
		rest, wait := micros(w[0]), micros(w[1])
		words = append(words, word{rest: rest, wait: max(wait, -wait), none: wait < 0, stalls: micros(w[2]) > 0})
	}
	return words
}

// tell has the others heed what Meta said of a page.
func (p *Pace) tell(ctx context.Context, id string, rest time.Duration, stretch int64) {
	if !p.reachable() {
		return
	}
	if _, err := heedScript.Run(ctx, p.rdb, keyOf(id), int64(rest/time.Microsecond), stretch, int64(stretchedFor/time.Microsecond)); err != nil {
		p.lost(ctx, err)
	}
}

func (p *Pace) reachable() bool {
	if p.rdb == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return !time.Now().Before(p.again)
}

// lost has the process keep its own share for a while.
func (p *Pace) lost(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return // it was not Redis
	}
	p.mu.Lock()
	p.again = time.Now().Add(away)
	before := p.together
	p.together = false
	p.mu.Unlock()
	p.metrics.shared.Set(0)
	if before {
		p.log.WarnContext(ctx, "Redis does not share the rates of pages; keeping to this process's part of them", slog.Any(key.Err, err))
	}
}

func (p *Pace) found() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.together {
		p.together = true
		p.metrics.shared.Set(1)
	}
}

func micros(v any) time.Duration {
	text, _ := v.(string)
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Microsecond
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
