package web_test

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// hostile are texts that run a script, or ask a stranger's server, wherever a page
// takes text for markup. STRANGER is that server.
var hostile = []string{
	`<script>executed(0)</script>`,
	`<img src=x onerror="executed(1)">`,
	`<svg onload="executed(2)"></svg>`,
	`<iframe srcdoc="<script>parent.executed(3)</script>"></iframe>`,
	`<details open ontoggle="executed(4)">x</details>`,
	`"><input autofocus onfocus="executed(5)">`,
	`<video><source onerror="executed(6)"></video>`,
	`<style>@keyframes x{}</style><b style="animation-name:x" onanimationstart="executed(7)">x</b>`,
	`<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=x onerror=executed(8)&gt;">`,
	`<img src="STRANGER/pixel.png">`,
	`<link rel=stylesheet href="STRANGER/style.css">`,
	`<a href="javascript:executed(11)" autofocus>x</a>`,
	`<object data="javascript:parent.executed(12)"></object>`,
	`<base href="STRANGER/"><form action="STRANGER/"><button>x</button></form>`,
	"`${executed(14)}`{{constructor.constructor('executed(14)')()}}",
}

// bites tells of every payload that did something in a page: which ran, and how often
// the stranger was asked.
const bites = `window.ran = []; window.executed = (n) => { ran.push(n); };
	addEventListener('securitypolicyviolation', (e) => ran.push(e.violatedDirective + ' of ' + e.blockedURI));`

// TestTextOfStrangersRunsNowhere (SK1): not in a name, a message, the title of a
// session, a file, a link, a template, a note, on an agent's desk or a supervisor's;
// and what was written is what is read. The same texts do bite in a page that takes
// text for markup.
func TestTextOfStrangersRunsNowhere(t *testing.T) {
	naive, _ := stranger(t)
	bite(t, aimed(naive))
	address, asked := stranger(t)
	texts := aimed(address)

	b := open(t)
	b.Before(bites)
	for i, text := range texts {
		b.house.Add(webtest.Customer{PSID: strconv.Itoa(1001 + i), Name: fmt.Sprint(i, text), Queue: text, Title: fmt.Sprint(i, text), Phase: threadv1.Phase_PHASE_ACTIVE, Window: time.Hour}, text)
		inside(b.house, strconv.Itoa(1001+i), text)
	}
	b.signIn()
	for i, text := range texts {
		b.Press("the row", fmt.Sprintf("[...document.querySelectorAll('.row')].find((e) => e.innerText.includes(%q))", fmt.Sprint(i, text)[:12]))
		b.Await("what was written", fmt.Sprintf("[...document.querySelectorAll('.msg.in .text')].some((e) => e.textContent === %q) && document.querySelector('.msg.note') && document.querySelector('.offered')", text))
		harmless(b, "the desk with "+text)
	}
	b.Shot("hostile")
	b.Click(".msg.in .text")
	supervisor := open(t)
	supervisor.Before(bites)
	for i, text := range texts {
		supervisor.house.Open(webtest.Customer{PSID: strconv.Itoa(1001 + i), Name: fmt.Sprint(i, text), Queue: text, Phase: threadv1.Phase_PHASE_ACTIVE, Window: time.Hour}, webtest.Other, text)
	}
	supervisor.comes(webtest.Boss)
	supervisor.Await("the floor", fmt.Sprintf("document.querySelectorAll('.floor tbody tr').length >= %d", len(texts)))
	harmless(supervisor, "the floor")
	if n := asked.Load(); n != 0 {
		t.Errorf("the stranger was asked %d times", n)
	}
}

// stranger is a server that counts what it is asked for.
func stranger(t *testing.T) (address string, asked *atomic.Int32) {
	t.Helper()
	asked = new(atomic.Int32)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(server.Close)
	return server.URL, asked
}

// aimed are the hostile texts with a stranger's address.
func aimed(stranger string) []string {
	texts := make([]string, len(hostile))
	for i, text := range hostile {
		texts[i] = strings.ReplaceAll(text, "STRANGER", stranger)
	}
	return texts
}

// inside says a text in every place that a thread has for one.
func inside(house *webtest.House, psid, text string) {
	customer := deskv1.Author_AUTHOR_CUSTOMER
	house.Say(psid, &deskv1.TimelineItem{Id: "a" + psid, Author: customer, Attachments: []*threadv1.Attachment{
		{Type: "file", Title: text}, {Type: "fallback", Title: text, Url: "https://example.com/" + text}, {Type: text, Title: text, Raw: text}, {Type: "fallback", Title: text, Url: "javascript:executed('link')"}}})
	house.Say(psid, &deskv1.TimelineItem{Id: "t" + psid, Author: customer, Text: "https://example.com/" + text + " javascript:executed('text')", ReplyTo: text, Reaction: text})
	house.Say(psid, &deskv1.TimelineItem{Id: "n" + psid, Author: deskv1.Author_AUTHOR_NOTE, AgentName: text, Text: text})
	house.Say(psid, &deskv1.TimelineItem{Id: "o" + psid, Author: deskv1.Author_AUTHOR_AGENT, AgentName: text, Text: text, Reason: text, Delivery: deskv1.Delivery_DELIVERY_FAILED, QuickReplies: []*threadv1.QuickReply{{Title: text, Payload: text}},
		Template: &threadv1.Template{Button: &threadv1.ButtonTemplate{Text: text, Buttons: []*threadv1.Button{{Title: text, Url: "javascript:executed('button')"}, {Title: text, Payload: text}}}}})
}

