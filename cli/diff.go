package cli

import (
	"bytes"
	"strings"

	"github.com/parley-desk/parley/cli/internal/manifest"
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

// lineDiff is the shortest way from a to b, line by line.
func lineDiff(a, b []string) []string {
	// same[i][j] is how many lines a[i:] and b[j:] have in common, in order.
	same := make([][]int, len(a)+1)
	for i := range same {
		same[i] = make([]int, len(b)+1)
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
	var out []string
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i] == b[j]:
			out = append(out, "  "+a[i])
			i, j = i+1, j+1
		case same[i+1][j] >= same[i][j+1]:
			out = append(out, "- "+a[i])
			i++
		default:
			out = append(out, "+ "+b[j])
			j++
		}
	}
	for ; i < len(a); i++ {
		out = append(out, "- "+a[i])
	}
	for ; j < len(b); j++ {
		out = append(out, "+ "+b[j])
	}
	return out
}
