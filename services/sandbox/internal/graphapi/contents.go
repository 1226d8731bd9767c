package graphapi

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/parley-desk/parley/services/sandbox/internal/journal"
	"github.com/parley-desk/parley/services/sandbox/internal/world"
)

// quickReply is an answer that can be pressed.
type quickReply struct {
	ContentType string `json:"content_type"`
	Title       string `json:"title"`
	Payload     string `json:"payload"`
}

// template is the payload of a template, as far as it has limits.
type template struct {
	Type     string   `json:"template_type"`
	Text     string   `json:"text"`
	Buttons  []button `json:"buttons"`
	Elements []struct {
		Title    string   `json:"title"`
		Subtitle string   `json:"subtitle"`
		Buttons  []button `json:"buttons"`
	} `json:"elements"`
}

type button struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	URL     string `json:"url"`
	Payload string `json:"payload"`
}

// contents checks what goes with a text or in its place (quick-replies,
// template/button, template/generic).
func contents(req sendRequest) *graphError {
	if req.Message.Template != nil {
		return utility(req)
	}
	if len(req.Message.QuickReplies) > 13 {
		return badRequest("A message has at most 13 quick replies")
	}
	for _, q := range req.Message.QuickReplies {
		if !slices.Contains([]string{"text", "user_phone_number", "user_email"}, q.ContentType) {
			return badRequest("The content_type %q of a quick reply is unknown", q.ContentType)
		}
		if q.ContentType == "text" && (q.Title == "" || q.Payload == "") || units(q.Title) > 20 || units(q.Payload) > 1000 {
			return badRequest("A quick reply needs a title of at most 20 and a payload of at most 1000 characters")
		}
	}
	a := req.Message.Attachment
	switch {
	case a == nil:
		return nil
	case a.Type != "template":
		return media(a.Type, a.Payload)
	}
	var t template
	if json.Unmarshal(a.Payload, &t) != nil {
		return badRequest("The payload of the template cannot be read")
	}
	switch t.Type {
	case "button":
		if t.Text == "" || units(t.Text) > 640 || len(t.Buttons) == 0 || !pressable(t.Buttons) {
			return badRequest("A button template needs a text of at most 640 characters and 1 to 3 good buttons")
		}
	case "generic":
		if len(t.Elements) == 0 || len(t.Elements) > 10 {
			return badRequest("A generic template has 1 to 10 elements")
		}
		for _, e := range t.Elements {
			if e.Title == "" || units(e.Title) > 80 || units(e.Subtitle) > 80 || !pressable(e.Buttons) {
				return badRequest("An element needs a title; title and subtitle have at most 80 characters, and there are at most 3 good buttons")
			}
		}
	default:
		return badRequest("The template_type %q is not played here", t.Type)
	}
	return nil
}

func pressable(all []button) bool {
	return len(all) <= 3 && !slices.ContainsFunc(all, func(b button) bool {
		opens, sends := b.Type == "web_url" && strings.HasPrefix(b.URL, "http"), b.Type == "postback" && b.Payload != ""
		return b.Title == "" || units(b.Title) > 20 || units(b.Payload) > 1000 || !opens && !sends
	})
}

func units(s string) int { return len(utf16.Encode([]rune(s))) }

// extras notes what goes with a text or in its place.
func (a *API) extras(r *journal.Record, req sendRequest) {
	if req.ReplyTo != nil {
		r.ReplyTo = req.ReplyTo.MID
	}
	for _, q := range req.Message.QuickReplies {
		title := q.Title
		if title == "" {
			title = q.ContentType
		}
		r.Buttons, r.Payloads = append(r.Buttons, title), append(r.Payloads, q.Payload)
	}
	if req.Message.Sticker != "" {
		r.Attachment, r.URL = "sticker", a.set.Media+"/thumb.png"
	}
	sent := req.Message.Attachment
	if sent == nil {
		return
	}
	r.Attachment = sent.Type
	if sent.Type == "template" {
		r.Template = sent.Payload
		return
	}
	var link struct {
		URL string `json:"url"`
	}
	_ = json.Unmarshal(sent.Payload, &link) // it was read when it came
	r.URL = link.URL
}

// known tells whether the thread has the message that a reaction is for.
func known(s *world.State, r journal.Record) bool {
	return slices.ContainsFunc(s.People[world.Thread{Page: r.Page, PSID: r.PSID}].Messages, func(m world.Message) bool { return m.MID == r.Target })
}
