// Package journal is the memory of the sandbox: one append-only file of
// records, a JSON object a line. Everything the sandbox knows can be rebuilt
// from it, so a process that is killed loses nothing it has told anybody.
package journal

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Kind says what a record tells.
type Kind string

// The kinds. A customer is created before the first word, and a record that
// causes webhooks carries them in Events: cause and effect are one line, so no
// crash can come between them.
const (
	CustomerCreated  Kind = "customer_created"  // Name
	CustomerWrote    Kind = "customer_wrote"    // MID, Text or Attachment, SentMS
	CustomerRead     Kind = "customer_read"     // WatermarkMS
	SendReceived     Kind = "send_received"     // Send; Text, MID and SentMS when delivered
	ActionReceived   Kind = "action_received"   // Text is the sender action
	WebhookSent      Kind = "webhook_sent"      // Post: one POST and its answer
	PageSubscribed   Kind = "page_subscribed"   // Fields
	PageUnsubscribed Kind = "page_unsubscribed" // Text says why; undelivered events are dropped
	Scripted         Kind = "scripted"          // Rules
	TokenDescribed   Kind = "token_described"   // Token
	FileUploaded     Kind = "file_uploaded"     // ID, Attachment and URL: a page may name it in messages
	ControlMoved     Kind = "control_moved"     // App, another one, has the thread; empty: this one
	SecretReset      Kind = "secret_reset"      // Text is the new app secret; webhooks are signed with it from here on
)

// Record is one line of the journal. Times are milliseconds since 1970 UTC.
type Record struct {
	Seq         uint64          `json:"seq"` // from 1, without gaps
	AtMS        int64           `json:"at_ms"`
	Kind        Kind            `json:"kind"`
	Page        string          `json:"page,omitempty"`
	PSID        string          `json:"psid,omitempty"`
	Name        string          `json:"name,omitempty"`
	MID         string          `json:"mid,omitempty"`
	Text        string          `json:"text,omitempty"`
	Attachment  string          `json:"attachment,omitempty"` // image, sticker, location, postback...
	URL         string          `json:"url,omitempty"`        // of the attachment; empty: the sandbox's own picture
	ID          string          `json:"id,omitempty"`         // Meta's id of a file
	ReplyTo     string          `json:"reply_to,omitempty"`   // mid of the message that it answers
	Target      string          `json:"target,omitempty"`     // mid of the message that a reaction is for
	Reaction    string          `json:"reaction,omitempty"`   // emoji; empty takes it back
	Buttons     []string        `json:"buttons,omitempty"`    // titles of what can be pressed
	Payloads    []string        `json:"payloads,omitempty"`   // of each of them, what comes back
	QuickReply  string          `json:"quick_reply,omitempty"`
	Template    json.RawMessage `json:"template,omitempty"`   // payload of a template, as it was sent
	SentMS      int64           `json:"sent_ms,omitempty"`    // the time that the webhook says
	WatermarkMS int64           `json:"watermark_ms,omitempty"`
	Send        *Send           `json:"send,omitempty"`
	Post        *Post           `json:"post,omitempty"`
	Fields      []string        `json:"fields,omitempty"`
	Rules       json.RawMessage `json:"rules,omitempty"`
	Token       *Token          `json:"token,omitempty"`
	App         string          `json:"app,omitempty"` // id of an app of the page
	Events      []Event         `json:"events,omitempty"`
}

// Token is an access token as a test wants it to be.
type Token struct {
	Value         string   `json:"value"`
	Type          string   `json:"type,omitempty"`   // PAGE when empty
	Page          string   `json:"page,omitempty"`   // the page it is for
	AppID         string   `json:"app_id,omitempty"` // the sandbox's app when empty
	Dead          bool     `json:"dead,omitempty"`
	Subcode       int      `json:"subcode,omitempty"`         // why it is dead, with code 190
	ExpiresMS     int64    `json:"expires_ms,omitempty"`      // 0: never
	DataExpiresMS int64    `json:"data_expires_ms,omitempty"` // 0: never
	Scopes        []string `json:"scopes,omitempty"`          // all that the house needs when empty

	// Of a person's token, type USER, and of a system user's, SYSTEM_USER.
	Accounts []Account `json:"accounts,omitempty"` // pages that the person administers
	Granular bool      `json:"granular,omitempty"` // single pages were granted: the list of pages is empty, and the token names them
	Long     bool      `json:"long,omitempty"`     // long-lived: the tokens of pages that it gives have no end
}

// Account is a page that a person administers.
type Account struct {
	Page     string `json:"page"`
	Token    string `json:"token,omitempty"`    // that the person gets for it; one that is made when empty
	Withheld bool   `json:"withheld,omitempty"` // the person gets none
}

// Send is a call of the Send API and what became of it. Delivered is the
// truth; Outcome is what the caller was told, which a script may make differ.
type Send struct {
	AppID         string `json:"app_id,omitempty"`
	Metadata      string `json:"metadata,omitempty"`
	MessagingType string `json:"messaging_type,omitempty"`
	Tag           string `json:"tag,omitempty"`
	Delivered     bool   `json:"delivered"`
	Outcome       string `json:"outcome"` // an answer of package script
	Code          int    `json:"code,omitempty"`
	Subcode       int    `json:"subcode,omitempty"`
	Rule          string `json:"rule,omitempty"` // name of the rule that chose it
}

// Event is one webhook event to be sent: an item of entry[].messaging[], or of
// entry[].standby[] when its field is "standby".
type Event struct {
	Field string          `json:"field"`  // subscription field it belongs to
	DueMS int64           `json:"due_ms"` // not sent before
	Item  json.RawMessage `json:"item"`
}

// EventID names an event for ever: "<seq of its record>.<index in Events>".
type EventID string

// ID names the event at index of the record seq.
func ID(seq uint64, index int) EventID {
	return EventID(strconv.FormatUint(seq, 10) + "." + strconv.Itoa(index))
}

// Seq is the sequence of the record that holds the event; 0 when id is none.
func (id EventID) Seq() uint64 {
	seq, _, _ := strings.Cut(string(id), ".")
	n, err := strconv.ParseUint(seq, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// Post is one webhook POST that was answered, or not.
type Post struct {
	Events  []EventID `json:"events"`
	Threads []Thread  `json:"threads"`          // whose events they are, each once
	Attempt int       `json:"attempt"`          // from 1
	Status  int       `json:"status,omitempty"` // 0 when there was no answer
	Error   string    `json:"error,omitempty"`
	TookMS  int64     `json:"took_ms"`
}

// Thread names a customer on a page.
type Thread struct {
	Page string `json:"page"`
	PSID string `json:"psid"`
}
