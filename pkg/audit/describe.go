package audit

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	auditv1 "github.com/parley-desk/parley/proto/gen/parley/audit/v1"
	authv1 "github.com/parley-desk/parley/proto/gen/parley/auth/v1"
	"github.com/parley-desk/parley/proto/subject"
)

const (
	// longest is how long a value in a record may be, in bytes: all that is recorded
	// are ids, words and numbers.
	longest = 128
	// mostObjects is how many things one record is about.
	mostObjects = 1000
)

// Option is how calls of a method are recorded, by its full name; nil: they are not.
func Option(method string) *authv1.Audited {
	name := strings.ReplaceAll(strings.TrimPrefix(method, "/"), "/", ".")
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
	if _, is := found.(protoreflect.MethodDescriptor); err != nil || !is || !proto.HasExtension(found.Options(), authv1.E_Audit) {
		return nil
	}
	said, _ := proto.GetExtension(found.Options(), authv1.E_Audit).(*authv1.Audited)
	return said
}

// Describe is the record of a call, by the option of its method: nothing of the
// request is in it but what the option names.
func (l *Log) Describe(method string, said *authv1.Audited, request proto.Message) *auditv1.Record {
	r := &auditv1.Record{Kind: said.GetKind(), Method: method}
	in := request.ProtoReflect()
	head, rest, held := strings.Cut(said.GetObject(), "{")
	path, tail, _ := strings.Cut(rest, "}")
	if !held && head != "" {
		r.Objects = []string{head}
	}
	for _, value := range values(in, path) {
		if held && len(r.GetObjects()) < mostObjects {
			r.Objects = append(r.Objects, head+value+tail)
		}
	}
	for _, field := range said.GetFields() {
		if all := values(in, field); len(all) > 0 {
			r.Changes = append(r.Changes, &auditv1.Change{Field: field, After: strings.Join(all, ", ")})
		}
	}
	r.Person = l.of(in)
	return r
}

// of is whom a request is about, by its page and psid or those of its ref or person.
func (l *Log) of(in protoreflect.Message) string {
	for _, path := range []string{"", "ref.", "person."} {
		page, psid := values(in, path+"page"), values(in, path+"psid")
		if len(page) == 1 && len(psid) == 1 {
			return l.Person(subject.Thread{Page: page[0], PSID: psid[0]})
		}
	}
	return ""
}

// values are those of the field at a path, clipped; none where it is not set, or is
// a message.
func values(in protoreflect.Message, path string) (all []string) {
	name, rest, deeper := strings.Cut(path, ".")
	field := in.Descriptor().Fields().ByName(protoreflect.Name(name))
	if field == nil || !in.Has(field) || field.IsMap() {
		return nil
	}
	each := func(v protoreflect.Value) {
		switch {
		case field.Message() != nil && deeper:
			all = append(all, values(v.Message(), rest)...)
		case field.Message() == nil && !deeper:
			all = append(all, clip(word(field, v)))
		}
	}
	if !field.IsList() {
		each(in.Get(field))
		return all
	}
	for i := range in.Get(field).List().Len() {
		each(in.Get(field).List().Get(i))
	}
	return all
}

func word(field protoreflect.FieldDescriptor, v protoreflect.Value) string {
	if field.Kind() == protoreflect.EnumKind {
		if known := field.Enum().Values().ByNumber(v.Enum()); known != nil {
			return string(known.Name())
		}
	}
	return fmt.Sprint(v.Interface())
}

// clip keeps what is no id from filling the audit.
func clip(s string) string {
	if len(s) <= longest {
		return s
	}
	return strings.ToValidUTF8(s[:longest], "") + "…"
}

// DryRun tells whether a request only asks what would be.
func DryRun(request proto.Message) bool {
	in := request.ProtoReflect()
	for _, name := range []protoreflect.Name{"validate_only", "dry_run"} {
		if f := in.Descriptor().Fields().ByName(name); f != nil && f.Kind() == protoreflect.BoolKind && in.Get(f).Bool() {
			return true
		}
	}
	return false
}
