package bench

import (
	"context"
	"fmt"
	"os/exec"
)

// rules measures what a customer's first message waits for when an administrator
// has written a hundred rules and the last one matches, and how long a change of a
// thousand resources is on its way to a stage.
func rules(ctx context.Context, lab *Lab) ([]Finding, error) {
	took, err := benchmark(ctx, "pkg/rules", "BenchmarkHundredRules", "5000x", 1000)
	if err != nil {
		return nil, err
	}
	change, err := benchmark(ctx, "pkg/directory", "BenchmarkThousandResourcesChange", "5x", 1e9)
	if err != nil {
		return nil, err
	}
	start, err := benchmark(ctx, "pkg/directory", "BenchmarkThousandResourcesStart", "5x", 1e9)
	if err != nil {
		return nil, err
	}
	lab.Say("  rules, µs: %.1f; a change, s: %.3f; a start, s: %.3f", took, change, start)
	return []Finding{
		{"a hundred rules, of which the last matches", Bound{AtMost: 100, Unit: " µs"}, median(took), middle(took)},
		{"a change of a thousand resources, from its write until a stage has all of it", Bound{AtMost: 1, Unit: " s"}, median(change), middle(change)},
		{"a stage that starts, until it has a thousand resources", Bound{AtMost: 1, Unit: " s"}, median(start), middle(start)},
	}, nil
}

func middle(runs []float64) string { return fmt.Sprintf("median of %d runs", len(runs)) }

// benchmark runs one of a package so many times, and gives what an operation took, in
// units of so many nanoseconds.
func benchmark(ctx context.Context, pkg, name, times string, unit float64) ([]float64, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^"+name+"$", "-benchtime", times, "-count", "5", "github.com/parley-desk/parley/"+pkg)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	took := metric(out, "ns/op")
	if len(took) == 0 {
		return nil, fmt.Errorf("%s of %s says nothing:\n%s", name, pkg, out)
	}
	for i := range took {
		took[i] /= unit
	}
	return took, nil
}
