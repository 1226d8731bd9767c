// Package commit makes changes of CONFIG happen: whole, checked against the
// very world they change, written down in the history, and visible to the one who
// made them.
package commit

import (
	"context"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/parley-desk/parley/pkg/audit"
	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	auditv1 "github.com/parley-desk/parley/proto/gen/parley/audit/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/admin/internal/change"
	"github.com/parley-desk/parley/services/admin/internal/guard"
	"github.com/parley-desk/parley/services/admin/internal/history"
)

const (
	persist    = 10 * time.Second      // how long one change is tried against others
	turn       = 20 * time.Millisecond // the longest wait before the next try
	sight      = 5 * time.Second       // how long a change may take to show
	maxComment = 500                   // characters
)

// Writer is the part of bus.Bucket that commits.
type Writer interface {
	Write(ctx context.Context, writes ...bus.Write) error
}

// Committer commits changes. It is safe for concurrent use, also by several
// processes.
type Committer struct {
	Planner   change.Planner
	Directory *directory.Directory
	Bucket    Writer
	History   *history.Ledger
	Audit     *audit.Log
}

// Deed is a change to be made.
type Deed struct {
	// Plan says what becomes of the world; it is called again when somebody else
	// was faster.
	Plan         func(*directory.Snapshot) ([]change.Outcome, error)
	Dry          bool   // only plan
	Comment      string // why, for the history; at most 500 characters
	RolledBackTo uint64 // version that it puts back; 0: none
}

// Done is a change that was made.
type Done struct {
	Outcomes []change.Outcome
	Version  uint64 // in force after it
}

// Commit plans edits and makes what they change, as Make does.
func (c *Committer) Commit(ctx context.Context, edits []change.Edit, dry bool) ([]change.Outcome, error) {
	return c.Carry(ctx, func(world *directory.Snapshot) ([]change.Outcome, error) { return c.Planner.Plan(world, edits) }, dry)
}

// Carry carries out whatever plan makes of the world, as Make does.
func (c *Committer) Carry(ctx context.Context, plan func(*directory.Snapshot) ([]change.Outcome, error), dry bool) ([]change.Outcome, error) {
	done, err := c.Make(ctx, Deed{Plan: plan, Dry: dry})
	return done.Outcomes, err
}

// Make plans a deed on the world as it stands and writes what it changes, all or
// nothing, as one version by the caller of ctx; nothing when it changes nothing.
// When somebody else changed the world in between, it plans again. It returns once
// the change shows in this process's directory.
func (c *Committer) Make(ctx context.Context, d Deed) (Done, error) {
	if err := checkComment(d.Comment); err != nil {
		return Done{}, err
	}
	for end := time.Now().Add(persist); ; c.yield(ctx) {
		world := c.Directory.Now()
		outcomes, err := d.Plan(world)
		if err != nil {
			return Done{}, err
		}
		writes, err := writesOf(outcomes)
		if err != nil || d.Dry || len(writes) == 0 {
			return Done{outcomes, world.Version}, err
		}
		version, begun, err := c.record(ctx, world, d, outcomes)
		if err != nil {
			return Done{}, err
		}
		if begun {
			writes = nil // history first; then this change is planned again
		}
		if err = c.told(ctx, version, outcomes, func(ctx context.Context) error { return c.write(ctx, world, writes, version) }); isAway(err) {
			return Done{}, err
		}
		if err != nil && !fault.Is(err, fault.Conflict) {
			return Done{}, fault.Wrap(err, "storing the change")
		}
		// Either way the world is past the one planned on: await it. After our
		// own write its next revision is ours, as nobody else could write on
		// the same condition.
		shown := c.await(ctx, world.Revision)
		if shown != nil {
			return Done{outcomes, version.GetNumber()}, shown
		}
		if err == nil && !begun {
			return Done{outcomes, version.GetNumber()}, nil
		}
		if ctx.Err() != nil || time.Now().After(end) {
			return Done{}, fault.New(fault.Conflict, "BUSY", "others keep changing the configuration; try again")
		}
	}
}

// checkComment refuses a comment that is no line of text.
func checkComment(comment string) error {
	description := ""
	switch n := utf8.RuneCountInString(comment); {
	case n > maxComment:
		description = "is too long; use at most 500 characters"
	case !utf8.ValidString(comment) || strings.ContainsFunc(comment, unicode.IsControl):
		description = "holds bytes that are no printable text; write one line"
	default:
		return nil
	}
	f := fault.New(fault.Invalid, "INVALID_ARGUMENT", "comment: %s", description)
	f.Violations = []fault.Violation{{Field: "comment", Description: description}}
	return f
}

// yield lets others go first for a moment, each for another: of two that plan
// in step, one would lose every time.
func (c *Committer) yield(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(rand.N(turn)):
	}
}

