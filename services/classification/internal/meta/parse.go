package meta

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Parse reads the item that stood in lane; in LANE_RECOVERED it is a message of
// the Conversations API.
func Parse(raw []byte, lane inboundv1.Lane) Event {
	fields := object(raw)
	if lane == inboundv1.Lane_LANE_RECOVERED {
		return recovered(fields)
	}
	if lane != inboundv1.Lane_LANE_CHANGES {
		return item(fields)
	}
	// {"field":..,"value":..}: feeds, and messaging items as the app
	// dashboard's Test button sends them.
	name, value := orUnknown(line(text(fields["field"]))), object(fields["value"])
	if value["sender"] == nil && value["recipient"] == nil {
		return Event{Name: name, Body: Other{}}
	}
	e := item(value)
	if e.Name == unknown {
		e.Name = name
	}
	return e
}

// PolicyEnforcement is the name of the event by which Meta warns or limits a
// page, however it was spelt.
const PolicyEnforcement = "policy_enforcement"

const unknown = "unknown"

func orUnknown(name string) string {
	if name == "" {
		return unknown
	}
	return name
}

func item(fields map[string]json.RawMessage) Event {
	e := Event{
		Sender:    text(object(fields["sender"])["id"]),
		Recipient: text(object(fields["recipient"])["id"]),
	}
	e.SentMS, e.Coarse = millis(fields["timestamp"])
	key := name(fields)
	e.Name, e.Body = orUnknown(line(key)), body(key, fields[key])
	if key == "policy-enforcement" { // as some versions spell it
		e.Name = PolicyEnforcement
	}
	if e.Body == nil {
		e.Body = Other{Detail: detail(fields[key])}
	}
	return e
}

// name is the key that says what happened. Known keys come first, in the order
// in which one item has been seen to hold several.
func name(fields map[string]json.RawMessage) string {
	for _, known := range []string{"message", "message_edit", "reaction", "postback", "referral", "delivery", "read"} {
		if _, ok := fields[known]; ok {
			return known
		}
	}
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		switch key {
		case "", "sender", "recipient", "timestamp", "prior_message", "hop_context", "lead":
		default:
			return key
		}
	}
	return unknown
}

// body reads the value of a known key; nil when key or value are not known.
func body(name string, value json.RawMessage) Body {
	fields := object(value)
	if fields == nil {
		return nil
	}
	switch name {
	case "message":
		return message(value)
	case "message_edit":
		return Edit{MID: text(fields["mid"]), Text: text(fields["text"]), Count: count(fields["num_edit"])}
	case "reaction":
		return Reaction{MID: text(fields["mid"]), Emoji: text(fields["emoji"]), Word: text(fields["reaction"]),
			Removed: text(fields["action"]) == "unreact"}
	case "postback":
		return Postback{MID: text(fields["mid"]), Title: text(fields["title"]), Payload: text(fields["payload"]),
			Referral: referral(fields["referral"])}
	case "referral":
		return Referral{How: referral(value)}
	case "delivery":
		mark, _ := millis(fields["watermark"])
		return Delivery{WatermarkMS: mark, MIDs: texts(fields["mids"])}
	case "read":
		if mark, _ := millis(fields["watermark"]); mark > 0 {
			return Read{WatermarkMS: mark}
		}
	case "pass_thread_control", "take_thread_control":
		how, _, _ := strings.Cut(name, "_")
		return Control{How: how, From: text(fields["previous_owner_app_id"]), To: text(fields["new_owner_app_id"])}
	case "request_thread_control":
		return Control{How: "request", To: text(fields["requested_owner_app_id"])}
	}
	return nil
}

func message(value json.RawMessage) Body {
	var m struct {
		MID         loose                   `json:"mid"`
		Text        loose                   `json:"text"`
		StickerID   loose                   `json:"sticker_id"`
		Attachments json.RawMessage         `json:"attachments"`
		QuickReply  struct{ Payload loose } `json:"quick_reply"`
		ReplyTo     struct{ MID loose }     `json:"reply_to"`
		Referral    json.RawMessage         `json:"referral"`
		Deleted     truth                   `json:"is_deleted"`
		Unsupported truth                   `json:"is_unsupported"`
		Echo        truth                   `json:"is_echo"`
		AppID       loose                   `json:"app_id"`
		Metadata    loose                   `json:"metadata"`
	}
	// The only error left is a field of the wrong kind, which stays absent.
	_ = json.Unmarshal(value, &m)
	if m.Deleted && !m.Echo {
		return Unsend{MID: string(m.MID)}
	}
	return Message{
		MID: string(m.MID), Text: string(m.Text),
		Attachments: attachments(m.Attachments, string(m.StickerID)),
		QuickReply:  string(m.QuickReply.Payload), ReplyTo: string(m.ReplyTo.MID),
		Referral: referral(m.Referral), Unsupported: bool(m.Unsupported),
		Echo: bool(m.Echo), AppID: string(m.AppID), Metadata: string(m.Metadata),
	}
}

func referral(raw json.RawMessage) *threadv1.Referral {
	fields := object(raw)
	if fields == nil {
		return nil
	}
	return &threadv1.Referral{Ref: text(fields["ref"]), Source: text(fields["source"]), Type: text(fields["type"]),
		AdId: text(fields["ad_id"]), AdTitle: text(object(fields["ads_context_data"])["ad_title"])}
}

// detail is what an item of no known kind says, from the fields that tell
// people something.
func detail(value json.RawMessage) string {
	fields := object(value)
	if fields == nil {
		return line(text(value))
	}
	var said []string
	for _, key := range []string{"status", "action", "type", "feedback", "title", "ref", "notification_messages_status", "reason"} {
		if v := text(fields[key]); v != "" {
			said = append(said, v)
		}
	}
	return line(strings.Join(said, ", "))
}
