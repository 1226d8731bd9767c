package timeline

import (
	"slices"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
)

// chosen is the payload that the customer pressed of what a message of ours
// offers.
const chosen = "chosen"

// pressed marks what the customer pressed, on the newest message that offers it:
// Meta tells the payload, and not whose it was.
func (f *fold) pressed(e *entry, payload string, of func(*deskv1.TimelineItem) []string) {
	for i := len(f.offering) - 1; i >= 0 && payload != ""; i-- {
		if offer := f.offering[i]; slices.Contains(of(offer.item), payload) {
			e.chose, offer.press = offer, e
			detail(f.change(offer), chosen, payload)
			return
		}
	}
}

// unpressed takes the mark back with the message that was the press, unless
// another came after it.
func (f *fold) unpressed(e *entry) {
	if e.chose != nil && e.chose.press == e {
		delete(f.change(e.chose).Details, chosen)
	}
}

// answers are the payloads of the quick replies of a message.
func answers(item *deskv1.TimelineItem) (all []string) {
	for _, q := range item.GetQuickReplies() {
		all = append(all, q.GetPayload())
	}
	return all
}

// buttons are the payloads of the buttons of a message.
func buttons(item *deskv1.TimelineItem) (all []string) {
	for _, b := range item.GetTemplate().GetButton().GetButtons() {
		all = append(all, b.GetPayload())
	}
	for _, card := range item.GetTemplate().GetGeneric().GetElements() {
		for _, b := range card.GetButtons() {
			all = append(all, b.GetPayload())
		}
	}
	return all
}
