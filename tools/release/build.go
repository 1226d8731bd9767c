package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// program is something that is handed out.
type program struct{ name, module, main string }

// programs are every stage in one binary, and the administrator's client.
var programs = []program{
	{"parley", "services/all", "./cmd/parley"},
	{"parleyctl", "cli", "./cmd/parleyctl"},
}

// stamped is the package that the linker tells the version.
const stamped = "github.com/parley-desk/parley/pkg/stamp"

// plan is what to build, and from what.
type plan struct {
	root      string
	version   string
	platforms []string // as in "linux/amd64"
	programs  []program
}

// compose fills an empty folder with a release. What it leaves after an error is
// nothing to hand out: it has no sums.
func compose(ctx context.Context, p plan, out, key string) error {
	if p.version == "" {
		return errors.New("-version is missing: binaries have to say what they are")
	}
	if out == "" {
		return errors.New("-out is missing")
	}
	if entries, err := os.ReadDir(out); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty: what is in it would look as if it were of this release", out)
	}
	// A key that cannot be read is noticed before minutes of building.
	sign, err := signer(key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	for _, platform := range p.platforms {
		for _, prog := range p.programs {
			name, err := fileName(prog, p.version, platform)
			if err != nil {
				return err
			}
			path := filepath.Join(out, name)
			if err := build(ctx, p, prog, platform, path); err != nil {
				return err
			}
			if err := writeBill(path, p.version); err != nil {
				return err
			}
			fmt.Println(name)
		}
	}
	return seal(out, sign)
}

func fileName(prog program, version, platform string) (string, error) {
	system, arch, ok := strings.Cut(platform, "/")
	if !ok || system == "" || arch == "" || strings.ContainsAny(platform, "_\\ ") {
		return "", fmt.Errorf("-platforms: %q is none; one is like linux/amd64", platform)
	}
	if strings.ContainsAny(version, "/\\_ ") {
		return "", fmt.Errorf("-version: %q would be no part of a file's name; leave out / \\ _ and blanks", version)
	}
	name := strings.Join([]string{prog.name, version, system, arch}, "_")
	if system == "windows" {
		name += ".exe"
	}
	return name, nil
}

// build makes one binary, in the way of the image: static, of its module alone,
// with nothing of this machine in it.
func build(ctx context.Context, p plan, prog program, platform, path string) error {
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	system, arch, _ := strings.Cut(platform, "/")
	commit, err := commitOf(ctx, p.root)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=true", "-tags", "timetzdata",
		"-ldflags", "-s -w -buildid= -X "+stamped+".version="+p.version+" -X "+stamped+".commit="+commit, "-o", abs, prog.main)
	cmd.Dir = filepath.Join(p.root, prog.module)
	// What else may change the bytes is said, not inherited.
	cmd.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOEXPERIMENT=",
		"GOOS="+system, "GOARCH="+arch, "GOAMD64=v1", "GOARM64=v8.0")
	return said(cmd, prog.name+" for "+platform)
}

// commitOf names the sources, and tells when they were changed after the commit.
func commitOf(ctx context.Context, root string) (string, error) {
	git := exec.CommandContext(ctx, "git", "-C", root, "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty")
	out, err := git.Output()
	if err != nil {
		return "", fmt.Errorf("which commit is %s? %w", root, err)
	}
	return string(bytes.TrimSpace(out)), nil
}

// said runs a command; what it printed becomes its error.
func said(cmd *exec.Cmd, what string) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", what, err, bytes.TrimSpace(out))
	}
	return nil
}

// again builds what a release holds once more and compares the bytes.
func again(ctx context.Context, p plan, dir string) error {
	sums, err := readSums(dir)
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "release")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	var differ []string
	for _, s := range sums {
		prog, platform, ok := p.of(s.name)
		if !ok {
			continue // a bill
		}
		p.version = strings.Split(s.name, "_")[1]
		path := filepath.Join(scratch, s.name)
		if err := build(ctx, p, prog, platform, path); err != nil {
			return err
		}
		sum, err := sumOf(path)
		if err != nil {
			return err
		}
		if sum != s.sum {
			differ = append(differ, s.name+why(filepath.Join(dir, s.name), path))
			continue
		}
		fmt.Println(s.name, "is the same")
	}
	if len(differ) > 0 {
		return fmt.Errorf("these sources give other bytes:\n  %s", strings.Join(differ, "\n  "))
	}
	return nil
}

// of reads the name of a binary.
func (p plan) of(file string) (program, string, bool) {
	part := strings.Split(strings.TrimSuffix(file, ".exe"), "_")
	if len(part) != 4 || strings.HasSuffix(file, billed) {
		return program{}, "", false
	}
	for _, prog := range p.programs {
		if prog.name == part[0] {
			return prog, part[2] + "/" + part[3], true
		}
	}
	return program{}, "", false
}

// why names what two builds say of themselves that is not equal.
func why(released, here string) string {
	x, errX := buildinfo.ReadFile(released)
	y, errY := buildinfo.ReadFile(here)
	if errX != nil || errY != nil {
		return ""
	}
	if x.GoVersion != y.GoVersion {
		return fmt.Sprintf(": it was built by %s, and here is %s", x.GoVersion, y.GoVersion)
	}
	of := func(i *buildinfo.BuildInfo, key string) string {
		for _, s := range i.Settings {
			if s.Key == key {
				return s.Value
			}
		}
		return ""
	}
	for _, key := range []string{"vcs.revision", "vcs.modified", "-tags", "GOFLAGS"} {
		if a, b := of(x, key), of(y, key); a != b {
			return fmt.Sprintf(": its %s is %q, and here it is %q", key, a, b)
		}
	}
	return ""
}
