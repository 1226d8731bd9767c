package provision_test

import (
	"testing"
	"time"

	"github.com/parley-desk/parley/services/admin/internal/provision"
)

var minute = time.Minute.Milliseconds()

// What was answered, check by check, and what is known of the hearing then.
func TestWhenAPageCouldNotHear(t *testing.T) {
	yes, refused := provision.Answer{Definite: true}, func(code int) provision.Answer { return provision.Answer{Definite: true, Code: code} }
	good := provision.Answers{DebugToken: yes, Subscription: yes, Fields: provision.Fields()}
	none := provision.Answers{DebugToken: yes, Subscription: yes}
	echoes := provision.Answers{DebugToken: yes, Subscription: yes, Fields: []string{"message_echoes"}}
	wrong := provision.Answers{DebugToken: refused(190)}
	dead := provision.Answers{DebugToken: yes, Subscription: refused(190)}
	away := provision.Answers{}
	const basis, renewed, moved = "1 42 demo f1", "1 42 demo f2", "1 43 demo f1"
	type round struct {
		basis   string
		answers provision.Answers
		after   int64 // minutes since the round before
	}
	for name, c := range map[string]struct {
		rounds            []round
		good, lost, found int64 // minutes since the beginning; -1: never
	}{
		"always":                        {[]round{{basis, good, 0}, {basis, good, 60}}, 60, -1, -1},
		"never yet":                     {[]round{{basis, none, 0}, {basis, none, 60}}, -1, -1, -1},
		"connected for the first time":  {[]round{{basis, none, 0}, {basis, good, 60}}, 60, -1, -1},
		"lost":                          {[]round{{basis, good, 0}, {basis, none, 60}, {basis, none, 60}}, 0, 0, -1},
		"lost and found":                {[]round{{basis, good, 0}, {basis, none, 60}, {basis, good, 60}}, 120, 0, 120},
		"without messages":              {[]round{{basis, good, 0}, {basis, echoes, 60}, {basis, good, 60}}, 120, 0, 120},
		"with a wrong secret":           {[]round{{basis, good, 0}, {renewed, wrong, 60}, {basis, good, 60}}, 120, 0, 120},
		"a dead token":                  {[]round{{basis, good, 0}, {basis, dead, 60}, {renewed, good, 60}}, 120, -1, -1},
		"Meta is away":                  {[]round{{basis, good, 0}, {basis, away, 60}, {basis, good, 60}}, 120, -1, -1},
		"away while it is lost":         {[]round{{basis, good, 0}, {basis, none, 60}, {basis, away, 60}, {basis, good, 60}}, 180, 0, 180},
		"another app":                   {[]round{{basis, good, 0}, {moved, none, 60}, {moved, good, 60}}, 120, -1, -1},
		"lost again soon":               {[]round{{basis, good, 0}, {basis, none, 60}, {basis, good, 1}, {basis, none, 1}, {basis, good, 1}}, 63, 0, 63},
		"lost again long after":         {[]round{{basis, good, 0}, {basis, none, 60}, {basis, good, 60}, {basis, good, 60}, {basis, none, 60}, {basis, good, 60}}, 300, 180, 300},
		"a wrong secret, then no token": {[]round{{basis, good, 0}, {renewed, wrong, 60}, {renewed, away, 60}}, 0, 0, -1},
	} {
		t.Run(name, func(t *testing.T) {
			at, r := now, provision.Take(nil, "", nil, provision.Answers{}, now-minute)
			for _, round := range c.rounds {
				at += round.after * minute
				r = provision.Take(r, round.basis, nil, round.answers, at)
			}
			minutes := func(ms int64) int64 {
				if ms == 0 {
					return -1
				}
				return (ms - now) / minute
			}
			h := r.GetHearing()
			if minutes(h.GetGoodMs()) != c.good || minutes(h.GetLostMs()) != c.lost || minutes(h.GetFoundMs()) != c.found {
				t.Errorf("good %d, lost %d, found %d; want %d, %d, %d", minutes(h.GetGoodMs()), minutes(h.GetLostMs()), minutes(h.GetFoundMs()), c.good, c.lost, c.found)
			}
		})
	}
}
