package bench

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
)

const assignPkg = "github.com/parley-desk/parley/services/distribution/internal/assign"

// pick compares picking an agent among 50,000 with a script that does nothing,
// and with picking among 1,000, on a real Redis. The benchmark of the package
// does it, pick by pick in turn.
func pick(ctx context.Context, lab *Lab) ([]Finding, error) {
	var found []Finding
	for _, method := range []string{"active", "capacity"} {
		out, err := goBench(ctx, "^BenchmarkPick$/^agents=(1000|50000)$/^"+method+"$", "4000x", "3")
		if err != nil {
			return nil, err
		}
		few, many := of(out, "agents=1000/"), of(out, "agents=50000/")
		ratio, p50, floor := metric(many, "ratio"), metric(many, "p50-µs"), metric(many, "floor-µs")
		flat := metric(few, "ratio")
		if len(ratio) == 0 || len(flat) == 0 {
			return nil, fmt.Errorf("the benchmark of %s says nothing:\n%s", assignPkg, out)
		}
		lab.Say("  %s: ratios %.2f, among 1,000 %.2f", method, ratio, flat)
		found = append(found, Finding{"pick among 50,000 agents by " + method + ", p50 to a script that does nothing", Bound{AtMost: 3, Unit: "×"}, median(ratio),
			fmt.Sprintf("%s µs of %s µs", number(median(p50)), number(median(floor)))},
			Finding{"the same to picking among 1,000 agents", Bound{AtMost: 1.3, Unit: "×"}, median(ratio) / median(flat),
				fmt.Sprintf("%s µs of %s µs there", number(median(metric(few, "p50-µs"))), number(median(metric(few, "floor-µs"))))})
	}
	return found, nil
}

// life compares a conversation's steps in the book with scripts that do nothing.
func life(ctx context.Context, lab *Lab) ([]Finding, error) {
	out, err := goBench(ctx, "^BenchmarkLife$", "200x", "5")
	if err != nil {
		return nil, err
	}
	share, lives := metric(out, "share"), metric(out, "lives/s")
	if len(share) == 0 {
		return nil, fmt.Errorf("the benchmark of %s says nothing:\n%s", assignPkg, out)
	}
	lab.Say("  shares %.2f, lives/s %.0f", share, lives)
	return []Finding{{"queued, offered, accepted, done: share of scripts that do nothing, 64 at once", Bound{AtLeast: 0.2}, median(share),
		fmt.Sprintf("%s steps/s of %s/s, %s conversations/s", number(median(metric(out, "steps/s"))), number(median(metric(out, "floor/s"))), number(median(lives)))}}, nil
}

// reload measures how long distribution is away when Redis was emptied.
func reload(ctx context.Context, lab *Lab) ([]Finding, error) {
	out, err := goBench(ctx, "^BenchmarkRebuild$", "1x", "3")
	if err != nil {
		return nil, err
	}
	took := metric(out, "ms/load")
	if len(took) == 0 {
		return nil, fmt.Errorf("the benchmark of %s says nothing:\n%s", assignPkg, out)
	}
	lab.Say("  ms: %.0f", took)
	return []Finding{{"the book anew: 50,000 agents, 50,000 open conversations", Bound{AtMost: 2, Unit: " s"}, median(took) / 1000,
		fmt.Sprintf("median of %d, the log in memory", len(took))}}, nil
}

// goBench runs benchmarks of assign.
func goBench(ctx context.Context, which, times, count string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", which, "-benchtime", times, "-count", count, assignPkg)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	return out, nil
}

// of are the lines with a word.
func of(out []byte, word string) []byte {
	var lines []byte
	for line := range bytes.Lines(out) {
		if bytes.Contains(line, []byte(word)) {
			lines = append(lines, line...)
		}
	}
	return lines
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
