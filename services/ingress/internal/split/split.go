// Package split takes a webhook body apart into events, one per item of every
// entry, each with the item's own bytes and the page and person it belongs to.
//
// Nothing that was signed is lost: what is not understood is kept with a
// defect, alone where it can be cut out, else with its entry or the whole body.
// That goes for lists of a name that is new, too: they may be events. One
// strange item never costs its neighbours.
package split

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
	"github.com/parley-desk/parley/services/ingress/internal/scan"
)

// Limits of a body that is split; beyond them it is kept whole.
const (
	// MaxDepth is how deep the JSON may be nested.
	MaxDepth = 64
	// MaxEntries is how many entries a body may hold. Meta batches up to 1000.
	MaxEntries = 1000
	// MaxEvents is how many items all entries together may hold.
	MaxEvents = 5000
	// MaxRaw is how many bytes one event may hold, well within what the broker
	// takes as one message; longer ones are stored in parts.
	MaxRaw = 512 << 10

	maxID = 128 // bytes; Meta's ids have 17
)

var (
	errEntries = errors.New("more than 1000 entries")
	errEvents  = errors.New("more than 5000 events")
	errShape   = errors.New("not an object with entries")
)

// Body splits a signed body received at receivedMS (ms since 1970 UTC) on the
// path of account. It returns at least one event, in the order of the body.
// The events share body's memory, which must not change while they are in use.
func Body(account string, receivedMS int64, body []byte) []*inboundv1.Event {
	s := splitter{r: scan.New(body, MaxDepth)}
	if err := s.body(); err != nil {
		s.events = []*inboundv1.Event{{Raw: body, Defect: err.Error()}}
	}
	if len(s.events) == 0 {
		s.events = []*inboundv1.Event{{Raw: body, Defect: "no entries"}}
	}
	for _, e := range s.events {
		e.Account, e.ReceivedMs = account, receivedMS
	}
	return cut(s.events)
}

type splitter struct {
	r       *scan.Reader
	entries int
	events  []*inboundv1.Event
	sides   []sides // of events, by index
}

// sides are the two ends an item names.
type sides struct {
	sender, recipient string
	echo              bool
}

func (s *splitter) body() error {
	if s.r.Kind() != '{' {
		if _, err := s.r.Skip(); err != nil {
			return err
		}
		return errShape
	}
	listed, odd := false, ""
	raw, err := s.r.Span(func() error {
		return s.r.Object(func(key []byte) (err error) {
			if string(key) == "entry" && s.r.Kind() == '[' {
				listed = true
				return s.r.Array(s.entry)
			}
			return s.unknown(&odd)
		})
	})
	if err == nil {
		err = s.r.End()
	}
	switch {
	case err != nil:
		return err
	case !listed:
		return errShape
	case odd != "":
		return s.add(&inboundv1.Event{Raw: raw, Defect: odd}, sides{})
	}
	return nil
}

// entry splits one entry. Page and time of an entry may stand behind its
// items, so they are filled in when it is over.
func (s *splitter) entry() error {
	if s.entries++; s.entries > MaxEntries {
		return errEntries
	}
	first, odd := len(s.events), ""
	var page string
	var at int64
	raw, err := s.r.Span(func() error {
		if s.r.Kind() != '{' {
			odd = "entry is not an object"
			_, err := s.r.Skip()
			return err
		}
		return s.r.Object(func(key []byte) (err error) {
			lane := lane(key)
			switch {
			case lane != inboundv1.Lane_LANE_UNSPECIFIED && s.r.Kind() == '[':
				return s.r.Array(func() error { return s.item(lane) })
			case lane != inboundv1.Lane_LANE_UNSPECIFIED:
				odd = "items are not a list"
				_, err = s.r.Skip()
			case string(key) == "id":
				page, err = s.id()
			case string(key) == "time":
				at, err = s.millis()
			default:
				err = s.unknown(&odd)
			}
			return err
		})
	})
	if err != nil {
		return err
	}
	for i := first; i < len(s.events); i++ {
		s.events[i].EntryMs = at
		place(s.events[i], s.sides[i], page)
	}
	if odd == "" && len(s.events) == first {
		odd = "entry without items"
	}
	if odd != "" {
		return s.add(&inboundv1.Event{Raw: raw, Page: page, EntryMs: at, Defect: odd}, sides{})
	}
	return nil
}

// unknown passes a member of a name that is new. A list may hold events, so
// then what it stands in is odd.
func (s *splitter) unknown(odd *string) error {
	raw, err := s.r.Skip()
	if err == nil && raw[0] == '[' && len(bytes.TrimSpace(raw[1:len(raw)-1])) > 0 {
		*odd = "a list of a name that is new"
	}
	return err
}

func (s *splitter) add(e *inboundv1.Event, ends sides) error {
	if len(s.events) == MaxEvents {
		return errEvents
	}
	s.events, s.sides = append(s.events, e), append(s.sides, ends)
	return nil
}

