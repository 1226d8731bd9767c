package webtest

// Faint is a script that finds text that is too near to its background for WCAG
// AA: 4.5 to 1, or 3 to 1 when it is large. Disabled controls are exempt.
const Faint = `(() => {
	const rgba = (s) => { const m = s.match(/[\d.]+/g).map(Number); return s.startsWith('color') ? [m[0] * 255, m[1] * 255, m[2] * 255, m[3] ?? 1] : [m[0], m[1], m[2], m[3] ?? 1]; };
	const over = (a, b) => [0, 1, 2].map((i) => a[i] * a[3] + b[i] * (1 - a[3])).concat(1);
	const back = (e) => { const own = rgba(getComputedStyle(e).backgroundColor); return own[3] === 1 || !e.parentElement ? own[3] ? own : [255, 255, 255, 1] : over(own, back(e.parentElement)); };
	const dim = (e) => e ? Number(getComputedStyle(e).opacity) * dim(e.parentElement) : 1;
	const light = (c) => { const [r, g, b] = c.map((v) => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
	const bad = [];
	for (const e of document.querySelectorAll('body *')) {
		const text = [...e.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data.trim()).join('');
		if (!text || !e.checkVisibility({ opacityProperty: true }) || e.closest('[disabled], .sr, noscript, script, option')) continue;
		const style = getComputedStyle(e), bg = back(e), ink = rgba(style.color);
		const [a, b] = [light(over([ink[0], ink[1], ink[2], ink[3] * dim(e)], bg)), light(bg)].sort((x, y) => y - x);
		const px = parseFloat(style.fontSize), large = px >= 24 || (px >= 18.7 && Number(style.fontWeight) >= 700);
		const ratio = (a + .05) / (b + .05);
		if (ratio < (large ? 3 : 4.5)) bad.push(ratio.toFixed(2) + ' ' + text.slice(0, 30));
	}
	return bad.join('; ');
})()`
