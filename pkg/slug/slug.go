// Package slug fills texts that administrators and agents write beforehand with
// what they are about: {CustomerFirstName} becomes the customer's first name and
// {$order$} the value of the context variable order (L111, L115). A text is
// checked when it is saved, so that nobody sends a pair of braces to a customer.
package slug

import (
	"slices"
	"strings"
)

// Values are what slugs stand for, by name: "CustomerFullName", and "$order$"
// for a context variable.
type Values map[string]string

// Names are the slugs that are always there, as they are written in braces.
func Names() []string {
	return []string{"CustomerFullName", "CustomerFirstName", "CustomerLastName",
		"AgentFullName", "AgentFirstName", "AgentLastName", "AgentNickname"}
}

// Notices are the slugs by which agents are told of a conversation: who the
// customer is, in which language and as which contact, where the conversation
// waits, of which page it is, and which agent asks or hands it over (L92).
func Notices() []string {
	return []string{"CustomerFullName", "CustomerFirstName", "CustomerLastName", "CustomerLanguage",
		"ContactId", "QueueName", "PageName", "AgentName"}
}

// Variable is the slug of a context variable; its inverse is VariableOf.
func Variable(name string) string { return "$" + name + "$" }

// VariableOf is the context variable that a slug stands for.
func VariableOf(slug string) (name string, ok bool) {
	inner, begins := strings.CutPrefix(slug, "$")
	name, ends := strings.CutSuffix(inner, "$")
	return name, begins && ends && name != ""
}

// Find gives the slugs of a text in order, each once, whether they are known or
// not; ok is false when a brace is opened and not closed.
func Find(text string) (slugs []string, ok bool) {
	for {
		_, rest, opened := strings.Cut(text, "{")
		if !opened {
			return slugs, true
		}
		slug, after, closed := strings.Cut(rest, "}")
		if !closed {
			return slugs, false
		}
		if !slices.Contains(slugs, slug) {
			slugs = append(slugs, slug)
		}
		text = after
	}
}

// Fill puts values in the place of slugs; one without a value becomes nothing
// (L111). What a value holds is never taken for a slug.
func Fill(text string, values Values) string {
	var out strings.Builder
	for {
		before, rest, opened := strings.Cut(text, "{")
		out.WriteString(before)
		slug, after, closed := strings.Cut(rest, "}")
		if !opened {
			return out.String()
		}
		if !closed { // checked texts have none
			out.WriteString("{" + rest)
			return out.String()
		}
		out.WriteString(values[slug])
		text = after
	}
}

// Person adds the names of somebody to values: who is "Customer" or "Agent".
func (v Values) Person(who, full string) {
	words := strings.Fields(full)
	v[who+"FullName"] = strings.Join(words, " ")
	if len(words) > 0 {
		v[who+"FirstName"] = words[0]
	}
	if len(words) > 1 {
		v[who+"LastName"] = words[len(words)-1]
	}
}

// Variables adds context variables to values.
func (v Values) Variables(all map[string]string) {
	for name, value := range all {
		v[Variable(name)] = value
	}
}
