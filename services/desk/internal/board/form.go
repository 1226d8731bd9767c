package board

import (
	"cmp"

	"github.com/parley-desk/parley/pkg/directory"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// shownValue is how many characters of a context variable are shown.
const shownValue = 200

// variables are the context variables of a conversation that have a value (L116).
func variables(c *threadv1.Conversation, world World) (all []*deskv1.ContextVariable) {
	for _, v := range world.Names.Workstreams[c.GetWorkstream()].GetVariables() {
		value := []rune(cmp.Or(c.GetVariables()[v.GetName()], v.GetInitial()))
		if len(value) > shownValue {
			value = append(value[:shownValue:shownValue], '…')
		}
		if len(value) > 0 {
			all = append(all, &deskv1.ContextVariable{Name: v.GetName(), Value: string(value)})
		}
	}
	return all
}

// mostDispositions is how many may be chosen where nobody said (L117).
const mostDispositions = 2

// Form is what the workstream of a conversation asks when it is closed; nil when
// it asks nothing.
func Form(s *threadv1.State, names *directory.Snapshot) *deskv1.WrapUpForm {
	d := names.Workstreams[s.GetConversation().GetWorkstream()].GetDispositions()
	form := &deskv1.WrapUpForm{Most: cmp.Or(d.GetMost(), mostDispositions), NoteRequired: d.GetNoteRequired()}
	for _, c := range d.GetCodes() {
		if !c.GetInactive() {
			form.Options = append(form.Options, &deskv1.DispositionOption{Code: c.GetCode(), Name: c.GetName()})
		}
	}
	if len(form.Options) == 0 && !form.NoteRequired {
		return nil
	}
	form.Required = d.GetRequired() && len(form.Options) > 0
	return form
}
