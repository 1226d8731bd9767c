package api

import (
	"html/template"
	"net/http"
	"strings"

	"github.com/parley-desk/parley/services/desk/internal/device"
)

// Where the page is, and how it looks.
const (
	devicePath  = "/device"
	deviceStyle = "/device.css"
	deviceSheet = `:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}body{max-width:34rem;margin:3rem auto;padding:0 1rem}
h1{font-size:1.3rem}input,button{font:inherit;padding:.5rem .8rem}input[name=code]{width:12ch;text-transform:uppercase;letter-spacing:.1em}
form{display:flex;gap:.6rem;flex-wrap:wrap;align-items:end;margin:1rem 0}label{display:grid;gap:.2rem}dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}
dd{margin:0;overflow-wrap:anywhere}.warn{border:2px solid;padding:.6rem .9rem;font-weight:600}`
)

// deviceView is what the page shows.
type deviceView struct {
	Words     deviceWords
	SignedIn  bool
	Me        string
	Wrong     string
	Code      string
	Asked     *device.Request // nil: no code was typed yet
	Minutes   int
	Address   string // of the person
	Elsewhere bool   // whether the program asks from another
	Done      bool
	Allowed   bool
}

// deviceWords are the texts of the page.
type deviceWords struct {
	Lang, Title, SignIn, Desk, As, Type, Code, Go, Beware, Program, From, Since, Minutes, Elsewhere, Yours, Allow, Refuse, Allowed, Refused string

	sorry map[string]string // by reason; "": whatever else
}

func (w deviceWords) wrong(reason string) string {
	if text, ok := w.sorry[reason]; ok {
		return text
	}
	return w.sorry[""]
}

var deviceEnglish = deviceWords{
	Lang: "en", Title: "Let a program sign you in", SignIn: "Sign in at the desk first, then load this page again.", Desk: "To the desk",
	As: "You are signed in as", Type: "Type the code that the program shows you.", Code: "Code", Go: "Go on",
	Beware:  "A program that you allow does whatever you may do, in your name. Allow it only if you started it yourself just now. Whoever sent you a code or asked you to come here wants to be signed in as you: refuse, and tell your administrator.",
	Program: "It calls itself", From: "It asks from", Since: "It has asked for", Minutes: "minutes",
	Elsewhere: "It does not ask from where you are, which is", Yours: "That is where you are, too.",
	Allow: "Allow", Refuse: "Refuse", Allowed: "The program is signed in as you. “Sign out everywhere”, in the menu of the desk, ends that.",
	Refused: "Refused. Tell your administrator if it was not you who started it.",
	sorry: map[string]string{"": "That did not work. Try again in a moment.",
		"NO_SUCH_CODE":   "No program waits with this code. Codes are good for ten minutes, and for one answer.",
		"TOO_MANY_TRIES": "Too many wrong codes. Wait a little.", "NO_ROLE": "You may not let programs sign you in.",
		"AUDIT_AWAY": "It could not be recorded, so nothing was done. Try again in a moment."},
}

var deviceBulgarian = deviceWords{
	Lang: "bg", Title: "Вход през програма", SignIn: "Първо влезте в системата, после заредете пак тази страница.", Desk: "Към системата",
	As: "Влезли сте като", Type: "Въведете кода, който програмата ви показва.", Code: "Код", Go: "Напред",
	Beware:  "Програма, на която разрешите, прави всичко, което можете и вие, от ваше име. Разрешете само ако сте я пуснали вие самите току-що. Който ви е пратил код или ви е помолил да дойдете тук, иска да влезе като вас: откажете и кажете на администратора.",
	Program: "Нарича се", From: "Пита от", Since: "Чака от", Minutes: "минути",
	Elsewhere: "Не пита от вашия адрес, който е", Yours: "Това е и вашият адрес.",
	Allow: "Разрешавам", Refuse: "Отказвам", Allowed: "Програмата влезе като вас. „Изход от всички браузъри“ в менюто я прекратява.",
	Refused: "Отказано. Кажете на администратора, ако не сте я пуснали вие.",
	sorry: map[string]string{"": "Не се получи. Опитайте пак след малко.",
		"NO_SUCH_CODE":   "Никоя програма не чака с този код. Кодът важи десет минути и за един отговор.",
		"TOO_MANY_TRIES": "Твърде много грешни кодове. Изчакайте малко.", "NO_ROLE": "Нямате право да влизате през програма.",
		"AUDIT_AWAY": "Не можа да се запише, затова нищо не е направено. Опитайте пак след малко."},
}

// wordsOf are the texts in the language of an agent, or else of the browser.
func wordsOf(language string, h http.Header) deviceWords {
	if language == "bg" || language == "" && strings.HasPrefix(strings.ToLower(h.Get("Accept-Language")), "bg") {
		return deviceBulgarian
	}
	return deviceEnglish
}

var devicePage = template.Must(template.New("device").Parse(`<!doctype html><html lang="{{.Words.Lang}}"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex"><title>Parley</title><link rel="stylesheet" href="` + deviceStyle + `">
<h1>{{.Words.Title}}</h1>
{{with .Wrong}}<p class="warn" role="alert">{{.}}</p>{{end}}
{{if not .SignedIn}}<p>{{.Words.SignIn}}</p><p><a href="/">{{.Words.Desk}}</a></p>
{{else}}<p>{{.Words.As}} <strong>{{.Me}}</strong>.</p>
{{if .Done}}<p role="status">{{if .Allowed}}{{.Words.Allowed}}{{else}}{{.Words.Refused}}{{end}}</p><p><a href="/">{{.Words.Desk}}</a></p>
{{else if .Asked}}<dl><dt>{{.Words.Program}}</dt><dd><bdi>{{.Asked.Machine}}</bdi></dd><dt>{{.Words.From}}</dt><dd>{{.Asked.Address}}</dd><dt>{{.Words.Since}}</dt><dd>{{.Minutes}} {{.Words.Minutes}}</dd></dl>
{{if .Elsewhere}}<p class="warn" role="alert">{{.Words.Elsewhere}} {{.Address}}.</p>{{else}}<p>{{.Words.Yours}}</p>{{end}}
<p>{{.Words.Beware}}</p>
<form method="post" action="` + devicePath + `"><input type="hidden" name="code" value="{{.Code}}"><button name="answer" value="no">{{.Words.Refuse}}</button><button name="answer" value="yes">{{.Words.Allow}}</button></form>
{{else}}<form method="post" action="` + devicePath + `"><label>{{.Words.Type}}<input name="code" required maxlength="20" autocomplete="off" autocapitalize="characters" spellcheck="false" autofocus aria-label="{{.Words.Code}}"></label><button>{{.Words.Go}}</button></form>
<p>{{.Words.Beware}}</p>{{end}}{{end}}`))
