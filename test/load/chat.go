package load

import (
	"cmp"
	"slices"

	"github.com/google/uuid"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// chat is one conversation as an agent's desk knows it.
type chat struct {
	view   *deskv1.ConversationView
	items  map[string]*deskv1.TimelineItem
	loaded bool // the timeline was read
	busy   bool // a command of it is on the way
}

// deed is what an agent does next.
type deed int

const (
	nothing deed = iota
	accept
	readTimeline
	answer
	again  // send once more what failed, or may not have arrived
	giveUp // leave it at "not confirmed"
	end
	finish
)

// next decides what to do about a conversation; item is the message to answer,
// or the answer that is in doubt.
// It looks at nothing but what the desk showed, as a person does, so that a
// desk that shows too little makes the load stand still, and that is seen.
func (c *chat) next(ends bool) (what deed, item *deskv1.TimelineItem) {
	may := func(word string) bool { return slices.Contains(c.view.GetAllowed(), word) }
	switch {
	case c.busy:
		return nothing, nil
	case may("accept") && c.view.GetOffer() != nil:
		return accept, nil
	case may("close") && !may("send"):
		return finish, nil
	case !may("send"):
		return nothing, nil
	case !c.loaded:
		return readTimeline, nil
	}
	if item := c.unanswered(); item != nil {
		return answer, item
	}
	if what, item := c.doubtful(); item != nil {
		return what, item
	}
	switch {
	case !ends || c.sending() || len(c.items) == 0:
		return nothing, nil
	case may("end"):
		return end, nil
	case may("close"):
		return finish, nil
	}
	return nothing, nil
}

// unanswered is the first message of the customer that has no answer.
func (c *chat) unanswered() *deskv1.TimelineItem {
	answered := map[string]bool{}
	var asked []*deskv1.TimelineItem
	for _, it := range c.items {
		switch it.GetAuthor() {
		case deskv1.Author_AUTHOR_AGENT:
			answered[it.GetClientId()] = true
		case deskv1.Author_AUTHOR_CUSTOMER:
			asked = append(asked, it)
		}
	}
	slices.SortFunc(asked, func(a, b *deskv1.TimelineItem) int {
		return cmp.Or(cmp.Compare(a.GetRevision(), b.GetRevision()), cmp.Compare(a.GetIndex(), b.GetIndex()))
	})
	for _, it := range asked {
		if !answered[answerID(it.GetId())] {
			return it
		}
	}
	return nil
}

// doubtful is an answer that waits for the agent, and what the agent does about
// it. What failed is sent again. Of what is not confirmed nobody knows: some
// send it again at the risk of saying it twice, some leave it. Nobody tries a
// third time.
func (c *chat) doubtful() (deed, *deskv1.TimelineItem) {
	repeated := map[string]bool{}
	for _, it := range c.items {
		repeated[it.GetDetails()["repeats"]] = true
	}
	for id, it := range c.items {
		first := it.GetDetails()["repeats"] == "" && !repeated[id]
		switch it.GetDelivery() {
		case deskv1.Delivery_DELIVERY_FAILED:
			if first {
				return again, it
			}
		case deskv1.Delivery_DELIVERY_UNCONFIRMED:
			if first && againID(id)[0] < '8' { // the first half of a random digit: half of them
				return again, it
			}
			return giveUp, it
		}
	}
	return nothing, nil
}

// sending tells whether an answer has not reached a final state.
func (c *chat) sending() bool {
	for _, it := range c.items {
		switch it.GetDelivery() {
		case deskv1.Delivery_DELIVERY_SENDING, deskv1.Delivery_DELIVERY_UNCERTAIN:
			return true
		}
	}
	return false
}

// answerID is the client id of the answer to a message. It follows from the
// message alone: whoever answers it again, after a reconnect or in another
// agent's place, repeats the same command.
func answerID(message string) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("parley-load:"+message)).String()
}

// againID is the client id of the repetition of an answer.
func againID(item string) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("parley-load:again:"+item)).String()
}

// over tells whether there is nothing more to do.
func (c *chat) over() bool { return c.view.GetPhase() == threadv1.Phase_PHASE_CLOSED }
