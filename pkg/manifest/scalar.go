package manifest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// scalar reads one value of the type of fd.
func (r *reader) scalar(node *yaml.Node, path string, fd protoreflect.FieldDescriptor) (protoreflect.Value, bool) {
	none := protoreflect.Value{}
	if node.Kind != yaml.ScalarNode {
		r.fail(node, path, "is %s; write a single value", describe(node))
		return none, false
	}
	switch fd.Kind() {
	case protoreflect.StringKind:
		// Ids of digits and dates need no quotes: the text as written counts.
		if !slices.Contains([]string{"!!str", "!!int", "!!timestamp"}, node.Tag) {
			r.fail(node, path, "%s is not text; put it in quotes", quoted(node))
			return none, false
		}
		return protoreflect.ValueOfString(node.Value), true
	case protoreflect.BoolKind:
		if node.Tag == "!!bool" && (node.Value == "true" || node.Value == "false") {
			return protoreflect.ValueOfBool(node.Value == "true"), true
		}
		r.fail(node, path, "%s is not a switch; write true or false", quoted(node))
	case protoreflect.Int32Kind:
		n, err := strconv.ParseInt(node.Value, 10, 32)
		if err == nil && node.Tag == "!!int" {
			return protoreflect.ValueOfInt32(int32(n)), true
		}
		r.fail(node, path, "%s is not a whole number; write digits without quotes", quoted(node))
	case protoreflect.EnumKind:
		for i := range fd.Enum().Values().Len() {
			v := fd.Enum().Values().Get(i)
			if v.Number() != 0 && (node.Value == enumWord(v) || node.Value == string(v.Name())) {
				return protoreflect.ValueOfEnum(v.Number()), true
			}
		}
		r.fail(node, path, "%s is not known; use one of %s", quoted(node), strings.Join(enumWords(fd.Enum()), ", "))
	default:
		r.fail(node, path, "cannot be set in a manifest; leave it out")
	}
	return none, false
}

// at is a path for messages; the document itself has none.
func at(path string) string {
	if path == "" {
		return "the document"
	}
	return path
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// member is the path of a key of a map, which people chose: "variables[tier]".
func member(path, key string) string { return path + "[" + key + "]" }

// example is a list of the type of fd, for messages.
func example(fd protoreflect.FieldDescriptor) string {
	if fd.Message() != nil {
		return "each item behind a dash: - {...}"
	}
	return "[a, b]"
}

// describe says what a node is, without its content.
func describe(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias, which manifests do not have"
	case yaml.ScalarNode, yaml.DocumentNode:
		if node.Tag == "!!null" {
			return "empty"
		}
	}
	return "a single value"
}

func quoted(node *yaml.Node) string {
	if node == nil {
		return "missing"
	}
	if node.Kind != yaml.ScalarNode {
		return describe(node)
	}
	return fmt.Sprintf("%q", node.Value)
}

// suggest names the field that was probably meant, or all there are.
func suggest(name string, known []string) string {
	plain := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, "_", "")) }
	for _, k := range known {
		if near(plain(name), plain(k)) {
			return "; did you mean " + k + "?"
		}
	}
	slices.Sort(known)
	return "; use " + strings.Join(known, ", ")
}

// near tells whether two words are at most two letters apart: the part between
// their common start and common end is short.
func near(a, b string) bool {
	for a != "" && b != "" && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for a != "" && b != "" && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return max(len(a), len(b)) <= 2
}
