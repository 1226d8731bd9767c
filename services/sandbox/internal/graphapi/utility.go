package graphapi

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"

	"github.com/parley-desk/parley/services/sandbox/internal/journal"
)

// Template is a utility template that a page has approved.
type Template struct {
	Name, Language string
	Body           string // with its blanks: {{1}}, {{order_id}}
}

var blank = regexp.MustCompile(`\{\{([a-z0-9_]+)\}\}`)

// approved is a utility template in a message (send-messages/utility-messages).
type approved struct {
	Name     string `json:"name"`
	Language *struct {
		Code string `json:"code"`
	} `json:"language"`
	Components []struct {
		Type       string `json:"type"`
		Parameters []struct {
			Type string `json:"type"`
			Name string `json:"parameter_name"`
			Text string `json:"text"`
		} `json:"parameters"`
	} `json:"components"`
}

// utility checks the shape of a message with a utility template.
func utility(req sendRequest) *graphError {
	m, t := req.Message, req.Message.Template
	switch {
	case m.Text != "" || m.Attachment != nil || len(m.QuickReplies) > 0:
		return badRequest("A message[template] goes without text, attachment and quick_replies")
	case req.MessagingType != "UTILITY":
		return badRequest("A message[template] needs messaging_type UTILITY")
	case t.Name == "" || t.Language == nil || t.Language.Code == "":
		return badRequest("A message[template] needs a name and language[code]")
	}
	seen := map[string]bool{}
	for _, c := range t.Components {
		// The templates that are played here have a body alone.
		if c.Type != "body" || seen[c.Type] {
			return badRequest("The component %q is not of this template, or comes twice", c.Type)
		}
		seen[c.Type] = true
		for _, p := range c.Parameters {
			if p.Type != "text" || p.Text == "" {
				return badRequest("A parameter of a body is of type text, and has text")
			}
		}
	}
	return nil
}

// approve finds the template of a message among those that the page has approved,
// and fills it: that is the text of the message.
func (a *API) approve(r *journal.Record, req sendRequest) *graphError {
	t := req.Message.Template
	if t == nil {
		return nil
	}
	i := slices.IndexFunc(a.set.Templates, func(k Template) bool { return k.Name == t.Name && k.Language == t.Language.Code })
	if i < 0 {
		return badRequest("The page has no approved template %q in %q", t.Name, t.Language.Code)
	}
	body := a.set.Templates[i].Body
	given := map[string]string{}
	parameters := 0
	for _, c := range t.Components {
		for n, p := range c.Parameters {
			given[cmp.Or(p.Name, strconv.Itoa(n+1))] = p.Text
			parameters++
		}
	}
	open := map[string]bool{}
	for _, m := range blank.FindAllStringSubmatch(body, -1) {
		open[m[1]] = true
	}
	for name := range open {
		if given[name] == "" {
			return badRequest("The blank {{%s}} of template %q has no parameter", name, t.Name)
		}
	}
	if parameters != len(open) {
		return badRequest("Template %q has %d blanks, not %d", t.Name, len(open), parameters)
	}
	r.Text = blank.ReplaceAllStringFunc(body, func(b string) string { return given[blank.FindStringSubmatch(b)[1]] })
	return nil
}
