package web_test

import (
	"testing"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// choose takes one of a choice, once it is among them.
func (b *browser) choose(css, value string) {
	b.t.Helper()
	b.With("the choice "+value, "((s) => [...s?.options ?? []].some((o) => o.value === '"+value+"') && s)(document.querySelector('"+css+"'))", "e.value = '"+value+"', e.dispatchEvent(new Event('change', {bubbles: true}))")
}

// TestSkillsOfAConversation (L73): the agent asks for a skill, says how well, and
// takes it back; who may not sees what is needed, and nothing to press.
func TestSkillsOfAConversation(t *testing.T) {
	b := open(t)
	b.house.Skilled()
	b.house.Add(active("1001", "Иван"), "Hello?")
	b.signIn()
	b.Click(".row")
	b.Await("the card", "document.querySelector('.skills')?.innerText.includes('None is needed')")
	b.Await("the skills there are", "document.querySelectorAll('.skills > select option').length === 3")
	b.choose(".skills > select", "english")
	b.Await("it is needed", "document.querySelector('.skills li')?.innerText.includes('Английски') && document.querySelector('.skills li select').value === '1'")
	if got := webtest.Asked[*deskv1.ChangeSkillsRequest](b.house); got.GetNeeded()[0].GetSkill() != "english" || got.GetNeeded()[0].GetValue() != 0 || got.GetClientId() == "" {
		t.Errorf("asked for %v", got)
	}
	b.choose(".skills li select", "3")
	b.Await("it is needed better", "document.querySelector('.skills li select').value === '3' && document.querySelector('.skills li select').selectedOptions[0].innerText === 'свободно'")
	b.Shot("skills")
	b.Click(".skills li button")
	b.Await("none again", "document.querySelector('.skills')?.innerText.includes('None is needed') && !document.querySelector('.skills li')")
	if got := webtest.Asked[*deskv1.ChangeSkillsRequest](b.house); len(got.GetDropped()) != 1 || got.GetDropped()[0] != "english" {
		t.Errorf("asked for %v", got)
	}
}

// TestASupervisorSaysWhichSkills (L73) of a conversation that waits.
func TestASupervisorSaysWhichSkills(t *testing.T) {
	b := open(t)
	b.house.Skilled()
	busy(b)
	b.supervise()
	b.rowPress("2001", "Skills")
	b.Await("the skills there are", "document.querySelectorAll('dialog .skills > select option').length === 3")
	b.choose(".skills > select", "refunds")
	b.Await("it is needed", "document.querySelector('dialog .skills li')?.innerText.includes('Връщане на пари')")
	b.Shot("skills-floor")
	b.Click("dialog .buttons button")
	b.Await("the end of it", "!document.querySelector('dialog')")
}
