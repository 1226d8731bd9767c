package directory

import (
	"cmp"

	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// Persona is what customers see of an agent; without a name they see the page
// alone.
type Persona struct {
	Name    string
	Picture string // an https link; may be empty
}

// Persona is what customers of a page see of an agent who writes to them: the
// nickname, where the page, or else its workstream, shows it. The full name is
// nobody's but the house's.
func (s *Snapshot) Persona(p *configv1.Page, agent string) Persona {
	ws, a := s.Workstreams[p.GetWorkstream()], s.Agents[agent]
	if !switched(p.GetPersona(), ws.GetPersona()) || a.GetNickname() == "" {
		return Persona{}
	}
	return Persona{Name: a.GetNickname(), Picture: cmp.Or(a.GetPicture(), ws.GetPersonaPicture())}
}

// Seen tells whether customers of a page learn that an agent has read what they
// wrote: as the page says, else as its workstream does.
func (s *Snapshot) Seen(p *configv1.Page) bool {
	return switched(p.GetMarkSeen(), !s.Workstreams[p.GetWorkstream()].GetHideSeen())
}
