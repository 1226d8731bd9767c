package webtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Patience is how long a tab waits for what must come.
const Patience = 40 * time.Second

// Tab is a page in a browser, driven as a person would drive it. What does not
// work fails the test.
type Tab struct {
	t   testing.TB
	ctx context.Context
}

// browser is the one Chromium of this process. Starting it takes longer than
// most tests, so each test gets a profile of its own in it instead.
var browser struct {
	once sync.Once
	ctx  context.Context
	err  error
	stop []func()
}

// Browse opens an empty tab with cookies and storage of its own, and closes it
// with the test, which is skipped where there is no Chromium.
func Browse(t testing.TB) *Tab {
	t.Helper()
	path := chromium()
	if path == "" {
		t.Skip("chromium is not installed: pages are not driven")
	}
	// Where two cores do everything, what is done beside a page only takes time from it.
	browser.once.Do(func() {
		browser.ctx, browser.stop, browser.err = launch(path, chromedp.Flag("in-process-gpu", true), chromedp.Flag("js-flags", "--single-threaded"))
	})
	if browser.err != nil {
		t.Fatal(browser.err)
	}
	return tab(t, browser.ctx, chromedp.WithNewBrowserContext())
}

func launch(path string, more ...chromedp.ExecAllocatorOption) (context.Context, []func(), error) {
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("no-first-run", true), chromedp.Flag("lang", "en-US"))
	alloc, end := chromedp.NewExecAllocator(context.Background(), append(opts, more...)...)
	ctx, quit := chromedp.NewContext(alloc)
	return ctx, []func(){quit, end}, chromedp.Do(ctx)
}

// Run runs the tests of a package that browses, and ends the browser.
func Run(m *testing.M) int {
	defer func() {
		for _, stop := range browser.stop {
			stop()
		}
	}()
	return m.Run()
}

// tab opens a tab.
func tab(t testing.TB, in context.Context, opts ...chromedp.ContextOption) *Tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(in, opts...)
	t.Cleanup(cancel)
	// The first call makes the tab, which lives as long as that call's context.
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	b := &Tab{t: t, ctx: ctx}
	b.Size(1440, 900, "light")
	return b
}

// chromium is where the browser is. The headless shell draws as the whole Chromium
// does and has no window around the page, which is half of the work.
func chromium() string {
	for _, name := range []string{"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// Beside opens another tab of the same browser, with the same cookies.
func (b *Tab) Beside() *Tab {
	b.t.Helper()
	return tab(b.t, b.ctx)
}

// Do takes steps one after another.
func (b *Tab) Do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, Patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.Shot("failed")
		b.t.Fatalf("%v\nthe page says: %s", err, b.Text())
	}
}

// Await waits until a JavaScript expression is true.
func (b *Tab) Await(what, js string) {
	b.t.Helper()
	late := time.Now().Add(Patience)
	for {
		_, err := chromedp.Run(b.ctx, chromedp.Poll[bool]("!!("+js+")",
			chromedp.WithPollingInterval(30*time.Millisecond), chromedp.WithPollingTimeout(Patience)))
		if err == nil {
			return
		}
		if left(err) && time.Now().Before(late) {
			continue
		}
		b.Shot("failed")
		b.t.Fatalf("%s did not come: %v\nthe page says: %s", what, err, b.Text())
	}
}

// left tells whether a page was left, by a reload perhaps, while it was asked: what
// is waited for stands on the next one.
func left(err error) bool {
	return strings.Contains(err.Error(), "Cannot find context") || strings.Contains(err.Error(), "Execution context was destroyed") || strings.Contains(err.Error(), "Inspected target navigated")
}

// Eval is the string that a JavaScript expression gives.
func (b *Tab) Eval(js string) string {
	b.t.Helper()
	got, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](js))
	if err != nil {
		b.t.Fatalf("%s: %v", js, err)
	}
	return got
}

// Text is what a reader sees.
func (b *Tab) Text() string {
	text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.body.innerText"))
	return text
}

// Go opens an address.
func (b *Tab) Go(url string) {
	b.t.Helper()
	b.Do(chromedp.Navigate(url))
}

// Before runs a script in every page that is opened from now on, before the
// page's own.
func (b *Tab) Before(script string) {
	b.t.Helper()
	b.Do(set(page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script}))
}

// Click presses what a CSS selector finds, once it can be pressed and stands still. Where
// the page draws that anew before it is pressed, it is looked for again.
func (b *Tab) Click(css string) {
	b.t.Helper()
	b.sees(css+", to be pressed", fmt.Sprintf(`new Promise((done) => {
		let was;
		const look = () => {
			const e = document.querySelector(%q), is = e?.checkVisibility() && !e.matches(':disabled') && JSON.stringify(e.getBoundingClientRect());
			if (is && is === was) return setTimeout(done);
			was = is;
			requestAnimationFrame(look);
		};
		look();
	})`, css))
	press, aim := chromedp.Click(chromedp.CSS(css)), chromedp.Evaluate[chromedp.Void](fmt.Sprintf(aim, css))
	missed := chromedp.Evaluate[bool]("(window.aims?.abort(), !!window.missed)")
	b.Do(func(ctx context.Context, tab *chromedp.Target) (chromedp.Void, error) {
		for {
			if none, err := aim(ctx, tab); err != nil && !left(err) {
				return none, err
			}
			none, err := press(ctx, tab)
			if err == nil {
				if again, err := missed(ctx, tab); err != nil || !again { // a page that was left was hit
					return none, nil
				}
			} else if ctx.Err() != nil || !redrawn(err) {
				return none, err
			}
		}
	})
}

