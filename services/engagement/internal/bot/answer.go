package bot

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"
	"unicode/utf16"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Limits of an answer. Those of quick replies are Meta's, counted as Meta may
// count them.
const (
	maxMessages = 10
	maxText     = 20_000
	maxReplies  = 13
	maxTitle    = 20
	maxPayload  = 1000
	maxSummary  = 2000
	maxValues   = 100
)

// What a bot may want to happen after its messages.
const (
	stay     = ""
	escalate = "escalate"
	end      = "end"
)

// Answered is a bot's answer.
type Answered struct {
	Version   int                        `json:"version"`
	Messages  []Message                  `json:"messages"`
	Variables map[string]json.RawMessage `json:"variables"`
	Then      string                     `json:"then"`
	Summary   string                     `json:"summary"`
}

// Message is a text for the customer.
type Message struct {
	Text         string       `json:"text"`
	QuickReplies []QuickReply `json:"quick_replies"`
}

// QuickReply is an answer that the customer can press.
type QuickReply struct {
	Title   string `json:"title"`
	Payload string `json:"payload"`
}

// Read reads the answer of ws's bot to ask in a conversation; what is sent of it
// is dropped when it has not left by until. An empty body is an answer without
// anything in it.
func Read(body []byte, ws *configv1.Workstream, conversation string, ask uint64, until time.Time) (thread.BotAnswer, *Trouble) {
	a := thread.BotAnswer{Conversation: conversation, Ask: ask}
	var in Answered
	if len(bytes.TrimSpace(body)) > 0 {
		if err := decode(body, &in); err != nil {
			return a, bad("it is not an answer: %v", err)
		}
		if in.Version != Version {
			return a, bad("version is %d; this house understands %d", in.Version, Version)
		}
	}
	var t *Trouble
	if a.Variables, t = in.variables(ws); t != nil {
		return a, t
	}
	if a.Messages, t = in.messages(conversation, ask, until); t != nil {
		return a, t
	}
	return a, in.after(ws.GetBot(), &a)
}

func bad(format string, args ...any) *Trouble {
	return trouble(threadv1.BotReason_BOT_REASON_BAD_ANSWER, format, args...)
}

// decode is strict: what is misspelt would else be left out without a word. It
// repeats nothing of the body but the names of fields.
func decode(body []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("there is more after it")
	}
	return nil
}

// variables are the values that the answer sets: texts, or numbers as they are
// written.
func (in *Answered) variables(ws *configv1.Workstream) (map[string]string, *Trouble) {
	switch {
	case len(in.Variables) == 0:
		return nil, nil
	case !ws.GetBot().GetMaySetVariables():
		return nil, trouble(threadv1.BotReason_BOT_REASON_NOT_ALLOWED, "it sets variables, and bot.may_set_variables of workstream %s is off", ws.GetMeta().GetId())
	case len(in.Variables) > maxValues:
		return nil, bad("it sets %d variables; at most %d", len(in.Variables), maxValues)
	}
	values := map[string]string{}
	for name, raw := range in.Variables {
		var text string
		var number json.Number
		switch v := directory.Variable(ws.GetVariables(), name); {
		case v == nil:
			return nil, bad("variable %.100q is not declared in workstream %s", name, ws.GetMeta().GetId())
		case json.Unmarshal(raw, &text) != nil && json.Unmarshal(raw, &number) != nil:
			return nil, bad("variable %s is neither a text nor a number", name)
		case text == "" && number == "" && string(raw) != `""`:
			return nil, bad("variable %s is neither a text nor a number", name)
		default:
			value := text + number.String()
			if number != "" {
				value = number.String()
			}
			if value != "" && !directory.Fits(v, value) {
				return nil, bad("variable %s cannot have that value", name)
			}
			values[name] = value
		}
	}
	return values, nil
}

func (in *Answered) messages(conversation string, ask uint64, until time.Time) ([]*threadv1.SendRequested, *Trouble) {
	if len(in.Messages) > maxMessages {
		return nil, bad("it has %d messages; at most %d", len(in.Messages), maxMessages)
	}
	var all []*threadv1.SendRequested
	for i, m := range in.Messages {
		parts := thread.Split(m.Text)
		if len(parts) == 0 || units(m.Text) > maxText {
			return nil, bad("messages[%d].text has %d characters; 1 to %d", i, units(m.Text), maxText)
		}
		replies, t := m.replies(i)
		if t != nil {
			return nil, t
		}
		all = append(all, &threadv1.SendRequested{Id: thread.MessageID(fmt.Sprintf("%s/bot/%d/%d", conversation, ask, i)), Parts: parts, QuickReplies: replies,
			Bot: &threadv1.BotReply{Answers: ask, Index: int32(i), UntilMs: until.UnixMilli()}})
	}
	return all, nil
}

func (m Message) replies(of int) ([]*threadv1.QuickReply, *Trouble) {
	if len(m.QuickReplies) > maxReplies {
		return nil, bad("messages[%d] has %d quick replies; at most %d", of, len(m.QuickReplies), maxReplies)
	}
	var all []*threadv1.QuickReply
	for i, q := range m.QuickReplies {
		at := fmt.Sprintf("messages[%d].quick_replies[%d]", of, i)
		if q.Payload == "" {
			q.Payload = q.Title
		}
		switch {
		case q.Title == "" || units(q.Title) > maxTitle:
			return nil, bad("%s.title has %d characters; 1 to %d", at, units(q.Title), maxTitle)
		case units(q.Payload) > maxPayload:
			return nil, bad("%s.payload has %d characters; at most %d", at, units(q.Payload), maxPayload)
		case len(q.Payload) >= len(own) && q.Payload[:len(own)] == own:
			return nil, bad("%s.payload begins with %s, which is the house's own", at, own)
		}
		all = append(all, &threadv1.QuickReply{Title: q.Title, Payload: q.Payload})
	}
	return all, nil
}

// after reads what happens after the messages.
func (in *Answered) after(b *configv1.Bot, a *thread.BotAnswer) *Trouble {
	switch in.Then {
	case escalate:
		if units(in.Summary) > maxSummary {
			return bad("summary has %d characters; at most %d", units(in.Summary), maxSummary)
		}
		a.Escalated = &threadv1.BotEscalated{Reason: threadv1.BotReason_BOT_REASON_ASKED, Summary: in.Summary}
	case end:
		if !b.GetMayEnd() {
			return trouble(threadv1.BotReason_BOT_REASON_NOT_ALLOWED, "it ends the conversation, and bot.may_end is off")
		}
		a.Ends = true
	case stay:
	default:
		return bad("then is %.100q; leave it out, or use %s or %s", in.Then, escalate, end)
	}
	if in.Summary != "" && in.Then != escalate {
		return bad("summary goes with then %s alone", escalate)
	}
	return nil
}

func units(s string) int { return len(utf16.Encode([]rune(s))) }
