package graph

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"github.com/parley-desk/parley/pkg/telemetry/key"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Message is one message to one customer: a text, a template, a file or a sticker.
type Message struct {
	PSID          string
	Text          string // at most 2000 characters, Meta's limit
	MessagingType string // RESPONSE, MESSAGE_TAG, or UTILITY with a utility template
	Tag           string // HUMAN_AGENT with MESSAGE_TAG, else empty
	Metadata      string // of SignMetadata
	ReplyTo       string // mid of the message that it answers; empty for none
	QuickReplies  []*threadv1.QuickReply
	Template      *threadv1.Template // in place of the text
	Media         Media              // in place of the text
	Sticker       string             // id of the sticker in place of the text, a number
	Persona       string             // id of the persona that says it; empty: the page itself
}

// sendBody is Meta's page "Send API". What a message answers stands beside it.
type sendBody struct {
	Recipient     recipient `json:"recipient"`
	MessagingType string    `json:"messaging_type"`
	Tag           string    `json:"tag,omitempty"`
	Message       struct {
		Text         string       `json:"text,omitempty"`
		Attachment   *attachment  `json:"attachment,omitempty"`
		Template     *approved    `json:"template,omitempty"`
		Sticker      json.Number  `json:"sticker_id,omitempty"`
		QuickReplies []quickReply `json:"quick_replies,omitempty"`
		Metadata     string       `json:"metadata,omitempty"`
	} `json:"message"`
	ReplyTo *mid   `json:"reply_to,omitempty"`
	Persona string `json:"persona_id,omitempty"`
}

type recipient struct {
	ID string `json:"id"`
}

type mid struct {
	MID string `json:"mid"`
}

func bodyOf(m Message) sendBody {
	body := sendBody{Recipient: recipient{m.PSID}, MessagingType: m.MessagingType, Tag: m.Tag, Persona: m.Persona}
	body.Message.Metadata = m.Metadata
	switch {
	case m.Template.GetUtility() != nil:
		body.Message.Template = approvedOf(m.Template.GetUtility())
	case m.Template != nil:
		body.Message.Attachment = templateOf(m.Template)
	case m.Media.ID != "":
		body.Message.Attachment = &attachment{Type: m.Media.Kind, Payload: payload{AttachmentID: m.Media.ID}}
	case m.Sticker != "":
		body.Message.Sticker = json.Number(m.Sticker)
	default:
		body.Message.Text = m.Text
	}
	body.Message.QuickReplies = quickReplies(m.QuickReplies)
	if m.ReplyTo != "" {
		body.ReplyTo = &mid{m.ReplyTo}
	}
	return body
}

// Send posts m once and says what is known of it. It blocks until Meta has
// answered or the client's time-out is over, even when ctx ends before: of ctx
// it takes only the trace.
func (c *Client) Send(ctx context.Context, page Page, m Message) Outcome {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.timeout)
	defer cancel()
	start := time.Now()
	a := c.do(ctx, page, call{operation: "send", method: http.MethodPost, path: []string{page.ID, "messages"}, body: bodyOf(m)})
	out := classify(a.phase, a.status, a.body)
	if a.timeout && out.Class == Uncertain {
		out.Reason = ReasonTimeout
	}
	if m.Template.GetUtility() != nil && out.Class == Refused && out.Reason == ReasonInvalidRequest {
		out.Reason = ReasonTemplateRefused // Meta has no codes of its own for it
	}
	out.Usage = usageOf(a.header, page.ID)
	if out.Class == Later || out.Class == Parked {
		out.RetryAfter = retryAfter(a.header, out.Usage)
	}
	c.seconds.WithLabelValues("send", out.Class.String()).Observe(time.Since(start).Seconds())
	if out.Class != Sent {
		c.log.LogAttrs(ctx, slog.LevelWarn, "send did not succeed",
			slog.String(key.Page, page.ID), slog.String(key.Class, out.Class.String()), slog.String(key.Reason, out.Reason), slog.Int(key.HTTPStatus, a.status),
			slog.Int(key.MetaCode, out.Code), slog.Int(key.MetaSubcode, out.Subcode), slog.String(key.MetaTrace, out.Trace))
	}
	return out
}
