package pace

import (
	"context"
	_ "embed"
	"log/slog"
	"strconv"
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
	l := limits[k]
	reply, err := turnScript.Run(ctx, p.rdb, keyOf(id), l.name,
		int64(l.interval()/time.Microsecond), l.burst(1), int64(longestWait/time.Microsecond), flag(k.counts()))
	if err != nil || len(reply) != 3 {
		p.lost(ctx, err)
		return word{}, false
	}
	p.found()
	rest, wait := micros(reply[0]), micros(reply[1])
	return word{rest: rest, wait: max(wait, -wait), none: wait < 0, stalls: micros(reply[2]) > 0}, true
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
