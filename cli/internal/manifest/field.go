package manifest

import "strings"

// Field is a field of the API, "agents[1]" or "meta.display_name", as it stands
// in a document: "spec.agents[1]", "metadata.displayName".
func Field(path string) string {
	if name, ok := strings.CutPrefix(path, "meta."); ok {
		if name == "id" {
			name = "name"
		}
		return "metadata." + camel(name)
	}
	return "spec." + camel(path)
}

// camel spells a name as JSON does.
func camel(snake string) string {
	words := strings.Split(snake, "_")
	for i, w := range words[1:] {
		if w != "" {
			words[i+1] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, "")
}
