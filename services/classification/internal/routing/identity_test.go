package routing_test

import (
	"testing"

	"github.com/parley-desk/parley/pkg/rules"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/classification/internal/routing"
)

func TestWhoACustomerIs(t *testing.T) {
	route := routing.Route{Outcome: rules.Outcome{Queue: "front"}}
	for name, c := range map[string]struct {
		link     *threadv1.ContactLink
		unlinked string
		match    string
		contact  string // of the fact; empty: none
		source   threadv1.LinkSource
	}{
		"nobody":                 {},
		"one matches":            {match: "ivan", contact: "ivan", source: threadv1.LinkSource_LINK_SOURCE_AUTOMATIC},
		"known before":           {link: &threadv1.ContactLink{Contact: "ivan"}, contact: "ivan", source: threadv1.LinkSource_LINK_SOURCE_KEPT},
		"known as another":       {link: &threadv1.ContactLink{Contact: "ivan"}, match: "maria", contact: "ivan", source: threadv1.LinkSource_LINK_SOURCE_KEPT},
		"taken back":             {unlinked: "ivan", match: "ivan"},
		"another was taken back": {unlinked: "maria", match: "ivan", contact: "ivan", source: threadv1.LinkSource_LINK_SOURCE_AUTOMATIC},
	} {
		s := open("ws")
		s.Contact, s.Unlinked = c.link, c.unlinked
		var got *threadv1.ContactLinked
		for _, f := range routing.Decide(s, "c1", route, nil, c.match) {
			if l := f.GetContactLinked(); l != nil {
				got = l
			}
		}
		if got.GetContact() != c.contact || got.GetSource() != c.source {
			t.Errorf("%s: %v", name, got)
		}
	}
}
