package phone

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/parley-desk/parley/services/sandbox/internal/journal"
	"github.com/parley-desk/parley/services/sandbox/internal/script"
	"github.com/parley-desk/parley/services/sandbox/internal/world"
)

// inbox is Meta's own app that is the inbox of a page.
const inbox = "263902037430900"

// moved is what another app does about a thread.
type moved struct {
	How string `json:"how"` // take it, pass it to this app, or request it
	App string `json:"app"` // id; the page's inbox when empty
}

// control lets another app take a thread, pass it to this one, or ask for it.
func (a *API) control(w http.ResponseWriter, r *http.Request) {
	var m moved
	if !decode(w, r, &m) {
		return
	}
	if m.App == "" {
		m.App = inbox
	}
	if m.How != "take" && m.How != "pass" && m.How != "request" || strings.Trim(m.App, "0123456789") != "" || m.App == a.app {
		answer(w, http.StatusBadRequest, map[string]string{"error": "how must be take, pass or request, and app the digits of another app"})
		return
	}
	t := world.Thread{Page: r.PathValue("page"), PSID: r.PathValue("psid")}
	a.done(w, a.world.Commit(func(s *world.State, now time.Time) ([]journal.Record, error) {
		p := s.People[t]
		if p == nil {
			return nil, errNobody
		}
		rec := journal.Record{Kind: journal.ControlMoved, Page: t.Page, PSID: t.PSID, App: p.Owner}
		from, to := a.app, m.App
		switch m.How {
		case "take":
			rec.App = m.App
		case "pass":
			from, to, rec.App = p.Owner, a.app, ""
		}
		rec.Events = []journal.Event{world.ControlEvent(m.How, from, to, t.PSID, t.Page, now.UnixMilli())}
		return []journal.Record{rec}, nil
	}))
}

// reply lets another app write to the customer; this one sees the echo, in
// standby when the other has the thread.
func (a *API) reply(w http.ResponseWriter, r *http.Request) {
	var m struct {
		Text string `json:"text"`
		App  string `json:"app"` // id; the page's inbox when empty
	}
	if !decode(w, r, &m) {
		return
	}
	if m.App == "" {
		m.App = inbox
	}
	if m.Text == "" || strings.Trim(m.App, "0123456789") != "" || m.App == a.app {
		answer(w, http.StatusBadRequest, map[string]string{"error": "text must be given, and app be the digits of another app"})
		return
	}
	t := world.Thread{Page: r.PathValue("page"), PSID: r.PathValue("psid")}
	a.done(w, a.world.Commit(func(s *world.State, now time.Time) ([]journal.Record, error) {
		p := s.People[t]
		if p == nil {
			return nil, errNobody
		}
		rec := journal.Record{Kind: journal.SendReceived, Page: t.Page, PSID: t.PSID, MID: world.NewMID(), Text: m.Text, SentMS: now.UnixMilli(),
			Send: &journal.Send{AppID: m.App, MessagingType: "RESPONSE", Delivered: true, Outcome: string(script.OK)}}
		echo := world.EchoEvent(rec, now.UnixMilli())
		if p.Owner != "" {
			echo = world.Standby(echo)
		}
		rec.Events = []journal.Event{echo}
		return []journal.Record{rec}, nil
	}))
}

var errNobody = errors.New("this person never wrote to the page")

func (a *API) done(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, errNobody):
		answer(w, http.StatusNotFound, map[string]string{"error": err.Error()})
	case err != nil:
		answer(w, http.StatusInternalServerError, map[string]string{"error": err.Error()})
	default:
		answer(w, http.StatusOK, map[string]any{})
	}
}
