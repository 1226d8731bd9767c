package directory

import (
	"cmp"

	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// OfferSeconds is how long an agent has to answer where nobody says it (L91).
const OfferSeconds = 120

// AnswerSeconds is how long an agent has to answer who is told by a template.
func AnswerSeconds(t *configv1.NotificationTemplate) int32 {
	return cmp.Or(t.GetSeconds(), OfferSeconds)
}

// Uses are the templates of notifications that a workstream names, by the field
// that names them, in order (L90); one that it does not name is empty.
func Uses(w *configv1.Workstream) []Use {
	n := w.GetNotifications()
	return []Use{
		{"incoming_known", n.GetIncomingKnown()}, {"incoming_unknown", n.GetIncomingUnknown()},
		{"transfer", n.GetTransfer()}, {"consult", n.GetConsult()},
	}
}

// Use is what a template of notifications is for, and which it is.
type Use struct{ Field, Template string }
