package thread

import (
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Refusal reasons of closing.
const (
	DispositionMissing = "DISPOSITION_MISSING" // the workstream wants to know what became of it
	NoteMissing        = "NOTE_MISSING"        // the workstream wants a note of its end
)

// Closing is what an agent says of a conversation when closing it, and what its
// workstream wants to hear (L117).
type Closing struct {
	Dispositions []*threadv1.Disposition
	Note         string
	NoteID       string // UUIDv7 for the note

	Disposed bool // at least one disposition is wanted
	Noted    bool // a note is wanted
}

// WrapUp closes a conversation in wrap-up with what the agent says of it. Closing
// by anybody or anything else asks for nothing.
func WrapUp(s *threadv1.State, conversation, agent string, said Closing) ([]*threadv1.Fact, error) {
	closing, err := Close(s, conversation, agent)
	if err != nil || len(closing) == 0 {
		return nil, err
	}
	switch {
	case said.Disposed && len(said.Dispositions) == 0:
		return nil, refuse(s, DispositionMissing, agent)
	case said.Noted && said.Note == "":
		return nil, refuse(s, NoteMissing, agent)
	}
	var facts []*threadv1.Fact
	if len(said.Dispositions) > 0 {
		facts = append(facts, Of(&threadv1.DispositionsChosen{Agent: agent, Dispositions: said.Dispositions}))
	}
	if said.Note != "" {
		facts = append(facts, Of(&threadv1.NoteAdded{Id: said.NoteID, Agent: agent, Text: said.Note}))
	}
	return append(facts, closing...), nil
}

func applyDisposed(s *threadv1.State, d *threadv1.DispositionsChosen) error {
	c, err := held(s, s.GetConversation().GetId(), d.GetAgent(), threadv1.Phase_PHASE_WRAP_UP)
	if err != nil {
		return err
	}
	if len(d.GetDispositions()) == 0 {
		return refuse(s, BadFact, d.GetAgent())
	}
	c.Dispositions = nil
	for _, one := range d.GetDispositions() {
		c.Dispositions = append(c.Dispositions, one.GetCode())
	}
	return nil
}
