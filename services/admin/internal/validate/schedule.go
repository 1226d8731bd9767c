package validate

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/schedule"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// How much a schedule may hold.
const (
	maxWeek      = 100 // lines of the week
	maxSpecial   = 500 // special days
	maxIntervals = 20  // of a line, and of special days
	maxReason    = 100 // characters of why days are special
)

// Schedule gives everything wrong with the hours of a schedule, stored or not
// (L42, L112). One that is too large is not looked at further.
func Schedule(s *configv1.Schedule) []fault.Violation {
	var p problems
	p.schedule(s)
	return p
}

func (p *problems) schedule(s *configv1.Schedule) {
	before := len(*p)
	p.most("week", len(s.GetWeek()), maxWeek, "lines; days with the same hours can be one")
	p.most("special_days", len(s.GetSpecialDays()), maxSpecial, "entries; days in a row can be one, and what comes every year needs no year")
	for i, w := range s.GetWeek() {
		p.most(fmt.Sprintf("week[%d].days", i), len(w.GetDays()), 7, "days")
		p.most(fmt.Sprintf("week[%d].open", i), len(w.GetOpen()), maxIntervals, "intervals")
	}
	for i, d := range s.GetSpecialDays() {
		p.most(fmt.Sprintf("special_days[%d].open", i), len(d.GetOpen()), maxIntervals, "intervals")
	}
	if len(*p) > before {
		return
	}
	for i, d := range s.GetSpecialDays() {
		p.reason(fmt.Sprintf("special_days[%d].reason", i), d.GetReason())
	}
	var f *fault.Error
	if _, err := schedule.Compile(s); errors.As(err, &f) {
		*p = append(*p, f.Violations...)
	}
}

func (p *problems) most(field string, n, limit int, of string) {
	if n > limit {
		p.add(field, "has %d %s; use at most %d", n, of, limit)
	}
}

func (p *problems) reason(field, reason string) {
	switch n := utf8.RuneCountInString(reason); {
	case n > maxReason:
		p.add(field, "%q has %d characters; use at most %d", clip(reason), n, maxReason)
	case !utf8.ValidString(reason) || strings.ContainsFunc(reason, unicode.IsControl):
		p.add(field, "%q holds what is no printable text; remove it", clip(reason))
	}
}
