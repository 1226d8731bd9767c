package classification

import (
	"context"
	"log/slog"
	"time"

	"github.com/parley-desk/parley/pkg/contact"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/rules"
	"github.com/parley-desk/parley/pkg/telemetry/key"
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

// identify gives the one contact in use that the customer is, by what variables
// tell of it, and by the name of the profile where the workstream wants that (L101,
// L119); nil when there is none, or several, or the customer is known already. It
// reads memory, and one record: what takes longer is left to the agent.
func (r *router) identify(ctx context.Context, view *directory.Snapshot, s *threadv1.State) *contactv1.Contact {
	ws := view.Workstreams[rules.Workstream(view, s)]
	who := contact.Told(ws.GetVariables(), s.GetConversation().GetVariables())
	if ws.GetIdentifyByName() && who.Name == "" {
		who.Name = s.GetCustomer().GetName()
	}
	if r.people.match == nil || who == (contact.Person{}) || s.GetContact() != nil {
		return nil
	}
	found, outcome := r.matching(ctx, who)
	r.meters.persons.WithLabelValues(outcome).Inc()
	return found
}

// recognise gives who rules see that the customer is: the contact that was just
// found, unless somebody took that one back, else the one that is linked, where a
// rule may ask for it. One that cannot be read in time is nobody to them, for
// nothing holds a customer up (L40).
func (r *router) recognise(ctx context.Context, view *directory.Snapshot, s *threadv1.State, found *contactv1.Contact) *contactv1.Contact {
	switch linked := s.GetContact().GetContact(); {
	case linked == "" && found.GetId() != s.GetUnlinked():
		return found
	case linked == "" || !r.book.Of(view).AskForContact(rules.Workstream(view, s)):
		return nil
	default:
		ctx, cancel := context.WithTimeout(ctx, glance)
		defer cancel()
		who, err := r.people.read(ctx, linked)
		if err != nil && !fault.Is(err, fault.NotFound) {
			r.meters.persons.WithLabelValues("away").Inc()
			r.diary.WarnContext(ctx, "the contact of a customer could not be read in time, so rules see none", slog.Any(key.Err, err))
		}
		return who
	}
}

// matching is the one contact that somebody is, and what became of looking for it.
func (r *router) matching(ctx context.Context, who contact.Person) (match *contactv1.Contact, outcome string) {
	found, one := r.people.match(who)
	if !one {
		return nil, "unmatched"
	}
	ctx, cancel := context.WithTimeout(ctx, glance)
	defer cancel()
	c, err := r.people.read(ctx, found.String())
	switch {
	case err != nil && !fault.Is(err, fault.NotFound):
		return nil, "away"
	case err != nil || c.GetId() != found.String() || c.GetInactive() || !who.Fits(c):
		return nil, "changed" // since the book saw it
	}
	return c, "matched"
}

// book keeps the book of contacts from when a workstream first wants it.
func (s *service) book(ctx context.Context) error {
	for {
		changed := s.deps.Directory.Changed()
		for _, ws := range s.deps.Directory.Now().Workstreams {
			if ws.GetIdentifyByName() || contact.Tells(ws.GetVariables()) {
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
