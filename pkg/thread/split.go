package thread

import (
	"strings"
	"unicode/utf16"

	"github.com/clipperhouse/uax29/v2/graphemes"
)

// partUnits is the most UTF-16 units in one message. Meta says "less than
// 2000 characters" and not of which kind, so the strictest is taken with room.
const partUnits = 1900

// Split cuts a text into the parts in which it is sent, in order: each at most
// 1,900 UTF-16 units, cut after white space where there is any in the last
// half of a part, else between graphemes, never inside one unless it alone is
// longer. White space at a cut is dropped; nothing else is. A text of white
// space alone gives no part.
func Split(text string) []string {
	var parts []string
	rest := strings.TrimSpace(text)
	for rest != "" {
		end := partEnd(rest)
		if piece := strings.TrimSpace(rest[:end]); piece != "" {
			parts = append(parts, piece)
		}
		rest = strings.TrimSpace(rest[end:])
	}
	return parts
}

// partEnd is the byte at which the first part of text ends.
func partEnd(text string) int {
	units, end, space := 0, 0, 0
	for g := graphemes.FromString(text); g.Next(); {
		value := g.Value()
		n := len(utf16.Encode([]rune(value)))
		if units+n > partUnits {
			return cutAt(text, end, space, units)
		}
		units += n
		end += len(value)
		if strings.TrimSpace(value) == "" && units > partUnits/2 {
			space = end
		}
	}
	return len(text)
}

func cutAt(text string, end, space, units int) int {
	switch {
	case space > 0:
		return space
	case units > 0:
		return end
	}
	// One grapheme alone is longer than a message: cut it between code points.
	for i, r := range text {
		if n := utf16.RuneLen(r); units+max(n, 1) > partUnits {
			return i
		} else {
			units += max(n, 1)
		}
	}
	return len(text)
}
