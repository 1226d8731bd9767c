package webtest

import (
	"context"
	"strings"
	"sync"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/proto/gen/parley/desk/v1/deskv1connect"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// contacts answers who customers are: of two contacts there are, one may be
// linked.
type contacts struct {
	deskv1connect.UnimplementedContactServiceHandler
	mu     sync.Mutex
	all    []*contactv1.Contact
	linked string
}

// earlier is who the customer of the card was on another page.
const earlier = "9009"

// Before has something been said in the conversation that the card tells of.
func (h *House) Before(items ...*deskv1.TimelineItem) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, item := range items {
		h.revision++
		item.Conversation, item.Revision = "before", h.revision
		h.items[earlier] = append(h.items[earlier], item)
	}
}

func newContacts() *contacts {
	return &contacts{all: []*contactv1.Contact{
		{Id: "1", Name: "Иван Петров", Emails: []string{"ivan@example.com"}, Phones: []string{"+359888123456"}, Company: "ACME", Etag: "1"},
		{Id: "2", Name: "Иван П.", Phones: []string{"0888123456"}, Etag: "2"},
	}}
}

func (c *contacts) card() *deskv1.ContactCard {
	card := &deskv1.ContactCard{MayLink: true, Summary: &deskv1.Summary{WaitMs: 95_000, HandleMs: 240_000, Variables: map[string]string{"order": "4711"},
		Referral: &threadv1.Referral{Source: "ADS", AdTitle: "Autumn sale"}, PreviousCount: 1,
		Previous: []*deskv1.PastConversation{{Id: "before", Ref: &deskv1.ConversationRef{Page: "1020304050607080", Psid: earlier, Conversation: "before"}, OpenedMs: 1_700_000_000_000, ClosedMs: 1_700_000_600_000, Queue: "Front desk", AgentName: names[Other], Labels: []string{"VIP"}}}}}
	for _, one := range c.all {
		if one.GetId() == c.linked {
			card.Contact, card.Link = proto.CloneOf(one), &threadv1.ContactLink{Contact: c.linked, Source: threadv1.LinkSource_LINK_SOURCE_AGENT, By: Agent}
		}
	}
	return card
}

// GetCard shows what is known.
func (c *contacts) GetCard(context.Context, *connect.Request[deskv1.GetCardRequest]) (*connect.Response[deskv1.GetCardResponse], error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return connect.NewResponse(&deskv1.GetCardResponse{Card: c.card()}), nil
}

// SearchContacts finds names that hold the query.
func (c *contacts) SearchContacts(_ context.Context, r *connect.Request[deskv1.SearchContactsRequest]) (*connect.Response[deskv1.SearchContactsResponse], error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	resp := &deskv1.SearchContactsResponse{}
	for _, one := range c.all {
		if strings.Contains(one.GetName(), r.Msg.GetQuery()) {
			resp.Contacts = append(resp.Contacts, proto.CloneOf(one))
		}
	}
	return connect.NewResponse(resp), nil
}

// LinkContact links one.
func (c *contacts) LinkContact(_ context.Context, r *connect.Request[deskv1.LinkContactRequest]) (*connect.Response[deskv1.LinkContactResponse], error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.linked = r.Msg.GetContact()
	return connect.NewResponse(&deskv1.LinkContactResponse{Card: c.card()}), nil
}

// UnlinkContact takes the link back.
func (c *contacts) UnlinkContact(context.Context, *connect.Request[deskv1.UnlinkContactRequest]) (*connect.Response[deskv1.UnlinkContactResponse], error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.linked = ""
	return connect.NewResponse(&deskv1.UnlinkContactResponse{Card: c.card()}), nil
}

// UpdateContact changes the linked one.
func (c *contacts) UpdateContact(_ context.Context, r *connect.Request[deskv1.UpdateContactRequest]) (*connect.Response[deskv1.UpdateContactResponse], error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range c.all {
		if one.GetId() == c.linked {
			one.Name, one.Notes = r.Msg.GetContact().GetName(), r.Msg.GetContact().GetNotes()
		}
	}
	return connect.NewResponse(&deskv1.UpdateContactResponse{Card: c.card()}), nil
}
