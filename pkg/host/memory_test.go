package host

import (
	"maps"
	"runtime/debug"
	"strings"
	"testing"
	"testing/fstest"
)

// TestAllowedIsTheLeastOfWhatTheSystemSays: a process in a container takes the
// container's end for its own, under both kinds of control groups and whether or not
// the names it is told are those it can see.
func TestAllowedIsTheLeastOfWhatTheSystemSays(t *testing.T) {
	t.Parallel()
	const mb = 1 << 20
	machine := map[string]string{"proc/meminfo": "MemTotal:        1048576 kB\nMemFree:  4 kB\n"}
	cases := []struct {
		name  string
		files map[string]string
		want  int64
	}{
		{"a container", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "536870912\n"}, 512 * mb},
		{"a container without an end", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, 1024 * mb},
		{"a service of systemd", map[string]string{"proc/self/cgroup": "0::/system.slice/parley.service\n",
			"sys/fs/cgroup/system.slice/parley.service/memory.max": "max\n", "sys/fs/cgroup/system.slice/memory.max": "268435456\n"}, 256 * mb},
		{"a container of the first version, names of outside", map[string]string{
			"proc/self/cgroup":                           "9:cpu,cpuacct:/docker/f00\n4:memory:/docker/f00\n0::/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "134217728\n"}, 128 * mb},
		{"the first version without an end", map[string]string{
			"proc/self/cgroup":                           "4:memory:/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 1024 * mb},
		{"a name that leads upwards", map[string]string{"proc/self/cgroup": "0::/../../x\n", "sys/fs/cgroup/x/memory.max": "134217728\n"}, 128 * mb},
		{"a machine", map[string]string{}, 1024 * mb},
		{"more than the machine has", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "99999999999999\n"}, 1024 * mb},
		{"no words to be read", map[string]string{"proc/meminfo": "MemTotal: much\n", "proc/self/cgroup": "0\n"}, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			all := maps.Clone(machine)
			maps.Copy(all, c.files)
			root := fstest.MapFS{}
			for name, text := range all {
				root[name] = &fstest.MapFile{Data: []byte(text)}
			}
			if got := allowed(root); got != c.want {
				t.Errorf("%d bytes are allowed, want %d", got, c.want)
			}
		})
	}
	if got := allowed(fstest.MapFS{}); got != 0 {
		t.Errorf("a system that says nothing allows %d bytes", got)
	}
}

// TestAProcessKeepsToItsMemory: the setting counts before the environment, and that
// before the machine.
func TestAProcessKeepsToItsMemory(t *testing.T) { //nolint:paralleltest // the limit is of the whole process
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	t.Setenv("GOMEMLIMIT", "700MiB")
	debug.SetMemoryLimit(700 << 20)
	if keepTo(0); debug.SetMemoryLimit(-1) != 700<<20 {
		t.Errorf("it keeps to %d bytes, and the environment says 700 MiB", debug.SetMemoryLimit(-1))
	}
	if keepTo(900 << 20); debug.SetMemoryLimit(-1) != 900<<20 {
		t.Errorf("it keeps to %d bytes, and the setting says 900 MiB", debug.SetMemoryLimit(-1))
	}
	t.Setenv("GOMEMLIMIT", "")
	if keepTo(0); debug.SetMemoryLimit(-1) >= 1<<62 {
		t.Error("without a word from anybody it has no end")
	}
	c := Config{Memory: 5}
	if err := c.memoryEnough(); err == nil || !strings.Contains(err.Error(), "memory is 5;") {
		t.Errorf("5 bytes are refused with %v", err)
	}
}
