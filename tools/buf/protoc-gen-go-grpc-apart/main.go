// Protoc-gen-go-grpc-apart is protoc-gen-go-grpc, but its stubs come in a package
// of their own: those of contactv1 in contactv1grpc. Whoever keeps or reads the
// messages is then built and linked without gRPC.
package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/pluginpb"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "protoc-gen-go-grpc-apart:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	raw, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	var asked pluginpb.CodeGeneratorRequest
	if err := proto.Unmarshal(raw, &asked); err != nil {
		return err
	}
	names := part(&asked)
	if raw, err = proto.Marshal(&asked); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	stubs := exec.Command(filepath.Join(filepath.Dir(self), "protoc-gen-go-grpc"))
	stubs.Stdin, stubs.Stderr = bytes.NewReader(raw), os.Stderr
	if raw, err = stubs.Output(); err != nil {
		return err
	}
	var made pluginpb.CodeGeneratorResponse
	if err := proto.Unmarshal(raw, &made); err != nil {
		return err
	}
	for _, f := range made.File {
		for apart, source := range names {
			f.Content = proto.String(strings.ReplaceAll(f.GetContent(), apart, source))
		}
	}
	if raw, err = proto.Marshal(&made); err != nil {
		return err
	}
	_, err = out.Write(raw)
	return err
}

// part has each asked file's services stand in a file of their own, which imports
// the messages and has another Go package, and asks for those instead. It gives
// the files that services came from by those they stand in.
func part(asked *pluginpb.CodeGeneratorRequest) map[string]string {
	names := map[string]string{}
	for _, f := range slices.Clone(asked.ProtoFile) {
		if len(f.Service) == 0 || !slices.Contains(asked.FileToGenerate, f.GetName()) {
			continue
		}
		in, name, _ := strings.Cut(f.GetOptions().GetGoPackage(), ";")
		name += "grpc"
		dir, base := path.Split(f.GetName())
		g := proto.CloneOf(f)
		g.Name, g.Options.GoPackage = proto.String(dir+name+"/"+base), proto.String(in+"/"+name)
		g.Dependency = append(g.Dependency, f.GetName())
		g.MessageType, g.EnumType, g.Extension = nil, nil, nil
		f.Service = nil
		asked.ProtoFile = append(asked.ProtoFile, g)
		names[g.GetName()] = f.GetName()
	}
	asked.FileToGenerate = nil
	for name := range names {
		asked.FileToGenerate = append(asked.FileToGenerate, name)
	}
	slices.Sort(asked.FileToGenerate)
	return names
}
