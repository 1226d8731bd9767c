package graphapi

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parley-desk/parley/services/sandbox/internal/journal"
	"github.com/parley-desk/parley/services/sandbox/internal/script"
	"github.com/parley-desk/parley/services/sandbox/internal/world"
)

// maxPersona is Meta's limit of a persona's name (personas).
const maxPersona = 50

// makePersona is POST /{page}/personas. A picture need not be there: whether it
// must, Meta does not say.
func (a *API) makePersona(c *call) {
	name := strings.TrimSpace(c.fields.name)
	switch {
	case name == "" || utf8.RuneCountInString(name) > maxPersona:
		refuse(c.w, badRequest("The parameter name is required, of at most %d characters", maxPersona))
		return
	case c.fields.picture != "" && !strings.HasPrefix(c.fields.picture, "http"):
		refuse(c.w, badRequest("The parameter profile_picture_url is no link"))
		return
	}
	r := journal.Record{Kind: journal.PersonaMade, Page: c.page.ID, ID: world.NewPSID(), Name: name, URL: c.fields.picture}
	o := a.player.Load().Choose(script.Call{Kind: "personas", Page: r.Page, Text: name})
	if o.Delivered && !a.write(c, r) {
		return
	}
	a.play(c, o, map[string]any{"id": r.ID})
}

// dropPersona is DELETE /{persona}.
func (a *API) dropPersona(c *call, id string) {
	known := false
	a.world.View(func(s *world.State) { known = s.Personas[id].Page == c.page.ID })
	if !known {
		refuse(c.w, unknownObject(id))
		return
	}
	if a.write(c, journal.Record{Kind: journal.PersonaDropped, Page: c.page.ID, ID: id}) {
		answer(c.w, http.StatusOK, map[string]any{"success": true})
	}
}

// personas is GET /{page}/personas.
func (a *API) personas(c *call) {
	data := []map[string]any{}
	a.world.View(func(s *world.State) {
		for id, p := range s.Personas {
			if p.Page == c.page.ID {
				data = append(data, map[string]any{"id": id, "name": p.Name, "profile_picture_url": p.Picture})
			}
		}
	})
	slices.SortFunc(data, func(x, y map[string]any) int { return cmp.Compare(x["id"].(string), y["id"].(string)) })
	answer(c.w, http.StatusOK, map[string]any{"data": data})
}

// write journals r, and answers the call, and says false, when it cannot.
func (a *API) write(c *call, r journal.Record) bool {
	err := a.world.Commit(func(*world.State, time.Time) ([]journal.Record, error) { return []journal.Record{r}, nil })
	if err != nil {
		refuse(c.w, &graphError{Status: 500, Code: 1, Message: "The sandbox cannot write its journal"})
	}
	return err == nil
}

// spoken finds the persona by which a message is said.
func spoken(s *world.State, r *journal.Record, id string) error {
	if id == "" {
		return nil
	}
	p, known := s.Personas[id]
	if !known || p.Page != r.Page {
		return badRequest("The parameter persona_id names no persona of this page")
	}
	r.As = p.Name
	return nil
}
