// Package meta reads one item of a Messenger webhook, or a message of the
// Conversations API, and says in one shape what
// Meta has written in many: ids as strings or numbers, times in milliseconds or
// seconds, payloads that are objects, strings, null or absent.
//
// Parse never fails. A field that is not what it should be counts as absent;
// an item that is not understood is Other, named by its key.
package meta

import (
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Event is one item.
type Event struct {
	Sender    string // page-scoped or page id; empty when the item names none
	Recipient string
	SentMS    int64  // Meta's time, ms since 1970 UTC; 0 when absent
	Coarse    bool   // SentMS was given in whole seconds
	Name      string // key of the item that says what happened: message, optin...
	Body      Body
}

// Body is what happened: one of the types below.
type Body interface{ body() }

// Message was written by the customer or, as an echo, by the page.
type Message struct {
	MID         string
	Text        string
	Attachments []*threadv1.Attachment
	QuickReply  string // payload of the pressed quick reply
	ReplyTo     string // mid of the message it answers
	Referral    *threadv1.Referral
	Unsupported bool // Meta does not show it to apps
	Echo        bool
	AppID       string // of an echo: the app that sent it; empty when Meta does not say
	Metadata    string // of an echo: what the sending app attached
}

// Edit changed the text of a message.
type Edit struct {
	MID   string
	Text  string
	Count int32 // which edit, from 1; 0 when Meta does not say
}

// Unsend took a message back.
type Unsend struct{ MID string }

// Reaction was set on a message or removed from it.
type Reaction struct {
	MID     string
	Emoji   string
	Word    string // smile, love, other...
	Removed bool
}

// Postback is a pressed button.
type Postback struct {
	MID      string // empty in old versions and for some buttons
	Title    string
	Payload  string // absent in standby
	Referral *threadv1.Referral
}

// Referral says that the customer came by a link or an advertisement.
type Referral struct{ How *threadv1.Referral }

// Delivery says how far messages reached the customer's device.
type Delivery struct {
	WatermarkMS int64
	MIDs        []string
}

// Read says how far the customer has read.
type Read struct{ WatermarkMS int64 }

// Control says that the thread passed between apps, or that one asks for it.
type Control struct {
	How  string // "pass", "take" or "request"
	From string // app that had it; empty when nobody had
	To   string // app that has it or asks for it; empty when nobody has
}

// Other is anything else. Detail is what it says, in one line for people, with
// no codes or tokens.
type Other struct{ Detail string }

func (Message) body()  {}
func (Edit) body()     {}
func (Unsend) body()   {}
func (Reaction) body() {}
func (Postback) body() {}
func (Referral) body() {}
func (Delivery) body() {}
func (Read) body()     {}
func (Control) body()  {}
func (Other) body()    {}
