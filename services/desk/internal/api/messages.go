package api

import (
	"cmp"
	"context"
	"fmt"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/mask"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	"github.com/parley-desk/parley/pkg/thread"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/internal/board"
	"github.com/parley-desk/parley/services/desk/internal/timeline"
	"github.com/parley-desk/parley/services/desk/internal/transcript"
)

// Sizes of a page of history.
const (
	defaultPage = 50
	maxPage     = 200
)

// SendMessage stores a message for the customer: files, a text, a template, or a
// sticker.
func (s deskService) SendMessage(ctx context.Context, r *connect.Request[deskv1.SendMessageRequest]) (*connect.Response[deskv1.SendMessageResponse], error) {
	m := r.Msg
	var c check
	c.ref(m.GetRef())
	c.clientID(m.GetClientId())
	c.content(m)
	if err := c.err(); err != nil {
		return nil, err
	}
	files, missing := s.enclosed(ctx, m)
	// What rules hide is hidden before anything is kept: what Meta gets is what
	// the log has, and echoes and readings are held against that.
	hide := s.masks.Of(s.Directory.Now(), m.GetRef().GetPage()).Agent
	template := hide.Template(m.GetTemplate())
	unknown := s.compose(m.GetRef(), template)
	text := hide.Hide(m.GetText())
	if m.GetSticker() != "" {
		text = thread.ThumbShows
	}
	parts, sent := parts(text, template, files)
	item, err := s.write(ctx, m.GetRef(), m.GetClientId(), aMessage, func(state *threadv1.State, _ uint64, id, agent string) ([]*threadv1.Fact, error) {
		// A message that is stored has its files and its template.
		if why := cmp.Or(missing, unknown); why != nil && !thread.Done(state, m.GetClientId()) {
			return nil, why
		}
		return thread.Request(state, s.Now(), m.GetRef().GetConversation(), &threadv1.SendRequested{
			Id: id, ClientId: m.GetClientId(), Agent: agent, Parts: parts, Human: true,
			ReplyTo: m.GetReplyTo(), QuickReplies: hide.Replies(m.GetQuickReplies()), Template: template, Files: sent, Sticker: m.GetSticker(),
		})
	})
	if err != nil {
		return nil, err
	}
	if err := s.Uploads.Done(ctx, files...); err != nil {
		s.Log.WarnContext(ctx, "uploads of a message are forgotten when they lapse", key.Err, err)
	}
	return connect.NewResponse(&deskv1.SendMessageResponse{Item: item}), nil
}

// ResendMessage sends once more what did not reach the customer of a message.
func (s deskService) ResendMessage(ctx context.Context, r *connect.Request[deskv1.ResendMessageRequest]) (*connect.Response[deskv1.ResendMessageResponse], error) {
	m := r.Msg
	var c check
	c.ref(m.GetRef())
	c.clientID(m.GetClientId())
	c.id("item", m.GetItem())
	if err := c.err(); err != nil {
		return nil, err
	}
	item, err := s.write(ctx, m.GetRef(), m.GetClientId(), aRepetition, func(state *threadv1.State, revision uint64, id, agent string) ([]*threadv1.Fact, error) {
		if thread.Done(state, m.GetClientId()) {
			return nil, nil
		}
		var unsent *threadv1.SendRequested
		first, err := s.item(ctx, m.GetRef(), revision, func(t *timeline.Timeline) *deskv1.TimelineItem {
			unsent = t.Unsent(m.GetItem())
			return t.Find(m.GetItem())
		})
		switch {
		case err != nil:
			return nil, err
		case !repeatable(first.GetDelivery()):
			return nil, &thread.Refusal{Reason: thread.WrongStatus,
				Phase: state.GetConversation().GetPhase(), Allowed: thread.Allowed(state, agent)}
		}
		hide := s.masks.Of(s.Directory.Now(), m.GetRef().GetPage()).Agent
		unsent.Parts = hidden(hide, unsent.GetParts())
		if unsent.GetTemplate().GetUtility() != nil {
			unsent.Template = hide.Template(unsent.GetTemplate())
			if err := s.compose(m.GetRef(), unsent.GetTemplate()); err != nil {
				return nil, err
			}
			unsent.Parts = []string{inWords(unsent.GetTemplate())}
		}
		unsent.Id, unsent.ClientId, unsent.Agent, unsent.Human, unsent.Repeats = id, m.GetClientId(), agent, true, m.GetItem()
		return thread.Repeat(state, s.Now(), m.GetRef().GetConversation(), unsent)
	})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.ResendMessageResponse{Item: item}), nil
}

// hidden gives the parts of a message as the rules of today have them.
func hidden(hide *mask.Set, parts []string) []string {
	var out []string
	for _, part := range parts {
		out = append(out, hide.Hide(part))
	}
	return out
}

// repeatable tells whether a message in this standing did not reach the
// customer, as far as anybody knows, and never will by itself.
func repeatable(d deskv1.Delivery) bool {
	switch d {
	case deskv1.Delivery_DELIVERY_FAILED, deskv1.Delivery_DELIVERY_UNCONFIRMED, deskv1.Delivery_DELIVERY_ABANDONED:
		return true
	default:
		return false
	}
}

