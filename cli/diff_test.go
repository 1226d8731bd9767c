package cli

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// sides are the two documents that a comparison tells of.
func sides(all []line) (before, after []string) {
	for _, l := range all {
		if l.mark != "+ " {
			before = append(before, l.text)
		}
		if l.mark != "- " {
			after = append(after, l.text)
		}
	}
	return before, after
}

// A comparison tells of every line of both documents, in order, and takes no
// line that stands in both at one place for a change.
func TestACompareTellsOfBothDocuments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOfN(rapid.SampledFrom([]string{"spec:", "  rules:", "    - name: a", "    - name: b", "      when: x", ""}), 0, 12)
		a, b := text.Draw(t, "a"), text.Draw(t, "b")
		before, after := sides(compare(a, b))
		if !slices.Equal(before, a) || !slices.Equal(after, b) {
			t.Fatalf("told of %q and %q", before, after)
		}
		if changes := strings.Count(strings.Join(lineDiff(a, b), "\n"), "+ "); slices.Equal(a, b) && changes > 0 {
			t.Fatalf("%d changes of nothing", changes)
		}
	})
}

// Two lists that are too long to be compared line by line are told of all the
// same, and what they begin and end with stays.
func TestLongListsAreCompared(t *testing.T) {
	long := func(word string) []string {
		out := []string{"spec:"}
		for i := range 5000 {
			out = append(out, "  - "+word+strconv.Itoa(i))
		}
		return append(out, "end: true")
	}
	a, b := long("a"), long("b")
	all := compare(a, b)
	before, after := sides(all)
	if !slices.Equal(before, a) || !slices.Equal(after, b) || all[0].mark != "  " || all[len(all)-1].mark != "  " {
		t.Errorf("told of %d and %d lines, from %q to %q", len(before), len(after), all[0], all[len(all)-1])
	}
}

// A change shows with the lines around it and those it stands under.
func TestAChangeShowsWhereItStands(t *testing.T) {
	a := strings.Split(strings.TrimSpace(`
kind: Ruleset
spec:
  classify:
    - name: one
      when: a
      set:
        skills:
          - skill: x
          - skill: y
          - skill: z
          - skill: u
            value: 1
    - name: two
      when: b
      set:
        priority: 1
    - name: three`), "\n")
	b := slices.Clone(a)
	b[11] = "            value: 2"
	const want = `  spec:
    classify:
      - name: one
  …
        set:
          skills:
  …
            - skill: y
            - skill: z
            - skill: u
-             value: 1
+             value: 2
      - name: two
        when: b
        set:
  …`
	if got := strings.Join(lineDiff(a, b), "\n"); got != want {
		t.Errorf("shown as\n%s", got)
	}
}
