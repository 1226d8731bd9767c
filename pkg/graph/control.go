package graph

import (
	"context"
	"errors"
	"net/http"

	"github.com/parley-desk/parley/pkg/fault"
)

// noDefaultApp is the code with which Meta refuses control of the threads of a
// page that has no default app ("Conversation routing"): its owner sets one in
// the page's settings, there is no call for it.
const noDefaultApp = 27

// Reasons of TakeControl beside those of a send.
const (
	ReasonControlBlocked = "CONTROL_BLOCKED" // the page has no default app, so no app may take control
	ReasonControlRefused = "CONTROL_REFUSED" // Meta does not give this app the thread
)

// TakeControl takes the thread of the person with this page-scoped id from the
// app that has it. Meta's no is a fault.Precondition or fault.Denied with one of
// the reasons; after fault.Unavailable it may have happened, and doing it again
// is harmless.
func (c *Client) TakeControl(ctx context.Context, page Page, psid string) error {
	var body struct {
		Recipient struct {
			ID string `json:"id"`
		} `json:"recipient"`
	}
	body.Recipient.ID = psid
	var answer struct {
		Success bool `json:"success"`
	}
	err := c.read(ctx, page, call{operation: "take_control", method: http.MethodPost, path: []string{page.ID, "take_thread_control"}, body: body}, &answer)
	if err == nil && !answer.Success {
		return fault.New(fault.Precondition, ReasonControlRefused, "Meta did not give the thread")
	}
	var refusal Error
	var f *fault.Error
	if errors.As(err, &refusal) && errors.As(err, &f) {
		switch {
		case refusal.Code == noDefaultApp:
			f.Reason = ReasonControlBlocked
		case f.Kind == fault.Precondition:
			f.Reason = ReasonControlRefused
		}
	}
	return err
}
