package contact

import (
	"strings"

	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
)

// Classes of terms. The first byte of a term says what its rest is.
const (
	classWritten = 'a' // e-mail address or external id, as it is written
	classPhone   = 'p' // digits of a telephone number, with its country or without
	classWord    = 'w' // word of the name or the company
	// Those below are only compared whole; nobody searches by their beginning.
	className   = 'n' // all words of the name
	classEmail  = 'e' // e-mail address
	classNumber = 'f' // telephone number as it is kept
	separator   = "\x00"
)

// termsOf are the terms by which a contact is found, each once, separated.
func termsOf(c *contactv1.Contact) string {
	var out strings.Builder
	seen := map[string]bool{}
	add := func(class byte, text string) {
		term := string(class) + strings.ReplaceAll(text, separator, "")
		if len(term) == 1 || seen[term] {
			return
		}
		seen[term] = true
		out.WriteString(term)
		out.WriteString(separator)
	}
	name := Words(c.GetName())
	add(className, strings.Join(name, " "))
	for _, w := range append(name, Words(c.GetCompany())...) {
		add(classWord, w)
	}
	for _, e := range c.GetEmails() {
		add(classWritten, address(e))
		add(classEmail, address(e))
	}
	add(classWritten, address(c.GetExternalId()))
	for _, p := range c.GetPhones() {
		add(classPhone, strings.TrimPrefix(p, "+"))
		add(classPhone, national(p))
		add(classNumber, p)
	}
	return out.String()
}

// Query is what somebody looks for: every part must match.
type Query struct {
	parts []part
}

// part matches where one of its alternatives does; an alternative, where each of
// its beginnings is that of a term.
type part [][]string

// shortestNumber is from how many digits on a query of nothing else is a
// telephone number, however it is spaced.
const shortestNumber = 3

// ParseQuery reads what somebody typed.
func ParseQuery(text string) Query {
	if digits, foreign, ok := dial(text); ok && len(digits) >= shortestNumber && len(strings.Fields(text)) > 1 {
		return Query{[]part{{{numberTerm(digits, foreign)}}}}
	}
	var q Query
	for _, token := range strings.Fields(text) {
		var p part
		if words := Words(token); len(words) > 0 {
			var all []string
			for _, w := range words {
				all = append(all, string(classWord)+w)
			}
			p = append(p, all)
		}
		p = append(p, []string{string(classWritten) + strings.ReplaceAll(address(token), separator, "")})
		if digits, foreign, ok := dial(token); ok && digits != "" {
			p = append(p, []string{numberTerm(digits, foreign)})
		}
		q.parts = append(q.parts, p)
	}
	return q
}

// numberTerm is the beginning of a number that somebody dials. The 0 of a number
// without country is dialled, not kept.
func numberTerm(digits string, foreign bool) string {
	if !foreign {
		digits = strings.TrimLeft(digits, "0")
	}
	return string(classPhone) + digits
}

// matches tells whether the terms of a contact match q.
func (q Query) matches(terms string) bool {
	for _, p := range q.parts {
		if !p.matches(terms) {
			return false
		}
	}
	return len(q.parts) > 0
}

func (p part) matches(terms string) bool {
	for _, all := range p {
		if beginsAll(terms, all) {
			return true
		}
	}
	return false
}

func beginsAll(terms string, beginnings []string) bool {
	for _, b := range beginnings {
		if !begins(terms, b) {
			return false
		}
	}
	return true
}

// begins tells whether one of the terms begins so.
func begins(terms, beginning string) bool {
	return strings.HasPrefix(terms, beginning) || strings.Contains(terms, separator+beginning)
}
