package api

import (
	"cmp"
	"context"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/contact"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/thread"
	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

const defaultFound = 20

// contactService tells agents who their customers are.
type contactService struct{ *Server }

// deed is a change by the agent who calls.
func deed(ctx context.Context, clientID, etag string) contact.Deed {
	return contact.Deed{By: "agents/" + callerOf(ctx).session.Agent, Request: clientID, Etag: etag}
}

// GetCard reads who the customer is.
func (s contactService) GetCard(ctx context.Context, r *connect.Request[deskv1.GetCardRequest]) (*connect.Response[deskv1.GetCardResponse], error) {
	var c check
	if c.ref(r.Msg.GetRef()); c.err() != nil {
		return nil, c.err()
	}
	agent := callerOf(ctx).session.Agent
	state, _, err := s.load(ctx, r.Msg.GetRef(), true)
	if err != nil {
		return nil, err
	}
	card, err := s.card(ctx, state, agent)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.GetCardResponse{Card: card}), nil
}

// linker is the state of a conversation of which the agent may say now who its
// customer is.
func (s contactService) linker(ctx context.Context, ref *deskv1.ConversationRef) (*threadv1.State, error) {
	agent := callerOf(ctx).session.Agent
	state, _, err := s.load(ctx, ref, false)
	if err != nil {
		return nil, err
	}
	return state, thread.CheckLink(state, ref.GetConversation(), agent)
}

// linked is the contact of the conversation that the agent may change.
func (s contactService) linked(ctx context.Context, ref *deskv1.ConversationRef) (*contactv1.Contact, error) {
	state, err := s.linker(ctx, ref)
	if err != nil {
		return nil, err
	}
	if state.GetContact() == nil {
		return nil, &thread.Refusal{Reason: thread.NotLinked, Phase: state.GetConversation().GetPhase(), Allowed: thread.Allowed(state, callerOf(ctx).session.Agent)}
	}
	return s.Contacts.Store.Resolve(ctx, state.GetContact().GetContact())
}

// again reads the card after something was done.
func (s contactService) again(ctx context.Context, ref *deskv1.ConversationRef) (*deskv1.ContactCard, error) {
	agent := callerOf(ctx).session.Agent
	state, _, err := s.load(ctx, ref, true)
	if err != nil {
		return nil, err
	}
	return s.card(ctx, state, agent)
}

// SearchContacts finds contacts to link.
func (s contactService) SearchContacts(ctx context.Context, r *connect.Request[deskv1.SearchContactsRequest]) (*connect.Response[deskv1.SearchContactsResponse], error) {
	m := r.Msg
	var c check
	c.ref(m.GetRef())
	c.most("query", m.GetQuery(), maxReason)
	c.that(m.GetPageSize() >= 0 && m.GetPageSize() <= contact.MostFound, "page_size", "must be 0 to %d", contact.MostFound)
	if err := c.err(); err != nil {
		return nil, err
	}
	if _, err := s.linker(ctx, m.GetRef()); err != nil {
		return nil, err
	}
	found, more, err := s.Contacts.Search(ctx, m.GetQuery(), cmp.Or(int(m.GetPageSize()), defaultFound), false)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.SearchContactsResponse{Contacts: found, More: more}), nil
}

// CreateContact makes a contact of what the agent wrote, of what the customer told
// of itself and of its profile, and links it (S46).
func (s contactService) CreateContact(ctx context.Context, r *connect.Request[deskv1.CreateContactRequest]) (*connect.Response[deskv1.CreateContactResponse], error) {
	m := r.Msg
	if err := checkCommand(m.GetRef(), m.GetClientId()); err != nil {
		return nil, err
	}
	state, err := s.linker(ctx, m.GetRef())
	if err != nil {
		return nil, err
	}
	want := proto.CloneOf(m.GetContact())
	if want == nil {
		want = &contactv1.Contact{}
	}
	declared := s.Directory.Now().Workstreams[state.GetConversation().GetWorkstream()].GetVariables()
	contact.Told(declared, state.GetConversation().GetVariables()).Fill(want)
	want.Name = cmp.Or(want.GetName(), state.GetCustomer().GetName())
	made, err := s.Contacts.Store.Create(ctx, deed(ctx, m.GetClientId(), ""), want)
	if err != nil {
		return nil, err
	}
	card, err := s.link(ctx, m.GetRef(), m.GetClientId(), made.GetId())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.CreateContactResponse{Card: card}), nil
}

func checkCommand(ref *deskv1.ConversationRef, clientID string) error {
	var c check
	c.ref(ref)
	c.clientID(clientID)
	return c.err()
}

