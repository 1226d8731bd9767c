package webtest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
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

// Click presses what a CSS selector finds. Where the page draws that anew before it is
// pressed, it is looked for again.
func (b *Tab) Click(css string) {
	b.t.Helper()
	press := chromedp.Click(chromedp.CSS(css))
	b.Do(func(ctx context.Context, tab *chromedp.Target) (chromedp.Void, error) {
		for {
			none, err := press(ctx, tab)
			if err == nil || ctx.Err() != nil || !redrawn(err) {
				return none, err
			}
		}
	})
}

// redrawn tells whether a node was taken from the page between being found and being
// pressed. The browser says so of its place alone, so nothing was pressed.
func redrawn(err error) bool {
	return strings.Contains(err.Error(), "Could not find node") || strings.Contains(err.Error(), "Node is detached")
}

// Key presses keys wherever the focus is.
func (b *Tab) Key(keys string, opts ...chromedp.KeyOption) {
	b.t.Helper()
	b.Do(chromedp.KeyEvent(keys, opts...))
}

// Enter presses Enter as a keyboard does: the character comes with the key and
// does not come when the page takes the key. KeyEvent would send it after.
func (b *Tab) Enter() {
	b.t.Helper()
	down := input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: "Enter", Code: "Enter", Text: "\r", WindowsVirtualKeyCode: 13}
	up := down
	up.Type, up.Text = input.DispatchKeyEventTypeKeyUp, ""
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
