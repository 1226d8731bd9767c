package split_test

import (
	"bytes"
	"encoding/json"
	"testing"

	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
	"github.com/parley-desk/parley/services/ingress/internal/split"
)

// contents is what a body holds, read slowly and plainly with encoding/json:
// the model that Body is held against.
type contents struct {
	items   []item   // of the known lanes, in order
	odd     [][]byte // what else may hold events: entries, or the whole body
	entries int
	depth   int
}

type item struct {
	lane inboundv1.Lane
	raw  []byte
}

// member is one member of an object. Its key is empty unless it is written
// without escapes, as Meta writes keys.
type member struct {
	key string
	raw json.RawMessage
}

// naive reads a body; it holds nothing when it is no JSON object.
func naive(body []byte) (c contents) {
	if !json.Valid(body) {
		return c
	}
	c.depth = depth(body)
	odd := false
	for _, m := range members(body) {
		switch {
		case m.key == "entry" && m.raw[0] == '[':
			for _, entry := range elements(m.raw) {
				c.entries++
				c.entry(entry)
			}
		default:
			odd = odd || full(m.raw)
		}
	}
	if odd {
		c.odd = append(c.odd, body)
	}
	return c
}

func (c *contents) entry(raw []byte) {
	lanes := map[string]inboundv1.Lane{"messaging": inboundv1.Lane_LANE_MESSAGING, "standby": inboundv1.Lane_LANE_STANDBY, "changes": inboundv1.Lane_LANE_CHANGES}
	before, odd := len(c.items), raw[0] != '{'
	for _, m := range members(raw) {
		lane, known := lanes[m.key]
		switch {
		case known && m.raw[0] == '[':
			for _, e := range elements(m.raw) {
				c.items = append(c.items, item{lane, e})
			}
		case known || m.key != "id" && m.key != "time" && full(m.raw):
			odd = true
		}
	}
	if odd || len(c.items) == before {
		c.odd = append(c.odd, raw)
	}
}

// full tells a list that holds something.
func full(raw []byte) bool { return raw[0] == '[' && len(elements(raw)) > 0 }

// members are those of an object in their order, also two of one key; none of
// anything else.
func members(raw []byte) (list []member) {
	if raw = bytes.TrimSpace(raw); raw[0] != '{' {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	_, _ = d.Token()
	for d.More() {
		token, _ := d.Token()
		m := member{}
		if key, _ := token.(string); bytes.HasSuffix(raw[:d.InputOffset()], []byte(`"`+key+`"`)) {
			m.key = key
		}
		_ = d.Decode(&m.raw)
		list = append(list, m)
	}
	return list
}

func elements(raw []byte) (list []json.RawMessage) {
	_ = json.Unmarshal(raw, &list)
	return list
}

// depth is how many objects and lists stand inside each other.
func depth(raw []byte) (deepest int) {
	d, now := json.NewDecoder(bytes.NewReader(raw)), 0
	for token, err := d.Token(); err == nil; token, err = d.Token() {
		switch token {
		case json.Delim('{'), json.Delim('['):
			now++
			deepest = max(deepest, now)
		case json.Delim('}'), json.Delim(']'):
			now--
		}
	}
	return deepest
}

// Body loses nothing: each item of each lane comes out once, in order, byte for
// byte, and whatever else might be an event is kept with what it stands in.
func FuzzBody(f *testing.F) {
	for _, body := range []string{``, `{}`, `{"entry":[{"id":1,"messaging":[{"sender":{"id":"2"}}]}]}`, `{"entry":[{"changes":[{"value":{"sender":{}}}]}]}`,
		`{"entry":[{"messaging":[1],"messaging":[2],"calls":[3]},4],"entry":[],"more":[5],"":[6]}`} {
		f.Add([]byte(body))
	}
	for _, body := range recorded(f) {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		events := split.Body("demo", 1, body)
		if len(events) == 0 {
			t.Fatal("no event: a signed body was lost")
		}
		if !bytes.Equal(before, body) {
			t.Fatal("the body was changed")
		}
		want := naive(body)
		if !json.Valid(body) || want.depth > split.MaxDepth || want.entries > split.MaxEntries || len(want.items)+len(want.odd) > split.MaxEvents {
			want = contents{odd: [][]byte{body}}
		}
		if len(want.items)+len(want.odd) == 0 {
			want.odd = [][]byte{body}
		}
		if len(body) > split.MaxRaw {
			return // long ones come in parts, which have a test of their own
		}
		var items []item
		for _, e := range events {
			if e.GetLane() != inboundv1.Lane_LANE_UNSPECIFIED {
				items = append(items, item{e.GetLane(), e.GetRaw()})
				continue
			}
			if e.GetDefect() == "" {
				t.Fatal("an event of no lane without a defect")
			}
			at := 0
			for at < len(want.odd) && !bytes.Equal(bytes.TrimSpace(want.odd[at]), bytes.TrimSpace(e.GetRaw())) {
				at++
			}
			if at == len(want.odd) {
				t.Fatalf("kept for no reason: %q", e.GetRaw())
			}
			want.odd = append(want.odd[:at:at], want.odd[at+1:]...)
		}
		if len(want.odd) > 0 {
			t.Fatalf("lost: %q", want.odd)
		}
		if len(items) != len(want.items) {
			t.Fatalf("%d items, want %d", len(items), len(want.items))
		}
		for i, w := range want.items {
			if items[i].lane != w.lane || !bytes.Equal(items[i].raw, w.raw) {
				t.Fatalf("item %d is %q, want %q", i, items[i].raw, w.raw)
			}
		}
	})
}
