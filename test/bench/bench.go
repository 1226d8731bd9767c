// Package bench measures the speed that the house promises, each promise
// against a baseline of the same run: what one machine does in a second says
// little, what it does beside a baseline that shares its minute says a lot.
//
// Baseline and subject are processes of their own under the same load, and
// take turns, round by round; a figure is the median of its rounds.
package bench

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Suite measures goals that need the same set-up.
type Suite struct {
	Name    string
	Measure func(ctx context.Context, lab *Lab) ([]Finding, error)
}

// Suites are all there are, in the order of a message's way.
func Suites() []Suite {
	return []Suite{{"ingress", ingress}, {"rules", rules}, {"path", path}, {"sends", sends}, {"photos", photos}, {"pick", pick}, {"skills", skills}, {"life", life},
		{"reload", reload}, {"start", start}, {"contacts", contacts}, {"flood", flood}}
}

// Finding is one goal and what was measured.
type Finding struct {
	Goal    string
	Want    Bound
	Got     float64
	Figures string // what Got was made of
}

// Bound is what a figure must keep to; without one it is there to compare.
type Bound struct {
	AtLeast, AtMost float64 // 0: none
	Unit            string  // behind the figure: "×", " ms", " MB"
}

// Met tells whether the goal was met.
func (f Finding) Met() bool {
	return f.Got >= f.Want.AtLeast && (f.Want.AtMost == 0 || f.Got <= f.Want.AtMost)
}

func (f Finding) row() []string {
	want, verdict := "", "met"
	switch {
	case f.Want.AtLeast > 0:
		want = "≥ " + number(f.Want.AtLeast) + f.Want.Unit
	case f.Want.AtMost > 0:
		want = "≤ " + number(f.Want.AtMost) + f.Want.Unit
	default:
		want, verdict = "–", "–"
	}
	if !f.Met() {
		verdict = "**missed**"
	}
	return []string{f.Goal, want, number(f.Got) + f.Want.Unit, verdict, f.Figures}
}

func header() []string { return []string{"goal", "wanted", "measured", "", "from"} }

// number keeps three digits.
func number(v float64) string {
	switch {
	case v >= 1000:
		return thousands(int(v))
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}

// WriteText writes the findings for a terminal.
func WriteText(out io.Writer, findings []Finding) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range rows(findings) {
		if _, err := fmt.Fprintln(w, strings.ReplaceAll(strings.Join(row, "\t"), "**", "")); err != nil {
			return err
		}
	}
	return w.Flush()
}

func rows(findings []Finding) [][]string {
	all := [][]string{header()}
	for _, f := range findings {
		all = append(all, f.row())
	}
	return all
}

// median is the one in the middle.
func median[T float64 | time.Duration](all []T) T {
	if len(all) == 0 {
		return 0
	}
	return quantile(all, 50)
}

// quantile is the value that q of 100 are not above.
func quantile[T float64 | time.Duration](all []T, q int) T {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(len(sorted)*q/100, len(sorted)-1)]
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
