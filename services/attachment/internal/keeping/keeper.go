package keeping

import (
	"cmp"
	"context"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/erasure"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// mostThreads is how many threads one order takes: a search through INBOUND is for all
// of an order.
const mostThreads = 500

// Log is the part of bus.Bus that is needed.
type Log interface {
	Partitions() int
	Load(ctx context.Context, t subject.Thread) (*threadv1.State, uint64, error)
	Before(ctx context.Context, partition int, until time.Time) iter.Seq2[bus.Record, error]
	Erasable(ctx context.Context) error
}

// Keeper looks for what has been kept for long enough. All fields are needed.
type Keeper struct {
	Log      Log
	Book     *erasure.Book
	Contacts erasure.Contacts
	World    func() *directory.Snapshot
	Now      func() time.Time
	Every    time.Duration
	Meter    *Meter
	Diary    *slog.Logger
}

// Run looks again and again, until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	defer k.Meter.clear()
	for {
		if _, err := k.Pass(ctx); err != nil && ctx.Err() == nil {
			return err // whoever leads begins again
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(k.Every):
		}
	}
}

// terms are those of the configuration.
func (k *Keeper) terms() Terms {
	world := k.World()
	t := Terms{Days: map[string]int32{}, Now: k.Now(), Of: func(page string) string { return world.PagesByMeta[page].GetWorkstream() }}
	for id, w := range world.Workstreams {
		if w.GetRetentionDays() > 0 {
			t.Days[id] = w.GetRetentionDays()
		}
	}
	return t
}

// Pass looks once, orders what is to be erased, and notes what it saw.
func (k *Keeper) Pass(ctx context.Context) (*privacyv1.Retention, error) {
	terms := k.terms()
	sight := NewSight(terms)
	latest, ends := terms.Latest()
	for p := 0; ends && p < k.Log.Partitions(); p++ {
		for record, err := range k.Log.Before(ctx, p, latest) {
			if err != nil {
				return nil, err
			}
			sight.Take(record)
		}
	}
	due, held, err := k.order(ctx, sight)
	if err != nil {
		return nil, err
	}
	seen := &privacyv1.Retention{AtMs: k.Now().UnixMilli()}
	for _, workstream := range slices.Sorted(maps.Keys(terms.Days)) {
		one := &privacyv1.Kept{Workstream: workstream, Days: terms.Days[workstream], Due: due[workstream], Held: held[workstream]}
		if at, known := sight.Oldest[workstream]; known {
			one.OldestMs = at.UnixMilli()
		}
		seen.Kept = append(seen.Kept, one)
	}
	k.Meter.set(seen, k.Now())
	return seen, k.Book.NoteRetention(ctx, seen)
}

// order orders what goes, unless that is done already, and tells how many threads of
// each workstream that is about, and how many of them are held.
func (k *Keeper) order(ctx context.Context, s *Sight) (due, held map[string]int64, _ error) {
	due, held = map[string]int64{}, map[string]int64{}
	page, err := k.Book.Read(ctx)
	if err != nil {
		return nil, nil, err
	}
	targets := map[string][]*privacyv1.Target{}
	for t, past := range s.Pasts {
		if past.Revision == 0 {
			continue
		}
		state, revision, err := k.Log.Load(ctx, t)
		if err != nil {
			return nil, nil, err
		}
		keeps, err := k.held(ctx, page.Holds, t, state)
		switch {
		case err != nil:
			return nil, nil, err
		case keeps:
			held[past.Workstream]++
			continue
		}
		due[past.Workstream]++
		if slices.ContainsFunc(page.Open, func(e *privacyv1.Erasure) bool { return erasure.Covers(&privacyv1.Hold{Page: t.Page, Psid: t.PSID}, e) }) {
			continue
		}
		target := &privacyv1.Target{Page: t.Page, Psid: t.PSID}
		if revision != past.Revision { // it goes on
			target.Revision, target.Inbound, target.Part = past.Revision, past.Inbound, true
		}
		targets[past.Workstream] = append(targets[past.Workstream], target)
	}
	if len(targets) == 0 {
		return due, held, nil
	}
	if err := k.Log.Erasable(ctx); err != nil {
		return nil, nil, err
	}
	for workstream, all := range targets {
		slices.SortFunc(all, func(a, b *privacyv1.Target) int {
			return cmp.Or(cmp.Compare(a.GetPage(), b.GetPage()), cmp.Compare(a.GetPsid(), b.GetPsid()))
		})
		for some := range slices.Chunk(all, mostThreads) {
			if err := k.orderSome(ctx, s.Terms, workstream, some); err != nil {
				return nil, nil, err
			}
		}
	}
	return due, held, nil
}

func (k *Keeper) orderSome(ctx context.Context, terms Terms, workstream string, some []*privacyv1.Target) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fault.Wrap(err, "making an id")
	}
	before, _ := terms.cutoff(workstream)
	e := &privacyv1.Erasure{Id: id.String(), By: "retention:" + workstream, Way: privacyv1.Way_WAY_RETENTION, Step: privacyv1.Step_STEP_DRAIN,
		OrderedMs: k.Now().UnixMilli(), Workstream: workstream, BeforeMs: before.UnixMilli(), Threads: some}
	k.Diary.InfoContext(ctx, "conversations have been kept for long enough and are erased", slog.String(key.Workstream, workstream), slog.Int(key.Conversations, len(some)))
	return k.Book.Order(ctx, e)
}

// held tells whether a hold keeps a thread, itself or by its contact.
func (k *Keeper) held(ctx context.Context, holds []*privacyv1.Hold, t subject.Thread, state *threadv1.State) (bool, error) {
	if len(holds) == 0 {
		return false, nil
	}
	linked, err := erasure.Linked(ctx, k.Contacts, state)
	if err != nil {
		return false, err
	}
	e := &privacyv1.Erasure{Threads: []*privacyv1.Target{{Page: t.Page, Psid: t.PSID}}}
	return slices.ContainsFunc(holds, func(h *privacyv1.Hold) bool { return erasure.Covers(h, e, linked...) }), nil
}
