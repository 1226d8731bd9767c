package bus

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// stageModel is a stage in one partition: records come in the order of the
// log, are handled in any order, the checkpoint is stored now and then, and
// owners die at any moment.
type stageModel struct {
	log      []uint64        // sequences of the stream, with holes
	handled  map[uint64]bool // by whichever owner
	now      time.Time
	saved    checkpoint
	progress *progress
	read     []reading // by this owner, in the order of the log
	parked   []reading // left by earlier owners
}

// reading is a record that an owner has read.
type reading struct {
	ticket *ticket
	at     time.Time
}

// takeOver is a new owner, who knows the stored checkpoint and nothing else.
func (m *stageModel) takeOver() {
	m.progress, m.read, m.parked = newProgress(m.saved), nil, nil
	for _, seq := range m.saved.Pending {
		m.parked = append(m.parked, reading{m.again(seq), m.now})
	}
}

// parts is how many parts a record has.
func parts(seq uint64) int { return int(seq%3) + 1 }

func (m *stageModel) again(seq uint64) *ticket { return m.progress.again(seq, parts(seq), m.now) }

// next reads the next record of the log; the log grows when it was at its end.
func (m *stageModel) next(step uint64) {
	at := m.saved.Seq
	if len(m.read) > 0 {
		at = m.read[len(m.read)-1].ticket.seq
	}
	i, there := slices.BinarySearch(m.log, at)
	if there {
		i++
	}
	if i == len(m.log) {
		m.log = append(m.log, at+step)
	}
	m.read = append(m.read, reading{m.progress.begin(m.log[i], parts(m.log[i]), m.now), m.now})
}

// open are the records at work.
func (m *stageModel) open() []reading {
	return slices.DeleteFunc(slices.Concat(m.parked, m.read), func(r reading) bool { return r.ticket.left == 0 })
}

func (m *stageModel) finish(r reading) {
	m.progress.finish(r.ticket)
	m.handled[r.ticket.seq] = m.handled[r.ticket.seq] || r.ticket.left == 0
}

// check wants that a checkpoint leaves out nothing that nobody has handled,
// names nothing that this owner has, never goes back, and never waits for a
// record longer than a minute.
func (m *stageModel) check(t *rapid.T, c checkpoint) {
	if c.Seq < m.saved.Seq {
		t.Fatalf("the checkpoint went back from %d to %d", m.saved.Seq, c.Seq)
	}
	if !slices.IsSorted(c.Pending) {
		t.Fatalf("pending %v is in no order, and that is the order of the thread", c.Pending)
	}
	for _, seq := range m.log {
		if seq <= c.Seq && !m.handled[seq] && !slices.Contains(c.Pending, seq) {
			t.Fatalf("record %d is lost: nobody has handled it, and the checkpoint is %+v", seq, c)
		}
	}
	for _, r := range slices.Concat(m.parked, m.read) {
		if r.ticket.left == 0 && slices.Contains(c.Pending, r.ticket.seq) {
			t.Fatalf("record %d is handled and still pending", r.ticket.seq)
		}
	}
	for _, r := range m.read {
		if r.ticket.left > 0 && m.now.Sub(r.at) < time.Minute {
			break
		}
		if r.ticket.seq > c.Seq {
			t.Fatalf("the checkpoint waits at %d for record %d, read %s ago", c.Seq, r.ticket.seq, m.now.Sub(r.at))
		}
	}
}

func TestNoCheckpointLosesARecordOrWaitsForOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &stageModel{handled: map[uint64]bool{}, now: time.Unix(1_700_000_000, 0)}
		m.takeOver()
		mark := func() checkpoint {
			c := m.progress.mark(m.now)
			m.check(t, c)
			return c
		}
		t.Repeat(map[string]func(*rapid.T){
			"read": func(t *rapid.T) { m.next(rapid.Uint64Range(1, 3).Draw(t, "step")) },
			"finish": func(t *rapid.T) {
				if open := m.open(); len(open) > 0 {
					m.finish(rapid.SampledFrom(open).Draw(t, "record"))
				}
			},
			"wait":      func(t *rapid.T) { m.now = m.now.Add(time.Duration(rapid.IntRange(1, 70).Draw(t, "s")) * time.Second) },
			"mark":      func(*rapid.T) { mark() }, // and the broker does not take it
			"save":      func(*rapid.T) { m.saved = mark() },
			"take over": func(*rapid.T) { m.takeOver() },
		})
		for open := m.open(); len(open) > 0; open = m.open() {
			m.finish(open[0])
		}
		if c := mark(); len(c.Pending) > 0 {
			t.Fatalf("everything is handled, the checkpoint is %+v", c)
		}
	})
}

// The entry in CHECKPOINT stays small: beyond its bound the checkpoint waits.
func TestTheNumberOfParkedRecordsIsBounded(t *testing.T) {
	p, now := newProgress(checkpoint{}), time.Unix(1_700_000_000, 0)
	var tickets []*ticket
	for seq := range uint64(maxParked + 5) {
		tickets = append(tickets, p.begin(seq+1, 1, now))
	}
	if c := p.mark(now.Add(parkAfter - 1)); c.Seq != 0 || len(c.Pending) != 0 {
		t.Errorf("before the minute is over the checkpoint is at %d with %d pending", c.Seq, len(c.Pending))
	}
	if c := p.mark(now.Add(parkAfter)); c.Seq != maxParked || len(c.Pending) != maxParked {
		t.Errorf("the checkpoint is at %d with %d pending, want %d", c.Seq, len(c.Pending), maxParked)
	}
	p.finish(tickets[7])
	if c := p.mark(now.Add(parkAfter)); c.Seq != maxParked+1 || len(c.Pending) != maxParked {
		t.Errorf("with one place free the checkpoint is at %d with %d pending", c.Seq, len(c.Pending))
	}
}
