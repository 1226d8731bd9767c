package graphapi

import (
	"net/http"
	"strings"
	"time"

	"github.com/parley-desk/parley/services/sandbox/internal/journal"
	"github.com/parley-desk/parley/services/sandbox/internal/world"
)

// graphTime is how Graph writes times: not RFC 3339.
const graphTime = "2006-01-02T15:04:05-0700"

// object is GET /{id}: the page itself, a person, or a message.
func (a *API) object(c *call, id string) {
	if id == c.page.ID {
		answer(c.w, http.StatusOK, map[string]any{"id": id, "name": c.page.Name})
		return
	}
	if strings.HasPrefix(id, "m_") {
		a.message(c, id)
		return
	}
	var name string
	var found bool
	a.world.View(func(s *world.State) {
		if p := s.People[world.Thread{Page: c.page.ID, PSID: id}]; p != nil {
			name, found = p.Name, true
		}
	})
	if !found {
		refuse(c.w, unknownObject(id)) // also for a person of another page
		return
	}
	if a.scripted(c, "profile", id) {
		return
	}
	a.profile(c, id, name)
}

// profile answers the fields that were asked for; one that is not granted spoils
// the whole request, as at Meta.
func (a *API) profile(c *call, id, name string) {
	first, last, _ := strings.Cut(name, " ")
	all := map[string]any{"name": name, "first_name": first, "last_name": last,
		"profile_pic": a.set.Media + "/avatar.png", "locale": "bg_BG", "timezone": 2}
	out := map[string]any{"id": id}
	asked := strings.Split(c.fields.query.Get("fields"), ",")
	if asked[0] == "" {
		asked = []string{"first_name", "last_name", "profile_pic"}
	}
	for _, f := range asked {
		extra := f == "locale" || f == "timezone" || f == "gender"
		if extra && !a.set.ProfileExtras {
			refuse(c.w, &graphError{Status: 400, Code: 100, Subcode: 2018247,
				Message: "(#100) The app may not read the field " + f})
			return
		}
		if v, ok := all[f]; ok && v != "" {
			out[f] = v
		}
	}
	answer(c.w, http.StatusOK, out)
}

// message is GET /{mid}.
func (a *API) message(c *call, mid string) {
	var found map[string]any
	a.world.View(func(s *world.State) {
		for t, p := range s.People {
			for _, m := range p.Messages {
				if m.MID == mid && t.Page == c.page.ID {
					found = a.view(c.page, t.PSID, p.Name, m)
				}
			}
		}
	})
	if found == nil {
		refuse(c.w, unknownObject(mid))
		return
	}
	answer(c.w, http.StatusOK, found)
}

// accounts is GET /me/accounts; the page of the token is all that it shows.
func (a *API) accounts(c *call) {
	answer(c.w, http.StatusOK, map[string]any{"data": []any{map[string]any{
		"id": c.page.ID, "name": c.page.Name, "access_token": c.page.Token,
		"tasks": []string{"MESSAGING", "MODERATE", "MANAGE"},
	}}})
}

func (a *API) subscriptions(c *call) {
	if a.scripted(c, "subscribed_apps", "") {
		return
	}
	data := []any{}
	a.world.View(func(s *world.State) {
		if f := s.Subscribed[c.page.ID]; f != nil {
			data = append(data, map[string]any{"id": a.set.AppID, "name": "Parley", "subscribed_fields": f})
		}
	})
	answer(c.w, http.StatusOK, map[string]any{"data": data})
}

func (a *API) subscribe(c *call) {
	if a.scripted(c, "subscribe", "") {
		return
	}
	if len(c.fields.subscribed) == 0 {
		refuse(c.w, badRequest("The parameter subscribed_fields is required"))
		return
	}
	a.commitPage(c, journal.Record{Kind: journal.PageSubscribed, Page: c.page.ID, Fields: c.fields.subscribed})
}

// unsubscribe is DELETE /{page}/subscribed_apps, with the page's token or in the
// name of the app itself.
func (a *API) unsubscribe(c *call) {
	if a.scripted(c, "unsubscribe", "") {
		return
	}
	a.commitPage(c, journal.Record{Kind: journal.PageUnsubscribed, Page: c.page.ID, Text: "asked for"})
}

func (a *API) commitPage(c *call, r journal.Record) {
	err := a.world.Commit(func(*world.State, time.Time) ([]journal.Record, error) { return []journal.Record{r}, nil })
	if err != nil {
		refuse(c.w, &graphError{Status: 500, Code: 1, Message: "The sandbox cannot write its journal"})
		return
	}
	answer(c.w, http.StatusOK, map[string]any{"success": true})
}
