package slug

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of a text with slugs and of the tags to find it by.
const (
	MaxText  = 2000 // characters: Meta's longest message
	MaxSlugs = 20
	MaxTags  = 20
	MaxTag   = 50 // characters
)

// Wrong is one thing that is wrong with a field.
type Wrong struct{ Field, Description string }

// CheckText tells what is wrong with a text. Unknown variables are those for
// which declared says no.
func CheckText(text string, declared func(variable string) bool) []Wrong {
	wrong := func(format string, args ...any) []Wrong { return []Wrong{{"text", fmt.Sprintf(format, args...)}} }
	switch n := utf8.RuneCountInString(text); {
	case !utf8.ValidString(text):
		return wrong("is not UTF-8; save the file as UTF-8")
	case strings.TrimSpace(text) == "":
		return wrong("is missing; write 1 to %d characters", MaxText)
	case n > MaxText:
		return wrong("has %d characters; use at most %d", n, MaxText)
	case strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }):
		return wrong("holds control characters; remove all but line breaks and tabs")
	}
	slugs, closed := Find(text)
	if !closed {
		return wrong("opens a brace that is not closed; write one of %s, or no brace", written())
	}
	if len(slugs) > MaxSlugs {
		return wrong("has %d different slugs; use at most %d", len(slugs), MaxSlugs)
	}
	var all []Wrong
	for _, s := range slugs {
		variable, is := VariableOf(s)
		switch {
		case is && !declared(variable):
			all = append(all, wrong("{%s} names a context variable that is not declared; case matters; declare it in the workstream, or correct it", clip(s))...)
		case !is && !slices.Contains(Names(), s):
			all = append(all, wrong("{%s} is no slug; write one of %s, or no brace", clip(s), written())...)
		}
	}
	return all
}

// CheckTags tells what is wrong with tags.
func CheckTags(tags []string) []Wrong {
	if len(tags) > MaxTags {
		return []Wrong{{"tags", fmt.Sprintf("has %d tags; use at most %d", len(tags), MaxTags)}}
	}
	var all []Wrong
	first := map[string]int{}
	for i, tag := range tags {
		wrong := func(format string, args ...any) {
			all = append(all, Wrong{fmt.Sprintf("tags[%d]", i), fmt.Sprintf(format, args...)})
		}
		at, twice := first[strings.ToLower(tag)]
		switch n := utf8.RuneCountInString(tag); {
		case tag == "":
			wrong("is empty; write a word, or leave it out")
		case !utf8.ValidString(tag) || n > MaxTag:
			wrong("has %d characters; use at most %d, in UTF-8", n, MaxTag)
		case strings.ContainsFunc(tag, func(r rune) bool { return r == '#' || unicode.IsSpace(r) || unicode.IsControl(r) }):
			wrong("%q has white space or '#' in it; write one word without '#'", tag)
		case twice:
			wrong("%q stands in tags[%d] already; remove one", tag, at)
		default:
			first[strings.ToLower(tag)] = i
		}
	}
	return all
}

func written() string {
	return "{" + strings.Join(Names(), "}, {") + "} and {$VARIABLE$}"
}

// clip keeps what somebody wrote short enough for a message.
func clip(s string) string {
	const limit = 40
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}
