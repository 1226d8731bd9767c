package bus

import (
	"context"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/parley-desk/parley/proto/subject"
)

const (
	// headerSeal is the seal of a record of AUDIT, hex.
	headerSeal = "Parley-Seal"
	// headerPlace makes a publish depend on the last sequence of the whole stream.
	headerPlace = "Nats-Expected-Last-Sequence"
)

// AuditEntry is what stands at one place of AUDIT.
type AuditEntry struct {
	Number uint64
	Data   []byte
	Seal   string
	Stored time.Time
}

// auditStream lets nothing go, and nobody delete or purge.
func (b *Bus) auditStream() jetstream.StreamConfig {
	c := b.logStream(subject.Audit, subject.AuditRecord)
	c.DenyPurge = true
	return c
}

// AuditEnd is the number of the newest entry of AUDIT that ever was; 0: none.
func (b *Bus) AuditEnd(ctx context.Context) (uint64, error) {
	info, err := retryAway(ctx, func(ctx context.Context) (*jetstream.StreamInfo, error) { return b.streams[subject.Audit].Info(ctx) })
	if err != nil {
		return 0, brokerFault(err, "read the end of the audit")
	}
	return info.State.LastSeq, nil
}

// AuditAt reads one entry from the broker that leads AUDIT; fault.NotFound when
// there is none.
func (b *Bus) AuditAt(ctx context.Context, number uint64) (AuditEntry, error) {
	m, err := retryAway(ctx, func(ctx context.Context) (stored, error) {
		return b.getLeader(ctx, subject.Audit, lookup{Seq: number})
	})
	if err != nil {
		return AuditEntry{}, brokerFault(err, "read the audit")
	}
	return auditEntry(m), nil
}

// AuditEntries reads up to most entries from number on, oldest first; those that
// are gone are left out.
func (b *Bus) AuditEntries(ctx context.Context, number uint64, most int) ([]AuditEntry, error) {
	found, err := retryAway(ctx, func(ctx context.Context) (found []stored, err error) {
		found, _, err = b.page(ctx, subject.Audit, lookup{Next: subject.AuditRecord, Seq: number, Batch: most})
		if absent(err) {
			return nil, nil
		}
		return found, err
	})
	if err != nil {
		return nil, brokerFault(err, "read the audit")
	}
	entries := make([]AuditEntry, len(found))
	for i, m := range found {
		entries[i] = auditEntry(m)
	}
	return entries, nil
}

func auditEntry(m stored) AuditEntry {
	return AuditEntry{Number: m.seq, Data: m.data, Seal: m.header.Get(headerSeal), Stored: m.at}
}

// AppendAudit stores an entry at the place e.Number and nowhere else: a fault with
// LOST_RACE when another one stands there. When it is Unavailable, nothing is known:
// what stands there tells.
func (b *Bus) AppendAudit(ctx context.Context, e AuditEntry) error {
	ctx, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	m := &nats.Msg{Subject: subject.AuditRecord, Data: e.Data, Header: nats.Header{
		headerPlace: {strconv.FormatUint(e.Number-1, 10)}, headerSeal: {e.Seal}}}
	inject(ctx, m.Header)
	_, err := b.js.PublishMsg(ctx, m, jetstream.WithRetryAttempts(0))
	if raced(err) {
		return errRace
	}
	return brokerFault(err, "store a record of the audit")
}
