// Package clerk is a small bot for workstreams of the sample house: it greets,
// offers topics, and hands over to an agent with what it found out. docs/bot.md
// has what bots are asked and answer; this one shows how little that takes.
package clerk

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	maxBody = 256 << 10
	fresh   = 5 * time.Minute
)

// asked is as much of a request as the clerk wants to know.
type asked struct {
	Page  struct{ Language string }
	Event struct{ Type, Text, Payload string }
}

type answered struct {
	Version   int               `json:"version"`
	Messages  []message         `json:"messages,omitempty"`
	Variables map[string]string `json:"variables,omitempty"`
	Then      string            `json:"then,omitempty"`
	Summary   string            `json:"summary,omitempty"`
}

type message struct {
	Text         string  `json:"text"`
	QuickReplies []reply `json:"quick_replies,omitempty"`
}

type reply struct {
	Title   string `json:"title"`
	Payload string `json:"payload"`
}

// words are what the clerk says in a language.
type words struct {
	greeting, orders, other, bye, onWay, farewell string
}

var languages = map[string]words{
	"bg": {"Здравейте, аз съм ботът на магазина. За какво пишете?", "Поръчка", "Нещо друго", "Вече нищо", "Предавам Ви на колега.", "Благодаря Ви. Приятен ден!"},
	"en": {"Hello, I am the shop's bot. What is it about?", "An order", "Something else", "Nothing any more", "A colleague takes over.", "Thank you. Have a good day!"},
}

// Handler answers requests that are signed with secret.
func Handler(secret string, now func() time.Time) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		switch {
		case r.Method != http.MethodPost:
			http.Error(w, "POST only", http.StatusMethodNotAllowed)
			return
		case err != nil:
			http.Error(w, "the request is too large", http.StatusRequestEntityTooLarge)
			return
		case !genuine(r.Header.Get("Parley-Signature"), secret, body, now()):
			http.Error(w, "the signature is wrong, or old", http.StatusUnauthorized)
			return
		}
		var in asked
		if err := json.Unmarshal(body, &in); err != nil {
			http.Error(w, "the request is not JSON", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(think(in)) // who has gone asks again
	})
}

// think is what the clerk says to what it is asked. It keeps nothing, so the same
// question has the same answer.
func think(in asked) answered {
	say, known := languages[in.Page.Language]
	if !known {
		say = languages["en"]
	}
	over := func(topic, summary string) answered {
		return answered{Version: 1, Messages: []message{{Text: say.onWay}}, Variables: map[string]string{"topic": topic}, Then: "escalate", Summary: summary}
	}
	switch in.Event.Payload {
	case "clerk:orders":
		return over("orders", say.orders)
	case "clerk:other":
		return over("other", say.other)
	case "clerk:nothing":
		return answered{Version: 1, Messages: []message{{Text: say.farewell}}, Then: "end"}
	}
	return answered{Version: 1, Messages: []message{{Text: say.greeting, QuickReplies: []reply{
		{say.orders, "clerk:orders"}, {say.other, "clerk:other"}, {say.bye, "clerk:nothing"}}}}}
}

// genuine tells whether a request was signed with secret a short while ago.
func genuine(header, secret string, body []byte, now time.Time) bool {
	stamp, sum, two := strings.Cut(header, ",v1=")
	seconds, err := strconv.ParseInt(strings.TrimPrefix(stamp, "t="), 10, 64)
	signed, wrong := hex.DecodeString(sum)
	if !two || err != nil || wrong != nil || now.Sub(time.Unix(seconds, 0)).Abs() > fresh {
		return false
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(strings.TrimPrefix(stamp, "t=") + "."))
	mac.Write(body)
	return hmac.Equal(mac.Sum(nil), signed)
}
