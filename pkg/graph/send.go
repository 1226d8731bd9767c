package graph

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/parley-desk/parley/pkg/telemetry/key"
)

// Message is one text to one customer.
type Message struct {
	PSID          string
	Text          string // at most 2000 characters, Meta's limit
	MessagingType string // RESPONSE or MESSAGE_TAG
	Tag           string // HUMAN_AGENT with MESSAGE_TAG, else empty
	Metadata      string // of SignMetadata
}

// sendBody is Meta's page "Send API".
type sendBody struct {
	Recipient struct {
		ID string `json:"id"`
	} `json:"recipient"`
	MessagingType string `json:"messaging_type"`
	Tag           string `json:"tag,omitempty"`
	Message       struct {
		Text     string `json:"text"`
		Metadata string `json:"metadata,omitempty"`
	} `json:"message"`
}

// Send posts m once and says what is known of it. It blocks until Meta has
// answered or the client's time-out is over, even when ctx ends before: of ctx
// it takes only the trace.
func (c *Client) Send(ctx context.Context, page Page, m Message) Outcome {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.timeout)
	defer cancel()
	var body sendBody
	body.Recipient.ID, body.MessagingType, body.Tag = m.PSID, m.MessagingType, m.Tag
	body.Message.Text, body.Message.Metadata = m.Text, m.Metadata

	start := time.Now()
	a := c.do(ctx, page, call{operation: "send", method: http.MethodPost, path: []string{page.ID, "messages"}, body: body})
	out := classify(a.phase, a.status, a.body)
	if a.timeout && out.Class == Uncertain {
		out.Reason = ReasonTimeout
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