// AbandonSend leaves a message as it is that is not confirmed, or for whose proof
// the agent does not want to wait.
func (s deskService) AbandonSend(ctx context.Context, r *connect.Request[deskv1.AbandonSendRequest]) (*connect.Response[deskv1.AbandonSendResponse], error) {
	m, agent := r.Msg, callerOf(ctx).session.Agent
	var c check
	c.ref(m.GetRef())
	c.id("item", m.GetItem())
	if err := c.err(); err != nil {
		return nil, err
	}
	_, _, err := s.act(ctx, m.GetRef(), func(state *threadv1.State, _ uint64) ([]*threadv1.Fact, error) {
		return thread.AbandonSend(state, m.GetRef().GetConversation(), agent, m.GetItem())
	})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.AbandonSendResponse{}), nil
}

// AddNote stores a private note.
func (s deskService) AddNote(ctx context.Context, r *connect.Request[deskv1.AddNoteRequest]) (*connect.Response[deskv1.AddNoteResponse], error) {
	m := r.Msg
	var c check
	c.ref(m.GetRef())
	c.clientID(m.GetClientId())
	c.text(m.GetText(), maxNote)
	if err := c.err(); err != nil {
		return nil, err
	}
	item, err := s.write(ctx, m.GetRef(), m.GetClientId(), aNote, func(state *threadv1.State, _ uint64, id, agent string) ([]*threadv1.Fact, error) {
		write := thread.AddNote
		if m.GetConsult() {
			write = thread.Confer
		}
		return write(state, m.GetRef().GetConversation(), agent, id, m.GetClientId(), m.GetText())
	})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.AddNoteResponse{Item: item}), nil
}

// made is what a command with a client id makes, in words.
type made string

const (
	aMessage    made = "a message"
	aRepetition made = "a repetition of a message"
	aNote       made = "a note"
)

func madeOf(item *deskv1.TimelineItem) made {
	switch {
	case item.GetAuthor() == deskv1.Author_AUTHOR_NOTE:
		return aNote
	case item.GetDetails()["repeats"] != "":
		return aRepetition
	}
	return aMessage
}

// write gives a command that makes an item and finds the item: the new one, or
// the one that the command made when it came before. A client id under which
// another sort of item was made is refused: its caller would take that item for
// what it asked for now, and lose it.
func (s deskService) write(ctx context.Context, ref *deskv1.ConversationRef, clientID string, wanted made,
	command func(state *threadv1.State, revision uint64, id, agent string) ([]*threadv1.Fact, error)) (*deskv1.TimelineItem, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fault.Wrap(err, "making an id")
	}
	agent := callerOf(ctx).session.Agent
	_, revision, err := s.act(ctx, ref, func(state *threadv1.State, revision uint64) ([]*threadv1.Fact, error) {
		return command(state, revision, id.String(), agent)
	})
	if err != nil {
		return nil, err
	}
	item, err := s.item(ctx, ref, revision, func(t *timeline.Timeline) *deskv1.TimelineItem { return t.FindCommand(clientID) })
	if err != nil {
		return nil, err
	}
	if before := madeOf(item); before != wanted {
		why := fmt.Sprintf("was used for %s before and cannot make %s; make a new UUID for every command", before, wanted)
		f := fault.New(fault.Invalid, "CLIENT_ID_USED", "client_id: %s", why)
		f.Violations = []fault.Violation{{Field: "client_id", Description: why}}
		return nil, f
	}
	return item, nil
}

// ListConversations tells the agent's conversations as they stand.
func (s deskService) ListConversations(ctx context.Context, _ *connect.Request[deskv1.ListConversationsRequest]) (*connect.Response[deskv1.ListConversationsResponse], error) {
	return connect.NewResponse(&deskv1.ListConversationsResponse{
		Conversations: s.Hub.Conversations(callerOf(ctx).session.Agent)}), nil
}

// ListTimeline reads a page of history.
func (s deskService) ListTimeline(ctx context.Context, r *connect.Request[deskv1.ListTimelineRequest]) (*connect.Response[deskv1.ListTimelineResponse], error) {
	ref, past, limit := r.Msg.GetRef(), r.Msg.GetEarlier(), int(r.Msg.GetLimit())
	var c check
	c.ref(ref)
	if past != nil {
		c.names("earlier", past)
	}
	c.that(limit >= 0 && limit <= maxPage, "limit", "must be 1 to %d, or 0 for %d; is %d", maxPage, defaultPage, limit)
	if err := c.err(); err != nil {
		return nil, err
	}
	if limit == 0 {
		limit = defaultPage
	}
	at, page := threadOf(ref), (*timeline.Timeline).Page
	var err error
	if past == nil {
		_, _, err = s.load(ctx, ref, false)
	} else {
		at, err = s.earlier(ctx, ref, past)
		page = func(t *timeline.Timeline, before uint64, limit int) ([]*deskv1.TimelineItem, uint64) {
			return t.PageOf(past.GetConversation(), before, limit)
		}
	}
	if err != nil {
		return nil, err
	}
	response := &deskv1.ListTimelineResponse{}
	// All that is in the log, not only what load saw: the stream tells no items
	// of what came before the agent held the conversation.
	err = s.Shelf.Read(ctx, at, transcript.Newest, func(t *timeline.Timeline) {
		response.Items, response.NextBeforeRevision = page(t, r.Msg.GetBeforeRevision(), limit)
	})
	if err != nil {
		return nil, err
	}
	if past != nil || r.Msg.GetBeforeRevision() > 0 {
		if err := s.leafed(ctx, ref, at, response.GetItems()); err != nil {
			return nil, err
		}
	}
	response.Items = board.Named(response.GetItems(), s.Directory.Now())
	return connect.NewResponse(response), nil
}
