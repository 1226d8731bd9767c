package attempt

import (
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/parley-desk/parley/pkg/graph"
)

const (
	// clockSkew is how far Meta's clock may run behind ours; its times are
	// cut to seconds.
	clockSkew = 2 * time.Second
	// Memory is how far back other texts of the thread make an equal text
	// worthless as proof.
	Memory = 10 * time.Minute
)

// Evidence is what there is to tell, without metadata, whether a message of a
// conversation is the part in question.
type Evidence struct {
	Page    string          // Meta's page id
	Text    string          // of the part
	Mute    bool            // it is a sticker, a template or a file, of which a conversation shows no text
	Started time.Time       // when its attempt was committed
	Now     time.Time       // when the conversation was read
	Recent  []graph.Recent  // the conversation
	Bound   map[string]bool // mids that are known to be other messages
	Others  []string        // other texts of the page within Memory
}

// Search finds the part in the conversation. It prefers not to know: canned
// answers make equal texts common, and a wrong "sent" loses a reply without
// anybody noticing. So a text that was sent twice proves nothing, nor does one
// that is found twice.
func (e Evidence) Search() (graph.Recent, bool) {
	if e.Mute {
		return graph.Recent{}, false // only its echo proves it
	}
	text := canonical(e.Text)
	if slices.ContainsFunc(e.Others, func(other string) bool { return canonical(other) == text }) {
		return graph.Recent{}, false
	}
	var found []graph.Recent
	for _, m := range e.Recent {
		if m.From == e.Page && m.MessageID != "" && !e.Bound[m.MessageID] && canonical(m.Text) == text &&
			!m.Created.Before(e.Started.Add(-clockSkew)) && !m.Created.After(e.Now) {
			found = append(found, m)
		}
	}
	if len(found) != 1 {
		return graph.Recent{}, false
	}
	return found[0], true
}

// canonical removes what Meta may change in a text on its way.
func canonical(text string) string { return strings.TrimSpace(norm.NFC.String(text)) }
