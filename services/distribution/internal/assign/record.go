package assign

import (
	"fmt"
	"strconv"
	"strings"
)

// record is an item as the scripts keep it: store.lua names its parts.
type record struct {
	revision, phase, agent, fence, queue, class, fifo, list, story string
	conversation, queued, since, offerMS, priority, prefer, until  string
	late, mark, declines, took                                     string
}

// parseRecord reads what a script wrote; the zero record when there is nothing.
func parseRecord(raw string) (r record) {
	var pause, shown, pickOnly string
	split(raw, "|", &r.revision, &r.phase, &r.agent, &r.fence, &r.queue, &r.class, &r.fifo, &r.list, &r.story,
		&r.conversation, &r.queued, &r.since, &r.offerMS, &r.priority, &r.prefer, &r.until, &pickOnly)
	split(r.story, ";", &r.late, &pause, &r.mark, &shown, &r.declines, &r.took)
	return r
}

// ticket is as what the item is lined up.
func (r record) ticket(key string) string { return fmt.Sprintf("%016d:%s", integer(r.fifo), key) }

// commitOf is an item as apply.lua takes it: one word, for every word that a
// script is given costs Redis as much as a step of it.
func commitOf(i Item) string {
	b := append(append(make([]byte, 0, 256), i.Key...), '|')
	b = append(strconv.AppendInt(b, i.DueMS, 10), '|')
	b = append(strconv.AppendInt(b, i.Highest, 10), '|')
	b = append(strconv.AppendUint(b, i.Revision, 10), '|')
	b = append(append(b, i.Phase...), '|')
	b = append(append(b, i.Agent...), '|')
	b = append(strconv.AppendInt(b, i.Fence, 10), '|')
	b = append(append(b, i.Queue...), '|')
	b = append(append(b, i.Class.String()...), '|')
	return string(appendWhat(b, i))
}

// whatOf is what the log says of an item, but what the scripts look at each time.
func whatOf(i Item) string { return string(appendWhat(make([]byte, 0, 128), i)) }

func appendWhat(b []byte, i Item) []byte {
	b = append(append(b, i.Conversation...), '|')
	for _, n := range []int64{i.QueuedMS, i.SinceMS, i.OfferMS, int64(i.Priority)} {
		b = append(strconv.AppendInt(b, n, 10), '|')
	}
	b = append(append(b, i.Prefer...), '|')
	b = append(strconv.AppendInt(b, i.PreferUntilMS, 10), '|')
	return append(b, flag(i.PickOnly)...)
}

// standing of an agent as the scripts keep it.
type doings struct {
	presence, was, since, source, status, used, offers, assigned, freed, held, turns, units, serves, more string
	version, asked, wanted, counts, limits                                                                string
}

func parseDoings(raw string) (d doings) {
	split(raw, "|", &d.presence, &d.was, &d.since, &d.source, &d.status, &d.used, &d.offers, &d.assigned, &d.freed, &d.held,
		&d.turns, &d.units, &d.serves, &d.more)
	split(d.more, ";", &d.version, &d.asked, &d.wanted, &d.counts, &d.limits)
	return d
}

// items are those that the agent holds.
func (d doings) items() []string { return listed(d.held) }

// named is a number of a list of them: of turns or counts.
func named(all, name string) int64 {
	_, rest, _ := strings.Cut(all, ","+name+":")
	n, _, _ := strings.Cut(rest, ",")
	return integer(n)
}

func listed(s string) []string { return strings.FieldsFunc(s, func(r rune) bool { return r == ',' }) }

// split puts the parts of raw where they belong; those that are missing are
// empty.
func split(raw, mark string, parts ...*string) {
	for n, v := range strings.SplitN(raw, mark, len(parts)) {
		*parts[n] = v
	}
}
