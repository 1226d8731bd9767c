package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// maxBytes is how long one manifest may be; the API takes no more at once.
const maxBytes = 1 << 20

// Document is one resource and where it was read.
type Document struct {
	File     string
	Index    int // in the file, from 1
	Line     int // where the document's first key stands, from 1
	Resource Resource
	lines    map[string]int // of fields, by path
}

// Where names the document and the line of a field, for messages.
func (d Document) Where(field string) string {
	line := d.Line
	for path := field; path != ""; path = parent(path) {
		if l, ok := d.lines[path]; ok {
			line = l
			break
		}
	}
	return fmt.Sprintf("%s:%d: document %d, %s %s", d.File, line, d.Index, Kind(d.Resource), d.Resource.GetMeta().GetId())
}

func parent(path string) string { return path[:max(strings.LastIndexAny(path, ".["), 0)] }

// Read reads all documents of one manifest. The error joins everything that is
// wrong with it.
func Read(name string, data []byte, env Environment) ([]Document, error) {
	if len(data) > maxBytes {
		return nil, fmt.Errorf("%s: has %d bytes; split it, a manifest has at most %d", name, len(data), maxBytes)
	}
	var (
		documents []Document
		errs      []error
		decoder   = yaml.NewDecoder(bytes.NewReader(data))
	)
	for index := 1; ; index++ {
		var root yaml.Node
		err := decoder.Decode(&root)
		if errors.Is(err, io.EOF) {
			return documents, errors.Join(errs...)
		}
		if err != nil {
			return nil, errors.Join(append(errs, fmt.Errorf("%s: document %d is not YAML: %w", name, index, err))...)
		}
		if root.Kind != yaml.DocumentNode || root.Content[0].Tag == "!!null" {
			continue // nothing but comments
		}
		r := reader{file: name, index: index, env: env, lines: map[string]int{}}
		resource := r.document(root.Content[0])
		errs = append(errs, r.errs...)
		if len(r.errs) == 0 {
			documents = append(documents, Document{File: name, Index: index, Line: root.Content[0].Line, Resource: resource, lines: r.lines})
		}
	}
}

// reader reads one document and collects what is wrong with it.
type reader struct {
	file  string
	index int
	title string // kind and name, as soon as known
	env   Environment
	lines map[string]int
	errs  []error
}

func (r *reader) fail(at *yaml.Node, field, format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf("%s:%d: document %d%s: %s: %s",
		r.file, at.Line, r.index, r.title, field, fmt.Sprintf(format, args...)))
}

// entry is one key of a mapping.
type entry struct {
	name       string
	key, value *yaml.Node
}

// entries gives the keys of a mapping in order; none when node is not one. Name
// spells the path of a key.
func (r *reader) entries(node *yaml.Node, path string, name func(path, key string) string) []entry {
	if node.Kind != yaml.MappingNode {
		r.fail(node, at(path), "is %s; write a mapping of names to values", describe(node))
		return nil
	}
	var out []entry
	first := map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if line, twice := first[key.Value]; twice {
			r.fail(key, name(path, key.Value), "is given twice, first on line %d; keep one", line)
			continue
		}
		first[key.Value] = key.Line
		r.lines[name(path, key.Value)] = key.Line
		out = append(out, entry{key.Value, key, value})
	}
	return out
}

func (r *reader) document(node *yaml.Node) Resource {
	var parts [4]*yaml.Node
	names := []string{"apiVersion", "kind", "metadata", "spec"}
	for _, e := range r.entries(node, "", join) {
		i := slices.Index(names, e.name)
		if i < 0 {
			r.fail(e.key, e.name, "is not known; a document has %s", strings.Join(names, ", "))
			continue
		}
		parts[i] = e.value
	}
	if len(r.errs) > 0 {
		return nil
	}
	version, kind, metadata, spec := parts[0], parts[1], parts[2], parts[3]
	if version == nil || version.Value != APIVersion {
		r.fail(node, "apiVersion", "is %s; write %s", quoted(version), APIVersion)
	}
	var resource Resource
	if kind != nil {
		resource = blank(kind.Value)
	}
	if resource == nil {
		r.fail(node, "kind", "is %s; write one of %s", quoted(kind), strings.Join(Kinds(), ", "))
		return nil
	}
	r.title = ", " + kind.Value
	if metadata == nil {
		r.fail(node, "metadata", "is missing; write metadata: {name: ...}")
		return nil
	}
	r.metadata(metadata, resource)
	if spec != nil && spec.Tag != "!!null" {
		r.message(spec, "spec", resource.ProtoReflect())
	}
	return resource
}

