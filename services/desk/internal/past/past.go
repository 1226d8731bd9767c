// Package past finds the conversations of a customer before the one at hand, from
// the newest backwards, and reads no more commits than it shows.
package past

import (
	"context"

	"github.com/parley-desk/parley/pkg/fault"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// At reads the state of a thread as a commit of it left it; fault.NotFound when
// there is none.
type At func(ctx context.Context, page, psid string, revision uint64) (*threadv1.State, error)

// Episode is a conversation as it was left, of the state's thread.
type Episode struct{ *threadv1.State }

// Walk gives up to most conversations of several threads, those that opened last
// first: of own those before its latest, of others all. Behind each one stands
// where the one before it is, so it reads one commit for each that it gives, and
// one more a thread. What was erased meanwhile, or is of a log that does not tell,
// ends the way of its thread.
func Walk(ctx context.Context, own *threadv1.State, others []*threadv1.State, most int, at At) ([]Episode, error) {
	var heads []*threadv1.State
	first, err := before(ctx, own, at)
	if err != nil {
		return nil, err
	}
	heads = append(heads, first)
	for _, o := range others {
		if o.GetConversation() != nil {
			heads = append(heads, o)
		}
	}
	var all []Episode
	for len(all) < most {
		next := newest(heads)
		if next < 0 {
			break
		}
		all = append(all, Episode{heads[next]})
		if heads[next], err = before(ctx, heads[next], at); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// newest is which of the heads opened last; -1 when none is left.
func newest(heads []*threadv1.State) int {
	found := -1
	for i, h := range heads {
		if h != nil && (found < 0 || h.GetConversation().GetOpenedMs() > heads[found].GetConversation().GetOpenedMs()) {
			found = i
		}
	}
	return found
}

// before is the thread as it was before its latest conversation opened; nil when
// there was none.
func before(ctx context.Context, s *threadv1.State, at At) (*threadv1.State, error) {
	revision := s.GetConversation().GetBeforeRevision()
	if revision == 0 {
		return nil, nil
	}
	then, err := at(ctx, s.GetPage(), s.GetPsid(), revision)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	return then, fault.Wrap(err, "reading an earlier conversation")
}

// Count is how many conversations there are before the latest of own, and in the
// others.
func Count(own *threadv1.State, others []*threadv1.State) int {
	n := max(int(own.GetConversations())-1, 0)
	for _, o := range others {
		n += int(o.GetConversations())
	}
	return n
}
