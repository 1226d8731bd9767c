package validate

import (
	"fmt"
	"regexp"

	"github.com/parley-desk/parley/pkg/slug"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// maxTemplates is how many utility templates a page has: an agent chooses among them.
const maxTemplates = 50

var (
	templateName = regexp.MustCompile(`^[a-z0-9_]{1,512}$`)
	metaLanguage = regexp.MustCompile(`^[a-z]{2,3}(_[A-Z]{2})?$`)
)

// templates checks what is said of the utility templates that a page has approved
// at Meta (S32): Meta alone knows whether it is so, and says it when one is sent.
func (p *problems) templates(all []*configv1.UtilityTemplate) {
	if !p.atMost("templates", "templates", len(all), maxTemplates) {
		return
	}
	first := map[string]int{}
	for i, t := range all {
		at := fmt.Sprintf("templates[%d]", i)
		if !templateName.MatchString(t.GetName()) {
			p.add(at+".name", "%q is not the name of a template; copy it from Meta: a-z, 0-9 and '_'", clip(t.GetName()))
		}
		if !metaLanguage.MatchString(t.GetLanguage()) {
			p.add(at+".language", `%q is not a language code of Meta's; copy it from the template, such as "bg" or "en_US"`, clip(t.GetLanguage()))
		}
		key := t.GetName() + " " + t.GetLanguage()
		if earlier, twice := first[key]; twice {
			p.add(at, "%q in %q stands in templates[%d] already; remove one", clip(t.GetName()), clip(t.GetLanguage()), earlier)
		}
		first[key] = i
		if _, wrong := slug.Blanks(t.GetText()); wrong != "" {
			p.add(at+".text", "%s", wrong)
		}
	}
}
