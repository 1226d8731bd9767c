package webtest

import (
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/chromedp/chromedp"
)

// axe is axe-core, which npm puts beside the page by the lock file; empty where
// nobody installed it.
var axe = sync.OnceValue(func() string {
	_, here, _, _ := runtime.Caller(0)
	source, err := os.ReadFile(filepath.Join(filepath.Dir(here), "../node_modules/axe-core/axe.min.js"))
	if err != nil {
		return ""
	}
	return string(source)
})

// Barriers is what keeps somebody from using the page as it stands, by WCAG 2.2 at
// level AA: each with the rule it breaks and where. It looks itself for names, roles,
// doubled ids, places that cannot be reached and text that is too faint, and has
// axe-core look where that is installed.
func (b *Tab) Barriers() string {
	b.t.Helper()
	return b.Eval(Faint) + b.Eval(nameless) + b.looked("'wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'")
}

// Colours is as much of Barriers as colours decide: all there is to find where
// nothing but colours has changed since Barriers looked.
func (b *Tab) Colours() string {
	b.t.Helper()
	return b.Eval(Faint) + b.looked("'color-contrast', 'link-in-text-block'")
}

// looked is what axe-core finds by tags, or by rules.
func (b *Tab) looked(by string) string {
	b.t.Helper()
	source := axe()
	if source == "" {
		return ""
	}
	if b.Eval("typeof axe") == "undefined" {
		b.Do(chromedp.Evaluate[chromedp.Void](source + "; void 0"))
	}
	found, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`axe.run(document, {resultTypes: ['violations'], runOnly: [`+by+`]}).then((r) =>
		r.violations.map((v) => v.id + ' at ' + v.nodes.map((n) => n.target.join(' ')).join(', ') + ': ' + v.help).join('; '))`, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("axe-core: %v", err)
	}
	return found
}

// Thorough tells whether axe-core looks, too.
func Thorough() bool { return axe() != "" }

// nameless is a script that finds controls without a name, pictures without words,
// ids that stand twice, and an order of the keyboard's own.
const nameless = `(() => {
	const seen = (e) => e.checkVisibility();
	const text = (e) => (e?.innerText || e?.textContent || '').trim();
	const named = (e) => e.getAttribute('aria-label') || (e.getAttribute('aria-labelledby') ?? '').split(' ').map((id) => text(document.getElementById(id))).join('')
		|| text(e) || [...e.querySelectorAll('img')].map((i) => i.alt).join('') || [...e.labels ?? []].map(text).join('') || e.getAttribute('title') || e.getAttribute('placeholder');
	const bad = [], say = (what, e) => bad.push(what + ' ' + e.outerHTML.slice(0, 80));
	for (const e of document.querySelectorAll('button, a[href], input, select, textarea, [role=button], [role=img]')) if (seen(e) && !named(e)) say('nameless:', e);
	for (const e of document.querySelectorAll('img')) if (seen(e) && !e.hasAttribute('alt')) say('wordless:', e);
	for (const e of document.querySelectorAll('[tabindex]')) if (e.tabIndex > 0) say('out of order:', e);
	const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
	for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) !== i))) bad.push('twice: #' + id);
	if (!document.documentElement.lang) bad.push('no language');
	return bad.join('; ');
})()`
