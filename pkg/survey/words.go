package survey

import (
	"strings"

	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// Words are what a survey says in one language. Slugs are not filled in.
type Words struct {
	Language string

	Invitation string // before the link
	Question   string // for the rating
	Comment    string // for a few words
	Write      string // the few words are waited for
	Thanks     string

	WriteButton, SkipButton string // answers to Comment, at most 20 characters
}

// standard are the words that Parley brings along.
func standard(language string) (w Words, known bool) {
	switch language {
	case "en":
		return Words{
			Language:   "en",
			Invitation: "How did we do? It takes half a minute to tell us:",
			Question:   "How satisfied are you with this conversation? The highest number is the best.",
			Comment:    "Would you like to tell us more in a few words?",
			Write:      "Please write it in one message.",
			Thanks:     "Thank you for your answer!",

			WriteButton: "Write a few words", SkipButton: "No, thank you",
		}, true
	case "bg":
		return Words{
			Language:   "bg",
			Invitation: "Доволни ли сте от разговора? Споделете за половин минута тук:",
			Question:   "Доколко сте доволни от разговора? Най-високото число е най-добрата оценка.",
			Comment:    "Искате ли да добавите няколко думи?",
			Write:      "Моля, напишете ги в едно съобщение.",
			Thanks:     "Благодарим Ви за отговора!",

			WriteButton: "Ще напиша", SkipButton: "Не, благодаря",
		}, true
	}
	return Words{}, false
}

// Brought tells whether Parley brings texts along in a language.
func Brought(language string) bool {
	_, known := standard(language)
	return known
}

// In are the words of s in the first of languages that it or Parley has, in
// English when neither has any. What a text of s leaves out is as Parley says it,
// in English where Parley does not speak the language.
func In(s *configv1.Survey, languages ...string) Words {
	for _, language := range languages {
		own := texts(s, language)
		w, known := standard(language)
		if own == nil && !known {
			continue
		}
		if !known {
			w, _ = standard("en")
		}
		w.Language = language
		for _, one := range []struct {
			text string
			into *string
		}{{own.GetInvitation(), &w.Invitation}, {own.GetQuestion(), &w.Question}, {own.GetComment(), &w.Comment}, {own.GetThanks(), &w.Thanks}} {
			if strings.TrimSpace(one.text) != "" {
				*one.into = one.text
			}
		}
		return w
	}
	w, _ := standard("en")
	return w
}

func texts(s *configv1.Survey, language string) *configv1.SurveyTexts {
	for _, t := range s.GetTexts() {
		if t.GetLanguage() == language {
			return t
		}
	}
	return nil
}
