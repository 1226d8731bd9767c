package client_test

import (
	"context"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/admin/admintest"
)

const readme = "../README.md"

// line is a command of the page: what it asks of the server at address, which
// is a target of gRPC.
type line struct {
	text, address, data string
	words               []string // list; describe SYMBOL; SERVICE/METHOD
}

var word = regexp.MustCompile(`'[^']*'|\S+`)

// read takes a command apart as grpcurl does: flags first, of which -d alone
// has a value, then the address.
func read(t *testing.T, text string) line {
	t.Helper()
	l, flags := line{text: text}, map[string]bool{}
	words := word.FindAllString(text, -1)[1:]
	for len(words) > 0 && strings.HasPrefix(words[0], "-") {
		flag := words[0]
		flags[flag], words = true, words[1:]
		switch flag {
		case "-plaintext":
		case "-d":
			l.data, words = strings.Trim(words[0], "'"), words[1:]
		default:
			t.Errorf("%s: the flag %s is not known to this test", text, flag)
		}
	}
	if !flags["-plaintext"] || len(words) < 2 {
		t.Fatalf("%s: is no call without TLS", text)
	}
	l.address, l.words = words[0], words[1:]
	return l
}

// TestTheLinesOfThePageWork does what every grpcurl line of the page asks, by
// reflection as grpcurl does, at a control plane with the queue it speaks of.
func TestTheLinesOfThePageWork(t *testing.T) {
	page, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	house := admintest.Start(t)
	conn := house.Dial(t)
	front := &configv1.Queue{Meta: &configv1.Meta{Id: "front"}}
	if _, err := adminv1.NewConfigServiceClient(conn).CreateQueue(t.Context(), &adminv1.CreateQueueRequest{Queue: front}); err != nil {
		t.Fatal(err)
	}
	schema := learn(t, conn)
	lines := regexp.MustCompile(`(?m)^grpcurl .*$`).FindAllString(string(page), -1)
	if len(lines) < 4 {
		t.Fatalf("the page has %d lines", len(lines))
	}
	for _, text := range lines {
		l := read(t, text)
		// The house of the page stands elsewhere; how its socket is named is tried.
		scheme, path, _ := strings.Cut(l.address, ":")
		if path != ".data/admin.sock" || !strings.HasPrefix(house.Target, scheme+":") {
			t.Errorf("%s: the house listens on unix:.data/admin.sock", text)
		}
		switch {
		case slices.Equal(l.words, []string{"list"}):
		case l.words[0] == "describe" && len(l.words) == 2:
			if _, err := schema.FindDescriptorByName(protoreflect.FullName(l.words[1])); err != nil {
				t.Errorf("%s: %v", text, err)
			}
		case len(l.words) == 1:
			l.call(t, conn, schema)
		default:
			t.Errorf("%s: asks for nothing", text)
		}
	}
	for _, file := range regexp.MustCompile(`-import-path (\S+) -proto (\S+?)`+"`").FindAllStringSubmatch(string(page), -1) {
		if _, err := os.Stat("../../../" + file[1] + "/" + file[2]); err != nil {
			t.Error(err)
		}
	}
}

// call calls the method of the line and wants an answer with something in it.
func (l line) call(t *testing.T, conn *grpc.ClientConn, schema *protoregistry.Files) {
	t.Helper()
	service, name, _ := strings.Cut(l.words[0], "/")
	d, err := schema.FindDescriptorByName(protoreflect.FullName(service + "." + name))
	if err != nil {
		t.Errorf("%s: %v", l.text, err)
		return
	}
	method, ok := d.(protoreflect.MethodDescriptor)
	if !ok {
		t.Errorf("%s: %s is no method", l.text, d.FullName())
		return
	}
	in, out := dynamicpb.NewMessage(method.Input()), dynamicpb.NewMessage(method.Output())
	if l.data != "" {
		if err := protojson.Unmarshal([]byte(l.data), in); err != nil {
			t.Errorf("%s: %v", l.text, err)
		}
	}
	if err := conn.Invoke(t.Context(), "/"+service+"/"+name, in, out); err != nil {
		t.Errorf("%s: %v", l.text, err)
	}
	if proto.Size(out) == 0 {
		t.Errorf("%s: answers nothing", l.text)
	}
}

// learn asks a server for the schema of every service it has.
func learn(t *testing.T, conn *grpc.ClientConn) *protoregistry.Files {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream, err := reflectionv1.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(r *reflectionv1.ServerReflectionRequest) *reflectionv1.ServerReflectionResponse {
		if err := stream.Send(r); err != nil {
			t.Fatal(err)
		}
		answer, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	files := map[string]*descriptorpb.FileDescriptorProto{}
	for _, service := range ask(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}}).GetListServicesResponse().GetService() {
		answer := ask(&reflectionv1.ServerReflectionRequest{
			MessageRequest: &reflectionv1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: service.GetName()}})
		for _, raw := range answer.GetFileDescriptorResponse().GetFileDescriptorProto() {
			f := &descriptorpb.FileDescriptorProto{}
			if err := proto.Unmarshal(raw, f); err != nil {
				t.Fatal(err)
			}
			files[f.GetName()] = f
		}
	}
	set := &descriptorpb.FileDescriptorSet{}
	for _, f := range files {
		set.File = append(set.File, f)
	}
	schema, err := protodesc.NewFiles(set)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// TestAWrongLineIsFound shows that the test above can fail.
func TestAWrongLineIsFound(t *testing.T) {
	conn := admintest.Start(t).Dial(t)
	schema := learn(t, conn)
	for _, name := range []protoreflect.FullName{"parley.config.v1.Cue", "parley.admin.v1.ConfigService.GetCue"} {
		if _, err := schema.FindDescriptorByName(name); err == nil {
			t.Errorf("%s is there", name)
		}
	}
	l := read(t, `grpcurl -plaintext -d '{"id": "front"}' unix:.data/admin.sock parley.admin.v1.ConfigService/GetQueue`)
	if l.data != `{"id": "front"}` || l.address != "unix:.data/admin.sock" || !slices.Equal(l.words, []string{"parley.admin.v1.ConfigService/GetQueue"}) {
		t.Errorf("the line is read as %+v", l)
	}
	_, err := adminv1.NewConfigServiceClient(conn).GetQueue(t.Context(), &adminv1.GetQueueRequest{Id: "front"})
	if status.Code(err) != codes.NotFound {
		t.Errorf("a queue that is not there: %v", err)
	}
}