// writesOf are the entries to store, without the marker; none when nothing changes.
func writesOf(outcomes []change.Outcome) ([]bus.Write, error) {
	var writes []bus.Write
	for _, o := range outcomes {
		w := bus.Write{Key: directory.Key(o.Resource), Revision: bus.AnyRevision}
		switch o.Action {
		case change.Unchanged:
			continue
		case change.Deleted:
		case change.Created, change.Updated:
			var err error
			if w.Value, err = directory.Encode(o.Resource); err != nil {
				return nil, err
			}
		}
		writes = append(writes, w)
	}
	return writes, nil
}

// record makes the record of the next version, after everything that history needs
// beside it is kept. Where there are settings and no history yet, begun tells that
// it is the record of those, without the deed.
func (c *Committer) record(ctx context.Context, world *directory.Snapshot, d Deed, outcomes []change.Outcome) (v *configv1.ConfigVersion, begun bool, err error) {
	v = &configv1.ConfigVersion{Number: world.Version + 1, AtMs: c.Planner.Now().UnixMilli(), By: guard.Caller(ctx)}
	var contents history.Contents
	if world.Version == 0 {
		if v.Number, begun, err = c.begin(ctx, world); err != nil {
			return nil, false, err
		}
	}
	if begun {
		v.Base = true
		v.Changes, contents, err = history.Found(world)
	} else {
		v.Comment, v.RolledBackTo = d.Comment, d.RolledBackTo
		v.Changes, contents, err = history.Changes(outcomes)
	}
	if err != nil {
		return nil, false, err
	}
	return v, begun, c.History.Keep(ctx, world.Record, contents)
}

// told makes a version after it is in the audit. The record names the resources by
// the digests with which the history has them, and secrets by their fingerprints; of
// a change that lost a race another record says so.
func (c *Committer) told(ctx context.Context, v *configv1.ConfigVersion, outcomes []change.Outcome, act func(context.Context) error) error {
	r := &auditv1.Record{Kind: "config.change", Version: v.GetNumber()}
	guard.Sign(ctx, r)
	if v.GetBase() {
		outcomes = nil // history begins: nothing is changed
	}
	for _, o := range v.GetChanges() {
		if !v.GetBase() {
			kind, id := directory.KindOf(o.GetKey())
			r.Objects = append(r.Objects, kind+"/"+id)
			r.Changes = append(r.Changes, &auditv1.Change{Field: kind + "/" + id, Before: hex.EncodeToString(o.GetBefore()), After: hex.EncodeToString(o.GetAfter())})
		}
	}
	for _, o := range outcomes {
		r.Changes = append(r.Changes, secrets(o)...)
	}
	return c.Audit.Do(ctx, r, act)
}

// isAway tells whether a change was not made as it cannot be recorded.
func isAway(err error) bool {
	f := new(fault.Error)
	return errors.As(err, &f) && f.Reason == audit.Away
}

// secrets are the secrets that an outcome changes, by fingerprint.
func secrets(o change.Outcome) (changed []*auditv1.Change) {
	before := map[string]string{}
	if o.Before != nil {
		for field, s := range change.Secrets(o.Before) {
			before[field] = s.GetFingerprint()
		}
	}
	for field, s := range change.Secrets(o.Resource) {
		after := s.GetFingerprint()
		if o.Action == change.Deleted {
			after = ""
		}
		if before[field] != after {
			changed = append(changed, &auditv1.Change{Field: directory.Place(o.Resource, field), Before: before[field], After: after})
		}
	}
	return changed
}

// begin gives the number with which history begins on a world without one, and
// whether there is something that it begins with. After numbers that were used
// once one is left out: the last of them may have been lost with the marker.
func (c *Committer) begin(ctx context.Context, world *directory.Snapshot) (number uint64, base bool, err error) {
	newest, err := c.History.Newest(ctx)
	if err != nil {
		return 0, false, err
	}
	for range world.All() {
		base = true
	}
	if newest > 0 {
		return newest + 2, true, nil
	}
	return 1, base, nil
}

// write stores entries and, last, the marker with the record of their version.
func (c *Committer) write(ctx context.Context, world *directory.Snapshot, entries []bus.Write, version *configv1.ConfigVersion) error {
	marker, err := directory.EncodeVersion(version)
	if err != nil {
		return err
	}
	return c.Bucket.Write(ctx, append(entries, bus.Write{Key: directory.Marker, Value: marker, Revision: world.Revision})...)
}

func (c *Committer) await(ctx context.Context, past uint64) error {
	late := time.NewTimer(sight)
	defer late.Stop()
	for {
		changed := c.Directory.Changed()
		if c.Directory.Now().Revision > past {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-late.C:
			return fault.New(fault.Unavailable, "NOT_SHOWN", "the configuration is stored but does not show here yet; read it again before changing more")
		}
	}
}
