package validate

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/rights"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// Limits of an agent.
const (
	maxSkills   = 100
	maxProfiles = 20
	maxLink     = 1000 // characters of a link to a picture
)

// picture checks a link that Meta opens to show a picture.
func (p *problems) picture(field, link string) {
	if link == "" {
		return
	}
	u, err := url.Parse(link)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || len(link) > maxLink {
		p.add(field, "%q is no https link to a picture of at most %d characters; leave it out for none", clip(link), maxLink)
	}
}

// companyAccount checks what the company's sign-in calls an agent: nobody else may be called
// so, or neither could sign in.
func (p *problems) companyAccount(a *configv1.Agent, world *directory.Snapshot) {
	p.line("company_account", a.GetCompanyAccount())
	if a.GetCompanyAccount() == "" {
		return
	}
	for id, other := range world.Agents {
		if id != a.GetMeta().GetId() && cmp.Or(other.GetCompanyAccount(), id) == a.GetCompanyAccount() {
			p.add("company_account", "%q is agent %s already; one of them is to have another", clip(a.GetCompanyAccount()), id)
			return
		}
	}
}

func (p *problems) agent(a *configv1.Agent, world *directory.Snapshot) {
	p.within("capacity", a.GetCapacity(), 0, 100_000)
	p.secret("password", a.GetPassword(), 8, 256)
	seen := map[string]bool{}
	for i, role := range a.GetRoles() {
		field := fmt.Sprintf("roles[%d]", i)
		switch {
		case !slices.Contains(rights.People(), role):
			p.add(field, `%q is not a role; use one of %s`, clip(role), strings.Join(rights.People(), ", "))
		case seen[role]:
			p.add(field, "%q is given twice; remove one", role)
		}
		seen[role] = true
	}
	if l := a.GetLanguage(); l != "" && l != "bg" && l != "en" {
		p.add("language", `%q is not a language of the desk; use "bg" or "en", or leave it out to follow the browser`, clip(l))
	}
	p.line("nickname", a.GetNickname())
	p.picture("picture", a.GetPicture())
	p.signIn(a, world)
	p.companyAccount(a, world)
	if a.GetSchedule() != "" {
		p.reference("schedule", directory.Schedules, a.GetSchedule(), world)
	}
	if p.atMost("skills", "skills", len(a.GetSkills()), maxSkills) {
		p.proficiencies("skills", a.GetSkills(), world)
	}
	if p.atMost("profiles", "capacity profiles", len(a.GetProfiles()), maxProfiles) {
		p.references("profiles[%d].profile", directory.Profiles, each(a.GetProfiles(), (*configv1.ProfileHolding).GetProfile), world)
		for i, h := range a.GetProfiles() {
			if h.GetLimit() != 0 { // 0: the profile's own
				p.within(fmt.Sprintf("profiles[%d].limit", i), h.GetLimit(), 1, 1000)
			}
		}
	}
}
