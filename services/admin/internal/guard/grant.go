// Package guard stands before every method: it finds out who calls, whether
// they may, and that the call ends in time, in a status, and not in a panic.
package guard

import (
	"fmt"
	"slices"
	"strings"

	"github.com/parley-desk/parley/pkg/rights"
)

// Grants say which roles the owner of a certificate has, by the name in it.
type Grants map[string][]string

// ParseGrants reads "name=role" lines, such as
// "spiffe://house/ci=operator".
func ParseGrants(lines []string) (Grants, error) {
	grants := Grants{}
	for _, line := range lines {
		at := strings.LastIndex(line, "=")
		if at <= 0 {
			return nil, fmt.Errorf("grant %q: write it as NAME=ROLE, NAME being a URI, DNS name or mail address in the client's certificate", line)
		}
		name, role := line[:at], line[at+1:]
		if roles := rights.Programs(); !slices.Contains(roles, role) {
			return nil, fmt.Errorf("grant %q: %q is not a role of the admin API; use one of %s", line, role, strings.Join(roles, ", "))
		}
		grants[name] = append(grants[name], role)
	}
	return grants, nil
}
