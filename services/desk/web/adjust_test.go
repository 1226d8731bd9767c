package web_test

import (
	"testing"

	"connectrpc.com/connect"
	"github.com/chromedp/chromedp"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/desk/web/webtest"
)

const (
	getMember    = adminv1.CrewService_GetCrewMember_FullMethodName
	adjustMember = adminv1.CrewService_AdjustCrewMember_FullMethodName
)

func meta(id, name string) *configv1.Meta { return &configv1.Meta{Id: id, DisplayName: name} }

// member is Mila as the control plane tells a supervisor of her.
func member(etag string, capacity int32) *adminv1.CrewMember {
	return &adminv1.CrewMember{Agent: webtest.Agent, DisplayName: "Мила Йорданова",
		Terms:    &adminv1.CrewTerms{Etag: etag, Capacity: capacity, Skills: []*configv1.Proficiency{{Skill: "german", Value: 7}}, Queues: []string{"front"}},
		Queues:   []*adminv1.CrewQueue{{Id: "front", DisplayName: "Доставки"}, {Id: "back", DisplayName: "Рекламации"}},
		Skills:   []*configv1.Skill{{Meta: meta("german", "Немски")}, {Meta: meta("tone", "Тон"), Lowest: 1, Highest: 3, Ratings: []*configv1.RatingName{{Value: 3, Name: "топъл"}}}},
		Profiles: []*configv1.CapacityProfile{{Meta: meta("chats", "Чатове"), Limit: 4}}}
}

func (b *browser) crew() {
	b.t.Helper()
	busy(b)
	b.supervise()
	b.press("Agents")
	b.Click("[data-agent=mila] [data-deed=adjust]")
}

// TestASupervisorAdjustsAnAgent: capacity, profiles, skills and queues of an agent, with
// the keyboard; what is wrong is told and kept, and of two who change the same the
// second decides whose it is to be.
func TestASupervisorAdjustsAnAgent(t *testing.T) {
	b := open(t)
	stands := make(chan *adminv1.CrewMember, 1)
	stands <- member("e1", 3)
	webtest.Answer(b.house.Office, getMember, func(*adminv1.GetCrewMemberRequest) (*adminv1.CrewMember, error) {
		m := <-stands
		stands <- m
		return m, nil
	})
	webtest.Answer(b.house.Office, adjustMember, func(r *adminv1.AdjustCrewMemberRequest) (*adminv1.CrewMember, error) {
		m := <-stands
		defer func() { stands <- m }()
		switch {
		case r.GetTerms().GetEtag() != m.GetTerms().GetEtag():
			return nil, webtest.Refusal(connect.CodeAborted, "ETAG_MISMATCH")
		case r.GetTerms().GetProfiles()[0].GetLimit() == 900:
			return nil, webtest.Refusal(connect.CodeInvalidArgument, "INVALID_RESOURCE", "terms.profiles[0].limit")
		}
		m.Terms = r.GetTerms()
		return m, nil
	})
	b.crew()
	b.Await("the form", "document.querySelector('.adjust [name=capacity]')?.value === '3'")
	b.Shot("adjust")
	b.put("capacity", "5")
	b.Click("[name=profile][value=chats]")
	b.Await("its limit", "document.querySelector('.adjust .one input[type=number]')")
	b.Click("[name=skill][value=tone]")
	b.Click("[name=queue][value=back]")
	b.Do(chromedp.SendKeys(chromedp.CSS(".adjust .one input[type=number]"), "900"))
	b.Enter() // in a field, as people do
	b.Await("what is wrong", "document.querySelector('dialog .wrong')?.innerText.includes('profiles[0].limit')")
	b.Await("what was written", "document.querySelector('.adjust [name=capacity]').value === '5'")
	if found := b.Sound(webtest.Colours); found != "" {
		t.Error(found)
	}

	// Somebody else is faster.
	<-stands
	stands <- member("e2", 8)
	b.With("the limit", "document.querySelector('.adjust .one input[type=number]')", "e.value = '2', e.dispatchEvent(new Event('input', { bubbles: true }))")
	b.Click(".adjust .primary")
	b.Await("that somebody was", "document.querySelector('dialog .wrong')?.innerText.includes('meanwhile') && document.querySelector('.adjust .primary').disabled")
	b.Shot("adjust-conflict")
	b.press("Keep mine")
	b.Await("that it can be saved", "!document.querySelector('dialog .wrong') && document.querySelector('.adjust [name=capacity]').value === '5'")
	b.Click(".adjust .primary")
	b.Await("the end of it, and the focus where it was", "!document.querySelector('dialog') && document.activeElement?.dataset.deed === 'adjust'")
	all := webtest.Told[*adminv1.AdjustCrewMemberRequest](b.house.Office, adjustMember)
	got := all[len(all)-1]
	if m := got.GetTerms(); got.GetAgent() != "mila" || m.GetEtag() != "e2" || m.GetCapacity() != 5 || m.GetProfiles()[0].GetLimit() != 2 || len(m.GetSkills()) != 2 ||
		m.GetSkills()[1].GetSkill() != "tone" || m.GetSkills()[1].GetValue() != 1 || len(m.GetQueues()) != 2 {
		t.Errorf("asked for %v", got)
	}
	b.Click("[data-agent=mila] [data-deed=adjust]")
	b.Await("what stands now", "document.querySelector('.adjust [name=capacity]')?.value === '5'")
	webtest.Answer(b.house.Office, adjustMember, func(*adminv1.AdjustCrewMemberRequest) (*adminv1.CrewMember, error) {
		return nil, webtest.Refusal(connect.CodeUnavailable, "AUDIT_AWAY")
	})
	b.Click(".adjust .primary")
	b.says("why it is not saved", "could not be recorded")
	b.Key("\x1b")
	b.Await("the end of it", "!document.querySelector('dialog')")
}
