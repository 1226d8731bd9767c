package main

import (
	"cmp"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
)

// billed ends the name of the bill of a binary.
const billed = ".cdx.json"

// A bill of materials as CycloneDX 1.6 has it: what this tool says of it.
type bill struct {
	Format       string       `json:"bomFormat"`
	Spec         string       `json:"specVersion"`
	Serial       string       `json:"serialNumber"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Component component `json:"component"`
}

type component struct {
	Ref        string     `json:"bom-ref"`
	Type       string     `json:"type"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	Purl       string     `json:"purl,omitempty"`
	Hashes     []hash     `json:"hashes,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref string   `json:"ref"`
	On  []string `json:"dependsOn"`
}

// writeBill puts the bill of a binary beside it. It is of what the linker wrote
// into the binary, so it names what is in there and not what go.mod allows; and it
// has no time in it, so it too is the same each time.
func writeBill(path, version string) error {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return fmt.Errorf("what is in %s: %w", path, err)
	}
	sum, err := sumOf(path)
	if err != nil {
		return err
	}
	out, err := json.MarshalIndent(billOf(info, filepath.Base(path), version, sum), "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path+billed, append(out, '\n'), 0o644)
}

func billOf(info *debug.BuildInfo, name, version, sum string) bill {
	own, _, _ := strings.Cut(info.Main.Path, "/services/")
	own = strings.TrimSuffix(own, "/cli")
	b := bill{Format: "CycloneDX", Spec: "1.6", Version: 1, Serial: serial(name, sum), Metadata: metadata{component{
		Ref: name, Type: "application", Name: name, Version: version, Hashes: []hash{{"SHA-256", sum}},
		Properties: settings(info)}}}
	std := component{Ref: "std", Type: "library", Name: "std", Version: strings.TrimPrefix(info.GoVersion, "go"),
		Purl: "pkg:golang/std@" + strings.TrimPrefix(info.GoVersion, "go")}
	b.Components = []component{std}
	for _, m := range info.Deps {
		b.Components = append(b.Components, material(m, own, version))
	}
	slices.SortFunc(b.Components, func(x, y component) int { return cmp.Compare(x.Ref, y.Ref) })
	on := make([]string, 0, len(b.Components))
	for _, c := range b.Components {
		on = append(on, c.Ref)
	}
	b.Dependencies = []dependency{{name, on}}
	return b
}

// material is a module that is in a binary. One of this repository has the
// version of the release; one that was put in another's place is what it is.
func material(m *debug.Module, own, version string) component {
	if m.Replace != nil && (m.Path != own && !strings.HasPrefix(m.Path, own+"/")) {
		m = m.Replace
	}
	v := m.Version
	if m.Path == own || strings.HasPrefix(m.Path, own+"/") {
		v = version
	}
	c := component{Ref: m.Path + "@" + v, Type: "library", Name: m.Path, Version: v, Purl: "pkg:golang/" + m.Path + "@" + v}
	if m.Sum != "" {
		c.Properties = []property{{"go:sum", m.Sum}}
	}
	return c
}

// settings are those of the build that change what it gives.
func settings(info *debug.BuildInfo) []property {
	out := []property{{"go:version", info.GoVersion}}
	for _, s := range info.Settings {
		switch s.Key {
		case "GOOS", "GOARCH", "CGO_ENABLED", "-tags", "-trimpath", "vcs.revision", "vcs.modified", "vcs.time":
			out = append(out, property{"go:" + s.Key, s.Value})
		}
	}
	return out
}

// serial is a UUID (version 8, RFC 9562) that follows from what the bill is of.
func serial(name, sum string) string {
	h := sha256.Sum256([]byte(name + "\x00" + sum))
	u := h[:16]
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80
	x := hex.EncodeToString(u)
	return "urn:uuid:" + strings.Join([]string{x[:8], x[8:12], x[12:16], x[16:20], x[20:]}, "-")
}
