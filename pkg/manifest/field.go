package manifest

import (
	"strings"
	"unicode"
)

// Field is a field of the API, "agents[1]" or "meta.display_name", as it stands
// in a document: "spec.agents[1]", "metadata.displayName". Keys of maps stand in
// brackets: "classify[2].set.variables[tier]".
func Field(path string) string {
	if name, ok := strings.CutPrefix(path, "meta."); ok {
		if name == "id" {
			name = "name"
		}
		return "metadata." + camel(name)
	}
	return "spec." + camel(path)
}

// camel spells names as JSON does, but for what stands in brackets: an index,
// or a key that people chose.
func camel(snake string) string {
	var b strings.Builder
	inside, upper := false, false
	for _, r := range snake {
		switch {
		case r == '[':
			inside = true
		case r == ']':
			inside = false
		case r == '_' && !inside:
			upper = true
			continue
		case upper:
			r, upper = unicode.ToUpper(r), false
		}
		b.WriteRune(r)
	}
	return b.String()
}
