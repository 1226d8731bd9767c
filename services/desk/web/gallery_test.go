package web_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/chromedp/chromedp"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// TestGallery shows every state of the page with data that stays the same and has
// each looked at in both schemes and at three widths: nothing keeps anybody from
// using it, and nothing sticks out. In the dark scheme only what colours decide is
// looked at again, see TestSchemesAreColours.
func TestGallery(t *testing.T) {
	if !webtest.Thorough() {
		t.Log("axe-core is not installed (npm ci in services/desk/web): the house's own checks alone")
	}
	look(t, map[string]func(b *browser){
		"sign-in": func(b *browser) {
			b.Do(chromedp.Navigate(b.url), chromedp.WaitVisible(chromedp.CSS("input[name=agent]")))
		},
		"empty":   func(b *browser) { b.signIn(); b.Await("an empty desk", "document.querySelector('.nothing-open')") },
		"loading": loadingState,
		"error":   errorState,
		"offer":   offerState,
		"offer by template": func(b *browser) {
			world(b.house)
			b.signIn()
			b.house.Add(offeredBy("2001", told()), "Къде е поръчката ми?")
			b.house.Add(webtest.Customer{PSID: "2002", Name: "Anna", Phase: threadv1.Phase_PHASE_ACTIVE, Window: 20 * time.Hour, Given: 10 * time.Minute, Told: told()}, "Hello?")
			b.Await("both", "document.querySelectorAll('.offer:not(.ask)').length === 2")
		},
		"long list":     longState,
		"history":       func(b *browser) { world(b.house); b.signIn(); b.opens("Иван") },
		"right to left": func(b *browser) { world(b.house); b.signIn(); b.opens("نادية") },
		"closed window": func(b *browser) {
			world(b.house)
			b.signIn()
			b.opens("Anna")
			b.Await("the closed window", "document.querySelector('.banner.bad')")
		},
		"template":    templateState,
		"failed send": failedState,
		"supervisor":  func(b *browser) { busy(b); b.supervise() },
		"agents": func(b *browser) {
			busy(b)
			b.supervise()
			b.press("Agents")
			b.Await("them", "document.querySelector('[data-agent]')")
		},
		"labels":       labelsState,
		"queues":       lines,
		"whisper":      whisperState,
		"help":         func(b *browser) { b.signIn(); b.Key("?"); b.Await("it", "document.querySelector('dialog')") },
		"in Bulgarian": bulgarianState,
	})
}

// look has each state looked at.
func look(t *testing.T, states map[string]func(b *browser)) {
	t.Helper()
	for name, show := range states {
		t.Run(name, func(t *testing.T) {
			b := open(t)
			show(b)
			for _, width := range []int64{360, 768, 1440} {
				for scheme, barriers := range map[string]func() string{"light": b.Barriers, "dark": b.Colours} {
					b.Size(width, 900, scheme)
					b.Await("a page that fits", fmt.Sprintf("innerWidth === %d && document.scrollingElement.scrollWidth === innerWidth", width))
					b.Shot(fmt.Sprintf("gallery/%s-%s-%d", name, scheme, width))
					if found := barriers(); found != "" {
						t.Errorf("%s, %d px: %s", scheme, width, found)
					}
				}
			}
		})
	}
}

// TestSchemesAreColours keeps sheets and program from asking for the scheme: CSS
// takes nothing but colours by light-dark(), so one scheme differs from the other
// in nothing else.
func TestSchemesAreColours(t *testing.T) {
	pairs := 0
	err := fs.WalkDir(os.DirFS("src"), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		source, err := os.ReadFile(filepath.Join("src", path))
		if strings.Contains(string(source), "prefers-color-scheme") {
			t.Errorf("src/%s asks for the scheme: give colours by light-dark()", path)
		}
		pairs += strings.Count(string(source), "light-dark(")
		return err
	})
	if err != nil || pairs < 20 {
		t.Errorf("%d colours were found: %v", pairs, err)
	}
}

// opens shows the conversation of a customer.
func (b *browser) opens(customer string) {
	b.t.Helper()
	b.Press("the row", "[...document.querySelectorAll('.row')].find((e) => e.innerText.includes('"+customer+"'))")
	b.Await("the history", "document.querySelector('.head h1')?.innerText.includes('"+customer+"') && document.querySelector('.msg')")
}

func loadingState(b *browser) {
	b.house.Add(active("1001", "Иван Петров"), "Здравейте.")
	let := b.house.HoldHistory()
	b.t.Cleanup(let)
	b.signIn()
	b.Click(".row")
	b.Await("the wait", "document.querySelector('.head')")
}

func errorState(b *browser) {
	world(b.house)
	b.signIn()
	b.opens("Иван")
	b.house.Cut(true)
	b.Await("the banner", "document.querySelector('.banner.bad')")
}

func offerState(b *browser) {
	world(b.house)
	b.signIn()
	b.house.Add(webtest.Customer{PSID: "2001", Name: "Рая Николова", Queue: "Доставки", Phase: threadv1.Phase_PHASE_OPEN, Window: 24 * time.Hour, Offer: 10 * time.Minute},
		"Благодаря! Имате ли новини за доставката?")
	b.Await("the offer", "document.querySelector('.offer')")
}

func longState(b *browser) {
	for n := range 60 {
		b.house.Add(active(fmt.Sprint(3000+n), fmt.Sprintf("Клиент %d", n)), "Здравейте, имам въпрос.")
	}
	b.signIn()
	b.Await("the rows", "document.querySelectorAll('.row').length === 60")
}

func failedState(b *browser) {
	b.house.Add(active("1001", "Иван Петров"), "Здравейте.")
	b.signIn()
	b.opens("Иван")
	b.house.FailNext(connect.NewError(connect.CodeInvalidArgument, errors.New("no")))
	b.Key("Ето.")
	b.Enter()
	b.Await("the failure", "document.querySelector('[data-outbox=failed]')")
}

func whisperState(b *browser) {
	busy(b)
	b.supervise()
	b.rowPress("2002", "Monitor")
	b.Await("what is said", "document.querySelector('.msg.in')?.innerText.includes('Благодаря')")
}

func bulgarianState(b *browser) {
	busy(b)
	b.supervise()
	b.Click(".me")
	b.press("Български")
	b.Key("\x1b")
	b.Await("the words", "document.querySelector('[data-figure=\"Ниво на обслужване\"]')")
}
