// Package stamp says which build is running: what the linker was told, and
// where it was told nothing, what Go wrote into the binary itself.
package stamp

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// Set when linking, with -X; see the Makefile. They stay empty in `go run` and
// in tests.
var version, commit string

// Stamp is what is known of a build.
type Stamp struct {
	Version string // of the release, or of what it comes after; "devel" when nobody said
	Commit  string // of the sources, ending in "-dirty" when they were changed after it; "unknown" when nobody said
	Go      string // version that built it
}

// Read gives the stamp of the running binary.
func Read() Stamp {
	info, _ := debug.ReadBuildInfo()
	return read(version, commit, info)
}

// String is the stamp on one line.
func (s Stamp) String() string {
	return fmt.Sprintf("%s, commit %s, %s", s.Version, s.Commit, s.Go)
}

func read(version, commit string, info *debug.BuildInfo) Stamp {
	s := Stamp{Version: version, Commit: commit, Go: runtime.Version()}
	if info == nil {
		info = &debug.BuildInfo{}
	}
	if s.Version == "" && info.Main.Version != "(devel)" {
		s.Version = info.Main.Version
	}
	if s.Commit == "" {
		s.Commit = recorded(info)
	}
	if s.Version == "" {
		s.Version = "devel"
	}
	if s.Commit == "" {
		s.Commit = "unknown"
	}
	return s
}

// recorded is the commit that Go found when it built inside a checkout.
func recorded(info *debug.BuildInfo) string {
	settings := map[string]string{}
	for _, b := range info.Settings {
		settings[b.Key] = b.Value
	}
	revision := settings["vcs.revision"]
	if len(revision) > 12 {
		revision = revision[:12]
	}
	if revision != "" && settings["vcs.modified"] == "true" {
		revision += "-dirty"
	}
	return revision
}