// harmless reports what ran in a page, and elements that text has become.
func harmless(b *browser, where string) {
	b.t.Helper()
	if ran := b.Eval("ran.join('; ')"); ran != "" {
		b.t.Errorf("%s: ran %s", where, ran)
	}
	if made := b.Eval("[...document.querySelectorAll('script:not([src]), iframe, object, embed, base, math, [onerror], [onload], [ontoggle], [onfocus], [href^=\"javascript:\"]')].map((e) => e.outerHTML).join('; ')"); made != "" {
		b.t.Errorf("%s: text has become %s", where, made)
	}
}

// bite shows that the texts are dangerous, on a page that is not ours.
func bite(t *testing.T, texts []string) {
	t.Helper()
	naive := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><body>")
	}))
	t.Cleanup(naive.Close)
	b := webtest.Browse(t)
	b.Before(bites)
	b.Go(naive.URL)
	for _, text := range texts {
		b.Do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf("{ const e = document.createElement('div'); document.body.append(e); e.innerHTML = %q; }", text)))
	}
	b.Await("what they do", "new Set(ran).size >= 5 && performance.getEntriesByType('resource').some((e) => e.name.endsWith('/pixel.png'))")
}

// TestLinksSayWhereTheyLead (SK2): one whose text begins with its own host is followed
// at once; any other leads to a page that says where it goes in letters that cannot be
// taken for others, and what cannot be seen is seen.
func TestLinksSayWhereTheyLead(t *testing.T) {
	const away = "/leave#"
	b := open(t)
	links := []struct{ typed, shown, to string }{
		{"https://example.com/track?id=1", "", "https://example.com/track?id=1"},
		{"HTTPS://Example.com/A", "", "https://example.com/A"},
		{"http://example.com:8080/a", "", "http://example.com:8080/a"},
		{"https://xn--80ak6aa92e.com/", "", "https://xn--80ak6aa92e.com/"},
		{"https://аррӏе.com/", "", b.url + away + "https://xn--80ak6aa92e.com/"},
		{"https://bank.example@evil.example/", "", b.url + away + "https://bank.example@evil.example/"},
		{"http://2130706433/", "", b.url + away + "http://127.0.0.1/"},
		{"https://exa%6dple.com/", "", b.url + away + "https://example.com/"},
		{"https://example.com\u200b.evil.example/", "https://example.com·.evil.example/", b.url + away + "https://example.com.evil.example/"},
		{"https://example.com/\u202egnp.exe", "https://example.com/·gnp.exe", "https://example.com/%E2%80%AEgnp.exe"},
		{"javascript:alert(1)//https://", "", ""},
	}
	b.house.Add(active("1001", "Иван Петров"), "Здравейте.")
	for i, l := range links {
		b.house.Say("1001", &deskv1.TimelineItem{Id: fmt.Sprint("l", i), Author: deskv1.Author_AUTHOR_CUSTOMER, Text: "вижте " + l.typed + " сега"})
	}
	b.signIn()
	b.Click(".row")
	b.Await("all of them", fmt.Sprintf("document.querySelectorAll('.msg.in').length === %d", len(links)+1))
	var want []string
	for _, l := range links[:len(links)-1] {
		want = append(want, cmp.Or(l.shown, l.typed)+" "+l.to)
	}
	if got := b.Eval("[...document.querySelectorAll('.msg.in a')].map((e) => e.textContent + ' ' + e.href).join(' | ')"); got != strings.Join(want, " | ") {
		t.Errorf("links are\n%s\nwant\n%s", got, strings.Join(want, " | "))
	}
	if got := b.Eval("[...new Set([...document.querySelectorAll('.msg.in a')].map((e) => e.rel + ' ' + e.target))].join()"); got != "noopener noreferrer nofollow ugc _blank" {
		t.Errorf("they are opened as %s", got)
	}

	b.Before(bites)
	for address, want := range map[string][]string{
		"https://xn--80ak6aa92e.com/":                         {"Look where this link leads", "\nxn--80ak6aa92e.com\n", "letters that may look like others"},
		"https://bank.example@evil.example/":                  {"\nevil.example\n", "before @", "https://bank.example@evil.example/"},
		"http://127.0.0.1/":                                   {"\n127.0.0.1\n", "a number"},
		"https://example.com/<img src=x onerror=executed(1)>": {"\nexample.com\n", "%3Cimg"},
		"javascript:executed(2)":                              {"no address"},
		"":                                                    {"no address"},
	} {
		b.Go("about:blank")
		b.Go(b.url + away + address)
		b.Await("the page", "document.querySelector('main h1')")
		text := b.Text()
		for _, part := range want {
			if !strings.Contains(text, part) {
				t.Errorf("%s: %q does not say %q", address, text, part)
			}
		}
		if got := b.Eval("document.querySelector('main a')?.href ?? ''"); strings.Contains(address, "executed(2)") != (got == "") && address != "" {
			t.Errorf("%s: leads to %q", address, got)
		}
		harmless(b, address)
	}
	for _, scheme := range []string{"light", "dark"} {
		b.Size(360, 740, scheme)
		b.Go("about:blank")
		b.Go(b.url + away + "https://bank.example@xn--80ak6aa92e.com/")
		b.Await("the page", "document.querySelector('main h1')")
		if got := b.Barriers(); got != "" {
			t.Errorf("%s: %s", scheme, got)
		}
		b.Shot("leave-" + scheme)
	}
	b.Do(chromedp.Evaluate[chromedp.Void](`localStorage.setItem('parley.prefs', '{"lang":"bg"}')`))
	b.Do(chromedp.Reload())
	b.Await("the other language", "document.querySelector('main h1')?.textContent === 'Вижте накъде води връзката'")
}
