package webtest

import "github.com/chromedp/chromedp"

// Rules are what axe-core holds a page to.
type Rules string

// What there is to hold a page to. Colours change with the scheme and nothing else
// does, so whoever looks at a page in many forms looks at each once.
const (
	Structure Rules = `{runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], rules: {'color-contrast': {enabled: false}}}`
	Colours   Rules = `{runOnly: {type: 'rule', values: ['color-contrast']}}`
)

// Sound is what is wrong with the page as it stands, by rules that go beyond Barriers:
// a view has one heading of the first level and one main landmark, headings have their
// order, and everything stands in a landmark. A page that stays is given axe-core once.
func (b *Tab) Sound(r Rules) string {
	b.t.Helper()
	found := ""
	if r == Structure {
		found = b.Eval(nameless) + b.Eval(`(() => {
			const n = (css) => [...document.querySelectorAll(css)].filter((e) => e.checkVisibility()).length;
			return [n('h1') === 1 ? '' : n('h1') + ' headings of the first level', n('main') === 1 ? '' : n('main') + ' main landmarks'].filter(Boolean).join('; ');
		})()`)
	} else {
		found = b.Eval(Faint)
	}
	source := axe()
	if source == "" {
		return found
	}
	if b.Eval("String(typeof window.axe)") == "undefined" {
		b.Do(chromedp.Evaluate[chromedp.Void](source + "; void 0"))
	}
	b.Do(chromedp.Evaluate[chromedp.Void](`window.barriers = undefined; void axe.run(document, {resultTypes: ['violations'], ...` + string(r) + `}).then((r) => {
		window.barriers = r.violations.map((v) => v.id + ' at ' + v.nodes.map((n) => n.target.join(' ')).join(', ') + ': ' + v.help).join('; ');
	}, (e) => { window.barriers = String(e); })`))
	b.Await("axe", "window.barriers !== undefined")
	return found + b.Eval("window.barriers")
}
