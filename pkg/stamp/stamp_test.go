package stamp

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestTheLinkersWordCountsMost(t *testing.T) {
	checkout := func(version, modified string) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Version: version}, Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "0123456789abcdef0123"}, {Key: "vcs.modified", Value: modified}}}
	}
	for name, c := range map[string]struct {
		version, commit string
		info            *debug.BuildInfo
		want            Stamp
	}{
		"linked":            {"v1.2.0", "abc", checkout("v0.0.1", "true"), Stamp{"v1.2.0", "abc", runtime.Version()}},
		"of a module":       {"", "", &debug.BuildInfo{Main: debug.Module{Version: "v1.1.0"}}, Stamp{"v1.1.0", "unknown", runtime.Version()}},
		"of a checkout":     {"", "", checkout("(devel)", "false"), Stamp{"devel", "0123456789ab", runtime.Version()}},
		"changed after it":  {"", "", checkout("(devel)", "true"), Stamp{"devel", "0123456789ab-dirty", runtime.Version()}},
		"nothing was known": {"", "", nil, Stamp{"devel", "unknown", runtime.Version()}},
	} {
		if got := read(c.version, c.commit, c.info); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if got, want := (Stamp{"v1", "abc", "go1.26"}).String(), "v1, commit abc, go1.26"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
