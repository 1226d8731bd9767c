package contact

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"
	"golang.org/x/text/unicode/norm"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// Row is one contact of an import, known by its external id.
type Row struct {
	Contact *contactv1.Contact
	Paths   []string // fields that count
}

// Outcome is what becomes of a row.
type Outcome int

// The outcomes.
const (
	RowUnchanged Outcome = iota
	RowCreated
	RowUpdated
	RowFailed
)

// Result is what became of a row, and why when it failed.
type Result struct {
	Outcome Outcome
	Err     error
}

const (
	// MostRows is how many rows one call takes. A row makes at most three writes,
	// and they go out in one piece.
	MostRows = 250
	reading  = 16 // rows that are read at a time
)

// Put makes the contacts of rows, or changes those with their external ids,
// merged or not: it is the word of whoever keeps the other system. It gives a
// result for every row; with dry nothing is written. The error is that of a
// broker, after which the rows may be put again.
func (s *Store) Put(ctx context.Context, by string, rows []Row, dry bool) ([]Result, error) {
	if len(rows) > MostRows {
		return nil, fault.New(fault.Invalid, Invalid, "%d rows at once are too many; at most %d", len(rows), MostRows)
	}
	results, writes, err := s.planAll(ctx, by, rows)
	if err != nil || dry {
		return results, err
	}
	all := slices.Concat(writes...)
	if err := s.Bucket.Write(ctx, all...); err == nil || !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.Invalid) {
		return results, fault.Wrap(err, "storing contacts")
	}
	// Somebody changes one of them, or one is there twice: each by itself then.
	for i, row := range rows {
		if len(writes[i]) == 0 {
			continue
		}
		if results[i], err = s.putOne(ctx, by, row); err != nil {
			return results, err
		}
	}
	return results, nil
}

func (s *Store) planAll(ctx context.Context, by string, rows []Row) ([]Result, [][]bus.Write, error) {
	results, writes := make([]Result, len(rows)), make([][]bus.Write, len(rows))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(reading)
	for i, row := range rows {
		g.Go(func() (err error) {
			results[i], writes[i], err = s.plan(gctx, by, row)
			return err
		})
	}
	return results, writes, g.Wait()
}

// putOne is Put for one row that somebody else may be changing.
func (s *Store) putOne(ctx context.Context, by string, row Row) (Result, error) {
	for {
		result, writes, err := s.plan(ctx, by, row)
		if err != nil || len(writes) == 0 {
			return result, err
		}
		err = s.Bucket.Write(ctx, writes...)
		switch {
		case err == nil:
			return result, nil
		case !fault.Is(err, fault.Conflict) || ctx.Err() != nil:
			return result, fault.Wrap(err, "storing a contact")
		}
	}
}

// plan says what becomes of a row and what to write for it. A row that can never
// be taken is a result; the error is that of the broker.
func (s *Store) plan(ctx context.Context, by string, row Row) (Result, []bus.Write, error) {
	failed := func(err error) (Result, []bus.Write, error) { return Result{RowFailed, err}, nil, nil }
	external := norm.NFC.String(strings.TrimSpace(row.Contact.GetExternalId()))
	if external == "" {
		return failed(wrong{{Field: "external_id", Description: "is missing; without one a second import would make a second contact"}}.fault("the row cannot be taken"))
	}
	r, err := s.External(ctx, external)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return Result{}, nil, err
	}
	deed := Deed{By: by}
	if err != nil {
		made := &contactv1.Contact{}
		if err := Assign(made, row.Contact, append(slices.Clone(row.Paths), "external_id")); err != nil {
			return failed(err)
		}
		writes, err := s.created(deed, made)
		if err != nil {
			return failed(err)
		}
		return Result{Outcome: RowCreated}, writes, nil
	}
	revision, err := strconv.ParseUint(r.GetContact().GetEtag(), 10, 64)
	if err != nil {
		return Result{}, nil, fault.Wrap(err, "reading the revision of a contact")
	}
	paths := slices.DeleteFunc(slices.Clone(row.Paths), func(p string) bool { return p == "external_id" })
	writes, err := s.updated(r, revision, deed, row.Contact, paths)
	switch {
	case err != nil:
		return failed(err)
	case len(writes) == 0:
		return Result{}, nil, nil
	}
	return Result{Outcome: RowUpdated}, writes, nil
}

// All hands every contact to each, as they stand while it runs, until each fails.
func (s *Store) All(ctx context.Context, each func(*contactv1.Contact) error) error {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	var failed error
	done := false
	err := s.Bucket.Watch(reading, func() { done = true; stop() }, func(e bus.Entry) {
		if failed != nil || done || e.Value == nil || !subject.IsContact(e.Key) {
			return
		}
		r, err := decode(e)
		if err != nil {
			return // not ours
		}
		if failed = each(r.GetContact()); failed != nil {
			stop()
		}
	})
	switch {
	case failed != nil:
		return failed
	case done:
		return nil
	case ctx.Err() != nil:
		return fault.Wrap(ctx.Err(), "reading all contacts")
	}
	return fault.Wrap(err, "reading all contacts")
}
