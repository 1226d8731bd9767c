package cli

import (
	"context"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/parley-desk/parley/pkg/manifest"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
)

const pageSize = 500

// removal is how a resource is to be deleted.
type removal struct {
	etag       string // only this version; empty: any
	dry, force bool
}

// get reads the resource of that id.
func (k kind) get(ctx context.Context, s *server, id string) (manifest.Resource, error) {
	return resource(s.call(ctx, "Get"+k.document, map[protoreflect.Name]any{"id": id}))
}

// list reads all resources, by id.
func (k kind) list(ctx context.Context, s *server) ([]manifest.Resource, error) {
	var out []manifest.Resource
	for token := ""; ; {
		answer, err := s.call(ctx, "List"+k.documents(), map[protoreflect.Name]any{"page_size": int32(pageSize), "page_token": token})
		if err != nil {
			return nil, err
		}
		answer.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			for i := 0; fd.IsList() && i < v.List().Len(); i++ {
				r, _ := v.List().Get(i).Message().Interface().(manifest.Resource)
				out = append(out, r)
			}
			return true
		})
		if token = answer.Get(answer.Descriptor().Fields().ByName("next_page_token")).String(); token == "" {
			return out, nil
		}
	}
}

// remove deletes the resource of that id. Only pages are deleted by force.
func (k kind) remove(ctx context.Context, s *server, id string, how removal) error {
	fields := map[protoreflect.Name]any{"id": id, "etag": how.etag, "validate_only": how.dry}
	if how.force {
		fields["force"] = true
	}
	_, err := s.call(ctx, "Delete"+k.document, fields)
	return err
}

func resource(answer protoreflect.Message, err error) (manifest.Resource, error) {
	if err != nil {
		return nil, err
	}
	r, _ := answer.Interface().(manifest.Resource)
	return r, nil
}

// call calls a method of ConfigService by its name: every kind has methods of
// the same shape, with fields of the same names.
func (s *server) call(ctx context.Context, method string, fields map[protoreflect.Name]any) (protoreflect.Message, error) {
	service := adminv1.File_parley_admin_v1_admin_proto.Services().ByName("ConfigService")
	m := service.Methods().ByName(protoreflect.Name(method))
	request, err := protoregistry.GlobalTypes.FindMessageByName(m.Input().FullName())
	if err != nil {
		return nil, err
	}
	answer, err := protoregistry.GlobalTypes.FindMessageByName(m.Output().FullName())
	if err != nil {
		return nil, err
	}
	in, out := request.New(), answer.New()
	for name, value := range fields {
		in.Set(in.Descriptor().Fields().ByName(name), protoreflect.ValueOf(value))
	}
	err = s.Invoke(ctx, "/"+string(service.FullName())+"/"+method, proto.Message(in.Interface()), out.Interface())
	return out, err
}
