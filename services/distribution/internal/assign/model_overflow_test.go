package assign_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"pgregory.net/rapid"

	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

// What the model knows of places and waits.

type place struct {
	queue, conversation string
	until               int64
}

const (
	placeMS   = 10_000
	longestMS = 300_000
	untimed   = 1<<53 - 1
	over      = "1" // of item.late
)

func inQueue(p assign.Phase) bool {
	return p == assign.Waiting || p == assign.Offered || p == assign.Stale || p == assign.Picking
}

func (m *model) inside(q string) []*item {
	var out []*item
	for _, i := range m.items {
		if inQueue(i.Phase) && i.Queue == q {
			out = append(out, i)
		}
	}
	slices.SortFunc(out, func(x, y *item) int { return cmp.Or(cmp.Compare(x.SinceMS, y.SinceMS), cmp.Compare(x.Key, y.Key)) })
	return out
}

// allTimers has those of queues too: each speaks for the longest wait in it.
func (m *model) allTimers() map[string]int64 {
	out := map[string]int64{}
	for member, at := range m.timers {
		out[member] = at
	}
	for id, q := range m.queues {
		for _, i := range m.inside(id) {
			if q.wait > 0 && i.late == "" {
				out["w:"+id] = i.SinceMS + q.wait
				break
			}
		}
	}
	return out
}

// stay carries on what belongs to one stay in a queue, and takes up the place.
func (m *model) stay(i, old *item, now int64, loading bool) {
	if old != nil && inQueue(old.Phase) && inQueue(i.Phase) && old.Conversation == i.Conversation &&
		old.Queue == i.Queue && old.SinceMS == i.SinceMS {
		i.late, i.pause = old.late, old.pause
	} else {
		m.gone(i, old)
		delete(m.timers, "x:"+i.Key)
	}
	routed := i.Phase != assign.Done || i.Queue != ""
	if p, ok := m.places[i.Key]; ok && routed && p.conversation == i.Conversation {
		m.dropPlace(i.Key)
	}
}

// gone counts an item that waits no longer.
func (m *model) gone(i, old *item) {
	if old == nil || !inQueue(old.Phase) {
		return
	}
	m.rate(old.Queue, 'w', m.clock()-old.SinceMS)
	if i.Conversation != old.Conversation || i.Phase != assign.Active && i.Phase != assign.WrapUp {
		m.rate(old.Queue, 'l', 1)
	}
}

func (m *model) rate(q string, what rune, by int64) {
	if q == "" || by <= 0 {
		return
	}
	if m.rates[q] == nil {
		m.rates[q] = map[string]int64{}
	}
	hour := m.clock() / 3_600_000
	m.rates[q][fmt.Sprint(string(what), hour)] += by
	maps.DeleteFunc(m.rates[q], func(field string, _ int64) bool {
		n, _ := strconv.ParseInt(field[1:], 10, 64)
		return n <= hour-9
	})
}

func (m *model) dropPlace(key string) {
	delete(m.places, key)
	delete(m.timers, "p:"+key)
}

// wait has an item that is to wait overflow at once if its wait is over.
func (m *model) wait(i, old *item, now int64) {
	wait := m.queue(i.Queue).wait
	switch {
	case i.late == over && old.Phase != assign.Waiting:
		m.timers["x:"+i.Key] = now
	case i.late == "" && wait > 0 && i.SinceMS+wait <= now:
		i.late = over
		m.timers["x:"+i.Key] = now
	}
}

func (m *model) waits(now int64, q string) (out []assign.Intent) {
	for _, i := range m.inside(q) {
		if i.late == "" && i.SinceMS+m.queue(q).wait <= now {
			out = append(out, m.overflow(now, i)...)
		}
	}
	return out
}

func (m *model) overflow(now int64, i *item) []assign.Intent {
	i.late = over
	delete(m.timers, "x:"+i.Key)
	if i.Phase != assign.Waiting {
		return nil
	}
	m.unlist(i)
	m.timers["x:"+i.Key] = now + retryMS
	return []assign.Intent{{Kind: assign.Overflow, Item: i.Key, Conversation: i.Conversation, Agent: i.Agent, Fence: i.Fence}}
}

func (m *model) putOff(now int64, next assign.Item, due int64) {
	i := m.items[next.Key]
	if i == nil || !inQueue(i.Phase) || i.Conversation != next.Conversation || i.SinceMS != next.SinceMS || i.late != over {
		return
	}
	if due == 0 {
		i.pause = min(max(2*i.pause, 2*retryMS), longestMS)
		due = now + i.pause
	}
	i.late = "0"
	m.timers["x:"+i.Key] = min(due, now+longestMS)
	if i.Phase == assign.Waiting {
		m.lineUp(i, now)
		m.matchItem(i, false, now)
	}
}

