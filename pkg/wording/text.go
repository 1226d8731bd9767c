package wording

import (
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strings"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// MaxText is how many characters a text of an automated message may have.
const MaxText = 1000

var (
	slugShape     = regexp.MustCompile(`\{[^{}]*\}`)
	variableShape = regexp.MustCompile(`^\{\$[A-Za-z0-9_]{1,100}\$\}$`)
)

// Check tells what of a text cannot be filled in, one line each with the remedy.
func Check(trigger threadv1.Trigger, text string) (wrong []string) {
	return CheckSlugs(traitOf(trigger).slugs, text)
}

// CheckEnd is Check for what is said when a conversation is over.
func CheckEnd(text string) []string { return CheckSlugs([]string{agentName, queueName}, text) }

// CheckSlugs is Check for a text in which these slugs and variables are replaced.
func CheckSlugs(known []string, text string) (wrong []string) {
	for _, slug := range slugShape.FindAllString(text, -1) {
		if !variableShape.MatchString(slug) && !slices.Contains(known, strings.Trim(slug, "{}")) {
			wrong = append(wrong, fmt.Sprintf("holds %s, which nothing is put in place of here; use %s", slug, choice(known)))
		}
	}
	if strings.ContainsAny(slugShape.ReplaceAllString(text, ""), "{}") {
		wrong = append(wrong, "holds a brace without its other one; braces stand around what is put in place, and nowhere else")
	}
	return wrong
}

// choice names what may stand in a text.
func choice(slugs []string) string {
	var all strings.Builder
	for _, s := range slugs {
		all.WriteString("{" + s + "}, ")
	}
	return all.String() + "{$Name$} for the context variable Name, or no braces"
}

// Variables yields the names of the context variables that a text has.
func Variables(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, slug := range slugShape.FindAllString(text, -1) {
			if variableShape.MatchString(slug) && !yield(strings.Trim(slug, "{$}")) {
				return
			}
		}
	}
}

// Values are what is put in place in a text.
type Values struct {
	Agent, Queue, Position string
	WaitMinutes            string // empty: nobody can say
	Variables              map[string]string
}

// Say is the message with values put in place. Where it tells a wait that nobody
// can say, it is what Parley brings along in its language, empty where that is
// nothing.
func (m Message) Say(trigger threadv1.Trigger, v Values) string {
	if v.WaitMinutes == "" && strings.Contains(m.Text, "{"+waitMinutes+"}") {
		return Fill(Standard(trigger, base(m.Language)), v)
	}
	return Fill(m.Text, v)
}

// Fill puts values in place. What there is nothing for becomes empty (L111).
func Fill(text string, v Values) string {
	return strings.TrimSpace(slugShape.ReplaceAllStringFunc(text, func(slug string) string {
		if variableShape.MatchString(slug) {
			return v.Variables[strings.Trim(slug, "{$}")]
		}
		return map[string]string{agentName: v.Agent, queueName: v.Queue, position: v.Position, waitMinutes: v.WaitMinutes}[strings.Trim(slug, "{}")]
	}))
}
