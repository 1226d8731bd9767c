package world

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"

	"github.com/parley-desk/parley/services/sandbox/internal/journal"
)

// Fields are the subscription fields of a Messenger channel; the sandbox has
// events for the first five and the last two.
func Fields() []string {
	return []string{"messages", "message_echoes", "message_deliveries", "message_reads", "messaging_postbacks",
		"messaging_referrals", "message_reactions", "message_edits", "messaging_handovers", "standby"}
}

// NewMID makes a message id in the shape of Meta's.
func NewMID() string {
	b := make([]byte, 24)
	rand.Read(b) //nolint:errcheck // never fails
	return "m_" + base64.RawURLEncoding.EncodeToString(b)
}

// NewPSID makes a page-scoped id: seventeen digits, more than a float64 holds.
func NewPSID() string {
	n, err := rand.Int(rand.Reader, big.NewInt(89_999_999_999_999_999))
	if err != nil {
		return "" // crypto/rand does not fail; an empty id is refused
	}
	return fmt.Sprintf("%d", n.Int64()+10_000_000_000_000_001)
}

// party is sender or recipient of an item.
type party struct {
	ID string `json:"id"`
}

// item is one element of entry[].messaging[]; exactly one of the last is set.
type item struct {
	Sender    party     `json:"sender"`
	Recipient party     `json:"recipient"`
	Timestamp int64     `json:"timestamp"`
	Message   *message  `json:"message,omitempty"`
	Postback  *postback `json:"postback,omitempty"`
	Delivery  *receipt  `json:"delivery,omitempty"`
	Read      *receipt  `json:"read,omitempty"`
	Take      *control  `json:"take_thread_control,omitempty"`
	Pass      *control  `json:"pass_thread_control,omitempty"`
	Request   *request  `json:"request_thread_control,omitempty"`
}

type message struct {
	MID         string       `json:"mid"`
	IsEcho      bool         `json:"is_echo,omitempty"`
	AppID       json.Number  `json:"app_id,omitempty"`
	Metadata    string       `json:"metadata,omitempty"`
	Text        string       `json:"text,omitempty"`
	Attachments []attachment `json:"attachments,omitempty"`
	ReplyTo     *replyTo     `json:"reply_to,omitempty"`
	QuickReply  *quickReply  `json:"quick_reply,omitempty"`
}

type quickReply struct {
	Payload string `json:"payload"`
}

type replyTo struct {
	MID string `json:"mid"`
}

type attachment struct {
	Type    string         `json:"type"`
	Payload map[string]any `json:"payload"`
}

type postback struct {
	MID     string `json:"mid"`
	Title   string `json:"title"`
	Payload string `json:"payload,omitempty"` // not in standby
}

// control is that a thread passed between apps; nobody's is null.
type control struct {
	Previous *json.Number `json:"previous_owner_app_id"`
	New      *json.Number `json:"new_owner_app_id"`
}

type request struct {
	App json.Number `json:"requested_owner_app_id"`
}

type receipt struct {
	MIDs      []string `json:"mids,omitempty"`
	Watermark int64    `json:"watermark"`
}

// MessageEvent is the webhook of what a customer wrote, to an app that has the
// thread or does not. media is where the sandbox serves its pictures.
func MessageEvent(r journal.Record, media string, due int64, standby bool) journal.Event {
	if standby {
		return Standby(messageEvent(r, "", media, due))
	}
	return messageEvent(r, "SANDBOX_BUTTON", media, due)
}

func messageEvent(r journal.Record, payload, media string, due int64) journal.Event {
	it := item{Sender: party{r.PSID}, Recipient: party{r.Page}, Timestamp: r.SentMS}
	if r.Attachment == "postback" {
		it.Postback = &postback{MID: r.MID, Title: r.Text, Payload: payload}
		return event("messaging_postbacks", it, due)
	}
	it.Message = &message{MID: r.MID, Text: r.Text, Attachments: attachments(r.Attachment, r.URL, media)}
	if r.Payload != "" {
		it.Message.QuickReply = &quickReply{r.Payload}
	}
	return event("messages", it, due)
}

// Thumb is the sticker that every app may send, and the only one that is played.
const Thumb json.Number = "369239263222822"

// attachments are those of one message. A sticker is Meta's thumb
// in small, in the one-attachment shape that holds since September 2026.
func attachments(kind, url, media string) []attachment {
	switch kind {
	case "":
		return nil
	case "sticker":
		return []attachment{{"sticker", map[string]any{"url": cmp.Or(url, media+"/thumb.png"), "sticker_id": Thumb}}}
	case "location":
		return []attachment{{"location", map[string]any{"coordinates": map[string]float64{"lat": 42.6977, "long": 23.3219}}}}
	default:
		return []attachment{{kind, map[string]any{"url": cmp.Or(url, media+"/photo.png")}}}
	}
}

// EchoEvent is the webhook that tells the page's apps what an app of it sent.
func EchoEvent(r journal.Record, due int64) journal.Event {
	m := &message{MID: r.MID, IsEcho: true, Metadata: r.Send.Metadata, Text: r.Text}
	if r.ReplyTo != "" {
		m.ReplyTo = &replyTo{r.ReplyTo}
	}
	if r.URL != "" {
		m.Attachments = attachments(r.Attachment, r.URL, "")
	}
	if r.Template != nil {
		payload := map[string]any{}
		_ = json.Unmarshal(r.Template, &payload) // it was read when it came
		m.Attachments = []attachment{{"template", payload}}
	}
	m.AppID = json.Number(r.Send.AppID) // a number on the wire, unlike other ids
	return event("message_echoes", item{Sender: party{r.Page}, Recipient: party{r.PSID}, Timestamp: r.SentMS, Message: m}, due)
}

// DeliveryEvent is the webhook that tells that a message reached the phone.
func DeliveryEvent(r journal.Record, due int64) journal.Event {
	return event("message_deliveries", item{Sender: party{r.PSID}, Recipient: party{r.Page}, Timestamp: due,
		Delivery: &receipt{MIDs: []string{r.MID}, Watermark: r.SentMS}}, due)
}

// ReadEvent is the webhook that tells that everything up to watermark was read.
func ReadEvent(r journal.Record, due int64) journal.Event {
	return event("message_reads", item{Sender: party{r.PSID}, Recipient: party{r.Page}, Timestamp: due,
		Read: &receipt{Watermark: r.WatermarkMS}}, due)
}

// ControlEvent is the webhook that tells this app that the thread passed, or that
// another app asks for it: to "take" it loses the thread, by "pass" it gets it.
func ControlEvent(how, from, to string, psid, page string, due int64) journal.Event {
	it := item{Sender: party{psid}, Recipient: party{page}, Timestamp: due}
	moved := &control{Previous: app(from), New: app(to)}
	switch how {
	case "take":
		it.Take = moved
	case "pass":
		it.Pass = moved
	default:
		it.Request = &request{App: json.Number(to)}
	}
	return event("messaging_handovers", it, due)
}

func app(id string) *json.Number {
	if id == "" {
		return nil
	}
	n := json.Number(id)
	return &n
}

// Standby is an event as an app gets it that does not have the thread.
func Standby(e journal.Event) journal.Event {
	e.Field = StandbyField
	return e
}

// StandbyField is the subscription to what happens in threads that other apps
// have.
const StandbyField = "standby"

func event(field string, it item, due int64) journal.Event {
	raw, err := journal.Encode(it)
	if err != nil {
		raw = []byte("{}") // the fields above always encode
	}
	return journal.Event{Field: field, DueMS: due, Item: raw}
}
