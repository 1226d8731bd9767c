package api

import (
	"slices"
	"strings"
	"testing"

	"github.com/parley-desk/parley/pkg/thread"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

func times[T any](n int, one T) []T { return slices.Repeat([]T{one}, n) }

// TestContentKeepsToMetasLimits (L18): what Meta would refuse is refused here, by
// the name of the field.
func TestContentKeepsToMetasLimits(t *testing.T) {
	reply := &threadv1.QuickReply{Title: "Yes", Payload: "Y"}
	opens := &threadv1.Button{Title: "Open", Url: "https://example.com/a"}
	long := func(n int) string { return strings.Repeat("ж", n) }
	card := &threadv1.Card{Title: "A", Subtitle: "B", Buttons: []*threadv1.Button{opens}}
	button := func(text string, all ...*threadv1.Button) *threadv1.Template {
		return &threadv1.Template{Button: &threadv1.ButtonTemplate{Text: text, Buttons: all}}
	}
	cards := func(all ...*threadv1.Card) *threadv1.Template {
		return &threadv1.Template{Generic: &threadv1.GenericTemplate{Elements: all}}
	}
	utility := func(all ...*threadv1.TemplateParameter) *threadv1.Template {
		return &threadv1.Template{Utility: &threadv1.UtilityTemplate{Name: "order_update", Language: "en", Parameters: all}}
	}
	parameter := &threadv1.TemplateParameter{Text: "A-17"}
	for name, c := range map[string]struct {
		m     *deskv1.SendMessageRequest
		wrong string // field; empty: it is good
	}{
		"a text":                    {&deskv1.SendMessageRequest{Text: "hi", ReplyTo: "m_1"}, ""},
		"as many answers as may be": {&deskv1.SendMessageRequest{Text: "hi", QuickReplies: times(13, reply)}, ""},
		"one answer too many":       {&deskv1.SendMessageRequest{Text: "hi", QuickReplies: times(14, reply)}, "quick_replies"},
		"answers alone":             {&deskv1.SendMessageRequest{QuickReplies: times(1, reply)}, "text"},
		"an answer of 20":           {&deskv1.SendMessageRequest{Text: "hi", QuickReplies: times(1, &threadv1.QuickReply{Title: long(20), Payload: "Y"})}, ""},
		"an answer of 21":           {&deskv1.SendMessageRequest{Text: "hi", QuickReplies: times(1, &threadv1.QuickReply{Title: long(21), Payload: "Y"})}, "quick_replies[0].title"},
		"an emoji counts twice":     {&deskv1.SendMessageRequest{Text: "hi", QuickReplies: times(1, &threadv1.QuickReply{Title: strings.Repeat("😀", 11), Payload: "Y"})}, "quick_replies[0].title"},
		"an answer without payload": {&deskv1.SendMessageRequest{Text: "hi", QuickReplies: times(1, &threadv1.QuickReply{Title: "Y"})}, "quick_replies[0].payload"},
		"the phone number":          {&deskv1.SendMessageRequest{Text: "hi", QuickReplies: times(1, &threadv1.QuickReply{ContentType: "user_phone_number"})}, ""},
		"a retired kind":            {&deskv1.SendMessageRequest{Text: "hi", QuickReplies: times(1, &threadv1.QuickReply{ContentType: "location"})}, "quick_replies[0].content_type"},
		"a long mid":                {&deskv1.SendMessageRequest{Text: "hi", ReplyTo: long(500)}, "reply_to"},
		"buttons":                   {&deskv1.SendMessageRequest{Template: button(long(640), opens, opens, opens)}, ""},
		"a long text of buttons":    {&deskv1.SendMessageRequest{Template: button(long(641), opens)}, "template.button.text"},
		"no button":                 {&deskv1.SendMessageRequest{Template: button("hi")}, "template.button.buttons"},
		"four buttons":              {&deskv1.SendMessageRequest{Template: button("hi", times(4, opens)...)}, "template.button.buttons"},
		"an open door":              {&deskv1.SendMessageRequest{Template: button("hi", &threadv1.Button{Title: "x", Url: "javascript:alert(1)"})}, "template.button.buttons[0].url"},
		"http":                      {&deskv1.SendMessageRequest{Template: button("hi", &threadv1.Button{Title: "x", Url: "http://example.com"})}, "template.button.buttons[0].url"},
		"a button of both":          {&deskv1.SendMessageRequest{Template: button("hi", &threadv1.Button{Title: "x", Url: "https://example.com", Payload: "P"})}, "template.button.buttons[0]"},
		"a text beside":             {&deskv1.SendMessageRequest{Text: "hi", Template: button("hi", opens)}, "text"},
		"ten cards":                 {&deskv1.SendMessageRequest{Template: cards(times(10, card)...)}, ""},
		"eleven cards":              {&deskv1.SendMessageRequest{Template: cards(times(11, card)...)}, "template.generic.elements"},
		"no card":                   {&deskv1.SendMessageRequest{Template: cards()}, "template.generic.elements"},
		"a card of a title alone":   {&deskv1.SendMessageRequest{Template: cards(&threadv1.Card{Title: "A"})}, "template.generic.elements[0]"},
		"a subtitle of 81":          {&deskv1.SendMessageRequest{Template: cards(&threadv1.Card{Title: "A", Subtitle: long(81)})}, "template.generic.elements[0].subtitle"},
		"L13 more than 28 KB": {&deskv1.SendMessageRequest{Template: cards(times(10, &threadv1.Card{Title: "A", Buttons: times(3, &threadv1.Button{Title: "Open",
			Url: "https://example.com/" + strings.Repeat("a", 1000)})})...)}, "template"},
		"a utility template":         {&deskv1.SendMessageRequest{Template: utility(parameter)}, ""},
		"one without blanks":         {&deskv1.SendMessageRequest{Template: utility()}, ""},
		"one with a text":            {&deskv1.SendMessageRequest{Text: "hi", Template: utility(parameter)}, "text"},
		"one with answers":           {&deskv1.SendMessageRequest{QuickReplies: times(1, reply), Template: utility(parameter)}, "quick_replies"},
		"one that answers":           {&deskv1.SendMessageRequest{ReplyTo: "m_1", Template: utility(parameter)}, "reply_to"},
		"one of two forms":           {&deskv1.SendMessageRequest{Template: &threadv1.Template{Utility: utility().GetUtility(), Button: button("hi", opens).GetButton()}}, "template"},
		"one without a name":         {&deskv1.SendMessageRequest{Template: &threadv1.Template{Utility: &threadv1.UtilityTemplate{Language: "en"}}}, "template.utility.name"},
		"one that says its text":     {&deskv1.SendMessageRequest{Template: &threadv1.Template{Utility: &threadv1.UtilityTemplate{Name: "a", Language: "en", Text: "Buy!"}}}, "template.utility.text"},
		"a blank of 200":             {&deskv1.SendMessageRequest{Template: utility(&threadv1.TemplateParameter{Text: long(200)})}, ""},
		"a blank of 201":             {&deskv1.SendMessageRequest{Template: utility(&threadv1.TemplateParameter{Text: long(201)})}, "template.utility.parameters[0].text"},
		"an empty blank":             {&deskv1.SendMessageRequest{Template: utility(parameter, &threadv1.TemplateParameter{Text: " "})}, "template.utility.parameters[1].text"},
		"a blank of two lines":       {&deskv1.SendMessageRequest{Template: utility(&threadv1.TemplateParameter{Text: "a\nb"})}, "template.utility.parameters[0].text"},
		"more blanks than there are": {&deskv1.SendMessageRequest{Template: utility(times(21, parameter)...)}, "template.utility.parameters"},
		"the thumb":                  {&deskv1.SendMessageRequest{Sticker: thread.Thumb, ReplyTo: "m_1"}, ""},
		"a sticker of a catalogue":   {&deskv1.SendMessageRequest{Sticker: "767226160478561"}, "sticker"},
		"a sticker with a text":      {&deskv1.SendMessageRequest{Sticker: thread.Thumb, Text: "hi"}, "text"},
		"a sticker with buttons":     {&deskv1.SendMessageRequest{Sticker: thread.Thumb, Template: button("hi", opens)}, "template"},
		"a sticker with a file":      {&deskv1.SendMessageRequest{Sticker: thread.Thumb, Files: []string{"f"}}, "files"},
		"a sticker with answers":     {&deskv1.SendMessageRequest{Sticker: thread.Thumb, QuickReplies: times(1, reply)}, "quick_replies"},
		"a sticker that answers too": {&deskv1.SendMessageRequest{Sticker: thread.Thumb, ReplyTo: long(500)}, "reply_to"},
		"neither form":               {&deskv1.SendMessageRequest{Template: &threadv1.Template{}}, "template"},
	} {
		t.Run(name, func(t *testing.T) {
			var got check
			got.content(c.m)
			switch {
			case c.wrong == "" && len(got) > 0:
				t.Errorf("refused: %v", got)
			case c.wrong != "" && (len(got) != 1 || got[0].Field != c.wrong):
				t.Errorf("refused for %v, want %s alone", got, c.wrong)
			}
		})
	}
}