func lane(key []byte) inboundv1.Lane {
	switch string(key) {
	case "messaging":
		return inboundv1.Lane_LANE_MESSAGING
	case "standby":
		return inboundv1.Lane_LANE_STANDBY
	case "changes":
		return inboundv1.Lane_LANE_CHANGES
	}
	return inboundv1.Lane_LANE_UNSPECIFIED
}

func (s *splitter) item(lane inboundv1.Lane) error {
	var ends sides
	event := &inboundv1.Event{Lane: lane}
	raw, err := s.r.Span(func() error {
		if s.r.Kind() != '{' {
			event.Defect = "item is not an object"
		}
		return s.members(func(key []byte) error {
			if lane == inboundv1.Lane_LANE_CHANGES {
				if string(key) == "value" {
					return s.members(func(key []byte) error { return s.end(key, &ends) })
				}
				_, err := s.r.Skip()
				return err
			}
			return s.end(key, &ends)
		})
	})
	if err != nil {
		return err
	}
	event.Raw = raw
	return s.add(event, ends)
}

// end reads one member of an item that may name its ends.
func (s *splitter) end(key []byte, ends *sides) error {
	into := func(name string, read func() error) error {
		return s.members(func(key []byte) error {
			if string(key) == name {
				return read()
			}
			_, err := s.r.Skip()
			return err
		})
	}
	switch string(key) {
	case "sender":
		return into("id", func() (err error) { ends.sender, err = s.id(); return err })
	case "recipient":
		return into("id", func() (err error) { ends.recipient, err = s.id(); return err })
	case "message":
		return into("is_echo", func() error { ends.echo = s.r.Kind() == 't'; _, err := s.r.Skip(); return err })
	}
	_, err := s.r.Skip()
	return err
}

// members reads the next value as an object; any other value is skipped.
func (s *splitter) members(member func(key []byte) error) error {
	if s.r.Kind() == '{' {
		return s.r.Object(member)
	}
	_, err := s.r.Skip()
	return err
}

// place says whose thread an item belongs to. The end that is the entry's page
// is the page; where neither is, an echo comes from the page and all else goes
// to it. An item that names nobody belongs to the entry's page alone.
func place(e *inboundv1.Event, ends sides, page string) {
	fromPage := ends.echo
	switch {
	case page == "" || ends.sender == ends.recipient:
	case ends.recipient == page:
		fromPage = false
	case ends.sender == page:
		fromPage = true
	}
	e.Page, e.Psid = ends.recipient, ends.sender
	if fromPage {
		e.Page, e.Psid = ends.sender, ends.recipient
	}
	if e.Page == "" {
		e.Page = page
	}
}

// id reads an id, which Meta writes as a string or as a whole number; empty
// when it is neither, or longer than any id.
func (s *splitter) id() (string, error) {
	raw, err := s.r.Skip()
	if err != nil || len(raw) > maxID {
		return "", err
	}
	if raw[0] == '"' {
		return unquote(raw), nil
	}
	for _, c := range raw {
		if c < '0' || c > '9' {
			return "", nil
		}
	}
	return string(raw), nil
}

func unquote(raw []byte) string {
	inner := raw[1 : len(raw)-1]
	for _, c := range inner {
		if c == '\\' || c >= 0x80 {
			var text string
			if json.Unmarshal(raw, &text) != nil {
				return ""
			}
			return text
		}
	}
	return string(inner)
}

// millis reads entry.time: a number or a string, of milliseconds or, below
// 10^11, of seconds; 0 when it is neither.
func (s *splitter) millis() (int64, error) {
	text, err := s.id()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, nil
	}
	if n < 1e11 {
		n *= 1000
	}
	return n, nil
}

// cut stores what is longer than one message of the broker in parts, one after
// the other, so that size is no reason to refuse what Meta will send again.
func cut(events []*inboundv1.Event) []*inboundv1.Event {
	long := false
	for _, e := range events {
		long = long || len(e.Raw) > MaxRaw
	}
	if !long {
		return events
	}
	var parts []*inboundv1.Event
	for _, e := range events {
		if len(e.Raw) <= MaxRaw {
			parts = append(parts, e)
			continue
		}
		n := (len(e.Raw) + MaxRaw - 1) / MaxRaw
		for i := range n {
			piece := e.Raw[i*MaxRaw : min((i+1)*MaxRaw, len(e.Raw))]
			why := fmt.Sprintf("part %d of %d", i+1, n)
			if e.Defect != "" {
				why += ": " + e.Defect
			}
			parts = append(parts, &inboundv1.Event{Account: e.Account, Page: e.Page, Psid: e.Psid, Lane: e.Lane,
				Raw: piece, ReceivedMs: e.ReceivedMs, EntryMs: e.EntryMs, Defect: why})
		}
	}
	return parts
}
