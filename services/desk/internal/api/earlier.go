package api

import (
	"context"
	"slices"

	"github.com/parley-desk/parley/pkg/fault"
	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// earlier is where a conversation is read that is over, by a caller who has ref: one
// before it, or one of another thread of the same contact. Who had ref last, and has it
// no more, reads ref itself and nothing else.
func (s *Server) earlier(ctx context.Context, ref, past *deskv1.ConversationRef) (subject.Thread, error) {
	own, at := threadOf(ref), threadOf(past)
	state, _, err := s.load(ctx, ref, at == own && past.GetConversation() == ref.GetConversation())
	if err != nil || at == own {
		return at, err
	}
	kin, err := s.kin(ctx, state)
	if err != nil {
		return at, err
	}
	if !slices.Contains(kin, at) {
		return at, errForeign()
	}
	there, _, err := s.Bus.Load(ctx, at)
	if err != nil {
		return at, fault.Wrap(err, "reading another thread of the contact")
	}
	if current(there, past) && there.GetConversation().GetPhase() != threadv1.Phase_PHASE_CLOSED {
		return at, errForeign() // somebody else's, who may yet write in it
	}
	return at, nil
}

// kin are the other threads of the contact of a state, those that were linked last
// first; none where nobody is linked.
func (s *Server) kin(ctx context.Context, own *threadv1.State) ([]subject.Thread, error) {
	if own.GetContact() == nil {
		return nil, nil
	}
	r, err := s.Contacts.Store.Standing(ctx, own.GetContact().GetContact())
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return s.kinOf(ctx, own, r)
}

// kinOf are the threads of a contact but for own.
func (s *Server) kinOf(ctx context.Context, own *threadv1.State, r *contactv1.Record) ([]subject.Thread, error) {
	family, err := s.Contacts.Store.Family(ctx, r, mostFamily)
	if err != nil {
		return nil, err
	}
	kin := slices.DeleteFunc(s.Kin.Threads(mostThreads+1, family...), func(t subject.Thread) bool {
		return t == subject.Thread{Page: own.GetPage(), PSID: own.GetPsid()}
	})
	return kin[:min(len(kin), mostThreads)], nil
}
