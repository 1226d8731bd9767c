package assign_test

import (
	"cmp"
	"slices"
	"strings"

	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

// positions holds where items are told to stand against the lists of the model.
func (r *run) positions() {
	want := make([]assign.Position, len(itemIDs))
	for n, key := range itemIDs {
		want[n] = assign.Position{Standing: assign.StandsUnknown}
		if i := r.model.items[key]; i != nil && i.Phase != assign.Done {
			why := r.model.why(i)
			want[n] = assign.Position{Standing: why.Standing, Queue: i.Queue, Ahead: why.Ahead}
		}
	}
	got, err := r.book.Positions(r.ctx, r.now, itemIDs)
	for n := range got {
		i := r.model.items[itemIDs[n]]
		if stuck := i != nil && i.Phase == assign.Waiting && (r.model.turnedDown(i) || i.list != "" && r.model.paused(i.Queue)); stuck && got[n].Wait >= 0 {
			r.t.Errorf("%s is offered to nobody, and will wait %v", i.Key, got[n].Wait)
		}
		if got[n].Wait = 0; got[n].Standing == assign.StandsPicked || got[n].Standing == assign.StandsHeld {
			got[n].Queue, want[n].Queue = "", "" // of no interest any more
		}
	}
	r.same("positions", got, want, err)
	figures, err := r.book.Figures(r.ctx, r.now, queueIDs)
	for n := range figures {
		f := &figures[n]
		if paused := f.Paused != (assign.Pause{}); paused != (f.Wait < 0) && (paused || f.Ready > f.Waiting) || f.Ready > f.Waiting && f.Wait > 0 {
			r.t.Errorf("one that comes now will wait %v in %s: %+v", f.Wait, queueIDs[n], f)
		}
		f.Wait = 0
	}
	r.same("figures", figures, r.model.figures(), err)
}

// longer is how many have been in the queue of i for longer.
func (m *model) longer(i *item) int32 {
	inside := slices.SortedFunc(slices.Values(m.inside(i.Queue)), func(x, y *item) int {
		return cmp.Or(cmp.Compare(m.waitsSince(x), m.waitsSince(y)), cmp.Compare(x.Key, y.Key))
	})
	return int32(slices.Index(inside, i))
}

func (m *model) waitsSince(i *item) int64 {
	if i.late != "" {
		return untimed
	}
	return i.SinceMS
}

func (m *model) figures() (out []assign.Figures) {
	for _, q := range queueIDs {
		f := assign.Figures{Paused: m.queue(q).paused, Waiting: int32(len(m.inside(q)))}
		for _, c := range m.queue(q).classes {
			f.Ready = max(f.Ready, int32(len(m.ready(q, c))))
		}
		out = append(out, f)
	}
	return out
}

func (m *model) paused(q string) bool { return m.queue(q).paused != (assign.Pause{}) }

// pause pauses a queue or goes on with it, and has everybody look who is to.
func (r *run) pause() {
	q, p := draw(r, "queue", queueIDs), assign.Pause{By: "sonya", SinceMS: r.ms()}
	if r.model.paused(q) && draw(r, "go on", []bool{true, true, false}) {
		p = assign.Pause{}
	}
	r.pauseAs(q, p)
}

func (r *run) pauseAs(q string, p assign.Pause) {
	was := r.model.paused(q)
	r.model.queue(q).paused = p
	if was && p == (assign.Pause{}) {
		for id, a := range r.model.agents {
			if slices.Contains(a.queues, q) {
				r.model.timers["g:"+id] = r.ms()
			}
		}
		for _, i := range r.model.inside(q) {
			if a, waited := strings.CutPrefix(i.list, "wa:"); waited {
				r.model.timers["g:"+a] = r.ms()
			}
		}
	}
	r.same("pause", nil, nil, r.book.Pause(r.ctx, r.now, q, p))
	r.fire(100)
}
