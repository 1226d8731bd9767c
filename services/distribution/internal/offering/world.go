package offering

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

// worldOf is what administrators have set, as the book wants it.
func worldOf(s *directory.Snapshot) assign.World {
	var w assign.World
	classes := map[int32]bool{1: true}
	for _, ws := range s.Workstreams {
		classes[max(ws.GetUnits(), 1)] = true
	}
	member := map[string][]string{}
	for _, id := range slices.Sorted(maps.Keys(s.Queues)) {
		q := s.Queues[id]
		for _, a := range q.GetAgents() {
			member[a] = append(member[a], id)
		}
		w.Queues = append(w.Queues, assign.Queue{ID: id, Revision: s.Revision, Method: methodOf(q.GetAssignment()),
			Priority: q.GetPriority(), Classes: slices.Sorted(maps.Keys(classes)),
			Wait: max(time.Duration(q.GetWait().GetSeconds()), 0) * time.Second})
	}
	for _, id := range slices.Sorted(maps.Keys(s.Agents)) {
		w.Agents = append(w.Agents, assign.Agent{ID: id, Revision: s.Revision,
			Capacity: s.Agents[id].GetCapacity(), Queues: slices.Compact(member[id])})
	}
	return w
}

func methodOf(a configv1.Assignment) assign.Method {
	if a == configv1.Assignment_ASSIGNMENT_HIGHEST_CAPACITY {
		return assign.HighestCapacity
	}
	return assign.LeastActive
}

// syncDirectory brings every change of the directory to the book. It begins
// with everything: the generation may have been loaded by a process whose
// directory was older.
func (d *Distributor) syncDirectory(ctx context.Context, epoch int64) error {
	known, err := d.Book.Agents(ctx, epoch)
	if err != nil {
		return err
	}
	applied := assign.World{}
	for _, id := range known {
		applied.Agents = append(applied.Agents, assign.Agent{ID: id, Capacity: -1})
	}
	for {
		changed := d.Directory.Changed()
		snapshot := d.Directory.Now()
		next := worldOf(snapshot)
		if err := d.bring(ctx, applied, next, snapshot.Revision); err != nil {
			return err
		}
		applied = next
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

// bring makes the book follow from one world to the next.
func (d *Distributor) bring(ctx context.Context, from, to assign.World, revision uint64) error {
	var errs []error
	queues := map[string]assign.Queue{}
	for _, q := range from.Queues {
		queues[q.ID] = q
	}
	for _, q := range to.Queues {
		old, ok := queues[q.ID]
		same := ok && old.Method == q.Method && old.Priority == q.Priority && old.Wait == q.Wait
		if !same || !slices.Equal(old.Classes, q.Classes) {
			errs = append(errs, d.Book.SetQueue(ctx, d.Now(), q))
		}
	}
	agents := map[string]assign.Agent{}
	for _, a := range from.Agents {
		agents[a.ID] = a
	}
	for _, a := range to.Agents {
		if old, ok := agents[a.ID]; !ok || old.Capacity != a.Capacity || !slices.Equal(old.Queues, a.Queues) {
			errs = append(errs, d.Book.SetAgent(ctx, d.Now(), a))
		}
		delete(agents, a.ID)
	}
	for id := range agents {
		errs = append(errs, d.Book.DropAgent(ctx, d.Now(), id, revision))
	}
	return errors.Join(errs...)
}
