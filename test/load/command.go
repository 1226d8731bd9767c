package load

import (
	"context"
	"net/http"
	"sync"
	"time"

	"connectrpc.com/connect"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
)

// advance starts the next command of a conversation, if there is one. Commands
// of one conversation follow each other; those of others go at the same time,
// and none holds up the stream.
func (s *shift) advance(ctx context.Context, id string) {
	a := s.agent
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.chats[id]
	if c == nil || ctx.Err() != nil {
		return
	}
	what, item := c.next(a.End)
	if what == nothing {
		return
	}
	c.busy = true
	view := c.view
	s.commands.Go(func() {
		limited, cancel := context.WithTimeout(ctx, patience)
		err := s.do(limited, what, view, item)
		cancel()
		if err != nil {
			rest(ctx, 200*time.Millisecond) // the stream brings news, or the command is repeated
		}
		a.mu.Lock()
		if c := a.chats[id]; c != nil {
			c.busy = false
		}
		a.mu.Unlock()
		s.advance(ctx, id)
	})
}

// do gives one command and keeps what its answer says.
func (s *shift) do(ctx context.Context, what deed, view *deskv1.ConversationView, item *deskv1.TimelineItem) error {
	a, ref := s.agent, view.GetRef()
	switch what {
	case accept:
		got, err := s.desk.AcceptOffer(ctx, connect.NewRequest(&deskv1.AcceptOfferRequest{Ref: ref, Fence: view.GetOffer().GetFence()}))
		if err != nil {
			return err
		}
		a.accepted.Add(1)
		a.keep(got.Msg.GetConversation())
	case readTimeline:
		got, err := s.desk.ListTimeline(ctx, connect.NewRequest(&deskv1.ListTimelineRequest{Ref: ref, Limit: 200}))
		if err != nil {
			return err
		}
		a.read(ref.GetConversation(), got.Msg.GetItems())
	case answer:
		client, text := answerID(item.GetId()), "Отговор на «"+item.GetText()+"»"
		got, err := s.desk.SendMessage(ctx, connect.NewRequest(&deskv1.SendMessageRequest{Ref: ref, ClientId: client, Text: text}))
		if err != nil {
			return err
		}
		a.answered.Add(1)
		a.keepReply(ref, client, text)
		a.note(ref.GetConversation(), got.Msg.GetItem())
	case again:
		client := againID(item.GetId())
		got, err := s.desk.ResendMessage(ctx, connect.NewRequest(&deskv1.ResendMessageRequest{Ref: ref, ClientId: client, Item: item.GetId()}))
		if err != nil {
			return err
		}
		a.repeated.Add(1)
		a.keepReply(ref, client, got.Msg.GetItem().GetText())
		a.note(ref.GetConversation(), got.Msg.GetItem())
	case giveUp:
		if _, err := s.desk.AbandonSend(ctx, connect.NewRequest(&deskv1.AbandonSendRequest{Ref: ref, Item: item.GetId()})); err != nil {
			return err
		}
		a.givenUp.Add(1)
	case end:
		got, err := s.desk.EndConversation(ctx, connect.NewRequest(&deskv1.EndConversationRequest{Ref: ref}))
		if err != nil {
			return err
		}
		a.keep(got.Msg.GetConversation())
	case finish:
		if _, err := s.desk.CloseConversation(ctx, connect.NewRequest(&deskv1.CloseConversationRequest{Ref: ref})); err != nil {
			return err
		}
		if a.leave(ref.GetConversation()) {
			a.closed.Add(1)
		}
	}
	return nil
}

// read keeps a timeline below what the stream said meanwhile.
func (a *Agent) read(id string, items []*deskv1.TimelineItem) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.chats[id]
	if c == nil {
		return
	}
	for _, it := range items {
		if _, newer := c.items[it.GetId()]; !newer {
			c.items[it.GetId()] = it
		}
	}
	c.loaded = true
}

// cookies keeps a session as a browser does, with one difference: a Secure
// cookie also travels to a desk on this machine without TLS.
type cookies struct {
	next http.RoundTripper
	mu   sync.Mutex
	jar  map[string]string
}

// RoundTrip adds the cookies and keeps those that come back.
func (c *cookies) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	c.mu.Lock()
	for name, value := range c.jar {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	c.mu.Unlock()
	resp, err := c.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.jar == nil {
		c.jar = map[string]string{}
	}
	for _, cookie := range resp.Cookies() {
		if cookie.MaxAge < 0 || cookie.Value == "" {
			delete(c.jar, cookie.Name)
			continue
		}
		c.jar[cookie.Name] = cookie.Value
	}
	return resp, nil
}
