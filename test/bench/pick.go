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
// and with picking among 1,000, on a real Redis; and so reserving the one that
// rules chose. The benchmarks of the package do it, pick by pick in turn.
func pick(ctx context.Context, lab *Lab) ([]Finding, error) {
	var found []Finding
	for _, method := range []string{"active", "capacity"} {
		more, err := flat(ctx, lab, "pick among 50,000 agents by "+method, "^BenchmarkPick$/^agents=(1000|50000)$/^"+method+"$")
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	more, err := flat(ctx, lab, "reserve one of 50,000 agents, whom rules chose", "^BenchmarkReserve$")
	return append(found, more...), err
}

// flat compares what a benchmark does with 50,000 agents with a script that does
// nothing, and with what it does with 1,000, in turns.
func flat(ctx context.Context, lab *Lab, goal, which string) ([]Finding, error) {
	var few, many []byte
	var growth []float64
	for range 3 {
		out, err := goBench(ctx, which, "4000x", "1")
		if err != nil {
			return nil, err
		}
		small, large := of(out, "agents=1000"), of(out, "agents=50000")
		least, ratio := metric(small, "ratio"), metric(large, "ratio")
		if len(least) != 1 || len(ratio) != 1 {
			return nil, silent(out)
		}
		few, many, growth = append(few, small...), append(many, large...), append(growth, ratio[0]/least[0])
	}
	ratio := metric(many, "ratio")
	lab.Say("  %s: ratios %.2f, to those of 1,000 %.2f", goal, ratio, growth)
	return []Finding{{goal + ", p50 to a script that does nothing", Bound{AtMost: 3, Unit: "×"}, median(ratio), beside(many)},
		{"the same to one of 1,000 agents", Bound{AtMost: 1.3, Unit: "×"}, median(growth), beside(few) + " there"}}, nil
}

// skills measures what a skill costs that hardly anybody or nobody of 50,000
// agents has.
func skills(ctx context.Context, lab *Lab) ([]Finding, error) {
	var found []Finding
	for _, c := range []struct{ class, times, words string }{{"known", "2000x", ""}, {"new", "20x", ", asked for the first time"}} {
		out, err := goBench(ctx, "^BenchmarkSkill$/^(rare|absent)$/^"+c.class+"$", c.times, "3")
		if err != nil {
			return nil, err
		}
		for _, s := range []struct{ skill, words string }{{"rare", "50 of 50,000 agents have"}, {"absent", "nobody of 50,000 agents has"}} {
			lines := of(out, "/"+s.skill+"/")
			p50, p99 := metric(lines, "p50-µs"), metric(lines, "p99-µs")
			if len(p50) == 0 {
				return nil, silent(out)
			}
			lab.Say("  %s, %s: p50 %.0f µs, p99 %.0f µs", s.skill, c.class, p50, p99)
			found = append(found, Finding{"a skill that " + s.words + c.words + ", p50", Bound{AtMost: 1, Unit: " ms"}, median(p50) / 1000,
				fmt.Sprintf("%s, p99 %s µs", beside(lines), number(median(p99)))})
		}
	}
	return found, nil
}

// beside tells what a benchmark took beside a script that does nothing.
func beside(lines []byte) string {
	return fmt.Sprintf("%s µs of %s µs", number(median(metric(lines, "p50-µs"))), number(median(metric(lines, "floor-µs"))))
}

func silent(out []byte) error {
	return fmt.Errorf("the benchmark of %s says nothing:\n%s", assignPkg, out)
}

// life compares a conversation's steps in the book with scripts that do nothing.
func life(ctx context.Context, lab *Lab) ([]Finding, error) {
	out, err := goBench(ctx, "^BenchmarkLife$", "200x", "5")
	if err != nil {
		return nil, err
	}
	share, lives := metric(out, "share"), metric(out, "lives/s")
	if len(share) == 0 {
		return nil, silent(out)
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
		return nil, silent(out)
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
