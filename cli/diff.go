package cli

import (
	"bytes"
	"strings"

	"github.com/parley-desk/parley/pkg/manifest"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
)

// changeDiff shows one change as the lines of its document: "-" goes, "+" comes.
func changeDiff(c *adminv1.Change) (string, error) {
	before, err := lines(c.GetBefore())
	if err != nil {
		return "", err
	}
	after, err := lines(c.GetAfter())
	if err != nil {
		return "", err
	}
	title := strings.ReplaceAll(c.GetKind(), "_", "") + "/" + c.GetId() + " " + c.GetAction()
	return strings.Join(append([]string{title}, lineDiff(before, after)...), "\n"), nil
}

func lines(r *adminv1.Resource) ([]string, error) {
	resource := manifest.Unwrap(r)
	if resource == nil {
		return nil, nil
	}
	var buf bytes.Buffer
	if err := manifest.Write(&buf, manifest.Fingerprints, resource); err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(buf.String(), "\n"), "\n"), nil
}

// around is how many lines are shown on both sides of a change.
const around = 3

// most is how many lines are compared with each other; of more, as when two
// large lists have little in common, all are shown as gone and come.
const most = 1 << 24

// line is a line of one document or of both.
type line struct {
	mark string // "- " goes, "+ " comes, "  " stays
	text string
}

// lineDiff is the shortest way from a to b, line by line: what changes, the
// lines around it, and those it stands under, such as the name of its rule.
func lineDiff(a, b []string) []string {
	all := compare(a, b)
	shown := make([]bool, len(all))
	for i, l := range all {
		if l.mark == "  " {
			continue
		}
		for j := max(i-around, 0); j <= min(i+around, len(all)-1); j++ {
			shown[j] = true
		}
		depth := indentation(l.text)
		for j := i - 1; j >= 0 && depth > 0; j-- {
			if d := indentation(all[j].text); d < depth && all[j].text != "" {
				shown[j], depth = true, d
			}
		}
	}
	var out []string
	for i, l := range all {
		switch {
		case shown[i]:
			out = append(out, l.mark+l.text)
		case i > 0 && shown[i-1]:
			out = append(out, "  …")
		}
	}
	return out
}

// indentation is how far a line stands in.
func indentation(text string) int { return len(text) - len(strings.TrimLeft(text, " ")) }

// compare tells of every line whether it goes, comes or stays.
func compare(a, b []string) []line {
	head := 0
	for head < min(len(a), len(b)) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < min(len(a), len(b))-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	var out []line
	for _, text := range a[:head] {
		out = append(out, line{"  ", text})
	}
	out = append(out, middle(a[head:len(a)-tail], b[head:len(b)-tail])...)
	for _, text := range a[len(a)-tail:] {
		out = append(out, line{"  ", text})
	}
	return out
}

func middle(a, b []string) []line {
	var out []line
	i, j := 0, 0
	if same := common(a, b); same != nil {
		for i < len(a) && j < len(b) {
			switch {
			case a[i] == b[j]:
				out = append(out, line{"  ", a[i]})
				i, j = i+1, j+1
			case same[i+1][j] >= same[i][j+1]:
				out = append(out, line{"- ", a[i]})
				i++
			default:
				out = append(out, line{"+ ", b[j]})
				j++
			}
		}
	}
	for ; i < len(a); i++ {
		out = append(out, line{"- ", a[i]})
	}
	for ; j < len(b); j++ {
		out = append(out, line{"+ ", b[j]})
	}
	return out
}

// common tells at [i][j] how many lines a[i:] and b[j:] have in common, in
// order; nil when there are too many of them.
func common(a, b []string) [][]int32 {
	if len(a)*len(b) > most {
		return nil
	}
	same := make([][]int32, len(a)+1)
	for i := range same {
		same[i] = make([]int32, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				same[i][j] = same[i+1][j+1] + 1
			} else {
				same[i][j] = max(same[i+1][j], same[i][j+1])
			}
		}
	}
	return same
}
