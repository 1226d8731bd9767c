package shapes

import (
	"bytes"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
)

// Setup is the source of setup/types.gen.ts: what the set-up page reads of the
// control plane.
func Setup() []byte {
	all := newShapes()
	for _, m := range []proto.Message{
		&adminv1.Resource{}, &adminv1.ApplyResponse{}, &adminv1.Callback{}, &adminv1.PrivacyNotice{}, &adminv1.ListPageStatusesResponse{},
		&adminv1.TestPageResponse{}, &adminv1.RevealVerifyTokenResponse{}, &adminv1.ListVersionsResponse{}, &adminv1.GetVersionResponse{},
		&adminv1.RollBackResponse{}, &adminv1.DoctorResponse{}, &adminv1.ListDeadLettersResponse{}, &adminv1.RetryDeadLetterResponse{}, &adminv1.GetLagResponse{}, &adminv1.EvaluateRulesRequest{},
		&adminv1.ExplainConversationResponse{}, &adminv1.EvaluateRulesResponse{}, &adminv1.EvaluateScheduleResponse{}, &adminv1.ExportConfigResponse{},
		&adminv1.ListRecordsRequest{}, &adminv1.ListRecordsResponse{}, &adminv1.VerifyRecordsResponse{}, &adminv1.CrewMember{},
		&adminv1.ListClientsResponse{}, &adminv1.CreateClientResponse{}, &adminv1.RotateClientResponse{},
	} {
		all.walk(m.ProtoReflect().Descriptor())
	}
	return all.write()
}

// Forms is the source of setup/forms.gen.ts: the fields of every resource, from
// which the set-up page draws its forms.
//
// A message is a line of fields, "agents:[] wait:WaitRule": without a type it is a text;
// "[]" is a list, "{}" a map of texts by name, "?" a value that may be absent.
func Forms() []byte {
	all := newShapes()
	all.walk((&adminv1.Resource{}).ProtoReflect().Descriptor())
	var out bytes.Buffer
	out.WriteString("// Written by tools/web from the .proto files; change those instead.\n\n")
	out.WriteString("export const messages: Record<string, string> = {\n")
	for _, name := range names(all.messages) {
		var fields []string
		for i := range all.messages[name].Fields().Len() {
			fields = append(fields, all.field(all.messages[name].Fields().Get(i)))
		}
		fmt.Fprintf(&out, "  %s: '%s',\n", name, strings.Join(fields, " "))
	}
	out.WriteString("};\n\nexport const enums: Record<string, string> = {\n")
	for _, name := range names(all.enums) {
		var values []string
		for i := range all.enums[name].Values().Len() {
			values = append(values, string(all.enums[name].Values().Get(i).Name()))
		}
		fmt.Fprintf(&out, "  %s: '%s',\n", name, strings.Join(values, " "))
	}
	out.WriteString("};\n")
	return out.Bytes()
}

func (s shapes) field(f protoreflect.FieldDescriptor) string {
	one, mark := f, ""
	switch {
	case f.IsMap():
		one, mark = f.MapValue(), "{}"
	case f.IsList():
		mark = "[]"
	case f.HasOptionalKeyword():
		mark = "?"
	}
	kind := s.single(one)
	if one.Kind() == protoreflect.EnumKind {
		kind = string(one.Enum().Name())
	}
	if kind == "string" {
		kind = "" // what most are
	}
	return f.JSONName() + ":" + kind + mark
}
