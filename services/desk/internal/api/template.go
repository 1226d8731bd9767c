package api

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	"connectrpc.com/connect"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/slug"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// maxFilled bounds what stands in one blank of a utility template, in characters as
// Meta may count them: twenty of them, and the body, stay a message.
const maxFilled = 200

// utility checks what the request says of a utility template; whether the page has
// it, and with these blanks, compose tells.
func (c *check) utility(t *threadv1.UtilityTemplate) {
	c.units("template.utility.name", t.GetName(), 1, maxID)
	c.units("template.utility.language", t.GetLanguage(), 1, maxID)
	c.that(t.GetText() == "", "template.utility.text", "must be empty: the page's template is filled")
	c.that(len(t.GetParameters()) <= slug.MaxBlanks, "template.utility.parameters", "must be at most %d, are %d", slug.MaxBlanks, len(t.GetParameters()))
	for i, p := range t.GetParameters() {
		at := fmt.Sprintf("template.utility.parameters[%d].text", i)
		c.units(at, p.GetText(), 1, maxFilled)
		c.that(!strings.ContainsFunc(p.GetText(), unicode.IsControl), at, "must be one line without control characters")
	}
}

// ListTemplates tells which utility templates the page has (S32).
func (s deskService) ListTemplates(ctx context.Context, r *connect.Request[deskv1.ListTemplatesRequest]) (*connect.Response[deskv1.ListTemplatesResponse], error) {
	var c check
	if c.ref(r.Msg.GetRef()); c.err() != nil {
		return nil, c.err()
	}
	if _, _, err := s.load(ctx, r.Msg.GetRef(), false); err != nil {
		return nil, err
	}
	response := &deskv1.ListTemplatesResponse{}
	for _, t := range s.templates(r.Msg.GetRef()) {
		if blanks, wrong := slug.Blanks(t.GetText()); wrong == "" {
			response.Templates = append(response.Templates, &deskv1.ReadyTemplate{Name: t.GetName(), Language: t.GetLanguage(), Text: t.GetText(), Blanks: blanks})
		}
	}
	return connect.NewResponse(response), nil
}

func (s deskService) templates(ref *deskv1.ConversationRef) []*configv1.UtilityTemplate {
	return s.Directory.Now().PagesByMeta[ref.GetPage()].GetTemplates()
}

// compose gives a utility template the text that the page's has, filled, or says why
// it cannot be sent; other templates it leaves as they are.
func (s deskService) compose(ref *deskv1.ConversationRef, template *threadv1.Template) error {
	t := template.GetUtility()
	if t == nil {
		return nil
	}
	for _, known := range s.templates(ref) {
		if known.GetName() == t.GetName() && known.GetLanguage() == t.GetLanguage() {
			return fill(t, known.GetText())
		}
	}
	return fault.New(fault.NotFound, "TEMPLATE_REFUSED",
		"template.utility: the page has no template %q in %q; ListTemplates tells which it has, and administrators set them in templates of the page", t.GetName(), t.GetLanguage())
}

// fill fills a body, when each of its blanks is given, in order, and nothing else.
func fill(t *threadv1.UtilityTemplate, body string) error {
	blanks, wrong := slug.Blanks(body)
	if wrong != "" {
		return fault.New(fault.Internal, "TEMPLATE_REFUSED", "template.utility: its body as the page has it %s", wrong)
	}
	values := slug.Values{}
	var c check
	c.that(len(t.GetParameters()) == len(blanks), "template.utility.parameters", "must be %d, one for each blank (%s), are %d",
		len(blanks), strings.Join(blanks, ", "), len(t.GetParameters()))
	for i := range min(len(blanks), len(t.GetParameters())) {
		p, name := t.GetParameters()[i], blanks[i]
		if name[0] >= '0' && name[0] <= '9' {
			name = "" // Meta matches numbered ones by their order
		}
		c.that(p.GetName() == name, fmt.Sprintf("template.utility.parameters[%d].name", i), "must be %q, is %q", name, p.GetName())
		values[blanks[i]] = p.GetText()
	}
	t.Text = slug.FillBlanks(body, values)
	return c.err()
}
