package validate_test

import (
	"testing"

	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

func TestMistakesOfBots(t *testing.T) {
	for _, good := range []*configv1.Bot{{Url: "https://bot.example.com/parley", LimitSeconds: 30, MayEnd: true}, {Url: "https://10.0.0.7:8443"},
		{Url: "http://127.0.0.1:8082/bot"}, {Url: "http://localhost:1/"}, {Url: "http://[::1]:1/"}} {
		if found := check(broken(func(w *workstream) { w.Bot = good })); len(found) > 0 {
			t.Errorf("%s: %v", good.GetUrl(), found)
		}
	}
	for _, m := range []struct{ name, url, says string }{
		{"no address", "", "is missing; give the address where the bot is asked"},
		{"no scheme", "bot.example.com", `"bot.example.com" is not an address; write it like https://`},
		{"no host", "https:///bot", "is not an address"},
		{"in the clear", "http://bot.example.com/", "would carry what customers write in the clear; use https"},
		{"another scheme", "ftp://bot.example.com/", "is not an address of https"},
		{"a password", "https://me:secret@bot.example.com/", "has a name or a password in it"},
		{"a fragment", "https://bot.example.com/#a", "has a fragment"},
	} {
		mistake{"L118", m.name, broken(func(w *workstream) { w.Bot = &configv1.Bot{Url: m.url} }), "bot.url", m.says}.check(t)
	}
	const fine = "https://bot.example.com/"
	mistake{"L118", "too long", broken(func(w *workstream) { w.Bot = &configv1.Bot{Url: fine, LimitSeconds: 31} }), "bot.limit_seconds", "31 is out of range; use 1 to 30"}.check(t)
	mistake{"L118", "where agents pick", broken(func(w *workstream) {
		w.Bot, w.Mode = &configv1.Bot{Url: fine}, configv1.WorkMode_WORK_MODE_PICK
	}), "bot", "does not go with WORK_MODE_PICK"}.check(t)
	mistake{"L118", "where questions are asked", broken(func(w *workstream) {
		w.Bot, w.Variables = &configv1.Bot{Url: fine}, []*configv1.Variable{{Name: "order"}}
		w.Questions = &configv1.Questions{List: []*configv1.Question{{Variable: "order", Texts: []*configv1.LocalText{{Language: "en", Text: "Which?"}}}}}
	}), "questions", "does not go with a bot"}.check(t)
	mistake{"L118", "a short secret", broken(func(w *workstream) {
		w.Bot, w.BotSecret = &configv1.Bot{Url: fine}, &configv1.Secret{Value: "short"}
	}), "bot_secret", "characters"}.check(t)
}
