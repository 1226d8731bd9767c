// Package shapes writes the desk API's messages as TypeScript, in the shape
// that protojson gives them: so a change of the .proto that the page does not
// follow is a type error.
package shapes

import (
	"bytes"
	"fmt"
	"sort"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
)

// TypeScript is the source of types.gen.ts: an interface for every message the
// desk API can carry, a union of names for every enum.
func TypeScript() []byte {
	all := newShapes()
	for _, file := range []protoreflect.FileDescriptor{deskv1.File_parley_desk_v1_desk_proto, deskv1.File_parley_desk_v1_figure_proto, deskv1.File_parley_desk_v1_contact_proto, deskv1.File_parley_desk_v1_reply_proto} {
		for i := range file.Messages().Len() {
			all.walk(file.Messages().Get(i))
		}
	}
	return all.write()
}

// shapes are messages and enums by the name that TypeScript knows them by.
type shapes struct {
	messages map[string]protoreflect.MessageDescriptor
	enums    map[string]protoreflect.EnumDescriptor
}

func newShapes() shapes {
	return shapes{map[string]protoreflect.MessageDescriptor{}, map[string]protoreflect.EnumDescriptor{}}
}

// name is the short name of a message, behind that of its package where another
// message came first, or TypeScript has that name itself: RoutingPage, AuditRecord.
func (s shapes) name(m protoreflect.MessageDescriptor) string {
	name := string(m.Name())
	if first, taken := s.messages[name]; taken && first.FullName() != m.FullName() || name == "Record" {
		pkg := string(m.ParentFile().Package().Parent().Name())
		return strings.ToUpper(pkg[:1]) + pkg[1:] + name
	}
	return name
}

// walk collects a message and everything its fields can hold.
func (s shapes) walk(m protoreflect.MessageDescriptor) {
	name := s.name(m)
	if _, ok := s.messages[name]; ok {
		return
	}
	s.messages[name] = m
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		if f.IsMap() {
			f = f.MapValue()
		}
		if e := f.Enum(); e != nil {
			s.enums[string(e.Name())] = e
		}
		if sub := f.Message(); sub != nil && !known(sub) {
			s.walk(sub)
		}
	}
}

// known tells a message that protojson writes in a way of its own.
func known(m protoreflect.MessageDescriptor) bool { return m.FullName() == "google.protobuf.Timestamp" }

func (s shapes) write() []byte {
	var out bytes.Buffer
	out.WriteString("// Written by tools/web from the .proto files; change those instead.\n")
	out.WriteString("// protojson: zero values are left out, 64-bit numbers are strings, enums are names.\n")
	for _, name := range names(s.enums) {
		writeEnum(&out, name, s.enums[name])
	}
	for _, name := range names(s.messages) {
		s.writeMessage(&out, name, s.messages[name])
	}
	return out.Bytes()
}

func writeEnum(out *bytes.Buffer, name string, e protoreflect.EnumDescriptor) {
	fmt.Fprintf(out, "\nexport type %s =\n", name)
	for i := range e.Values().Len() {
		end := "\n"
		if i == e.Values().Len()-1 {
			end = ";\n"
		}
		fmt.Fprintf(out, "  | %q%s", string(e.Values().Get(i).Name()), end)
	}
}

func (s shapes) writeMessage(out *bytes.Buffer, name string, m protoreflect.MessageDescriptor) {
	fmt.Fprintf(out, "\nexport interface %s {\n", name)
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		fmt.Fprintf(out, "  %s?: %s;\n", f.JSONName(), s.kind(f))
	}
	out.WriteString("}\n")
}

// kind is the TypeScript type of a field.
func (s shapes) kind(f protoreflect.FieldDescriptor) string {
	if f.IsMap() {
		return "Record<string, " + s.single(f.MapValue()) + ">"
	}
	if f.IsList() {
		return s.single(f) + "[]"
	}
	return s.single(f)
}

// single is the type of one value of a field.
func (s shapes) single(f protoreflect.FieldDescriptor) string {
	switch f.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		if known(f.Message()) {
			return "string"
		}
		return s.name(f.Message())
	case protoreflect.EnumKind:
		return string(f.Enum().Name())
	case protoreflect.BoolKind:
		return "boolean"
	case protoreflect.StringKind, protoreflect.BytesKind:
		return "string"
	default:
		// protojson writes whole 64-bit numbers as strings; a double, whose
		// name has no 64 in it, stays a number.
		if strings.Contains(f.Kind().String(), "64") {
			return "string"
		}
		return "number"
	}
}

// names is the keys of m in order, so that the file is the same every time.
func names[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
