package contact

import (
	"context"
	"slices"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// Merge merges contact from into contact into, which lives on and takes what it
// did not know. fromEtag is what from was read at; empty for whatever it is.
func (s *Store) Merge(ctx context.Context, d Deed, into, from, fromEtag string) (*contactv1.Contact, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	if into == from {
		return nil, fault.New(fault.Invalid, Itself, "a contact cannot be merged into itself; name two")
	}
	for {
		a, atA, err := s.read(ctx, into)
		if err != nil {
			return nil, err
		}
		b, atB, err := s.read(ctx, from)
		switch {
		case err != nil:
			return nil, err
		case b.GetContact().GetMergedInto() == into && done(a, d.By, d.Request, contactv1.Deed_DEED_TOOK):
			return a.GetContact(), nil
		case a.GetContact().GetMergedInto() != "":
			return nil, standsNot(a.GetContact())
		case b.GetContact().GetMergedInto() != "":
			return nil, standsNot(b.GetContact())
		case len(a.GetMerges()) >= mostMerges:
			return nil, fault.New(fault.Precondition, Full, "it took in %d contacts, which is as many as it may", mostMerges)
		}
		if err := d.fits(atA); err != nil {
			return nil, err
		}
		if err := (Deed{Etag: fromEtag}).fits(atB); err != nil {
			return nil, err
		}
		merge(a, b, change(s.Now(), d.By, d.Request))
		err = s.Bucket.Write(ctx, stored(a, atA), stored(b, atB))
		if err == nil {
			return s.shown(ctx, into)
		}
		if !fault.Is(err, fault.Conflict) || ctx.Err() != nil {
			return nil, fault.Wrap(err, "storing a merge")
		}
		if d.Etag != "" || fromEtag != "" {
			return nil, changed(err)
		}
	}
}

func stored(r *contactv1.Record, revision uint64) bus.Write {
	return bus.Write{Key: subject.ContactKey(r.GetContact().GetId()), Value: encode(r), Revision: revision}
}

// Unmerge undoes the merge of a contact and gives it as it stands then.
func (s *Store) Unmerge(ctx context.Context, d Deed, id string) (*contactv1.Contact, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	for {
		b, atB, err := s.read(ctx, id)
		if err != nil {
			return nil, err
		}
		survivor := b.GetContact().GetMergedInto()
		if survivor == "" {
			if done(b, d.By, d.Request, contactv1.Deed_DEED_RESTORED) {
				return b.GetContact(), nil
			}
			return nil, fault.New(fault.Precondition, NotMerged, "it is not merged into another contact, so there is nothing to undo")
		}
		a, atA, err := s.read(ctx, survivor)
		if err != nil {
			return nil, err
		}
		if a.GetContact().GetMergedInto() != "" {
			return nil, fault.New(fault.Precondition, Merged, "contact %s, which took it in, was merged itself; undo that merge first", survivor)
		}
		taken, err := s.takenIn(ctx, a)
		if err != nil {
			return nil, err
		}
		unmerge(a, b, taken, change(s.Now(), d.By, d.Request))
		err = s.Bucket.Write(ctx, stored(a, atA), stored(b, atB))
		if err == nil {
			return s.shown(ctx, id)
		}
		if !fault.Is(err, fault.Conflict) || ctx.Err() != nil {
			return nil, fault.Wrap(err, "storing the end of a merge")
		}
	}
}

// takenIn reads the contacts that a record took in.
func (s *Store) takenIn(ctx context.Context, r *contactv1.Record) (map[string]*contactv1.Contact, error) {
	taken := map[string]*contactv1.Contact{}
	for _, m := range r.GetMerges() {
		other, err := s.Get(ctx, m.GetContact())
		if err != nil {
			return nil, err
		}
		taken[m.GetContact()] = other.GetContact()
	}
	return taken, nil
}

// Delete forgets a contact for good, with all that were merged into it, and gives
// their ids. One that was merged is forgotten with the one that took it in.
func (s *Store) Delete(ctx context.Context, d Deed, id string) ([]string, error) {
	for {
		r, revision, err := s.read(ctx, id)
		if err != nil {
			return nil, err
		}
		if r.GetContact().GetMergedInto() != "" {
			return nil, fault.New(fault.Precondition, Merged,
				"it was merged into contact %s, which knows what it knew; delete that one, or undo the merge", r.GetContact().GetMergedInto())
		}
		if err := d.fits(revision); err != nil {
			return nil, err
		}
		all := []kept{{r, revision}}
		if err := s.gather(ctx, &all, r, mostHops); err != nil {
			return nil, err
		}
		err = s.forget(ctx, all)
		if err == nil {
			ids := make([]string, len(all))
			for i, k := range all {
				ids[i] = k.record.GetContact().GetId()
			}
			return ids, nil
		}
		if !fault.Is(err, fault.Conflict) || ctx.Err() != nil {
			return nil, fault.Wrap(err, "deleting a contact")
		}
		if d.Etag != "" {
			return nil, changed(err)
		}
	}
}

// kept is a record as it was read.
type kept struct {
	record   *contactv1.Record
	revision uint64
}

// gather adds everything that a record took in, and what that took in.
func (s *Store) gather(ctx context.Context, all *[]kept, r *contactv1.Record, hops int) error {
	if hops == 0 {
		return fault.New(fault.Internal, "CONTACT_DAMAGED", "a contact was merged more than %d times over", mostHops)
	}
	for _, m := range r.GetMerges() {
		other, revision, err := s.read(ctx, m.GetContact())
		if fault.Is(err, fault.NotFound) {
			continue // of a deletion that was cut
		}
		if err != nil {
			return err
		}
		*all = append(*all, kept{other, revision})
		if err := s.gather(ctx, all, other, hops-1); err != nil {
			return err
		}
	}
	return nil
}

// forgetAtOnce is how many contacts are deleted in one piece. The one that took
// the others in goes last, so a deletion that was cut can be asked for again.
const forgetAtOnce = 400

func (s *Store) forget(ctx context.Context, all []kept) error {
	slices.Reverse(all)
	for some := range slices.Chunk(all, forgetAtOnce) {
		var writes []bus.Write
		for _, k := range some {
			c := k.record.GetContact()
			writes = append(writes, bus.Write{Key: subject.ContactKey(c.GetId()), Revision: k.revision})
			writes = append(writes, release(c)...)
		}
		if err := s.Bucket.Write(ctx, writes...); err != nil {
			return err
		}
	}
	return nil
}
