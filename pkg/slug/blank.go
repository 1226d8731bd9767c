package slug

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of a utility template's body. Meta publishes none; it refuses to approve
// what has many blanks for few words.
const (
	MaxBody   = 1024 // characters
	MaxBlanks = 20
)

var (
	blankShape = regexp.MustCompile(`\{\{([^{}]*)\}\}`)
	blankName  = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)
)

// Blanks gives what stands in the blanks of a utility template's body, each once:
// numbers from 1 on, or names in the order in which they come first. What is wrong
// with the body is told with its remedy; empty: nothing is.
func Blanks(body string) (blanks []string, wrong string) {
	switch n := utf8.RuneCountInString(body); {
	case !utf8.ValidString(body):
		return nil, "is not UTF-8; save the file as UTF-8"
	case strings.TrimSpace(body) == "":
		return nil, "is missing; copy the body as Meta has approved it"
	case n > MaxBody:
		return nil, fmt.Sprintf("has %d characters; use at most %d", n, MaxBody)
	case strings.ContainsFunc(body, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }):
		return nil, "holds control characters; remove all but line breaks"
	case strings.ContainsAny(blankShape.ReplaceAllString(body, ""), "{}"):
		return nil, "has a brace that belongs to no blank; a blank is a number or a name in double braces, such as {{order_id}}"
	}
	numbered := 0
	for _, m := range blankShape.FindAllStringSubmatch(body, -1) {
		if slices.Contains(blanks, m[1]) {
			continue
		}
		if n, err := strconv.Atoi(m[1]); err == nil && strconv.Itoa(n) == m[1] && n > 0 {
			numbered++
		} else if !blankName.MatchString(m[1]) {
			return nil, fmt.Sprintf("has the blank {{%s}}; use a number from 1 on, or a name of a-z, 0-9 and '_' that begins with a letter", m[1])
		}
		blanks = append(blanks, m[1])
	}
	switch {
	case len(blanks) > MaxBlanks:
		return nil, fmt.Sprintf("has %d blanks; use at most %d", len(blanks), MaxBlanks)
	case numbered == 0:
		return blanks, ""
	case numbered < len(blanks):
		return nil, "has numbered and named blanks; Meta approves one sort in a template"
	}
	ordered := make([]string, numbered)
	for n := range ordered {
		if ordered[n] = strconv.Itoa(n + 1); !slices.Contains(blanks, ordered[n]) {
			return nil, fmt.Sprintf("has %d numbered blanks and no {{%s}}; number them from 1 on without gaps", numbered, ordered[n])
		}
	}
	return ordered, ""
}

// FillBlanks gives the body with each blank replaced by its value; what has none is
// left as it stands. A value is no text with blanks.
func FillBlanks(body string, values Values) string {
	return blankShape.ReplaceAllStringFunc(body, func(blank string) string {
		if value, ok := values[strings.Trim(blank, "{}")]; ok {
			return value
		}
		return blank
	})
}