func (r *reader) metadata(node *yaml.Node, resource Resource) {
	meta := resource.GetMeta()
	fields := map[string]*string{"name": &meta.Id, "displayName": &meta.DisplayName, "etag": &meta.Etag}
	for _, e := range r.entries(node, "metadata", join) {
		field, known := fields[e.name]
		if !known {
			r.fail(e.key, "metadata."+e.name, "is not known; use name, displayName and etag")
			continue
		}
		if e.value.Kind != yaml.ScalarNode {
			r.fail(e.value, "metadata."+e.name, "is %s; write text", describe(e.value))
			continue
		}
		*field = e.value.Value
	}
	r.title += " " + meta.GetId()
	if meta.GetId() == "" {
		r.fail(node, "metadata.name", "is missing; name the resource with a-z, 0-9 and '-'")
	}
}

// message fills m, whose meta is not spelled in manifests, from a mapping.
func (r *reader) message(node *yaml.Node, path string, m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	for _, e := range r.entries(node, path, join) {
		fd := fields.ByJSONName(e.name)
		if fd == nil || fd.Name() == "meta" || recorded(fd) {
			r.fail(e.key, join(path, e.name), "is not known%s", suggest(e.name, specNames(fields)))
			continue
		}
		r.field(e.value, join(path, e.name), m, fd)
	}
}

func specNames(fields protoreflect.FieldDescriptors) []string {
	var names []string
	for i := range fields.Len() {
		if fd := fields.Get(i); fd.Name() != "meta" && !recorded(fd) {
			names = append(names, fd.JSONName())
		}
	}
	return names
}

// field sets fd of m; a value of null is as none.
func (r *reader) field(node *yaml.Node, path string, m protoreflect.Message, fd protoreflect.FieldDescriptor) {
	switch {
	case node.Tag == "!!null":
	case fd.IsMap():
		r.members(node, path, m, fd)
	case fd.IsList():
		r.items(node, path, m, fd)
	default:
		if v, ok := r.value(node, path, fd, func() protoreflect.Value { return m.NewField(fd) }); ok {
			m.Set(fd, v)
		}
	}
}

// items fills a list.
func (r *reader) items(node *yaml.Node, path string, m protoreflect.Message, fd protoreflect.FieldDescriptor) {
	if node.Kind != yaml.SequenceNode {
		r.fail(node, path, "is %s; write a list, %s", describe(node), example(fd))
		return
	}
	list := m.Mutable(fd).List()
	for i, item := range node.Content {
		itemPath := fmt.Sprintf("%s[%d]", path, i)
		r.lines[itemPath] = item.Line
		if v, ok := r.value(item, itemPath, fd, list.NewElement); ok {
			list.Append(v)
		}
	}
}

// members fills a map.
func (r *reader) members(node *yaml.Node, path string, m protoreflect.Message, fd protoreflect.FieldDescriptor) {
	members := m.Mutable(fd).Map()
	for _, e := range r.entries(node, path, member) {
		memberPath := member(path, e.name)
		key, ok := r.scalar(e.key, memberPath, fd.MapKey())
		if !ok {
			continue
		}
		if v, ok := r.value(e.value, memberPath, fd.MapValue(), members.NewValue); ok {
			members.Set(key.MapKey(), v)
		}
	}
}

// value reads one value of the type of fd. What is a message is filled into
// what blank makes.
func (r *reader) value(node *yaml.Node, path string, fd protoreflect.FieldDescriptor, blank func() protoreflect.Value) (protoreflect.Value, bool) {
	if fd.Message() == nil {
		return r.scalar(node, path, fd)
	}
	v := blank()
	if !secret(fd) {
		r.message(node, path, v.Message())
		return v, true
	}
	text, ok := r.secret(node, path)
	if ok {
		v.Message().Set(fd.Message().Fields().ByName("value"), protoreflect.ValueOfString(text))
	}
	return v, ok
}
