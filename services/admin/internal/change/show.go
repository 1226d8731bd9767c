package change

import (
	"crypto/sha256"
	"encoding/hex"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/parley-desk/parley/pkg/directory"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
)

const etagBytes = 8

// Etag is the version of a resource as stored; it differs after every change.
func Etag(r directory.Resource) string {
	data, err := directory.Encode(r)
	if err != nil {
		return "" // a stored resource was encoded before
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:etagBytes])
}

// Bare is a stored resource without what must not leave the house: of secrets
// only the fingerprint and when they were set (SG6).
func Bare[R directory.Resource](stored R) R {
	bare := proto.Clone(stored).(R)
	for _, s := range Secrets(bare) {
		if s != nil {
			s.Value, s.Sealed = "", nil
		}
	}
	return bare
}

// Shown is a stored resource as the API tells it: bare, with its etag.
func Shown[R directory.Resource](stored R) R {
	shown := Bare(stored)
	shown.GetMeta().Etag = Etag(stored)
	return shown
}

// Wrap is a stored resource as a part of messages of the API, as it is shown;
// nil stays nil.
func Wrap(stored directory.Resource) *adminv1.Resource {
	if stored == nil {
		return nil
	}
	wrapped := &adminv1.Resource{}
	m := wrapped.ProtoReflect()
	if fd := kindField(stored); fd != nil {
		m.Set(fd, protoreflect.ValueOfMessage(Shown(stored).ProtoReflect()))
	}
	return wrapped
}

// Unwrap is the resource in a part of a message; nil when there is none.
func Unwrap(r *adminv1.Resource) directory.Resource {
	m := r.ProtoReflect()
	fd := m.WhichOneof(m.Descriptor().Oneofs().ByName("kind"))
	if fd == nil {
		return nil
	}
	resource, _ := m.Get(fd).Message().Interface().(directory.Resource)
	return resource
}

// KindName is the kind of r as the API names it: "channel_account".
func KindName(r directory.Resource) string {
	fd := kindField(r)
	if fd == nil {
		return ""
	}
	return string(fd.Name())
}

// NameOf is the kind of directory as the API names it; empty when there is none.
func NameOf(kind string) string {
	if r := directory.Blank(kind); r != nil {
		return KindName(r)
	}
	return ""
}

// kindField is the field of adminv1.Resource that takes r.
func kindField(r directory.Resource) protoreflect.FieldDescriptor {
	fields := (*adminv1.Resource)(nil).ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if fd := fields.Get(i); fd.Message().FullName() == r.ProtoReflect().Descriptor().FullName() {
			return fd
		}
	}
	return nil
}
