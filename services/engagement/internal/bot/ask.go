package bot

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Version is that of the request and of the answer.
const Version = 1

// usual is how long an answer may take where the workstream does not say.
const usual = 10 * time.Second

// Limit is how long an answer of b may take.
func Limit(b *configv1.Bot) time.Duration {
	if s := b.GetLimitSeconds(); s > 0 {
		return time.Duration(s) * time.Second
	}
	return usual
}

// Asked is a request to a bot.
type Asked struct {
	Version      int          `json:"version"`
	ID           string       `json:"id"`
	Conversation Conversation `json:"conversation"`
	Page         Page         `json:"page"`
	Customer     Customer     `json:"customer"`
	Event        Event        `json:"event"`
	May          []string     `json:"may"`
	LimitMS      int64        `json:"limit_ms"`
}

// Conversation is what a bot is told of a conversation.
type Conversation struct {
	ID         string            `json:"id"`
	Workstream string            `json:"workstream"`
	OpenedMS   int64             `json:"opened_ms"`
	Variables  map[string]string `json:"variables"`
}

// Page is the page that the customer writes to.
type Page struct {
	ID       string `json:"id"`
	Language string `json:"language,omitempty"`
}

// Customer is who writes.
type Customer struct {
	PSID   string `json:"psid"`
	Name   string `json:"name,omitempty"`
	Locale string `json:"locale,omitempty"`
}

// Event is what the customer said.
type Event struct {
	Type        string   `json:"type"` // "message" or "postback"
	Opens       bool     `json:"opens"`
	Mid         string   `json:"mid,omitempty"`
	Text        string   `json:"text,omitempty"`
	Payload     string   `json:"payload,omitempty"`
	Attachments []string `json:"attachments,omitempty"` // their types
	SentMS      int64    `json:"sent_ms"`
}

// Said reads what the customer said out of a commit; false when that is nothing
// for a bot: an answer to a notice of the house.
func Said(c *threadv1.Commit) (Event, bool) {
	var e Event
	for _, f := range c.GetFacts() {
		switch k := f.GetKind().(type) {
		case *threadv1.Fact_MessageReceived:
			m := k.MessageReceived
			e.Type, e.Mid, e.Text, e.Payload, e.SentMS = "message", m.GetMid(), m.GetText(), m.GetQuickReply(), m.GetSentMs()
			for _, a := range m.GetAttachments() {
				e.Attachments = append(e.Attachments, a.GetType())
			}
		case *threadv1.Fact_PostbackReceived:
			p := k.PostbackReceived
			e.Type, e.Mid, e.Text, e.Payload, e.SentMS = "postback", p.GetMid(), p.GetTitle(), p.GetPayload(), p.GetSentMs()
		case *threadv1.Fact_ConversationOpened:
			e.Opens = true
		}
	}
	return e, e.Type != "" && !strings.HasPrefix(e.Payload, own)
}

// own begins the payloads of buttons that are the house's.
const own = "parley:"

// RequestID names what is asked: the same whoever asks it, and however often.
func RequestID(conversation string, ask uint64) string {
	return conversation + ":" + strconv.FormatUint(ask, 10)
}

// Ask is the body of the request for e, which the bot of s owes an answer to.
func Ask(world *directory.Snapshot, s *threadv1.State, ask uint64, e Event) ([]byte, error) {
	c := s.GetConversation()
	ws := world.Workstreams[c.GetWorkstream()]
	values := map[string]string{}
	for _, v := range ws.GetVariables() {
		values[v.GetName()] = v.GetInitial()
	}
	maps.Copy(values, c.GetVariables())
	return json.Marshal(Asked{
		Version:      Version,
		ID:           RequestID(c.GetId(), ask),
		Conversation: Conversation{c.GetId(), c.GetWorkstream(), c.GetOpenedMs(), values},
		Page:         Page{s.GetPage(), world.PagesByMeta[s.GetPage()].GetLanguage()},
		Customer:     Customer{s.GetPsid(), s.GetCustomer().GetName(), s.GetCustomer().GetLocale()},
		Event:        e,
		May:          may(ws.GetBot()),
		LimitMS:      Limit(ws.GetBot()).Milliseconds(),
	})
}

func may(b *configv1.Bot) []string {
	list := []string{"escalate"}
	if b.GetMaySetVariables() {
		list = append(list, "set_variables")
	}
	if b.GetMayEnd() {
		list = append(list, "end")
	}
	return list
}
