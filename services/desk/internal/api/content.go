package api

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf16"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/thread"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Meta's limits of what goes with a message, or in place of its text (pages
// "Quick replies", "Button template", "Generic template"), in UTF-16 units, the
// strictest reading of "characters". maxSize is of a whole message (L13).
const (
	maxReplies    = 13
	maxTitle      = 20
	maxPayload    = 1000
	maxButtons    = 3
	maxButtonText = 640
	maxCards      = 10
	maxCardText   = 80
	maxSize       = 28 << 10
	maxMID        = 500
	maxURL        = 2000
)

// content checks what a message says: files, a text, a template, or a sticker.
func (c *check) content(m *deskv1.SendMessageRequest) {
	c.that(len(m.GetReplyTo()) <= maxMID, "reply_to", "must have at most %d bytes", maxMID)
	if m.GetSticker() != "" {
		c.sticker(m)
		return
	}
	c.replies(m.GetQuickReplies())
	c.that(len(m.GetFiles()) <= maxFiles, "files", "must be at most %d, are %d", maxFiles, len(m.GetFiles()))
	switch {
	case m.GetTemplate() == nil && len(m.GetFiles()) > 0 && m.GetText() == "":
		c.that(len(m.GetQuickReplies()) == 0, "quick_replies", "must go with a text")
		return
	case m.GetTemplate() == nil:
		c.text(m.GetText(), maxText)
		return
	}
	c.that(len(m.GetFiles()) == 0, "files", "must be none beside a template")
	size := proto.Size(m.GetTemplate())
	c.that(size <= maxSize, "template", "must have at most %d bytes, has %d", maxSize, size)
	c.that(m.GetText() == "", "text", "must be empty beside a template")
	button, generic, utility := m.GetTemplate().GetButton(), m.GetTemplate().GetGeneric(), m.GetTemplate().GetUtility()
	c.that(one(button != nil, generic != nil, utility != nil), "template", "must be one of button, generic and utility")
	if button != nil {
		c.units("template.button.text", button.GetText(), 1, maxButtonText)
		c.buttons("template.button", button.GetButtons(), 1)
	}
	if generic != nil {
		c.cards(generic.GetElements())
	}
	if utility != nil {
		c.that(len(m.GetQuickReplies()) == 0, "quick_replies", "must be none beside a utility template: Meta approved it without")
		c.that(m.GetReplyTo() == "", "reply_to", "must be empty beside a utility template: it answers nothing")
		c.utility(utility)
	}
}

// sticker checks a message that is a sticker and nothing else.
func (c *check) sticker(m *deskv1.SendMessageRequest) {
	c.that(m.GetSticker() == thread.Thumb, "sticker", "must be %s, the thumb: Messenger takes no other from every page", thread.Thumb)
	c.that(m.GetText() == "", "text", "must be empty beside a sticker")
	c.that(m.GetTemplate() == nil, "template", "must be none beside a sticker")
	c.that(len(m.GetFiles()) == 0, "files", "must be none beside a sticker")
	c.that(len(m.GetQuickReplies()) == 0, "quick_replies", "must go with a text")
}

// one tells whether exactly one is so.
func one(all ...bool) bool {
	n := 0
	for _, is := range all {
		if is {
			n++
		}
	}
	return n == 1
}

func (c *check) replies(all []*threadv1.QuickReply) {
	c.that(len(all) <= maxReplies, "quick_replies", "must be at most %d, are %d", maxReplies, len(all))
	for i, q := range all {
		at := fmt.Sprintf("quick_replies[%d]", i)
		switch q.GetContentType() {
		case "", "text":
			c.units(at+".title", q.GetTitle(), 1, maxTitle)
			c.units(at+".payload", q.GetPayload(), 1, maxPayload)
		case "user_phone_number", "user_email":
			c.that(q.GetTitle() == "", at+".title", "must be empty: Messenger shows the customer's own")
			c.units(at+".payload", q.GetPayload(), 0, maxPayload)
		default:
			c.that(false, at+".content_type", "must be text, user_phone_number or user_email")
		}
	}
}

func (c *check) cards(all []*threadv1.Card) {
	c.that(len(all) >= 1 && len(all) <= maxCards, "template.generic.elements", "must be 1 to %d, are %d", maxCards, len(all))
	for i, card := range all {
		at := fmt.Sprintf("template.generic.elements[%d]", i)
		c.units(at+".title", card.GetTitle(), 1, maxCardText)
		c.units(at+".subtitle", card.GetSubtitle(), 0, maxCardText)
		c.that(card.GetImageUrl() == "" || secure(card.GetImageUrl()), at+".image_url", "must be an address that begins with https://")
		c.that(card.GetSubtitle() != "" || card.GetImageUrl() != "" || len(card.GetButtons()) > 0, at, "must have a subtitle, a picture or a button beside its title")
		c.buttons(at, card.GetButtons(), 0)
	}
}

func (c *check) buttons(at string, all []*threadv1.Button, least int) {
	c.that(len(all) >= least && len(all) <= maxButtons, at+".buttons", "must be %d to %d, are %d", least, maxButtons, len(all))
	for i, b := range all {
		field := fmt.Sprintf("%s.buttons[%d]", at, i)
		c.units(field+".title", b.GetTitle(), 1, maxTitle)
		c.that((b.GetUrl() == "") != (b.GetPayload() == ""), field, "must have either url or payload")
		c.that(b.GetUrl() == "" || secure(b.GetUrl()), field+".url", "must be an address that begins with https://")
		c.units(field+".payload", b.GetPayload(), 0, maxPayload)
	}
}

// units checks a length as Meta may count it.
func (c *check) units(field, value string, least, most int) {
	n := len(utf16.Encode([]rune(value)))
	c.that(n <= most, field, "must have at most %d characters, has %d", most, n)
	c.that(least == 0 || strings.TrimSpace(value) != "", field, "must not be empty")
}

func secure(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil && len(address) <= maxURL
}

// inWords is what a template shows, for people.
func inWords(t *threadv1.Template) string {
	var lines []string
	line := func(texts ...string) {
		for _, text := range texts {
			if text != "" {
				lines = append(lines, text)
			}
		}
	}
	titles := func(all []*threadv1.Button) {
		for _, b := range all {
			line("[" + b.GetTitle() + "]")
		}
	}
	line(t.GetUtility().GetText(), t.GetButton().GetText())
	titles(t.GetButton().GetButtons())
	for _, card := range t.GetGeneric().GetElements() {
		line(card.GetTitle(), card.GetSubtitle())
		titles(card.GetButtons())
	}
	return strings.Join(lines, "\n")
}
