package host

import (
	"bytes"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// leastMemory is what a process needs to do anything: with less it would do nothing
// but collect garbage.
const leastMemory = 64 << 20

// keepTo has the process keep to so many bytes of memory; 0 takes nine tenths of what
// its container or machine has, the rest being for what the runtime does not count,
// unless GOMEMLIMIT in the environment says how many. Without an end garbage is
// collected when it has doubled what is in use, and the blocks that the embedded
// broker has just written, which it gives up at any collection, count as in use: a
// process that has a hundred pictures to store is then ended by its container.
func keepTo(most int64) {
	if most == 0 && os.Getenv("GOMEMLIMIT") == "" {
		most = allowed(os.DirFS("/")) / 10 * 9
	}
	if most > 0 {
		debug.SetMemoryLimit(max(most, leastMemory))
	}
}

// allowed is how many bytes of memory a process may have by the system whose files
// are in root: the least that its control groups and the machine say. 0: neither says.
func allowed(root fs.FS) int64 {
	least := int64(math.MaxInt64)
	take := func(raw []byte, unit int64) {
		if n, err := strconv.ParseInt(string(bytes.TrimSpace(raw)), 10, 64); err == nil && n > 0 && n < least/unit {
			least = n * unit
		}
	}
	info, _ := fs.ReadFile(root, "proc/meminfo") // absent where there is no Linux
	for line := range bytes.Lines(info) {
		if rest, found := bytes.CutPrefix(line, []byte("MemTotal:")); found {
			take(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte("kB")), 1<<10)
		}
	}
	groups, _ := fs.ReadFile(root, "proc/self/cgroup")
	for line := range strings.Lines(string(groups)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3) // hierarchy, controllers, group
		if len(parts) < 3 {
			continue
		}
		mount, file := "sys/fs/cgroup", "memory.max"
		switch {
		case parts[1] == "memory": // the first version of control groups
			mount, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		case parts[1] != "":
			continue
		}
		// A group has no more than those above it. In a container the names may be of
		// outside: then only the last, the container's own, is to be seen.
		for group := path.Clean("/" + parts[2]); ; group = path.Dir(group) {
			limit, _ := fs.ReadFile(root, path.Join(mount, group, file))
			take(limit, 1)
			if group == "/" {
				break
			}
		}
	}
	if least == math.MaxInt64 {
		return 0
	}
	return least
}

func (c *Config) memoryEnough() error {
	if c.Memory != 0 && c.Memory < leastMemory {
		return fmt.Errorf("memory is %d; it must be at least %d bytes, or 0 for what the container has", c.Memory, leastMemory)
	}
	return nil
}
