package house_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/descriptorpb"

	_ "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	_ "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	_ "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	_ "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	_ "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
	_ "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// TestGeneratedCodeIsTheContracts compiles every .proto file anew and holds it
// against what the committed Go code says of it.
func TestGeneratedCodeIsTheContracts(t *testing.T) {
	dir := filepath.Join(root(t), "proto")
	var names []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".proto") {
			names = append(names, path)
		}
		return err
	})
	if err != nil || len(names) < 6 {
		t.Fatalf("contracts found: %v (%v)", names, err)
	}
	compiler := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{dir}})}
	compiled, err := compiler.Compile(t.Context(), names...)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range compiled {
		got, err := protoregistry.GlobalFiles.FindFileByPath(want.Path())
		if err != nil {
			t.Errorf("%s has no generated code: make generate", want.Path())
			continue
		}
		if d := cmp.Diff(plain(want), plain(got), protocmp.Transform()); d != "" {
			t.Errorf("%s: the generated code is out of date: make generate (-contract +code)\n%s", want.Path(), d)
		}
	}
}

// plain is a file's description without options: buf sets those of Go.
func plain(f protoreflect.FileDescriptor) *descriptorpb.FileDescriptorProto {
	p := protodesc.ToFileDescriptorProto(f)
	p.Options = nil
	return p
}
