package bench

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
)

// pick compares picking an agent among 50,000 with a script that does nothing,
// on a real Redis. The benchmark of the package does it, pick by pick in turn.
func pick(ctx context.Context, lab *Lab) ([]Finding, error) {
	const pkg = "github.com/parley-desk/parley/services/distribution/internal/assign"
	var found []Finding
	for _, method := range []string{"active", "capacity"} {
		cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^BenchmarkPick$/^agents=50000$/^"+method+"$", "-benchtime", "4000x", "-count", "3", pkg)
		out, err := cmd.CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("%w\n%s", err, out)
		}
		ratio, p50, floor := metric(out, "ratio"), metric(out, "p50-µs"), metric(out, "floor-µs")
		if len(ratio) == 0 {
			return nil, fmt.Errorf("the benchmark of %s says nothing:\n%s", pkg, out)
		}
		lab.Say("  %s: ratios %.2f", method, ratio)
		found = append(found, Finding{"pick among 50,000 agents by " + method + ", p50 to a script that does nothing", Bound{AtMost: 3, Unit: "×"}, median(ratio),
			fmt.Sprintf("%s µs of %s µs", number(median(p50)), number(median(floor)))})
	}
	return found, nil
}

// metric reads one metric of every line of a benchmark's output.
func metric(out []byte, name string) []float64 {
	var all []float64
	for _, m := range regexp.MustCompile(`([\d.e+-]+) `+regexp.QuoteMeta(name)+`\b`).FindAllSubmatch(out, -1) {
		if v, err := strconv.ParseFloat(string(m[1]), 64); err == nil {
			all = append(all, v)
		}
	}
	return all
}
