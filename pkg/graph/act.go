package graph

import (
	"context"
	"net/http"
)

// Actions of a page that make no message ("Sender actions").
const (
	TypingOn  = "typing_on"
	TypingOff = "typing_off"
	MarkSeen  = "mark_seen"
	react     = "react"
	unreact   = "unreact"
)

// Sign shows the person with this page-scoped id one of the first three actions.
// Nothing follows from it, so it may be given up at any time.
func (c *Client) Sign(ctx context.Context, page Page, psid, action string) error {
	return c.act(ctx, page, psid, action, nil)
}

// React sets the page's reaction to a message, or takes it back when emoji is
// empty. Doing it again is harmless. A no of Meta's is a fault with a reason of
// a send.
func (c *Client) React(ctx context.Context, page Page, psid, messageID, emoji string) error {
	if emoji == "" {
		return c.act(ctx, page, psid, unreact, map[string]string{"message_id": messageID})
	}
	return c.act(ctx, page, psid, react, map[string]string{"message_id": messageID, "reaction": emoji})
}

func (c *Client) act(ctx context.Context, page Page, psid, action string, payload map[string]string) error {
	body := struct {
		Recipient recipient         `json:"recipient"`
		Action    string            `json:"sender_action"`
		Payload   map[string]string `json:"payload,omitempty"`
	}{recipient{psid}, action, payload}
	var answer struct{}
	return c.read(ctx, page, call{operation: "act", method: http.MethodPost, path: []string{page.ID, "messages"}, body: body}, &answer)
}
