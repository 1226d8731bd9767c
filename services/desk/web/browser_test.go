package web_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// patience is how long a test waits for what must come.
const patience = 15 * time.Second

// browser is one tab on a house of its own.
type browser struct {
	t     *testing.T
	ctx   context.Context
	house *webtest.House
	url   string
}

// open starts a browser; the test is skipped where there is none.
func open(t *testing.T) *browser {
	t.Helper()
	path := chromium()
	if path == "" {
		t.Skip("chromium is not installed: the page is not driven")
	}
	house := webtest.New()
	handler, err := house.Handler()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(func() { house.Cut(true); server.CloseClientConnections(); server.Close() })
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("no-first-run", true), chromedp.Flag("lang", "en-US"))
	alloc, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	// The first call starts the browser, which lives as long as its context.
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, ctx: ctx, house: house, url: server.URL}
	b.size(1440, 900, "light")
	return b
}

func chromium() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.shot("failed")
		b.t.Fatalf("%v\nthe page says: %s", err, b.text())
	}
}

// await waits until a JavaScript expression is true.
func (b *browser) await(what, js string) {
	b.t.Helper()
	_, err := chromedp.Run(b.ctx, chromedp.Poll[bool]("!!("+js+")",
		chromedp.WithPollingInterval(30*time.Millisecond), chromedp.WithPollingTimeout(patience)))
	if err != nil {
		b.shot("failed")
		b.t.Fatalf("%s did not come: %v\nthe page says: %s", what, err, b.text())
	}
}

func (b *browser) text() string {
	text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.body.innerText"))
	return text
}

func (b *browser) click(css string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(css)))
}

// key presses keys wherever the focus is.
func (b *browser) key(keys string, opts ...chromedp.KeyOption) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(keys, opts...))
}

// enter presses Enter as a keyboard does: the character comes with the key and
// does not come when the page takes the key. KeyEvent would send it after.
func (b *browser) enter() {
	b.t.Helper()
	down := input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: "Enter", Code: "Enter", Text: "\r", WindowsVirtualKeyCode: 13}
	up := down
	up.Type, up.Text = input.DispatchKeyEventTypeKeyUp, ""
	b.do(set(input.DispatchKeyEvent, down), set(input.DispatchKeyEvent, up))
}

func (b *browser) signIn() {
	b.t.Helper()
	b.do(chromedp.Navigate(b.url), chromedp.WaitVisible(chromedp.CSS("input[name=agent]")),
		chromedp.SendKeys(chromedp.CSS("input[name=agent]"), webtest.Agent),
		chromedp.SendKeys(chromedp.CSS("input[name=password]"), webtest.Password+"\r"))
	b.await("the link", "document.querySelector('.pill.live')")
}

func (b *browser) size(width, height int64, scheme string) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, height), set(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}}))
}

// shot keeps a picture where PARLEY_SHOTS says, for a person to look at.
func (b *browser) shot(name string) {
	dir := os.Getenv("PARLEY_SHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600)
	}
	if err != nil {
		b.t.Logf("no picture %s: %v", name, err)
	}
}

// delivered is true when the newest bubble of the agent stands there.
func delivered(d deskv1.Delivery) string {
	return fmt.Sprintf("[...document.querySelectorAll('.msg.out')].at(-1)?.dataset.delivery === %q", d.String())
}

func TestAgentAnswersAnOffer(t *testing.T) {
	b := open(t)
	b.signIn()
	b.house.Add(webtest.Customer{PSID: "7254000000007890", Name: "Рая Николова", Queue: "Доставки",
		Phase: threadv1.Phase_PHASE_OPEN, Window: 20 * time.Hour, Offer: time.Minute}, "Благодаря! Имате ли новини за доставката?")
	b.await("the offer", "document.querySelector('.offer .primary') && /5\\d|60/.test(document.querySelector('.offer .secs').textContent)")
	b.shot("offer-first")
	b.key("a", chromedp.KeyModifiers(chromedp.ModifierAlt))
	b.await("the conversation", "document.querySelector('.head h1')?.textContent === 'Рая Николова' && !document.querySelector('.offer')")
	b.await("its history", "document.querySelector('.msg.in')")
	b.await("the cursor in the composer", "document.activeElement?.tagName === 'TEXTAREA'")

	b.key("Здравейте! Проверявам веднага.")
	b.enter()
	b.await("the bubble", "document.querySelector('.msg.out .text')?.textContent === 'Здравейте! Проверявам веднага.'")
	b.await("the empty field", "document.querySelector('textarea').value === ''")
	for _, d := range []deskv1.Delivery{deskv1.Delivery_DELIVERY_SENT, deskv1.Delivery_DELIVERY_DELIVERED, deskv1.Delivery_DELIVERY_READ} {
		b.await("the stored message", "!document.querySelector('[data-outbox]')")
		b.house.Deliver("7254000000007890", d)
		b.await(d.String(), delivered(d))
	}
	if n := b.house.Sends(); n != 1 {
		t.Errorf("the desk stored %d messages, want 1", n)
	}
	b.click(".acts .danger")
	b.await("wrap-up", "document.querySelector('.banner.calm')")
	b.click(".acts .primary")
	b.await("an empty desk", "document.querySelector('.nothing-open')")
}

func TestDraftOutlivesAReload(t *testing.T) {
	b := open(t)
	b.house.Add(active("1001", "Иван Петров"), "Здравейте, поръчката ми 48210 закъснява.")
	b.signIn()
	b.click(".row")
	b.await("the cursor in the composer", "document.activeElement?.tagName === 'TEXTAREA'")
	b.key("half a sent")
	b.do(chromedp.Reload())
	b.await("the draft", "document.querySelector('textarea')?.value === 'half a sent'")
}

