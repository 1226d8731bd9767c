package figures

import (
	"time"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

const (
	// Minutes is how many are told, the one that is not over among them.
	Minutes = 60
	// ahead is by how many minutes the clock of another process may be before ours.
	ahead = 1
	// kept is room for all of them.
	kept = Minutes + ahead + 3
)

// Window is the last hour. Its size follows the queues and agents of that hour and
// not what happened to them. It is not safe for concurrent use.
type Window struct {
	minutes [kept]minute
	second  int64 // of the sum
	sum     map[string]*counts
}

// Add counts a commit that is not older than the hour before now.
func (w *Window) Add(now time.Time, commit *threadv1.Commit, open Open) {
	at := commit.GetAtMs()
	number, present := at/60_000, now.UnixMilli()/60_000
	if number <= present-Minutes || number > present+ahead {
		return
	}
	m := &w.minutes[number%kept]
	switch {
	case m.number > number: // of an hour that a clock which was put back has yet to reach
		return
	case m.number < number:
		*m = minute{number: number, queues: map[string]*counts{}, agents: map[string]*Deeds{}}
	}
	c := commit.GetState().GetConversation()
	if c == nil {
		c = &threadv1.Conversation{} // a thread in which none has opened yet
	}
	reading{minute: m, c: c, at: at, open: open}.take(commit)
}

// recent gives the minutes of the hour that something happened in, each with its
// place, the last of which is Minutes-1. What a clock before ours says of the next
// minute counts in this one.
func (w *Window) recent(now time.Time, each func(place int, m *minute)) {
	present := now.UnixMilli() / 60_000
	for i := range w.minutes {
		m := &w.minutes[i]
		place := int(m.number - present + Minutes - 1)
		if place >= 0 && m.number <= present+ahead && m.queues != nil {
			each(min(place, Minutes-1), m)
		}
	}
}

// hour is what happened in each queue. It is added up once a second.
func (w *Window) hour(now time.Time) map[string]*counts {
	if second := now.Unix(); w.sum == nil || w.second != second {
		w.sum, w.second = map[string]*counts{}, second
		w.recent(now, func(_ int, m *minute) {
			for queue, c := range m.queues {
				if w.sum[queue] == nil {
					w.sum[queue] = &counts{}
				}
				w.sum[queue].merge(c)
			}
		})
	}
	return w.sum
}

// Hour is how the wanted queues went, each by its thresholds.
func (w *Window) Hour(now time.Time, wanted func(queue string) (Thresholds, bool)) *deskv1.Figures {
	var all tally
	for queue, c := range w.hour(now) {
		if by, ok := wanted(queue); ok {
			all.add(c, by)
		}
	}
	return all.figures()
}

// Each are the minutes of the wanted queues, oldest first.
func (w *Window) Each(now time.Time, wanted func(queue string) (Thresholds, bool)) []*deskv1.Minute {
	all := make([]*deskv1.Minute, Minutes)
	first := make([]spread, Minutes)
	for i := range all {
		all[i] = &deskv1.Minute{}
	}
	w.recent(now, func(place int, m *minute) {
		for queue, c := range m.queues {
			if _, ok := wanted(queue); ok {
				all[place].Messages += int32(c.messages)
				first[place].merge(c.first)
			}
		}
	})
	for i := range all {
		all[i].FirstResponseP90 = first[i].quantile(0.9)
	}
	return all
}

// Agents are what agents did, by id.
func (w *Window) Agents(now time.Time) map[string]Deeds {
	all := map[string]Deeds{}
	w.recent(now, func(_ int, m *minute) {
		for agent, d := range m.agents {
			all[agent] = all[agent].add(*d)
		}
	})
	return all
}
