package offering

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

// worldOf is what administrators have set, as the book wants it.
func worldOf(s *directory.Snapshot) assign.World {
	var w assign.World
	classes := classesOf(s)
	member := map[string][]string{}
	for _, id := range slices.Sorted(maps.Keys(s.Queues)) {
		q := s.Queues[id]
		for _, a := range q.GetAgents() {
			member[a] = append(member[a], id)
		}
		w.Queues = append(w.Queues, assign.Queue{ID: id, Revision: s.Revision, Method: methodOf(q.GetAssignment()),
			Priority: q.GetPriority(), Classes: classes,
			Wait:      max(time.Duration(q.GetWait().GetSeconds()), 0) * time.Second,
			HeadStart: max(time.Duration(q.GetHeadStartSeconds()), 0) * time.Second})
	}
	for _, id := range slices.Sorted(maps.Keys(s.Agents)) {
		a := assign.Agent{ID: id, Revision: s.Revision, Capacity: s.Agents[id].GetCapacity(), Queues: slices.Compact(member[id])}
		a.Skills, a.Profiles = skillsOf(s, s.Agents[id]), limitsOf(s, s.Agents[id])
		w.Agents = append(w.Agents, a)
	}
	return w
}

// classesOf are the classes of conversations that need no skill.
func classesOf(s *directory.Snapshot) []assign.Class {
	all := map[string]assign.Class{}
	add := func(c *threadv1.Conversation) {
		class := assign.ClassOf(c)
		all[class.String()] = class
	}
	add(&threadv1.Conversation{})
	for _, ws := range s.Workstreams {
		add(&threadv1.Conversation{Units: ws.GetUnits(), CapacityProfiles: ws.GetCapacityProfiles(),
			Terms: &threadv1.Terms{Presences: ws.GetPresences()}})
	}
	var out []assign.Class
	for _, key := range slices.Sorted(maps.Keys(all)) {
		out = append(out, all[key])
	}
	return out
}

func skillsOf(s *directory.Snapshot, a *configv1.Agent) []assign.Rating {
	var out []assign.Rating
	for _, p := range a.GetSkills() {
		skill := s.Skills[p.GetSkill()]
		value := directory.Rating(skill, p.GetValue())
		out = append(out, assign.Rating{Skill: p.GetSkill(), Value: value, Level: directory.Level(skill, value)})
	}
	slices.SortFunc(out, func(x, y assign.Rating) int { return strings.Compare(x.Skill, y.Skill) })
	return out
}

func limitsOf(s *directory.Snapshot, a *configv1.Agent) []assign.Limit {
	var out []assign.Limit
	for _, h := range a.GetProfiles() {
		p, known := s.Profiles[h.GetProfile()]
		if !known {
			continue
		}
		limit := assign.Limit{Profile: h.GetProfile(), Limit: p.GetLimit(), Blocks: p.GetBlocks(),
			Daily: p.GetReset_() == configv1.ProfileReset_PROFILE_RESET_END_OF_DAY}
		if h.GetLimit() > 0 {
			limit.Limit = h.GetLimit()
		}
		out = append(out, limit)
	}
	slices.SortFunc(out, func(x, y assign.Limit) int { return strings.Compare(x.Profile, y.Profile) })
	return out
}

func methodOf(a configv1.Assignment) assign.Method {
	switch a {
	case configv1.Assignment_ASSIGNMENT_HIGHEST_CAPACITY:
		return assign.HighestCapacity
	case configv1.Assignment_ASSIGNMENT_ROUND_ROBIN:
		return assign.RoundRobin
	case configv1.Assignment_ASSIGNMENT_CUSTOM:
		return assign.Custom
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
		d.endDays(snapshot, &next)
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
		if old.Revision = q.Revision; !ok || !reflect.DeepEqual(old, q) {
			errs = append(errs, d.Book.SetQueue(ctx, d.Now(), q))
		}
	}
	agents := map[string]assign.Agent{}
	for _, a := range from.Agents {
		agents[a.ID] = a
	}
	for _, a := range to.Agents {
		old, ok := agents[a.ID]
		old.Revision = a.Revision
		if old.DayMS != 0 && a.DayMS != 0 {
			old.DayMS = a.DayMS // the book knows when it ends
		}
		old.DawnMS = a.DawnMS
		if !ok || !reflect.DeepEqual(old, a) {
			errs = append(errs, d.Book.SetAgent(ctx, d.Now(), a))
		}
		delete(agents, a.ID)
	}
	for id := range agents {
		errs = append(errs, d.Book.DropAgent(ctx, d.Now(), id, revision))
	}
	return errors.Join(errs...)
}

// endDays says when the days of those agents end whose capacity profiles are
// reset then.
func (d *Distributor) endDays(s *directory.Snapshot, w *assign.World) {
	for n, a := range w.Agents {
		if slices.ContainsFunc(a.Profiles, func(l assign.Limit) bool { return l.Daily }) {
			dawn, end := d.day(s, a.ID)
			w.Agents[n].DawnMS, w.Agents[n].DayMS = dawn.UnixMilli(), end.UnixMilli()
		}
	}
}

// day is from the last midnight to the next where the agent works: in the time
// zone of its hours, else in that of the house.
func (d *Distributor) day(s *directory.Snapshot, agent string) (dawn, end time.Time) {
	zone := d.Zone
	if hours, ok := s.Schedules[s.Agents[agent].GetSchedule()]; ok {
		if z, err := time.LoadLocation(hours.GetTimeZone()); err == nil {
			zone = z
		}
	}
	if zone == nil {
		zone = time.UTC
	}
	year, month, day := d.Now().In(zone).Date()
	return time.Date(year, month, day, 0, 0, 0, 0, zone), time.Date(year, month, day+1, 0, 0, 0, 0, zone)
}

// newDay says when an agent's day ends next, as the book asked.
func (d *Distributor) newDay(ctx context.Context, agent string) error {
	_, end := d.day(d.Directory.Now(), agent)
	return d.Book.SetDay(ctx, d.Now(), agent, end)
}
