package timeline

import (
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// identity is the turn of a link between the customer and a contact. It names the
// contact by id: who that is changes, and may be forgotten.
func identity(fact *threadv1.Fact) (word, agent string, values map[string]string) {
	switch k := fact.GetKind().(type) {
	case *threadv1.Fact_ContactLinked:
		m := k.ContactLinked
		return "contact_linked", m.GetBy(), map[string]string{"contact": m.GetContact(), "source": machineWord(m.GetSource().String(), "LINK_SOURCE_"), "by": m.GetBy()}
	case *threadv1.Fact_ContactUnlinked:
		m := k.ContactUnlinked
		return "contact_unlinked", m.GetBy(), map[string]string{"contact": m.GetContact(), "by": m.GetBy()}
	}
	return "", "", nil
}
