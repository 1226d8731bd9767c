package graphapi

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"
	"unicode/utf16"

	"github.com/parley-desk/parley/services/sandbox/internal/journal"
	"github.com/parley-desk/parley/services/sandbox/internal/script"
	"github.com/parley-desk/parley/services/sandbox/internal/world"
)

// Meta's limits of a message and its windows (send-messages, send-api).
const (
	maxText        = 2000 // UTF-16 units; a text must be shorter
	maxMetadata    = 1000
	responseWindow = 24 * time.Hour
	humanWindow    = 7 * 24 * time.Hour
)

// echoPatience bounds the wait for an echo that must come before the answer.
const echoPatience = 10 * time.Second

// send is POST /{page}/messages.
func (a *API) send(c *call) {
	req := c.fields.send
	if e := shape(req); e != nil {
		a.refuseSend(c, e)
		return
	}
	if req.SenderAction != "" {
		a.act(c)
		return
	}
	r := journal.Record{Kind: journal.SendReceived, Page: c.page.ID, PSID: req.Recipient.ID, Text: req.Message.Text,
		Send: &journal.Send{AppID: a.set.AppID, Metadata: req.Message.Metadata, MessagingType: req.MessagingType, Tag: req.Tag}}
	if e := a.approve(&r, req); e != nil {
		a.refuseSend(c, e)
		return
	}
	a.extras(&r, req)
	var o script.Outcome
	var echo journal.EventID
	err := a.world.Commit(func(s *world.State, now time.Time) ([]journal.Record, error) {
		if e := a.allowed(s, r, now); e != nil {
			return nil, e
		}
		if e := named(s, &r, req); e != nil {
			return nil, e
		}
		if e := spoken(s, &r, req.Persona); e != nil {
			return nil, e
		}
		o = a.player.Load().Choose(script.Call{Kind: "messages", Page: r.Page, PSID: r.PSID, Text: r.Text})
		r.Send.Delivered, r.Send.Outcome, r.Send.Rule = o.Delivered, string(o.Answer), o.Rule
		r.Send.Code, r.Send.Subcode = o.Code, o.Subcode
		if o.Delivered {
			r.MID, r.SentMS = world.NewMID(), now.UnixMilli()
			r.Events = a.effects(r, o, now)
			echo = journal.ID(s.Seq+1, 0)
		}
		return []journal.Record{r}, nil
	})
	var e *graphError
	switch {
	case errors.As(err, &e):
		a.refuseSend(c, e)
		return
	case err != nil:
		refuse(c.w, &graphError{Status: 500, Code: 1, Message: "The sandbox cannot write its journal"})
		return
	}
	if o.Echo == script.Before && o.Delivered {
		a.awaitTaken(c.r.Context(), world.Thread{Page: r.Page, PSID: r.PSID}, echo)
	}
	a.play(c, o, map[string]any{"recipient_id": r.PSID, "message_id": r.MID})
}

// Error makes a refusal usable as the error of a decision.
func (e *graphError) Error() string { return e.Message }

// shape checks what needs no knowledge of the person.
func shape(req sendRequest) *graphError {
	switch {
	case req.Recipient.ID == "":
		return badRequest("The parameter recipient is required")
	case req.SenderAction != "":
		if !slices.Contains([]string{"typing_on", "typing_off", "mark_seen", "react", "unreact"}, req.SenderAction) {
			return badRequest("The sender_action %q is unknown", req.SenderAction)
		}
		return nil
	case req.Message == nil:
		return badRequest("The parameter message is required")
	case req.Message.Template == nil && !sole(req.Message.Text != "", req.Message.Attachment != nil, req.Message.Sticker != ""):
		return badRequest("A message has one of text, attachment and sticker_id")
	case req.Message.Sticker != "" && req.Message.Sticker != world.Thumb:
		return badRequest("The sticker %q is of the catalogue, which is not played here", req.Message.Sticker)
	case len(utf16.Encode([]rune(req.Message.Text))) >= maxText:
		return badRequest("The length of message[text] must be below %d", maxText)
	case len(utf16.Encode([]rune(req.Message.Metadata))) >= maxMetadata:
		return badRequest("The length of message[metadata] must be below %d", maxMetadata)
	}
	if e := contents(req); e != nil {
		return e
	}
	return messagingType(req)
}

// sole tells whether exactly one is so.
func sole(all ...bool) bool {
	n := 0
	for _, is := range all {
		if is {
			n++
		}
	}
	return n == 1
}

