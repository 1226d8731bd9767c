package graphapi

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/parley-desk/parley/services/sandbox/internal/script"
)

// outage is the page that Meta's edge shows when the Graph API is away.
const outage = `<!DOCTYPE html><html><head><title>Error</title></head><body><p>Sorry, something went wrong.</p></body></html>`

// scripted plays the script for a read; it says whether it answered the call.
func (a *API) scripted(c *call, kind, psid string) bool {
	about := script.Call{Kind: kind, PSID: psid}
	if c.page != nil {
		about.Page = c.page.ID
	}
	o := a.player.Load().Choose(about)
	if o.Answer == script.OK && o.Stall == 0 {
		return false
	}
	a.play(c, o, nil)
	return o.Answer != script.OK
}

// play answers a call as o says; success is the body of a good answer, nil when
// the caller writes it.
func (a *API) play(c *call, o script.Outcome, success map[string]any) {
	if o.Stall > 0 {
		select {
		case <-time.After(o.Stall):
		case <-c.r.Context().Done():
			return
		}
	}
	switch o.Answer {
	case script.OK:
		if success != nil {
			answer(c.w, http.StatusOK, success)
		}
	case script.Error:
		refuse(c.w, &graphError{Status: o.Status, Code: o.Code, Subcode: o.Subcode, Message: message(o), Transient: o.Transient,
			UserTitle: o.UserTitle, UserMsg: o.UserMsg})
	case script.Reset:
		reset(c.w)
	case script.HTML:
		write(c.w, o.Status, "text/html; charset=utf-8", []byte(outage))
	case script.Cut:
		raw, err := json.Marshal(success)
		if err != nil || len(raw) < 4 {
			raw = []byte(`{"recipient_id":"`)
		}
		write(c.w, o.Status, "application/json; charset=UTF-8", raw[:len(raw)/2])
	case script.NoMessageID:
		delete(success, "message_id")
		answer(c.w, o.Status, success)
	}
}

func message(o script.Outcome) string {
	if o.Message != "" {
		return o.Message
	}
	return "An error that the sandbox was told to answer"
}