// aim has the page take no notice of the mouse where what is aimed at has moved away from
// under it, and note that it was missed: whoever sees that presses again. All of a label
// is one thing to aim at.
const aim = `{
	window.missed = false;
	window.aims?.abort();
	window.aims = new AbortController();
	let aimed;
	const mind = (e) => {
		if (e.type === 'pointerdown') aimed = document.querySelector(%q);
		if (e.type === 'pointerdown' || e.type === 'click') window.missed ||= !aimed || aimed.isConnected && !(aimed.closest('label') ?? aimed).contains(e.target);
		if (window.missed) { e.preventDefault(); e.stopImmediatePropagation(); }
		else if (e.type === 'click') window.aims.abort();
	};
	for (const type of ['pointerdown', 'mousedown', 'pointerup', 'mouseup', 'click']) addEventListener(type, mind, { capture: true, signal: window.aims.signal });
}`

// Press has an element pressed by the page itself, wherever it has moved to meanwhile: the
// one that a JavaScript expression finds, once it can be pressed.
func (b *Tab) Press(what, find string) {
	b.t.Helper()
	b.With(what, find, "e.click()")
}

// With has the page do something with the element e that a JavaScript expression finds,
// once it is there and enabled, and the page has settled.
func (b *Tab) With(what, find, do string) {
	b.t.Helper()
	usable := "((e) => e && !e.matches(':disabled')"
	b.Await(what, usable+")("+find+")")
	b.settle()
	b.Await(what, usable+" && ("+do+", true))("+find+")") // found and used in one turn
}

// Reads waits until a JavaScript expression gives a string, and tells what it gave last
// when it does not.
func (b *Tab) Reads(what, js, want string) {
	b.t.Helper()
	var last string
	late := time.Now().Add(Patience)
	for {
		got, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](js))
		switch {
		case err == nil && got == want:
			return
		case err == nil:
			last = got
		}
		if time.Now().After(late) {
			b.Shot("failed")
			b.t.Fatalf("%s reads %q (%v), want %q", what, last, err, want)
		}
		b.settle()
	}
}

// settle waits until the page has done what follows from what it has drawn. Effects run
// after the next frame: before them nothing listens for keys and for what is dropped,
// which nobody at a keyboard is quick enough to notice, and a program is.
func (b *Tab) settle() {
	b.t.Helper()
	b.sees("the page to settle", "new Promise((done) => { requestAnimationFrame(() => setTimeout(done)); setTimeout(done, 1000); })")
}

// sees waits for a promise of the page's, on the next page where it was left meanwhile.
func (b *Tab) sees(what, promise string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, Patience)
	defer cancel()
	for {
		_, err := chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](promise, chromedp.EvalAwaitPromise))
		if err == nil {
			return
		}
		if !left(err) {
			b.Shot("failed")
			b.t.Fatalf("%s: %v\nthe page says: %s", what, err, b.Text())
		}
	}
}

// redrawn tells whether a node was taken from the page between being found and being
// pressed. The browser says so of its place alone, so nothing was pressed.
func redrawn(err error) bool {
	return strings.Contains(err.Error(), "Could not find node") || strings.Contains(err.Error(), "Node is detached")
}

// Key presses keys wherever the focus is. A text waits for a place to write in.
func (b *Tab) Key(keys string, opts ...chromedp.KeyOption) {
	b.t.Helper()
	if utf8.RuneCountInString(keys) > 1 {
		b.Await("a place to write "+keys, "document.activeElement?.matches('input, textarea')")
	}
	b.settle()
	b.Do(chromedp.KeyEvent(keys, opts...))
}

// Enter presses Enter as a keyboard does: the character comes with the key and
// does not come when the page takes the key. KeyEvent would send it after.
func (b *Tab) Enter() {
	b.t.Helper()
	down := input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: "Enter", Code: "Enter", Text: "\r", WindowsVirtualKeyCode: 13}
	up := down
	up.Type, up.Text = input.DispatchKeyEventTypeKeyUp, ""
	b.settle()
	b.Do(set(input.DispatchKeyEvent, down), set(input.DispatchKeyEvent, up))
}

// SignIn opens a desk and signs an agent in.
func (b *Tab) SignIn(url, agent, password string) {
	b.t.Helper()
	b.Do(chromedp.Navigate(url), chromedp.WaitVisible(chromedp.CSS("input[name=agent]")),
		chromedp.SendKeys(chromedp.CSS("input[name=agent]"), agent),
		chromedp.SendKeys(chromedp.CSS("input[name=password]"), password+"\r"))
	b.Await("the link", "document.querySelector('.pill.live')")
}

// Admit opens a page of a House to an agent who has signed in before.
// The form at the door is a fifth of the work of it, or more: it is for tests of the door.
func (b *Tab) Admit(url, agent string) {
	b.t.Helper()
	known := network.SetCookieParams{Name: cookie, Value: agent, URL: url, HTTPOnly: new(true)}
	b.Do(set(network.SetCookie, known), chromedp.Navigate(url))
}

// Size makes the window so wide and high, for people who like it light or dark.
func (b *Tab) Size(width, height int64, scheme string) {
	b.t.Helper()
	b.Do(chromedp.EmulateViewport(width, height), set(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}}))
}

// Shot keeps a picture where PARLEY_SHOTS says, for a person to look at.
func (b *Tab) Shot(name string) {
	dir := os.Getenv("PARLEY_SHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o750)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600)
	}
	if err != nil {
		b.t.Logf("no picture %s: %v", name, err)
	}
}

// set makes an action of a protocol command.
func set[P, R any](command cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, tab *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, tab, command, params)
		return chromedp.Void{}, err
	}
}
