package offering

import (
	"context"
	"errors"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/thread"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

// Pick gives an agent a waiting conversation that the agent wants. As with
// offers, capacity is taken before the log is asked, so that two who want the
// same, or an offer meanwhile, do not both get it.
func (d *Distributor) Pick(ctx context.Context, req *distributionv1.PickRequest) (*distributionv1.PickResponse, error) {
	t := subject.Thread{Page: req.GetPage(), PSID: req.GetPsid()}
	for range races {
		item, err := d.pick(ctx, t, req.GetConversation(), req.GetAgent())
		if item.Key != "" {
			d.tell(ctx, item)
		}
		if err == nil {
			return &distributionv1.PickResponse{Revision: item.Revision}, nil
		}
		if !errors.Is(err, errMoved) {
			return nil, faultOf(err)
		}
	}
	return nil, fault.New(fault.Conflict, "THREAD_BUSY", "the conversation is changing; try again")
}

// pick is one attempt, on one revision of the thread.
func (d *Distributor) pick(ctx context.Context, t subject.Thread, conversation, agent string) (assign.Item, error) {
	state, revision, err := d.Threads.Load(ctx, t)
	if err != nil {
		return assign.Item{}, err
	}
	item := d.itemOf(t, state, revision)
	facts, err := thread.Pick(state, conversation, agent)
	if err != nil || len(facts) == 0 {
		return item, err
	}
	var picked assign.Picked
	err = d.loaded(ctx, func() (err error) {
		picked, err = d.Book.Pick(ctx, d.Now(), item, agent)
		return err
	})
	if err != nil {
		return assign.Item{}, err
	}
	if err := refusalOf(picked); err != nil {
		return item, err
	}
	return d.change(ctx, t, revision, func(s *threadv1.State) ([]*threadv1.Fact, error) {
		return thread.Pick(s, conversation, agent)
	})
}

// refusalOf tells why the book did not let an agent pick.
func refusalOf(p assign.Picked) error {
	switch p {
	case assign.PickHeld:
		return nil
	case assign.PickBusy:
		return fault.New(fault.Precondition, "OFFERED", "the conversation is offered to somebody at the moment; try again later")
	case assign.PickOutside:
		return fault.New(fault.Precondition, "NOT_A_MEMBER", "the conversation waits in a queue that the agent is no member of")
	case assign.PickUnready:
		return fault.New(fault.Precondition, "PRESENCE_FORBIDS", "the agent's presence does not allow it; set another one")
	case assign.PickNoWay:
		return fault.New(fault.Precondition, "NO_CAPACITY", "the agent has no capacity left for it, or lacks a capacity profile that it counts in; end or set aside another conversation")
	}
	return errMoved
}
