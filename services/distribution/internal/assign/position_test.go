package assign_test

import (
	"cmp"
	"slices"

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
		if got[n].Wait = 0; got[n].Standing == assign.StandsPicked || got[n].Standing == assign.StandsHeld {
			got[n].Queue, want[n].Queue = "", "" // of no interest any more
		}
	}
	r.same("positions", got, want, err)
	figures, err := r.book.Figures(r.ctx, r.now, queueIDs)
	for n := range figures {
		figures[n].Wait = 0
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
		f := assign.Figures{Waiting: int32(len(m.inside(q)))}
		for _, c := range m.queue(q).classes {
			f.Ready = max(f.Ready, int32(len(m.ready(q, c))))
		}
		out = append(out, f)
	}
	return out
}