func (m *model) place(now int64, key, conversation string, candidates []assign.Candidate) (int, []int32) {
	m.dropPlace(key)
	index, waiting := -1, make([]int32, len(candidates))
	in := ""
	for n, c := range candidates {
		for _, i := range m.inside(c.Queue) {
			if i.Key == key && i.Conversation == conversation {
				in = c.Queue
			} else {
				waiting[n]++
			}
		}
		for _, p := range m.places {
			if p.queue == c.Queue && p.until > now {
				waiting[n]++
			}
		}
		if index < 0 && (c.Limit == 0 || waiting[n] < c.Limit) {
			index = n
		}
	}
	if index >= 0 && candidates[index].Queue != in {
		m.places[key] = place{candidates[index].Queue, conversation, now + placeMS}
		m.timers["p:"+key] = now + placeMS
	}
	return index, waiting
}

// look is place for nobody.
func (m *model) look(now int64, candidates []assign.Candidate) (int, []int32) {
	index, waiting := -1, make([]int32, len(candidates))
	for n, c := range candidates {
		waiting[n] = int32(len(m.inside(c.Queue)))
		for _, p := range m.places {
			if p.queue == c.Queue && p.until > now {
				waiting[n]++
			}
		}
		if index < 0 && (c.Limit == 0 || waiting[n] < c.Limit) {
			index = n
		}
	}
	return index, waiting
}

func (m *model) dumpQueues(set func(key, v string)) {
	kept, own := map[string]map[string]int64{}, map[string]string{}
	for key, p := range m.places {
		if kept[p.queue] == nil {
			kept[p.queue] = map[string]int64{}
		}
		kept[p.queue][key] = p.until
		own[key] = p.queue + "/" + p.conversation
	}
	if len(own) > 0 {
		set("pl", fmt.Sprint(own))
	}
	for id := range m.queues {
		inside := map[string]int64{}
		for _, i := range m.inside(id) {
			if inside[i.Key] = i.SinceMS; i.late != "" {
				inside[i.Key] = untimed
			}
		}
		set("n:"+id, sorted(inside))
		set("pl:"+id, sorted(kept[id]))
		if len(m.rates[id]) > 0 {
			set("pa:"+id, fmt.Sprint(m.rates[id]))
		}
	}
}

// place asks for a place, for a conversation of the log or for one that is
// about to be routed, which may then come, with or without another word of the
// customer before.
func (r *run) place() {
	key := draw(r, "item", itemIDs)
	old := r.log[key]
	if old.Key != "" && old.Phase != assign.Done {
		r.placeAs(key, draw(r, "conversation", []string{old.Conversation, "another"}))
		return
	}
	conversation := fmt.Sprint("c", r.rev+1)
	unrouted := func() {
		r.rev++
		r.apply(assign.Item{Key: key, Revision: r.rev, Conversation: conversation, Phase: assign.Done, Class: plain(1)})
	}
	unrouted()
	for range draw(r, "asked", []int{1, 1, 2}) {
		r.placeAs(key, conversation)
	}
	switch draw(r, "then", []string{"write", "come", "come", "go", "come late"}) {
	case "write":
		unrouted()
	case "come":
		r.arriveAs(key, conversation, draw(r, "queue", queueIDs))
	case "come late":
		r.pass(placeMS)
		r.arriveAs(key, conversation, draw(r, "queue", queueIDs))
	}
}

func (r *run) placeAs(key, conversation string) {
	var candidates []assign.Candidate
	for range rapid.IntRange(1, 3).Draw(r.t, "candidates") {
		candidates = append(candidates, assign.Candidate{Queue: draw(r, "queue", queueIDs), Limit: draw(r, "limit", []int32{0, 1, 1, 2, 3})})
	}
	wantRoom, wantCount := r.model.look(r.ms(), candidates)
	room, count, err := r.book.Look(r.ctx, r.now, candidates)
	r.same("look", room, wantRoom, err)
	r.same("counted", fmt.Sprint(count), fmt.Sprint(wantCount), nil)
	r.check()
	want, wantWaiting := r.model.place(r.ms(), key, conversation, candidates)
	got, waiting, err := r.book.Place(r.ctx, r.now, key, conversation, candidates)
	r.same("place", got, want, err)
	r.same("waiting", waiting, wantWaiting, nil)
}

// putOff leaves an item in its queue; sometimes one that nobody asked out, and
// sometimes again and again.
func (r *run) putOff() {
	key := draw(r, "item", itemIDs)
	for range draw(r, "times", []int{1, 1, 4}) {
		r.putOffOnce(key)
		r.pass(draw(r, "and then", []int64{0, 10_000, 20_000}))
		r.fire(100)
	}
}

func (r *run) putOffOnce(key string) {
	next, ok := r.log[key]
	if !ok {
		return
	}
	next.SinceMS -= draw(r, "another stay", []int64{0, 0, 0, 1})
	due := draw(r, "due", []time.Duration{0, 0, 0, time.Second, time.Hour})
	at, ms := time.Time{}, int64(0)
	if due > 0 {
		at, ms = r.now.Add(due), r.ms()+due.Milliseconds()
	}
	r.model.putOff(r.ms(), next, ms)
	r.same("put off", nil, nil, r.book.PutOff(r.ctx, r.now, next, at))
}
