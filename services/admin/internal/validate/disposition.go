package validate

import (
	"fmt"
	"slices"

	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// Limits of dispositions (L117).
const (
	maxCodes  = 100
	maxChosen = 12
)

// dispositions checks what agents are asked in wrap-up.
func (p *problems) dispositions(d *configv1.Dispositions) {
	if d.GetMost() != 0 {
		p.within("dispositions.most", d.GetMost(), 1, maxChosen)
	}
	if !p.atMost("dispositions.codes", "codes", len(d.GetCodes()), maxCodes) {
		return
	}
	first := map[string]int{}
	for i, c := range d.GetCodes() {
		field := fmt.Sprintf("dispositions.codes[%d].code", i)
		at, twice := first[c.GetCode()]
		switch {
		case !idShape.MatchString(c.GetCode()):
			p.add(field, "%q is not a code; use 1 to 63 of a-z, 0-9 and '-', starting with a letter", clip(c.GetCode()))
		case twice:
			p.add(field, "%q stands in dispositions.codes[%d].code already; remove one", c.GetCode(), at)
		}
		first[c.GetCode()] = i
	}
	p.names("dispositions.codes[%d].name", each(d.GetCodes(), (*configv1.DispositionCode).GetName))
	active := func(c *configv1.DispositionCode) bool { return !c.GetInactive() }
	if d.GetRequired() && !slices.ContainsFunc(d.GetCodes(), active) {
		p.add("dispositions.required", "true, and there is no code to choose; add one to dispositions.codes, or leave required out")
	}
}
