package graphapi

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/parley-desk/parley/services/sandbox/internal/journal"
	"github.com/parley-desk/parley/services/sandbox/internal/world"
)

// newest is how many messages of a conversation Meta still shows.
const newest = 20

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

// conversations is GET /{page}/conversations: one person's thread when user_id
// is given, else every thread, newest first.
func (a *API) conversations(c *call) {
	user := c.fields.query.Get("user_id")
	if a.scripted(c, "conversations", user) {
		return
	}
	data := []any{}
	a.world.View(func(s *world.State) {
		var threads []world.Thread
		for t, p := range s.People {
			if t.Page == c.page.ID && (user == "" || t.PSID == user) && len(p.Messages) > 0 {
				threads = append(threads, t)
			}
		}
		slices.SortFunc(threads, func(x, y world.Thread) int {
			return int(lastMS(s.People[y]) - lastMS(s.People[x]))
		})
		for _, t := range threads {
			data = append(data, conversation(c.page, t.PSID, s.People[t]))
		}
	})
	answer(c.w, http.StatusOK, map[string]any{"data": data})
}

func lastMS(p *world.Person) int64 { return p.Messages[len(p.Messages)-1].SentMS }

// conversation is a thread as the Conversations API tells it: newest message
// first, without metadata, the newest few alone.
func conversation(page *world.Page, psid string, p *world.Person) map[string]any {
	messages := []any{}
	for _, m := range slices.Backward(p.Messages) {
		if len(messages) == newest {
			break
		}
		messages = append(messages, view(page, psid, p.Name, m))
	}
	return map[string]any{
		"id":           "t_" + psid,
		"updated_time": time.UnixMilli(lastMS(p)).UTC().Format(graphTime),
		"participants": map[string]any{"data": []any{
			map[string]any{"id": psid, "name": p.Name, "email": psid + "@facebook.com"},
			map[string]any{"id": page.ID, "name": page.Name, "email": page.ID + "@facebook.com"},
		}},
		"messages": map[string]any{"data": messages},
	}
}

func view(page *world.Page, psid, name string, m world.Message) map[string]any {
	customer := map[string]any{"id": psid, "name": name, "email": psid + "@facebook.com"}
	owner := map[string]any{"id": page.ID, "name": page.Name, "email": page.ID + "@facebook.com"}
	from, to := customer, owner
	if m.FromPage {
		from, to = owner, customer
	}
	return map[string]any{"id": m.MID, "created_time": time.UnixMilli(m.SentMS).UTC().Format(graphTime),
		"from": from, "to": map[string]any{"data": []any{to}}, "message": m.Text}
}

// message is GET /{mid}.
func (a *API) message(c *call, mid string) {
	var found map[string]any
	a.world.View(func(s *world.State) {
		for t, p := range s.People {
			for _, m := range p.Messages {
				if m.MID == mid && t.Page == c.page.ID {
					found = view(c.page, t.PSID, p.Name, m)
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