func (s contactService) link(ctx context.Context, ref *deskv1.ConversationRef, clientID, id string) (*deskv1.ContactCard, error) {
	agent := callerOf(ctx).session.Agent
	state, _, err := s.act(ctx, ref, func(state *threadv1.State, _ uint64) ([]*threadv1.Fact, error) {
		return thread.Link(state, ref.GetConversation(), agent, clientID, id)
	})
	if err != nil {
		return nil, err
	}
	return s.card(ctx, state, agent)
}

// LinkContact says which contact the customer is.
func (s contactService) LinkContact(ctx context.Context, r *connect.Request[deskv1.LinkContactRequest]) (*connect.Response[deskv1.LinkContactResponse], error) {
	m := r.Msg
	if err := checkCommand(m.GetRef(), m.GetClientId()); err != nil {
		return nil, err
	}
	if _, _, err := s.load(ctx, m.GetRef(), true); err != nil {
		return nil, err
	}
	now, err := s.Contacts.Store.Resolve(ctx, m.GetContact())
	if err != nil {
		return nil, err
	}
	card, err := s.link(ctx, m.GetRef(), m.GetClientId(), now.GetId())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.LinkContactResponse{Card: card}), nil
}

// UnlinkContact takes it back.
func (s contactService) UnlinkContact(ctx context.Context, r *connect.Request[deskv1.UnlinkContactRequest]) (*connect.Response[deskv1.UnlinkContactResponse], error) {
	m, agent := r.Msg, callerOf(ctx).session.Agent
	if err := checkCommand(m.GetRef(), m.GetClientId()); err != nil {
		return nil, err
	}
	state, _, err := s.act(ctx, m.GetRef(), func(state *threadv1.State, _ uint64) ([]*threadv1.Fact, error) {
		return thread.Unlink(state, m.GetRef().GetConversation(), agent, m.GetClientId(), state.GetContact().GetContact())
	})
	if err != nil {
		return nil, err
	}
	card, err := s.card(ctx, state, agent)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.UnlinkContactResponse{Card: card}), nil
}

// UpdateContact changes fields of the linked contact.
func (s contactService) UpdateContact(ctx context.Context, r *connect.Request[deskv1.UpdateContactRequest]) (*connect.Response[deskv1.UpdateContactResponse], error) {
	m := r.Msg
	if err := checkCommand(m.GetRef(), m.GetClientId()); err != nil {
		return nil, err
	}
	linked, err := s.linked(ctx, m.GetRef())
	if err != nil {
		return nil, err
	}
	want := proto.CloneOf(m.GetContact())
	if want == nil {
		want = &contactv1.Contact{}
	}
	want.Id = linked.GetId()
	if _, err := s.Contacts.Store.Update(ctx, deed(ctx, m.GetClientId(), want.GetEtag()), want, m.GetPaths()); err != nil {
		return nil, err
	}
	card, err := s.again(ctx, m.GetRef())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.UpdateContactResponse{Card: card}), nil
}

// MergeContact merges another contact into the linked one.
func (s contactService) MergeContact(ctx context.Context, r *connect.Request[deskv1.MergeContactRequest]) (*connect.Response[deskv1.MergeContactResponse], error) {
	m := r.Msg
	if err := checkCommand(m.GetRef(), m.GetClientId()); err != nil {
		return nil, err
	}
	linked, err := s.linked(ctx, m.GetRef())
	if err != nil {
		return nil, err
	}
	if _, err := s.Contacts.Store.Merge(ctx, deed(ctx, m.GetClientId(), ""), linked.GetId(), m.GetFrom(), ""); err != nil {
		return nil, err
	}
	card, err := s.again(ctx, m.GetRef())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.MergeContactResponse{Card: card}), nil
}

// UnmergeContact undoes a merge into the linked contact.
func (s contactService) UnmergeContact(ctx context.Context, r *connect.Request[deskv1.UnmergeContactRequest]) (*connect.Response[deskv1.UnmergeContactResponse], error) {
	m := r.Msg
	if err := checkCommand(m.GetRef(), m.GetClientId()); err != nil {
		return nil, err
	}
	linked, err := s.linked(ctx, m.GetRef())
	if err != nil {
		return nil, err
	}
	other, err := s.Contacts.Store.Get(ctx, m.GetFrom())
	if err != nil {
		return nil, err
	}
	if into := other.GetContact().GetMergedInto(); into != "" && into != linked.GetId() {
		return nil, fault.New(fault.Precondition, contact.NotMerged, "it was not merged into the contact of this conversation")
	}
	if _, err := s.Contacts.Store.Unmerge(ctx, deed(ctx, m.GetClientId(), ""), m.GetFrom()); err != nil {
		return nil, err
	}
	card, err := s.again(ctx, m.GetRef())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.UnmergeContactResponse{Card: card}), nil
}
