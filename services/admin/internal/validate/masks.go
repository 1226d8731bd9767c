package validate

import (
	"fmt"

	"github.com/parley-desk/parley/pkg/mask"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// masks checks what a workstream hides of texts (L19). A rule that is left out
// must be right as well: it is there to be used again.
func (p *problems) masks(rules []*configv1.MaskingRule) {
	customers, agents := 0, 0
	p.names("masks[%d].name", each(rules, (*configv1.MaskingRule).GetName))
	for i, r := range rules {
		field := fmt.Sprintf("masks[%d]", i)
		p.known(field+".preset", r.GetPreset().String(), configv1.MaskingPreset_name, int32(r.GetPreset()))
		p.known(field+".texts", r.GetTexts().String(), configv1.MaskedTexts_name, int32(r.GetTexts()))
		if at, remedy := mask.Wrong(r); at != "" {
			p.add(field+"."+at, "%s", remedy)
		}
		if mask.OfCustomers(r) {
			customers++
		}
		if mask.OfAgents(r) {
			agents++
		}
	}
	p.atMost("masks", "rules for what customers write", customers, mask.MaxRules)
	p.atMost("masks", "rules for what agents write", agents, mask.MaxRules)
}
