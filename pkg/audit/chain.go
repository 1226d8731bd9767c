package audit

import (
	"encoding/hex"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	auditv1 "github.com/parley-desk/parley/proto/gen/parley/audit/v1"
)

// Sealer is the part of secret.Box that a chain needs. Its keys stay for the life of
// a deployment.
type Sealer interface {
	MAC(purpose string, data []byte) []byte
	Verify(purpose string, data, mac []byte) bool
}

// What MACs are made for.
const (
	sealUse   = "audit.record"
	personUse = "audit.person"
)

// What can be wrong at a place.
const (
	Missing = "MISSING" // no record stands there
	Changed = "CHANGED" // it is not what was sealed
	Moved   = "MOVED"   // it was sealed for another place
	Broken  = "BROKEN"  // the one before is not the one that stood there
)

// Fault is what is wrong at one place.
type Fault struct {
	Number         uint64
	Reason, Detail string
}

// link makes the entry of a record that stands behind another one. It sets the
// record's number and what it is chained to.
func link(s Sealer, r *auditv1.Record, after bus.AuditEntry) (bus.AuditEntry, error) {
	r.Number = after.Number + 1
	var err error
	if r.Previous, err = hex.DecodeString(after.Seal); err != nil {
		return bus.AuditEntry{}, fault.New(fault.Precondition, "AUDIT_DAMAGED", "the seal of record %d of the audit cannot be read: run parleyctl audit verify", after.Number)
	}
	data, err := proto.Marshal(r)
	if err != nil {
		return bus.AuditEntry{}, &fault.Error{Kind: fault.Internal, Message: "encode a record of the audit", Cause: err}
	}
	return bus.AuditEntry{Number: r.GetNumber(), Data: data, Seal: hex.EncodeToString(s.MAC(sealUse, data))}, nil
}

// Read is the record of an entry; an empty one, of that number, when it cannot be
// read.
func Read(e bus.AuditEntry) *auditv1.Record {
	r := &auditv1.Record{}
	if proto.Unmarshal(e.Data, r) != nil {
		return &auditv1.Record{Number: e.Number}
	}
	return r
}

// Chain verifies a run of entries. Before is the entry before the run, zero when it
// begins with the first. It is used once, in order.
type Chain struct {
	Sealer Sealer
	Before bus.AuditEntry

	Faults []Fault
	broken bool // what stands before cannot be chained to, and that has been told
}

// Take looks at the next entry; whatever is left out between is missing.
func (c *Chain) Take(e bus.AuditEntry) {
	c.To(e.Number - 1)
	seal, err := hex.DecodeString(e.Seal)
	r := &auditv1.Record{}
	switch was := c.Before; {
	case err != nil || !c.Sealer.Verify(sealUse, e.Data, seal) || proto.Unmarshal(e.Data, r) != nil:
		c.find(e.Number, Changed, "record %d is not what was written: its seal does not fit", e.Number)
		c.broken = true
	case r.GetNumber() != e.Number:
		c.find(e.Number, Moved, "where record %d was, record %d stands", e.Number, r.GetNumber())
		c.broken = true
	case !c.broken && hex.EncodeToString(r.GetPrevious()) != was.Seal:
		c.find(e.Number, Broken, "record %d was written behind another record than the %d that stands there", e.Number, was.Number)
		c.broken = false
	default:
		c.broken = false
	}
	c.Before = e
}

// To says that nothing more stands up to number: what was not taken is missing.
func (c *Chain) To(number uint64) {
	for n := c.Before.Number + 1; n <= number; n++ {
		c.find(n, Missing, "record %d is missing", n)
		c.Before, c.broken = bus.AuditEntry{Number: n}, true
	}
}

func (c *Chain) find(number uint64, reason, format string, args ...any) {
	c.Faults = append(c.Faults, Fault{number, reason, fmt.Sprintf(format, args...)})
}
