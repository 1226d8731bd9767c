package webtest

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// Office is a control plane without a house behind it: it reads out the resources it
// was given, and answers every other method as it is told to, or with nothing.
type Office struct {
	mu        sync.Mutex
	resources []*adminv1.Resource
	answers   map[string]func(proto.Message) (proto.Message, error)
	asked     map[string][]proto.Message
}

// Keep makes resources stand in the configuration, in the place of those before.
func (o *Office) Keep(resources ...*adminv1.Resource) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.resources = resources
}

// Answer has a method, by its full name, answered by f from now on.
func Answer[Q, A proto.Message](o *Office, method string, f func(Q) (A, error)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answers[method] = func(in proto.Message) (proto.Message, error) { return f(in.(Q)) }
}

// Told are the requests of a method, as they came.
func Told[Q proto.Message](o *Office, method string) (all []Q) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, m := range o.asked[method] {
		all = append(all, m.(Q))
	}
	return all
}

// Refusal is an error as the control plane tells it, with fields that are wrong.
func Refusal(code connect.Code, reason string, fields ...string) error {
	err := failure(code, reason)
	bad := &errdetails.BadRequest{}
	for _, f := range fields {
		bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{Field: f, Description: "is missing; write it"})
	}
	if d, e := connect.NewErrorDetail(bad); e == nil && len(fields) > 0 {
		err.AddDetail(d)
	}
	return err
}

// Saying is an error as the control plane tells it, with a sentence for people.
func Saying(code connect.Code, reason, message string) error { return saying(code, reason, message) }

// ServeHTTP answers one call of the Connect protocol.
func (o *Office) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, err := o.answer(r)
	var body []byte
	if err == nil {
		body, err = protojson.Marshal(answer)
	}
	if err != nil {
		_ = connect.NewErrorWriter().Write(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}

func (o *Office) answer(r *http.Request) (proto.Message, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(strings.ReplaceAll(r.URL.Path[1:], "/", ".")))
	if err != nil {
		return nil, connect.NewError(connect.CodeUnimplemented, err)
	}
	m, ok := found.(protoreflect.MethodDescriptor)
	if !ok {
		return nil, connect.NewError(connect.CodeUnimplemented, nil)
	}
	in, err := blank(m.Input(), body)
	if err != nil {
		return nil, err
	}
	out, err := blank(m.Output(), []byte(`{}`))
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	o.asked[r.URL.Path] = append(o.asked[r.URL.Path], in)
	f, resources := o.answers[r.URL.Path], slices.Clone(o.resources)
	o.mu.Unlock()
	switch name := string(m.Name()); {
	case f != nil:
		return f(in)
	case m.Parent().Name() == "ConfigService" && strings.HasPrefix(name, "List"):
		read(out, resources)
	case m.Parent().Name() == "ConfigService" && strings.HasPrefix(name, "Get"):
		id, _ := in.(interface{ GetId() string })
		return one(out, resources, id.GetId())
	}
	return out, nil
}

// blank is a message of a kind with what JSON says.
func blank(m protoreflect.MessageDescriptor, body []byte) (proto.Message, error) {
	found, err := protoregistry.GlobalTypes.FindMessageByName(m.FullName())
	if err != nil {
		return nil, err
	}
	made := found.New().Interface()
	if err := protojson.Unmarshal(body, made); err != nil {
		return nil, connect.NewError(connect.CodeInvalidArgument, err)
	}
	return made, nil
}

// inside is the resource in a part of a message.
func inside(r *adminv1.Resource) protoreflect.Message {
	m := r.ProtoReflect()
	return m.Get(m.WhichOneof(m.Descriptor().Oneofs().ByName("kind"))).Message()
}

// read puts the resources into the list of their kind.
func read(into proto.Message, resources []*adminv1.Resource) {
	m := into.ProtoReflect()
	for i := range m.Descriptor().Fields().Len() {
		field := m.Descriptor().Fields().Get(i)
		for _, r := range resources {
			if one := inside(r); field.IsList() && field.Message() != nil && field.Message().FullName() == one.Descriptor().FullName() {
				m.Mutable(field).List().Append(protoreflect.ValueOfMessage(one))
			}
		}
	}
}

// one is the resource of a kind and an id.
func one(kind proto.Message, resources []*adminv1.Resource, id string) (proto.Message, error) {
	for _, r := range resources {
		if m := inside(r); m.Descriptor().FullName() == kind.ProtoReflect().Descriptor().FullName() {
			if found, ok := m.Interface().(interface{ GetMeta() *configv1.Meta }); ok && found.GetMeta().GetId() == id {
				return m.Interface(), nil
			}
		}
	}
	return nil, failure(connect.CodeNotFound, "NO_SUCH_RESOURCE")
}

// Unrecorded refuses what is to be in the audit, or takes it again.
func (h *House) Unrecorded(away bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.unsealed = away
}

// recorded is an error while the audit cannot be written.
func (h *House) recorded() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.unsealed {
		return failure(connect.CodeUnavailable, "AUDIT_AWAY")
	}
	return nil
}

// passOn gives the control plane its calls.
func (h *House) passOn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/parley.admin.v1.") {
			h.Office.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
