package bus

import (
	"slices"
	"sync"
	"time"
)

const (
	// parkAfter is how long the checkpoint waits for one record.
	parkAfter = time.Minute
	// maxParked bounds the checkpoint entry; beyond it the checkpoint waits.
	maxParked = 10000
)

// checkpoint is how far a stage has come in a partition: everything up to Seq
// is handled but for Pending. Stored in CHECKPOINT as JSON.
type checkpoint struct {
	Seq     uint64   `json:"seq"`
	Pending []uint64 `json:"pending,omitempty"`
}

// progress is the low-water mark over records that are handled out of order.
type progress struct {
	mu     sync.Mutex
	low    uint64    // everything up to here is handled or parked
	queue  []*ticket // records above low, in order of the log
	parked map[uint64]struct{}
	fresh  int // parts handled since the last mark
}

// ticket is one record on its way. It is done when each of its parts is.
type ticket struct {
	seq  uint64
	came time.Time
	left int // parts that are not handled
}

func newProgress(from checkpoint) *progress {
	p := &progress{low: from.Seq, parked: make(map[uint64]struct{}, len(from.Pending))}
	for _, seq := range from.Pending {
		p.parked[seq] = struct{}{}
	}
	return p
}

// begin notes a record of so many parts that was read; seq rises from call to
// call.
func (p *progress) begin(seq uint64, parts int, now time.Time) *ticket {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := &ticket{seq: seq, came: now, left: parts}
	p.queue = append(p.queue, t)
	return t
}

// again notes a record that an earlier owner left parked. All of its parts are
// handled anew.
func (p *progress) again(seq uint64, parts int, now time.Time) *ticket {
	return &ticket{seq: seq, came: now, left: parts}
}

// finish notes that a part of a record is handled, and tells how many were
// since the last mark.
func (p *progress) finish(t *ticket) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t.left--; t.left == 0 {
		delete(p.parked, t.seq)
	}
	p.fresh++
	return p.fresh
}

// drop takes off the list a parked record that is not there any more.
func (p *progress) drop(seq uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.parked, seq)
}

// mark moves the low-water mark as far as it goes, past records that have
// taken too long, and gives the checkpoint to store.
func (p *progress) mark(now time.Time) checkpoint {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for ; n < len(p.queue); n++ {
		t := p.queue[n]
		if t.left > 0 {
			if now.Sub(t.came) < parkAfter || len(p.parked) >= maxParked {
				break
			}
			p.parked[t.seq] = struct{}{}
		}
		p.low = t.seq
	}
	p.queue = slices.Delete(p.queue, 0, n)
	p.fresh = 0
	c := checkpoint{Seq: p.low}
	for seq := range p.parked {
		c.Pending = append(c.Pending, seq)
	}
	slices.Sort(c.Pending)
	return c
}

func (c checkpoint) equal(o checkpoint) bool {
	return c.Seq == o.Seq && slices.Equal(c.Pending, o.Pending)
}
