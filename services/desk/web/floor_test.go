package web_test

import (
	"strings"
	"testing"
	"time"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// busy is a floor with a conversation in every phase.
func busy(b *browser) {
	b.house.Wait("Ани", "Борис")
	for _, c := range []struct {
		psid, name, agent, text string
		phase                   threadv1.Phase
	}{
		{"2001", "Мария Георгиева", "", "Къде ми е поръчката?", threadv1.Phase_PHASE_OPEN},
		{"2002", "Иван Петров", webtest.Agent, "Благодаря, чакам.", threadv1.Phase_PHASE_ACTIVE},
		{"2003", "Élodie", webtest.Other, "Merci !", threadv1.Phase_PHASE_WRAP_UP},
		{"2004", "Георги Иванов", webtest.Other, "Ще пиша утре.", threadv1.Phase_PHASE_WAITING},
	} {
		b.house.Open(webtest.Customer{PSID: c.psid, Name: c.name, Queue: "Доставки", Phase: c.phase, Window: 5 * time.Hour, Silent: 4 * time.Minute}, c.agent, c.text)
	}
}

func (b *browser) supervise() {
	b.t.Helper()
	b.comes(webtest.Boss)
	b.Await("the floor", "document.querySelectorAll('.floor tbody tr').length === 4")
}

// rowPress clicks a button of the row of a customer.
func (b *browser) rowPress(psid, text string) {
	b.t.Helper()
	b.Press(text+" for "+psid, "[...document.querySelectorAll('[data-conversation=\"c-"+psid+"\"] button')].find((e) => e.innerText === '"+text+"')")
}

// TestASupervisorsFloor: figures, filters, and each thing that can be done about
// a conversation, an agent and a queue.
func TestASupervisorsFloor(t *testing.T) {
	b := open(t)
	busy(b)
	b.supervise()
	b.Reads("the cards", "[...document.querySelectorAll('.cards b')].map((e) => e.innerText.replace(/^[4-9]:\\d\\d$/, 'minutes')).join(' ')", "1 minutes 1 1 1 1 of 2")
	b.Shot("floor")
	for figure, want := range map[string]string{"Service level": "87 % in 60 s", "Given up": "2 5 %", "To an agent": "31 s 9 of 10 in 64 s", "First response": "2:05",
		"Messages": "214", "Satisfaction": "83 % 9 ratings", "Window closes": "1 within an hour"} {
		at := "document.querySelector('[data-figure=\"" + figure + "\"]')"
		b.Reads(figure, "["+at+".querySelector('b'), "+at+".querySelector('small')].map((e) => e?.innerText ?? '').join(' ').trim()", want)
	}
	if got := b.Eval("document.querySelector('[data-figure=Messages] svg').getAttribute('aria-label')"); got != "Messages: 6 at most in a minute, 3 now" && got != "Messages: 6 at most in a minute, 5 now" {
		t.Errorf("the line says %q", got)
	}
	b.Click("[data-figure='Service level'] .what")
	b.Await("what it is", "document.querySelector('[data-figure=\"Service level\"] [popover]:popover-open')?.innerText.includes('within 60 s of the request')")
	b.Shot("floor-what")
	b.Key("\x1b")
	b.Await("it to go", "!document.querySelector(':popover-open')")
	if b.Eval("String(!!document.querySelector('.presence[data-presence] select[aria-label=Presence]'))") != "false" {
		t.Error("somebody who answers no customer has a presence")
	}
	b.press("Wrap-up")
	b.Await("the ones in wrap-up", "document.querySelectorAll('.floor tbody tr').length === 1")
	if got := webtest.Asked[*deskv1.ListOngoingRequest](b.house); got.GetPhase() != threadv1.Phase_PHASE_WRAP_UP {
		t.Errorf("asked for %v", got)
	}
	b.press("Agents there")
	b.Await("the agents", "document.querySelectorAll('[data-agent]').length === 2")
	b.Reads("what is told of her", "[...document.querySelectorAll('[data-agent=mila] td')].slice(9, 12).map((e) => e.innerText).join(' | ')", "6:12 | Доставки | Немски, Рекламации")
	b.Shot("floor-agents")
	b.choose("[data-agent=mila] select", "PRESENCE_BUSY")
	b.Await("her presence", "document.querySelector('[data-agent=mila] [data-presence=PRESENCE_BUSY]')")
	if got := webtest.Asked[*deskv1.SetAgentPresenceRequest](b.house); got.GetOfAgent() != webtest.Agent || got.GetPresence() != distributionv1.Presence_PRESENCE_BUSY {
		t.Errorf("asked for %v", got)
	}
	b.press("Queues")
	b.press("Pause")
	b.Await("a paused queue", "document.querySelector('[data-queue=front] .badge')?.innerText.startsWith('paused by')")
	b.Shot("floor-queues")
	b.press("Resume")
	b.Await("the queue to go on", "!document.querySelector('[data-queue=front] .badge')")
	b.Click("[data-queue=front] th button")
	b.rowPress("2001", "Assign")
	b.press("Орлин Василев")
	b.Click("dialog .primary")
	b.Await("one less", "document.querySelectorAll('.floor tbody tr').length === 3 && !document.querySelector('dialog')")
	if got := webtest.Asked[*deskv1.AssignConversationRequest](b.house); got.GetToAgent() != webtest.Other {
		t.Errorf("asked for %v", got)
	}
	b.rowPress("2003", "Force close")
	b.Shot("floor-close")
	b.Click("dialog .primary")
	b.Await("another one less", "document.querySelectorAll('.floor tbody tr').length === 2")
	b.rowPress("2002", "Monitor")
	b.Await("what is said", "document.querySelector('.msg.in')?.innerText.includes('Благодаря')")
	b.Shot("monitor")
	b.press("Supervisor")
	b.Await("the floor again", "document.querySelector('.floor tbody tr')")
}

// TestManyAtOnce closes all that are shown, and says which one it could not.
func TestManyAtOnce(t *testing.T) {
	b := open(t)
	busy(b)
	b.supervise()
	b.Click(".floor thead input")
	b.press("Force close")
	b.Click("dialog .primary")
	b.Await("the outcome", "document.querySelector('.floor .banner')?.innerText.startsWith('3 of 4 done. Not done:')")
	if got := webtest.Asked[*deskv1.ActOnConversationsRequest](b.house); !got.GetForceClose() || len(got.GetRefs()) != 4 || len(got.GetClientId()) != 36 {
		t.Errorf("asked for %v", got)
	}
}

// TestTheFloorWithoutAServer keeps what was seen and says how old it is, fits
// every width, and can be read in both schemes.
func TestTheFloorWithoutAServer(t *testing.T) {
	b := open(t)
	busy(b)
	b.supervise()
	for _, scheme := range []string{"light", "dark"} {
		b.Size(1440, 900, scheme)
		if bad := b.Eval(webtest.Faint); bad != "" {
			t.Errorf("%s: too faint: %s", scheme, bad)
		}
	}
	for _, width := range []int64{360, 768, 2560} {
		b.Size(width, 860, "dark")
		b.Await("a page that does not scroll sideways", "document.scrollingElement.scrollWidth === innerWidth")
	}
	b.Shot("floor-wide")
	b.house.Cut(true)
	b.Await("a word about it", "document.querySelector('.floor .banner')?.innerText.startsWith('Not up to date since')")
	if rows := b.Eval("String(document.querySelectorAll('.floor tbody tr').length)"); rows != "4" {
		t.Errorf("%s rows are left", rows)
	}
	b.house.Cut(false)
	b.Await("it to be over", "!document.querySelector('.floor .banner')")
}

// lines shows a supervisor queues that stand in every way there is.
func lines(b *browser) {
	busy(b)
	soon := time.Now().Add(48 * time.Hour).UnixMilli()
	b.house.Queues(
		&deskv1.QueueFigure{Queue: "days", Name: "Рекламации", Agents: 2, ChangesMs: soon, Waiting: 30, SinceMs: time.Now().Add(-time.Minute).UnixMilli(), Overflows: true},
		&deskv1.QueueFigure{Queue: "feast", Name: "Фирми", Agents: 3, Closed: true, ChangesMs: soon, Special: "Коледа", Overflows: true, OverflowsTo: "Доставки"},
		&deskv1.QueueFigure{Queue: "never", Name: "Архив", Closed: true, PausedBy: "Елена Вълева", PausedSinceMs: time.Now().UnixMilli()})
	b.supervise()
	b.press("Queues")
	b.Await("them", "document.querySelectorAll('[data-queue]').length === 4")
}

// TestQueuesTellHowTheyStand (L42, L52): open or closed and until when, paused, and
// where those go that do not enter.
func TestQueuesTellHowTheyStand(t *testing.T) {
	b := open(t)
	lines(b)
	const stands = "[...document.querySelectorAll('.stands')].map((e) => [...e.children].map((c) => c.textContent.replace(/(until|since|до) .*/, '$1 …')).join('; ')).join(' | ')"
	b.Reads("how they stand", stands, "Open | Open until …; New ones end at once | Closed until …; Коледа; New ones go to Доставки | Closed; paused by Елена Вълева since …")
	b.Click(".me")
	b.press("Български")
	b.Await("the words", "document.querySelector('.stands').textContent === 'Отворена'")
	b.Shot("queues-bg")
	if got := b.Eval(stands); !strings.Contains(got, "Новите приключват веднага | Затворена до") || !strings.Contains(got, "; Новите отиват в Доставки | Затворена; ") {
		t.Errorf("in Bulgarian: %s", got)
	}
}
