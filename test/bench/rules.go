package bench

import (
	"context"
	"fmt"
	"os/exec"
)

// rules measures what a customer's first message waits for when an
// administrator has written a hundred rules and the last one matches.
func rules(ctx context.Context, lab *Lab) ([]Finding, error) {
	const pkg = "github.com/parley-desk/parley/pkg/rules"
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^BenchmarkHundredRules$", "-benchtime", "5000x", "-count", "5", pkg)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	took := metric(out, "ns/op")
	if len(took) == 0 {
		return nil, fmt.Errorf("the benchmark of %s says nothing:\n%s", pkg, out)
	}
	for i := range took {
		took[i] /= 1000
	}
	lab.Say("  µs: %.1f", took)
	return []Finding{{"a hundred rules, of which the last matches", Bound{AtMost: 100, Unit: " µs"}, median(took),
		fmt.Sprintf("median of %d runs", len(took))}}, nil
}
