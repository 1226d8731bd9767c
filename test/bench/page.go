package bench

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// The figures of a run stand between these lines of the page; what people
// wrote around them stays.
const (
	figuresBegin = "<!-- figures: make bench writes what follows -->"
	figuresEnd   = "<!-- end of figures -->"
)

// WritePage puts the findings into the page at path.
func WritePage(path string, m Machine, took time.Duration, findings []Finding) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, begun := bytes.Cut(old, []byte(figuresBegin))
	_, after, ended := bytes.Cut(rest, []byte(figuresEnd))
	if !begun || !ended {
		return fmt.Errorf("%s has no place for figures: the lines %q and %q", path, figuresBegin, figuresEnd)
	}
	var table strings.Builder
	fmt.Fprintf(&table, "\n\n%s. `make bench` took %s.\n\n", m, took.Round(time.Second))
	for n, row := range rows(findings) {
		fmt.Fprintf(&table, "| %s |\n", strings.Join(row, " | "))
		if n == 0 {
			table.WriteString("|---|---|---|---|---|\n")
		}
	}
	table.WriteString("\n")
	return os.WriteFile(path, slices.Concat(before, []byte(figuresBegin), []byte(table.String()), []byte(figuresEnd), after), 0o644)
}

// Machine is what figures depend on, without a name or an address.
type Machine struct {
	Processor string
	Cores     int
	Go        string
	Kernel    string
	Sync      time.Duration // median of appending 4 KB and syncing
	Busy      float64       // others' load when the run began: processes that want a processor
}

// String is one sentence of it.
func (m Machine) String() string {
	return fmt.Sprintf("%s, %d cores, %s, Linux %s; 4 KB appended and synced in %s ms; %s processes of others wanted a processor when it began",
		m.Processor, m.Cores, m.Go, m.Kernel, number(millis(m.Sync)), number(m.Busy))
}

// Look describes the machine.
func Look() (Machine, error) {
	m := Machine{Processor: runtime.GOARCH, Cores: runtime.NumCPU(), Go: runtime.Version(), Kernel: "?"}
	if raw, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(raw)) {
			if key, value, _ := strings.Cut(line, ":"); strings.TrimSpace(key) == "model name" {
				m.Processor = strings.TrimSpace(value)
				break
			}
		}
	}
	if raw, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel, _, _ = strings.Cut(strings.TrimSpace(string(raw)), "-")
	}
	if raw, err := os.ReadFile("/proc/loadavg"); err == nil {
		_, _ = fmt.Sscan(string(raw), &m.Busy)
	}
	var err error
	m.Sync, err = syncTime()
	return m, err
}

// syncTime is how long the disk takes for what every acknowledgement waits for.
func syncTime() (time.Duration, error) {
	f, err := os.CreateTemp("", "parley-sync-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close(); _ = os.Remove(f.Name()) }()
	var took []time.Duration
	for range 200 {
		began := time.Now()
		if _, err := f.Write(make([]byte, 4<<10)); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		took = append(took, time.Since(began))
	}
	return median(took), nil
}
