package graphapi

import (
	"errors"
	"net/http"
	"time"

	"github.com/parley-desk/parley/services/sandbox/internal/journal"
	"github.com/parley-desk/parley/services/sandbox/internal/world"
)

// takeControl is POST /{page}/take_thread_control: the app takes a thread from
// the one that has it, if it is the default app of the page.
func (a *API) takeControl(c *call) {
	t := world.Thread{Page: c.page.ID, PSID: c.fields.send.Recipient.ID}
	err := a.world.Commit(func(s *world.State, _ time.Time) ([]journal.Record, error) {
		p := s.People[t]
		switch {
		case p == nil:
			return nil, unknownPerson()
		case !a.set.DefaultApp:
			return nil, &graphError{Status: 400, Code: 27, Message: "(#27) Control of a thread cannot be taken: the page has no default application"}
		case p.Owner == "":
			return nil, nil
		}
		return []journal.Record{{Kind: journal.ControlMoved, Page: t.Page, PSID: t.PSID}}, nil
	})
	var e *graphError
	switch {
	case errors.As(err, &e):
		refuse(c.w, e)
	case err != nil:
		refuse(c.w, &graphError{Status: 500, Code: 1, Message: "The sandbox cannot write its journal"})
	default:
		answer(c.w, http.StatusOK, map[string]any{"success": true})
	}
}
