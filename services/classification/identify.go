package classification

import (
	"context"
	"time"

	"github.com/parley-desk/parley/pkg/contact"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/rules"
	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// people finds the contact that a customer is.
type people struct {
	match func(contact.Person) (contact.ID, bool) // nil: nobody is identified
	read  func(ctx context.Context, id string) (*contactv1.Contact, error)
}

// glance bounds reading the contact that matches: a customer waits as long.
const glance = 250 * time.Millisecond

// identify gives the one contact in use whose name is that of the customer's
// profile, where the workstream wants it; empty when there is none, or several, or
// the customer is known already. It reads memory, and one record: what takes
// longer is left to the agent.
func (r *router) identify(ctx context.Context, view *directory.Snapshot, s *threadv1.State) string {
	name := s.GetCustomer().GetName()
	if r.people.match == nil || name == "" || s.GetContact() != nil || !view.Workstreams[rules.Workstream(view, s)].GetIdentifyByName() {
		return ""
	}
	contact, outcome := r.matching(ctx, name)
	r.meters.persons.WithLabelValues(outcome).Inc()
	return contact
}

// matching is the one contact with a name, and what became of looking for it.
func (r *router) matching(ctx context.Context, name string) (id, outcome string) {
	found, one := r.people.match(contact.Person{Name: name})
	if !one {
		return "", "unmatched"
	}
	ctx, cancel := context.WithTimeout(ctx, glance)
	defer cancel()
	c, err := r.people.read(ctx, found.String())
	switch {
	case err != nil && !fault.Is(err, fault.NotFound):
		return "", "away"
	case err != nil || c.GetId() != found.String() || c.GetInactive() || !contact.SameName(c.GetName(), name):
		return "", "changed" // since the book saw it
	}
	return c.GetId(), "matched"
}

// book keeps the book of contacts from when a workstream first wants it.
func (s *service) book(ctx context.Context) error {
	for {
		changed := s.deps.Directory.Changed()
		for _, ws := range s.deps.Directory.Now().Workstreams {
			if ws.GetIdentifyByName() {
				return s.deps.Contacts.Book.Run(ctx)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}