func TestNothingIsLostWhileOffline(t *testing.T) {
	b := open(t)
	b.house.Add(active("1001", "Иван Петров"), "Здравейте.")
	b.signIn()
	b.click(".row")
	b.await("the history", "document.querySelector('.msg.in')")

	b.house.Cut(true)
	b.await("the banner", "document.querySelector('.banner.bad')")
	b.key("written in a tunnel")
	b.enter()
	b.await("the waiting bubble", "document.querySelector('[data-outbox=waiting]')")
	b.shot("offline")
	b.house.Say("1001", &deskv1.TimelineItem{Id: "m.late", Author: deskv1.Author_AUTHOR_CUSTOMER, Text: "Има ли някой?"})
	b.house.Cut(false)
	b.await("the line", "document.querySelector('.pill.live') && !document.querySelector('.banner.bad')")
	b.await("what came meanwhile", "[...document.querySelectorAll('.msg.in .text')].some((e) => e.textContent === 'Има ли някой?')")
	b.await("the message sent", delivered(deskv1.Delivery_DELIVERY_SENDING))
	b.await("no doubles", "document.querySelectorAll('.msg').length === 3 && !document.querySelector('[data-outbox]')")
	if n := b.house.Sends(); n != 1 {
		t.Errorf("the desk stored %d messages, want 1", n)
	}
}

func TestOutboxOutlivesAReload(t *testing.T) {
	b := open(t)
	b.house.Add(active("1001", "Иван Петров"), "Здравейте.")
	b.signIn()
	b.click(".row")
	b.await("the history", "document.querySelector('.msg.in')")
	b.house.FailNext(refused(), refused())
	b.key("kept")
	b.enter()
	b.await("the failed bubble", "document.querySelector('[data-outbox=failed]')")
	b.do(chromedp.Reload())
	b.await("the failed bubble after the reload", "document.querySelector('[data-outbox=failed] .text')?.textContent === 'kept'")
}

func TestFailedSendWaitsForTheAgent(t *testing.T) {
	b := open(t)
	b.house.Add(active("1001", "Иван Петров"), "Здравейте.")
	b.signIn()
	b.click(".row")
	b.await("the history", "document.querySelector('.msg.in')")

	b.house.FailNext(refused())
	b.key("once more")
	b.enter()
	b.await("the failed bubble", "document.querySelector('[data-outbox=failed] .choices button')")
	b.shot("failed-send")
	if n := b.house.Sends(); n != 0 {
		t.Fatalf("the desk stored %d messages before Retry, want 0", n)
	}
	b.click("[data-outbox=failed] .choices button")
	b.await("the message", delivered(deskv1.Delivery_DELIVERY_SENDING)+" && !document.querySelector('[data-outbox]')")

	// What the desk could not take is tried again without asking.
	busy := connect.NewError(connect.CodeUnavailable, errors.New("busy"))
	b.house.FailNext(busy, busy)
	b.key("third time lucky")
	b.enter()
	b.await("the second message", "document.querySelectorAll('.msg.out').length === 2 && !document.querySelector('[data-outbox]')")
	if n := b.house.Sends(); n != 2 {
		t.Errorf("the desk stored %d messages, want 2", n)
	}
}

func TestClosedWindowTakesNoReply(t *testing.T) {
	b := open(t)
	c := active("1001", "Anna Schmidt")
	c.Window = 0
	b.house.Add(c, "Здравейте.")
	b.signIn()
	b.click(".row")
	b.await("the reason", "document.querySelector('.banner.bad')")
	b.await("note mode", "document.querySelector('.pen.note')")
	b.click(".modes button")
	b.await("reply mode", "document.querySelector('.pen.reply')")
	b.key("too late")
	b.enter()
	b.await("Send disabled with its reason", "document.querySelector('.send').disabled && document.querySelector('.under .why')")
	if n := b.house.Sends(); n != 0 {
		t.Errorf("the desk stored %d messages, want 0", n)
	}
}

func TestTabsShareOneStream(t *testing.T) {
	b := open(t)
	b.house.Add(active("1001", "Иван Петров"), "Здравейте.")
	b.signIn()
	b.click(".row")
	b.await("the history", "document.querySelector('.msg.in')")

	ctx, cancel := chromedp.NewContext(b.ctx)
	defer cancel()
	other := &browser{t: t, ctx: ctx, house: b.house, url: b.url}
	if err := chromedp.Do(ctx, chromedp.Navigate(b.url)); err != nil {
		t.Fatal(err)
	}
	other.await("the list in the second tab", "document.querySelector('.pill.live') && document.querySelector('.row')")
	b.house.Say("1001", &deskv1.TimelineItem{Id: "m.both", Author: deskv1.Author_AUTHOR_CUSTOMER, Text: "И двата ли?"})
	for _, tab := range []*browser{b, other} {
		tab.await("the message in both tabs", "document.querySelector('.row .line').textContent === 'И двата ли?'")
	}
	if n := b.house.Streams(); n != 1 {
		t.Errorf("two tabs hold %d streams, want 1", n)
	}
}

func refused() error {
	return connect.NewError(connect.CodeInvalidArgument, errors.New("the text has a mistake"))
}

func active(psid, name string) webtest.Customer {
	return webtest.Customer{PSID: psid, Name: name, Queue: "Доставки", Phase: threadv1.Phase_PHASE_ACTIVE, Window: 20 * time.Hour}
}

// set makes an action of a protocol command.
func set[P, R any](command cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, tab *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, tab, command, params)
		return chromedp.Void{}, err
	}
}