func messagingType(req sendRequest) *graphError {
	switch req.MessagingType {
	case "UTILITY":
		if req.Message.Template == nil || req.Tag != "" {
			return badRequest("The messaging_type UTILITY is for a message[template], without a tag")
		}
		return nil
	case "RESPONSE", "UPDATE":
		if req.Tag != "" {
			return badRequest("A tag needs messaging_type MESSAGE_TAG")
		}
		return nil
	case "MESSAGE_TAG":
		if req.Tag != "HUMAN_AGENT" {
			return badRequest("Invalid parameter: the tag %q is not, or no longer, offered", req.Tag)
		}
		return nil
	}
	return badRequest("The messaging_type %q is unknown", req.MessagingType)
}

// allowed checks the person, who has the thread, and the window.
func (a *API) allowed(s *world.State, r journal.Record, now time.Time) error {
	p := s.People[world.Thread{Page: r.Page, PSID: r.PSID}]
	if p == nil {
		return unknownPerson()
	}
	if p.Owner != "" {
		return threadOwned()
	}
	if r.Send.MessagingType == "UTILITY" {
		return nil
	}
	window := responseWindow
	if r.Send.Tag == "HUMAN_AGENT" {
		if !a.set.HumanAgent {
			return &graphError{Status: 403, Code: 10, Message: "(#10) The app may not use the tag HUMAN_AGENT"}
		}
		if r.Attachment != "sticker" { // sticker-api: in the standard window alone
			window = humanWindow
		}
	}
	if now.Sub(time.UnixMilli(p.OpenedMS)) >= window {
		return outsideWindow()
	}
	return nil
}

// effects are the webhooks of a delivered message.
func (a *API) effects(r journal.Record, o script.Outcome, now time.Time) []journal.Event {
	due := now.Add(a.set.EchoDelay)
	var events []journal.Event
	switch o.Echo {
	case script.Lost:
	case script.Before:
		events = append(events, world.EchoEvent(r, now.UnixMilli()))
	case script.Late:
		events = append(events, world.EchoEvent(r, due.Add(o.EchoDelay).UnixMilli()))
	default:
		events = append(events, world.EchoEvent(r, due.UnixMilli()))
	}
	if !o.NoReceipt {
		events = append(events, world.DeliveryEvent(r, due.Add(a.set.ReceiptDelay).UnixMilli()))
	}
	return events
}

// refuseSend journals a call that Meta's own checks refuse, and answers it.
func (a *API) refuseSend(c *call, e *graphError) {
	req := c.fields.send
	r := journal.Record{Kind: journal.SendReceived, Page: c.page.ID, PSID: req.Recipient.ID, Send: &journal.Send{
		AppID: a.set.AppID, MessagingType: req.MessagingType, Tag: req.Tag, Outcome: string(script.Error),
		Code: e.Code, Subcode: e.Subcode}}
	if req.Message != nil {
		r.Text, r.Send.Metadata = req.Message.Text, req.Message.Metadata
	}
	err := a.world.Commit(func(*world.State, time.Time) ([]journal.Record, error) { return []journal.Record{r}, nil })
	if err != nil {
		e = &graphError{Status: 500, Code: 1, Message: "The sandbox cannot write its journal"}
	}
	refuse(c.w, e)
}

// act is a sender action: typing, seen, a reaction.
func (a *API) act(c *call) {
	req := c.fields.send
	r := journal.Record{Kind: journal.ActionReceived, Page: c.page.ID, PSID: req.Recipient.ID, Text: req.SenderAction,
		Target: req.Payload.MessageID, Reaction: req.Payload.Reaction}
	err := a.world.Commit(func(s *world.State, _ time.Time) ([]journal.Record, error) {
		if s.People[world.Thread{Page: r.Page, PSID: r.PSID}] == nil {
			return nil, unknownPerson()
		}
		if r.Text == "react" && !known(s, r) {
			return nil, badRequest("The payload[message_id] %q is no message of this thread", r.Target)
		}
		return []journal.Record{r}, nil
	})
	var e *graphError
	switch {
	case errors.As(err, &e):
		refuse(c.w, e)
	case err != nil:
		refuse(c.w, &graphError{Status: 500, Code: 1, Message: "The sandbox cannot write its journal"})
	default:
		answer(c.w, http.StatusOK, map[string]any{"recipient_id": r.PSID})
	}
}

// awaitTaken blocks until the callback has taken an event, for a while at most.
func (a *API) awaitTaken(ctx context.Context, t world.Thread, id journal.EventID) {
	ctx, cancel := context.WithTimeout(ctx, echoPatience)
	defer cancel()
	for {
		changed, waiting := a.world.Changed(), false
		a.world.View(func(s *world.State) {
			waiting = slices.ContainsFunc(s.People[t].Queue, func(q world.Queued) bool { return q.ID == id })
		})
		if !waiting {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}
