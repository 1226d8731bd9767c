package survey

import "html/template"

// strings of the page that no workstream sets.
type labels struct {
	Title, Best, Words, Send        string
	Used, Expired, Unknown, Missing string
	Later                           string
}

// labelsIn are the labels in Bulgarian, or in English.
func labelsIn(language string) labels {
	if language == "bg" {
		return labels{
			Title: "Вашето мнение", Best: "най-добра оценка", Words: "по желание", Send: "Изпратете",
			Used:    "Вече сте отговорили. Благодарим Ви!",
			Expired: "Времето за отговор изтече. Благодарим Ви, че отворихте страницата.",
			Unknown: "Тази препратка не води до анкета. Моля, отворете я направо от съобщението.",
			Missing: "Моля, изберете оценка.",
			Later:   "В момента не можем да приемем отговора Ви. Моля, опитайте пак след минута.",
		}
	}
	return labels{
		Title: "Your opinion", Best: "the best", Words: "if you like", Send: "Send",
		Used:    "You have answered already. Thank you!",
		Expired: "The time for an answer is over. Thank you for coming here all the same.",
		Unknown: "This link leads to no survey. Please open it from the message itself.",
		Missing: "Please choose a rating.",
		Later:   "We cannot take your answer at the moment. Please try again in a minute.",
	}
}

// view is what the page shows: a form, or one sentence.
type view struct {
	labels
	Language string
	Say      string // the sentence; empty: the form
	Wrong    string // what is missing in the form that was sent
	Question string
	Comment  string // the question for a few words; empty: none are asked for
	Ratings  []int32
	Highest  int32
	Chosen   string
	Text     string
	Longest  int
}

// style is all the styling there is; the page has no script and loads nothing.
const style = `body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:2rem auto;padding:0 1rem;color:#1c1e21;background:#fff}
fieldset{border:0;padding:0;margin:0}legend{padding:0;font-weight:600}
.r{display:flex;flex-wrap:wrap;gap:.5rem;margin:1rem 0}
.r label{display:block;position:relative}
.r input{position:absolute;opacity:0;width:100%;height:100%;margin:0}
.r span{display:block;min-width:3rem;padding:.6rem 0;text-align:center;border:2px solid #6b7280;border-radius:.6rem}
.r input:checked+span{background:#1d4ed8;border-color:#1d4ed8;color:#fff}
.r input:focus-visible+span{outline:3px solid #93c5fd}
textarea{display:block;width:100%;box-sizing:border-box;font:inherit;padding:.6rem;margin:.3rem 0 1rem;border:2px solid #6b7280;border-radius:.6rem}
button{font:inherit;font-weight:600;padding:.7rem 1.6rem;border:0;border-radius:.6rem;background:#1d4ed8;color:#fff}
.w{color:#b91c1c}.h{color:#4b5563;font-size:.9rem}
@media(prefers-color-scheme:dark){body{background:#18191a;color:#e4e6eb}textarea{background:#242526;color:inherit}.w{color:#fca5a5}.h{color:#b0b3b8}}`

var page = template.Must(template.New("survey").Parse(`<!doctype html>
<html lang="{{.Language}}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{{.Title}}</title>
<style>` + style + `</style>
</head>
<body>
<main>
{{- if .Say}}
<p dir="auto">{{.Say}}</p>
{{- else}}
<form method="post" accept-charset="utf-8">
<fieldset>
<legend dir="auto">{{.Question}}</legend>
{{- if .Wrong}}
<p class="w" role="alert">{{.Wrong}}</p>
{{- end}}
<div class="r">
{{- range .Ratings}}
<label><input type="radio" name="rating" value="{{.}}" required{{if eq (printf "%d" .) $.Chosen}} checked{{end}}><span>{{.}}</span></label>
{{- end}}
</div>
<p class="h">{{.Highest}}: {{.Best}}</p>
</fieldset>
{{- if .Comment}}
<label for="c" dir="auto">{{.Comment}}</label> <span class="h">({{.Words}})</span>
<textarea id="c" name="comment" rows="4" maxlength="{{.Longest}}" dir="auto">{{.Text}}</textarea>
{{- end}}
<button>{{.Send}}</button>
</form>
{{- end}}
</main>
</body>
</html>
`))
