package api

import (
	"cmp"
	"context"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/thread"
	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/desk/internal/past"
)

// What a card shows, and so what it reads.
const (
	mostPrevious = 20
	mostThreads  = 20 // of the same contact
	mostFamily   = 50 // contacts that are one by now
)

// card is who the customer of a state is, and what came before.
func (s contactService) card(ctx context.Context, state *threadv1.State, agent string) (*deskv1.ContactCard, error) {
	card := &deskv1.ContactCard{Link: state.GetContact(), MayLink: thread.MayLink(state, state.GetConversation().GetId(), agent)}
	var others []*threadv1.State
	if card.Link != nil {
		r, err := s.Contacts.Store.Standing(ctx, card.Link.GetContact())
		if err != nil && !fault.Is(err, fault.NotFound) {
			return nil, err
		}
		card.Contact, card.ByName = r.GetContact(), s.World().Names.Agents[card.Link.GetBy()].GetMeta().GetDisplayName()
		for _, m := range r.GetMerges() {
			card.Merged = append(card.Merged, m.GetContact())
		}
		if others, err = s.others(ctx, state, r); err != nil {
			return nil, err
		}
	}
	summary, err := s.summary(ctx, state, others)
	card.Summary = summary
	return card, err
}

// others are the other threads of the contact of a thread, those that were linked
// last first.
func (s contactService) others(ctx context.Context, own *threadv1.State, r *contactv1.Record) (all []*threadv1.State, err error) {
	if r == nil {
		return nil, nil // deleted
	}
	kin, err := s.kinOf(ctx, own, r)
	if err != nil {
		return nil, err
	}
	for _, t := range kin {
		state, _, err := s.Bus.Load(ctx, t)
		if err != nil {
			return nil, fault.Wrap(err, "reading another thread of the contact")
		}
		all = append(all, state)
	}
	return all, nil
}

// summary is what is known of the conversation, and which others there were.
func (s contactService) summary(ctx context.Context, state *threadv1.State, others []*threadv1.State) (*deskv1.Summary, error) {
	episodes, err := past.Walk(ctx, state, others, mostPrevious, s.at)
	if err != nil {
		return nil, err
	}
	c := state.GetConversation()
	waited, handled := thread.Times(c, s.Now())
	told := &deskv1.Summary{
		WaitMs: waited.Milliseconds(), HandleMs: handled.Milliseconds(), Variables: c.GetVariables(), Referral: c.GetReferral(),
		Consent: state.GetConsent(), PreviousCount: int32(past.Count(state, others)),
	}
	for _, e := range episodes {
		told.Previous = append(told.Previous, s.episode(e, state.GetPage()))
	}
	return told, nil
}

// at reads a thread as one of its commits left it.
func (s contactService) at(ctx context.Context, page, psid string, revision uint64) (*threadv1.State, error) {
	r, err := s.Bus.At(ctx, subject.Thread{Page: page, PSID: psid}, revision)
	return r.Commit.GetState(), err
}

// episode is a conversation by the names of now, as somebody reads it who has one
// on a page.
func (s contactService) episode(e past.Episode, page string) *deskv1.PastConversation {
	c, names := e.GetConversation(), s.World().Names
	waited, handled := thread.Times(c, s.Now())
	told := &deskv1.PastConversation{
		Id: c.GetId(), OpenedMs: c.GetOpenedMs(), WaitMs: waited.Milliseconds(), HandleMs: handled.Milliseconds(), ClosedBy: c.GetClosedBy(),
		Queue:        cmp.Or(names.Queues[c.GetQueue()].GetMeta().GetDisplayName(), c.GetQueue()),
		AgentName:    cmp.Or(names.Agents[c.GetAgent()].GetMeta().GetDisplayName(), c.GetAgent()),
		Dispositions: dispositions(c, names), Labels: c.GetLabels(),
		Ref: &deskv1.ConversationRef{Page: e.GetPage(), Psid: e.GetPsid(), Conversation: c.GetId()},
	}
	if c.GetPhase() == threadv1.Phase_PHASE_CLOSED {
		told.ClosedMs = c.GetEnteredMs()
	}
	if e.GetPage() != page {
		told.PageName = cmp.Or(names.PagesByMeta[e.GetPage()].GetMeta().GetDisplayName(), e.GetPage())
	}
	return told
}

// dispositions are the present names of what became of a conversation; one that
// is not offered any more keeps its code.
func dispositions(c *threadv1.Conversation, names *directory.Snapshot) (all []string) {
	named := map[string]string{}
	for _, d := range names.Workstreams[c.GetWorkstream()].GetDispositions().GetCodes() {
		named[d.GetCode()] = d.GetName()
	}
	for _, code := range c.GetDispositions() {
		all = append(all, cmp.Or(named[code], code))
	}
	return all
}
