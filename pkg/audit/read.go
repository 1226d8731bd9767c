package audit

import (
	"context"
	"slices"
	"strings"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	auditv1 "github.com/parley-desk/parley/proto/gen/parley/audit/v1"
)

const (
	// stride is how many entries are read at once.
	stride = 256
	// MostLooked is how many entries one listing looks at.
	MostLooked = 20_000
	// MostVerified is how many entries one verification reads.
	MostVerified = 100_000
)

// Filter says which records are wanted: all that is set must hold.
type Filter struct {
	Actor, Person string // exactly
	Kind          string // "config.change", or "config" for all of them
	Object        string // "queues/front", or "queues" for all of them
	From, Until   int64  // ms since 1970 UTC; Until 0: without end
}

// Wants tells whether a record passes.
func (f Filter) Wants(r *auditv1.Record) bool {
	return (f.Actor == "" || r.GetActor() == f.Actor) && (f.Person == "" || r.GetPerson() == f.Person) &&
		(f.Kind == "" || r.GetKind() == f.Kind || strings.HasPrefix(r.GetKind(), f.Kind+".")) &&
		(f.Object == "" || slices.ContainsFunc(r.GetObjects(), func(o string) bool { return o == f.Object || strings.HasPrefix(o, f.Object+"/") })) &&
		r.GetAtMs() >= f.From && (f.Until == 0 || r.GetAtMs() < f.Until)
}

// before tells whether everything at and before a record is older than is wanted:
// clocks of processes differ, by less than slack.
func (f Filter) before(r *auditv1.Record) bool { return f.From > 0 && r.GetAtMs() < f.From-slack }

// slack is by how much clocks may differ, ms.
const slack = 10 * 60 * 1000

// Range is where a listing looks, backwards.
type Range struct {
	From  uint64 // number with which it begins; 0: the newest
	After uint64 // behind which it looks no further; 0: to the first
}

// List gives up to most records of a range, and where to go on: 0 at the end. It may
// give fewer and yet go on.
func (l *Log) List(ctx context.Context, f Filter, where Range, most int) (found []*auditv1.Record, next uint64, err error) {
	number := where.From
	if number == 0 {
		if number, err = l.bus.AuditEnd(ctx); err != nil {
			return nil, 0, err
		}
	}
	for looked := 0; number > where.After && looked < MostLooked; looked += stride {
		from := max(max(number, stride)-stride, where.After) + 1
		entries, err := l.entries(ctx, from, number)
		if err != nil {
			return nil, 0, err
		}
		for _, e := range slices.Backward(entries) {
			r := Read(e)
			if f.before(r) {
				return found, 0, nil
			}
			if !f.Wants(r) {
				continue
			}
			if len(found) == most {
				return found, e.Number, nil
			}
			found = append(found, r)
		}
		number = from - 1
	}
	if number <= where.After {
		number = 0
	}
	return found, number, nil
}

// Next gives the entries behind a number, oldest first, and none where there are
// none yet.
func (l *Log) Next(ctx context.Context, after uint64) ([]bus.AuditEntry, error) {
	return l.bus.AuditEntries(ctx, after+1, stride)
}

// End is the number of the newest record; 0: none.
func (l *Log) End(ctx context.Context) (uint64, error) { return l.bus.AuditEnd(ctx) }

// entries are those from one number to another. Those that a replica does not have
// the leader is asked for.
func (l *Log) entries(ctx context.Context, from, to uint64) ([]bus.AuditEntry, error) {
	entries, err := l.bus.AuditEntries(ctx, from, int(to-from)+1)
	if err != nil {
		return nil, err
	}
	there := make(map[uint64]bus.AuditEntry, len(entries))
	for _, e := range entries {
		there[e.Number] = e
	}
	var all []bus.AuditEntry
	for n := from; n <= to; n++ {
		e, ok := there[n]
		if !ok {
			e, err = l.bus.AuditAt(ctx, n)
			if fault.Is(err, fault.NotFound) {
				continue
			}
			if err != nil {
				return nil, err
			}
		}
		all = append(all, e)
	}
	return all, nil
}

// Verified is what a verification found.
type Verified struct {
	Read   int
	Faults []Fault
	Last   bus.AuditEntry // that was looked at
	More   bool
}

// Verify holds up to most entries behind a number against their seals, and each
// against the one before.
func (l *Log) Verify(ctx context.Context, after uint64, most int) (v Verified, err error) {
	end, err := l.bus.AuditEnd(ctx)
	if err != nil {
		return v, err
	}
	c := &Chain{Sealer: l.sealer}
	if after > 0 {
		if c.Before, err = l.bus.AuditAt(ctx, after); fault.Is(err, fault.NotFound) {
			c.Before, c.broken, err = bus.AuditEntry{Number: after}, true, nil
		}
		if err != nil {
			return v, err
		}
	}
	last := min(end, after+uint64(most))
	for from := after + 1; from <= last; from += stride {
		to := min(last, from+stride-1)
		entries, err := l.entries(ctx, from, to)
		if err != nil {
			return v, err
		}
		for _, e := range entries {
			c.Take(e)
		}
		c.To(to)
		v.Read += len(entries)
	}
	v.Faults, v.Last, v.More = c.Faults, c.Before, last < end
	return v, nil
}
