// Package audit keeps who did what that not everybody may: changes of the
// configuration, what supervisors do about conversations of others, handing one over
// or having somebody advise on it, reading what is not one's own, exports, erasures,
// keys, sign-ins.
//
// Records stand in the stream AUDIT, one behind the other. What holds, whoever dies
// where and however many processes write:
//
//   - Every record says its number and the seal of the record before, and is sealed
//     with a key that only the keyset gives. So whoever can write to the broker, and
//     has no keyset, can neither change nor insert, move or drop one without a trace.
//   - The broker stores a record only at the number it was made for. Of two writers
//     that chain to the same record one loses, and chains to the winner.
//   - A record is written before its act. What cannot be recorded is not done: the
//     fault is Unavailable, and the act may be tried again. An act that failed after
//     its record is told by another record, which names it as undone. So the audit
//     may name an act that never happened, when a process died between; it never
//     lacks one that did. Refused sign-ins alone are recorded after, and as well as
//     may be: anybody can cause them.
//   - A record holds no secret and nothing that anybody wrote; of a customer only a
//     keyed hash, so that erasing the customer leaves nothing of them here.
package audit

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	mathrand "math/rand/v2"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	auditv1 "github.com/parley-desk/parley/proto/gen/parley/audit/v1"
	"github.com/parley-desk/parley/proto/subject"
)

const (
	// patience is how long one record is tried, against others and a broker that is
	// away.
	patience = 5 * time.Second
	// longPause is the longest wait before the next try.
	longPause = 100 * time.Millisecond
	// undoing is how long the record of an act that failed is tried, although whoever
	// wanted it may be gone.
	undoing = 5 * time.Second
)

// Away is the reason of the fault of an act that cannot be recorded.
const Away = "AUDIT_AWAY"

// Bus is the part of bus.Bus that the audit needs.
type Bus interface {
	AuditEnd(ctx context.Context) (uint64, error)
	AuditAt(ctx context.Context, number uint64) (bus.AuditEntry, error)
	AuditEntries(ctx context.Context, number uint64, most int) ([]bus.AuditEntry, error)
	AppendAudit(ctx context.Context, e bus.AuditEntry) error
}

// Log writes and reads the audit. It is safe for concurrent use, also by several
// processes.
type Log struct {
	bus    Bus
	sealer Sealer
	now    func() time.Time

	turn chan struct{} // of who writes from this process: here nobody races anybody
	mu   sync.Mutex
	head *bus.AuditEntry // newest that this process knows; nil: none
}

// New opens the audit. It reads nothing yet.
func New(b Bus, sealer Sealer, now func() time.Time) *Log {
	return &Log{bus: b, sealer: sealer, now: now, turn: make(chan struct{}, 1)}
}

// Person is how a record names the customer of a thread.
func (l *Log) Person(t subject.Thread) string {
	return hex.EncodeToString(l.sealer.MAC(personUse, []byte(t.Key()))[:12])
}

// Write appends a record, which it completes with number, time, trace and id, and
// gives its number. A fault with Away means that it may or may not stand there, and
// that the act must not be done.
func (l *Log) Write(ctx context.Context, r *auditv1.Record) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return 0, away(context.Cause(ctx))
	}
	var bits [12]byte
	_, _ = rand.Read(bits[:]) // never fails: crypto/rand ends the process instead
	r.Id, r.AtMs = hex.EncodeToString(bits[:]), l.now().UnixMilli()
	if span := trace.SpanContextFromContext(ctx); span.HasTraceID() {
		r.Trace = span.TraceID().String()
	}
	for wait := time.Millisecond; ; wait = min(2*wait, longPause) {
		err := l.try(ctx, r)
		if err == nil {
			return r.GetNumber(), nil
		}
		if f := new(fault.Error); errors.As(err, &f) && (f.Kind == fault.Precondition || f.Kind == fault.Invalid || f.Kind == fault.Internal) || ctx.Err() != nil {
			return 0, away(err)
		}
		rest(ctx, mathrand.N(wait)+wait/2) // each for another while: of two in step one would always lose
	}
}

// rest waits, shorter when ctx ends.
func rest(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// try chains r to the newest record and stores it. Where nobody answered, what
// stands at its place tells.
func (l *Log) try(ctx context.Context, r *auditv1.Record) error {
	head, err := l.newest(ctx)
	if err != nil {
		return err
	}
	e, err := link(l.sealer, r, head)
	if err != nil {
		return err
	}
	err = l.bus.AppendAudit(ctx, e)
	for wait := time.Millisecond; fault.Is(err, fault.Unavailable) && ctx.Err() == nil; wait = min(2*wait, longPause) {
		rest(ctx, wait)
		there, look := l.bus.AuditAt(ctx, e.Number)
		switch {
		case look == nil && there.Seal == e.Seal:
			err = nil
		case look == nil:
			err = errLost
		case fault.Is(look, fault.NotFound): // nothing yet: the same again, so that it cannot stand there twice
			err = l.bus.AppendAudit(ctx, e)
			if fault.Is(err, fault.Conflict) { // our own first try may have won
				if there, look = l.bus.AuditAt(ctx, e.Number); look == nil && there.Seal == e.Seal {
					err = nil
				}
			}
		default:
			err = look
		}
	}
	if err != nil {
		l.know(nil)
		return err
	}
	l.know(&e)
	return nil
}

var errLost = fault.New(fault.Conflict, "LOST_RACE", "another record stands there")

// newest is the entry to chain to.
func (l *Log) newest(ctx context.Context) (bus.AuditEntry, error) {
	l.mu.Lock()
	head := l.head
	l.mu.Unlock()
	if head != nil {
		return *head, nil
	}
	end, err := l.bus.AuditEnd(ctx)
	if err != nil || end == 0 {
		return bus.AuditEntry{}, err
	}
	e, err := l.bus.AuditAt(ctx, end)
	if fault.Is(err, fault.NotFound) {
		// Somebody removed it. Going on without a seal shows for ever at the next.
		return bus.AuditEntry{Number: end}, nil
	}
	return e, err
}

func (l *Log) know(e *bus.AuditEntry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.head = e
}

func away(err error) error {
	return &fault.Error{Kind: fault.Unavailable, Reason: Away, Message: "it could not be recorded in the audit, so it was not done; try again", Cause: err, RetryAfter: time.Second}
}

// Do records an act and does it. When it fails, that is recorded too, as well as may
// be; its fault is that of the act.
func (l *Log) Do(ctx context.Context, r *auditv1.Record, act func(context.Context) error) error {
	number, err := l.Write(ctx, r)
	if err != nil {
		return err
	}
	if err = act(ctx); err != nil {
		r.Number = number
		l.Undone(ctx, r, err)
	}
	return err
}

// Undone records that an act that is recorded failed, as well as may be: nobody does
// anything again for it.
func (l *Log) Undone(ctx context.Context, r *auditv1.Record, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoing)
	defer cancel()
	_, _ = l.Write(ctx, &auditv1.Record{Actor: r.GetActor(), Roles: r.GetRoles(), Kind: r.GetKind(), Objects: r.GetObjects(), Person: r.GetPerson(),
		Method: r.GetMethod(), Version: r.GetVersion(), Undone: r.GetNumber(), Reason: reason(err)})
}

// reason is the machine word of a failure.
func reason(err error) string {
	var f *fault.Error
	if errors.As(err, &f) && f.Reason != "" {
		return f.Reason
	}
	return fault.KindOf(err).String()
}
