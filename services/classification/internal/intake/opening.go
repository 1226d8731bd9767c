package intake

import (
	"github.com/parley-desk/parley/pkg/directory"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Units and seconds of a conversation whose page has no workstream to say them.
const (
	defaultUnits        = 1
	defaultOfferSeconds = 60
)

// Open is the conversation that opens under id when a customer of page (Meta's
// id) speaks now: with the settings of the page's workstream at this moment,
// which it keeps. Nil when the directory does not have the page.
func Open(d *directory.Snapshot, page, id string) *threadv1.ConversationOpened {
	resource, known := d.PagesByMeta[page]
	if !known {
		return nil
	}
	opened := &threadv1.ConversationOpened{Id: id, Units: defaultUnits, OfferSeconds: defaultOfferSeconds}
	ws, known := d.Workstreams[resource.GetWorkstream()]
	if !known {
		return opened
	}
	opened.Workstream = resource.GetWorkstream()
	opened.MessageTag = d.Tagged(resource)
	if ws.GetUnits() > 0 {
		opened.Units = ws.GetUnits()
	}
	if ws.GetOfferSeconds() > 0 {
		opened.OfferSeconds = ws.GetOfferSeconds()
	}
	return opened
}
