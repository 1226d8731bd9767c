package phone

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/parley-desk/parley/services/sandbox/internal/world"
)

// pages lists the pages that a customer can write to.
func (a *API) pages(w http.ResponseWriter, _ *http.Request) {
	type view struct {
		ID         string `json:"id"`
		Name       string `json:"name"`
		Subscribed bool   `json:"subscribed"`
		Waiting    int    `json:"waiting"` // webhook events that no callback has taken
	}
	out := []view{}
	a.world.View(func(s *world.State) {
		waiting := map[string]int{}
		for t := range s.Waiting {
			waiting[t.Page] += len(s.People[t].Queue)
		}
		for _, p := range s.Pages {
			out = append(out, view{p.ID, p.Name, s.Subscribed[p.ID] != nil, waiting[p.ID]})
		}
	})
	slices.SortFunc(out, func(x, y view) int { return cmp.Compare(x.ID, y.ID) })
	answer(w, http.StatusOK, out)
}

// maxCustomers is how many customers a list shows.
const maxCustomers = 50

// customers lists the customers of a page, the one who wrote last first.
func (a *API) customers(w http.ResponseWriter, r *http.Request) {
	type view struct {
		PSID   string `json:"psid"`
		Name   string `json:"name"`
		LastMS int64  `json:"last_ms"`
	}
	out := []view{}
	a.world.View(func(s *world.State) {
		for t, p := range s.People {
			if t.Page == r.FormValue("page") && len(p.Messages) > 0 {
				out = append(out, view{t.PSID, p.Name, p.Messages[len(p.Messages)-1].SentMS})
			}
		}
	})
	slices.SortFunc(out, func(x, y view) int { return cmp.Compare(y.LastMS, x.LastMS) })
	answer(w, http.StatusOK, out[:min(len(out), maxCustomers)])
}

// shown is a message as the telephone shows it.
type shown struct {
	world.Message
	State string `json:"state"` // of the customer's own: sent, taken (by the callback), seen (by an agent)
}

// maxShown is how many messages a telephone shows.
const maxShown = 500

// thread is one conversation as the telephone shows it.
func (a *API) thread(w http.ResponseWriter, r *http.Request) {
	t := world.Thread{Page: r.PathValue("page"), PSID: r.PathValue("psid")}
	view := struct {
		Name     string  `json:"name"`
		Page     string  `json:"page"`
		Typing   bool    `json:"typing"`
		ReadMS   int64   `json:"read_ms"`
		Messages []shown `json:"messages"`
	}{Messages: []shown{}}
	a.world.View(func(s *world.State) {
		if p := s.Pages[t.Page]; p != nil {
			view.Page = p.Name
		}
		p := s.People[t]
		if p == nil {
			return
		}
		view.Name, view.ReadMS = p.Name, p.ReadMS
		view.Typing = p.TypingMS > a.world.Now().UnixMilli()
		untaken := p.Untaken()
		for _, m := range p.Messages[max(0, len(p.Messages)-maxShown):] {
			view.Messages = append(view.Messages, shown{m, stateOf(p, m, untaken)})
		}
	})
	answer(w, http.StatusOK, view)
}

func stateOf(p *world.Person, m world.Message, untaken map[uint64]bool) string {
	switch {
	case m.FromPage:
		return ""
	case p.SeenMS >= m.SentMS:
		return "seen"
	case untaken[m.Seq]:
		return "sent"
	}
	return "taken"
}
