package manifest

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/reflect/protoreflect"
)

const indent = 2

// mergeKey is a word that the encoder leaves without quotes, though it has a
// meaning of its own then.
const mergeKey = "<<"

// Secrets says what Write does with secrets, whose values it never has.
type Secrets int

const (
	// Omit leaves them out, and what the server records by itself, so that
	// applying what was written keeps them.
	Omit Secrets = iota
	// Fingerprints shows which are set and lets changes be seen; what is
	// written so is for people and cannot be applied.
	Fingerprints
)

// Write writes resources as documents that Read reads again.
func Write(w io.Writer, secrets Secrets, resources ...Resource) error {
	for i, r := range resources {
		if i > 0 {
			if _, err := io.WriteString(w, "---\n"); err != nil {
				return err
			}
		}
		var buf bytes.Buffer
		enc := yaml.NewEncoder(&buf)
		enc.SetIndent(indent)
		if err := enc.Encode(document(r, secrets)); err != nil {
			return fmt.Errorf("writing %s %s: %w", Kind(r), r.GetMeta().GetId(), err)
		}
		if err := enc.Close(); err != nil {
			return err
		}
		if _, err := w.Write(buf.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

func document(r Resource, secrets Secrets) *yaml.Node {
	meta := mapping()
	put(meta, "name", text(r.GetMeta().GetId()))
	if name := r.GetMeta().GetDisplayName(); name != "" {
		put(meta, "displayName", text(name))
	}
	doc := mapping()
	put(doc, "apiVersion", text(APIVersion))
	put(doc, "kind", text(Kind(r)))
	put(doc, "metadata", meta)
	if spec := fields(r.ProtoReflect(), secrets); len(spec.Content) > 0 {
		put(doc, "spec", spec)
	}
	return doc
}

// fields are the set fields of m in the order of the .proto file.
func fields(m protoreflect.Message, secrets Secrets) *yaml.Node {
	out := mapping()
	fds := m.Descriptor().Fields()
	for i := range fds.Len() {
		fd := fds.Get(i)
		if fd.Name() == "meta" || !m.Has(fd) || secrets == Omit && (recorded(fd) || secret(fd)) {
			continue
		}
		switch v := m.Get(fd); {
		case fd.IsMap():
			put(out, fd.JSONName(), members(fd, v.Map(), secrets))
		case fd.IsList():
			put(out, fd.JSONName(), items(fd, v.List(), secrets))
		default:
			put(out, fd.JSONName(), value(fd, v, secrets))
		}
	}
	return out
}

// items is a list: of single values in one line, of messages an item a block.
func items(fd protoreflect.FieldDescriptor, list protoreflect.List, secrets Secrets) *yaml.Node {
	out := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	if fd.Message() == nil {
		out.Style = yaml.FlowStyle
	}
	for i := range list.Len() {
		out.Content = append(out.Content, value(fd, list.Get(i), secrets))
	}
	return out
}

// members is a map, in the order of its keys.
func members(fd protoreflect.FieldDescriptor, m protoreflect.Map, secrets Secrets) *yaml.Node {
	out := mapping()
	values := map[string]protoreflect.Value{}
	m.Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
		values[k.String()] = v
		return true
	})
	for _, k := range slices.Sorted(maps.Keys(values)) {
		put(out, k, value(fd.MapValue(), values[k], secrets))
	}
	return out
}

// value is one value of the type of fd.
func value(fd protoreflect.FieldDescriptor, v protoreflect.Value, secrets Secrets) *yaml.Node {
	switch {
	case fd.Message() == nil:
		return scalar(fd, v)
	case secret(fd):
		s := v.Message()
		out := mapping()
		put(out, "fingerprint", text(s.Get(s.Descriptor().Fields().ByName("fingerprint")).String()))
		return out
	}
	return fields(v.Message(), secrets)
}

func scalar(fd protoreflect.FieldDescriptor, v protoreflect.Value) *yaml.Node {
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(v.Bool())}
	case protoreflect.EnumKind:
		if known := fd.Enum().Values().ByNumber(v.Enum()); known != nil {
			return text(enumWord(known))
		}
		return text(strconv.Itoa(int(v.Enum())))
	case protoreflect.StringKind:
		return text(v.String())
	default:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.FormatInt(v.Int(), 10)}
	}
}

func mapping() *yaml.Node { return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"} }

// text is a string. Several lines stand as they are when YAML brings them back
// as they were, and in quotes else.
func text(s string) *yaml.Node {
	node := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	switch lines := strings.Contains(s, "\n"); {
	case lines && readable(s):
		node.Style = yaml.LiteralStyle
	case lines || s == mergeKey:
		node.Style = yaml.DoubleQuotedStyle
	}
	return node
}

// readable tells lines that begin with a visible character and hold nothing but
// those, spaces and tabs.
func readable(lines string) bool {
	first, _ := utf8.DecodeRuneInString(lines)
	return unicode.IsGraphic(first) && !unicode.IsSpace(first) &&
		!strings.ContainsFunc(lines, func(r rune) bool { return !unicode.IsPrint(r) && r != '\n' && r != '\t' })
}

func put(m *yaml.Node, name string, value *yaml.Node) {
	m.Content = append(m.Content, text(name), value)
}

// WriteJSON writes one JSON value as YAML, in its order.
func WriteJSON(w io.Writer, data []byte) error {
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		return fmt.Errorf("writing JSON as YAML: %w", err)
	}
	plain(&root)
	enc := yaml.NewEncoder(w)
	enc.SetIndent(indent)
	if err := enc.Encode(&root); err != nil {
		return err
	}
	return enc.Close()
}

// plain takes the braces and quotes of JSON off; what is text stays text.
func plain(n *yaml.Node) {
	n.Style = 0
	for _, inner := range n.Content {
		plain(inner)
	}
}
