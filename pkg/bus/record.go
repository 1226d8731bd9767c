package bus

import (
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/fault"
	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// Record is one commit as read from the log.
type Record struct {
	Thread    subject.Thread
	Partition int
	Revision  uint64 // sequence in the partition's stream
	Previous  uint64 // revision of the thread before, 0 when this is its first; where the log does not tell, the highest it can be
	Stored    time.Time
	Trace     trace.SpanContext // what wrote it; may be invalid
	Commit    *threadv1.Commit  // shared: do not change
	Overtaken bool              // by a later commit of the thread that this process knows already; FollowThreads alone tells, and hands that one over too
}

// InboundRecord is one event as read from INBOUND.
type InboundRecord struct {
	Thread    subject.Thread
	Partition int
	Sequence  uint64
	Stored    time.Time
	Event     *inboundv1.Event
}

// decoded is a commit that is taken apart once for all who read it.
type decoded struct {
	commit *threadv1.Commit // of one that this process stored: what the message holds
	once   sync.Once
	record Record
	err    error
}

func decodeCommit(m stored, partitions int) (Record, error) {
	if m.shared == nil {
		return parseCommit(m, nil, partitions)
	}
	m.shared.once.Do(func() { m.shared.record, m.shared.err = parseCommit(m, m.shared.commit, partitions) })
	return m.shared.record, m.shared.err
}

// Whatever may publish to the broker may write anything under our subjects, so
// a body is believed only when it names the thread whose subject it stands on.
func parseCommit(m stored, c *threadv1.Commit, partitions int) (Record, error) {
	t, err := subject.ParseLog(m.subject)
	if err != nil {
		return Record{}, garbage("no thread in the subject", err)
	}
	if c == nil {
		c = &threadv1.Commit{}
		if err := proto.Unmarshal(m.data, c); err != nil {
			return Record{}, garbage("no commit", err)
		}
	}
	if s := c.GetState(); s == nil || s.GetPage() != t.Page || s.GetPsid() != t.PSID || len(c.GetFacts()) == 0 {
		return Record{}, garbage("no commit of this thread", nil)
	}
	return Record{Thread: t, Partition: t.Partition(partitions), Revision: m.seq, Previous: previous(m), Stored: m.at, Trace: writerOf(m.header), Commit: c}, nil
}

// previous is the revision on which a commit was decided. The broker let
// nothing come between, and keeps the header by which it was asked.
func previous(m stored) uint64 {
	p, err := strconv.ParseUint(m.header.Get(headerExpected), 10, 64)
	if err != nil || p >= m.seq {
		return m.seq - 1 // not written by a bus
	}
	return p
}

// decodeEvent reads a part of a bundle. It is believed only in the partition of
// the thread it names: its order hangs on that.
func decodeEvent(m stored, partition, partitions int) (InboundRecord, error) {
	if m.event == nil {
		return InboundRecord{}, garbage("no bundle of events", nil)
	}
	t := threadOf(m.event)
	if t.Partition(partitions) != partition {
		return InboundRecord{}, garbage("no event of this partition", nil)
	}
	return InboundRecord{Thread: t, Partition: partition, Sequence: m.seq, Stored: m.at, Event: m.event}, nil
}

func garbage(what string, cause error) error {
	return &fault.Error{Kind: fault.Invalid, Reason: "GARBAGE", Message: "the record is " + what, Cause: cause}
}
