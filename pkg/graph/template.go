package graph

import (
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// attachment is a template as Meta's pages "Button template" and "Generic
// template" have it, or a file that Meta has ("Saving assets").
type attachment struct {
	Type    string  `json:"type"`
	Payload payload `json:"payload"`
}

type payload struct {
	Type     string   `json:"template_type,omitempty"`
	Text     string   `json:"text,omitempty"`
	Buttons  []button `json:"buttons,omitempty"`
	Elements []card   `json:"elements,omitempty"`

	AttachmentID string `json:"attachment_id,omitempty"`
	Reusable     bool   `json:"is_reusable,omitempty"`
}

type card struct {
	Title    string   `json:"title"`
	Subtitle string   `json:"subtitle,omitempty"`
	Image    string   `json:"image_url,omitempty"`
	Buttons  []button `json:"buttons,omitempty"`
}

type button struct {
	Type    string `json:"type"` // web_url or postback
	Title   string `json:"title"`
	URL     string `json:"url,omitempty"`
	Payload string `json:"payload,omitempty"`
}

// quickReply is of Meta's page "Quick replies".
type quickReply struct {
	ContentType string `json:"content_type"`
	Title       string `json:"title,omitempty"`
	Payload     string `json:"payload,omitempty"`
}

// approved is a utility template as Meta's page "Utility messages" has it; named
// blanks are told by name, numbered ones by their order.
type approved struct {
	Name     string `json:"name"`
	Language struct {
		Code string `json:"code"`
	} `json:"language"`
	Components []component `json:"components"`
}

type component struct {
	Type       string      `json:"type"`
	Parameters []parameter `json:"parameters"`
}

type parameter struct {
	Type string `json:"type"`
	Name string `json:"parameter_name,omitempty"`
	Text string `json:"text"`
}

func approvedOf(t *threadv1.UtilityTemplate) *approved {
	a := &approved{Name: t.GetName(), Components: []component{}}
	a.Language.Code = t.GetLanguage()
	if len(t.GetParameters()) == 0 {
		return a
	}
	body := component{Type: "body"}
	for _, p := range t.GetParameters() {
		body.Parameters = append(body.Parameters, parameter{Type: "text", Name: p.GetName(), Text: p.GetText()})
	}
	a.Components = append(a.Components, body)
	return a
}

func templateOf(t *threadv1.Template) *attachment {
	a := &attachment{Type: "template"}
	if b := t.GetButton(); b != nil {
		a.Payload = payload{Type: "button", Text: b.GetText(), Buttons: buttons(b.GetButtons())}
		return a
	}
	a.Payload.Type = "generic"
	for _, c := range t.GetGeneric().GetElements() {
		a.Payload.Elements = append(a.Payload.Elements, card{Title: c.GetTitle(), Subtitle: c.GetSubtitle(),
			Image: c.GetImageUrl(), Buttons: buttons(c.GetButtons())})
	}
	return a
}

func buttons(all []*threadv1.Button) (out []button) {
	for _, b := range all {
		if b.GetUrl() != "" {
			out = append(out, button{Type: "web_url", Title: b.GetTitle(), URL: b.GetUrl()})
			continue
		}
		out = append(out, button{Type: "postback", Title: b.GetTitle(), Payload: b.GetPayload()})
	}
	return out
}

func quickReplies(all []*threadv1.QuickReply) (out []quickReply) {
	for _, q := range all {
		kind := q.GetContentType()
		if kind == "" {
			kind = "text"
		}
		out = append(out, quickReply{ContentType: kind, Title: q.GetTitle(), Payload: q.GetPayload()})
	}
	return out
}
