package manifest

import (
	"bytes"
	"fmt"
	"io"
	"strconv"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/reflect/protoreflect"
)

const indent = 2

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
		if fd.Name() == "meta" || !m.Has(fd) || recorded(fd) && secrets == Omit {
			continue
		}
		switch {
		case fd.IsList():
			seq := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
			for j := range m.Get(fd).List().Len() {
				seq.Content = append(seq.Content, scalar(fd, m.Get(fd).List().Get(j)))
			}
			put(out, fd.JSONName(), seq)
		case fd.Message() != nil && fd.Message().FullName() == secretName:
			if secrets == Fingerprints {
				s := m.Get(fd).Message()
				node := mapping()
				put(node, "fingerprint", text(s.Get(s.Descriptor().Fields().ByName("fingerprint")).String()))
				put(out, fd.JSONName(), node)
			}
		case fd.Message() != nil:
			put(out, fd.JSONName(), fields(m.Get(fd).Message(), secrets))
		default:
			put(out, fd.JSONName(), scalar(fd, m.Get(fd)))
		}
	}
	return out
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

func text(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
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
