package meta

import (
	"encoding/json"
	"strings"
	"time"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"

	"github.com/parley-desk/parley/pkg/graph"
)

// recovered reads a message as the Conversations API shows it: without metadata
// or the app that sent it, its time in whole seconds, its media under names of
// their own. A pressed button is shown as a message of the customer.
func recovered(fields map[string]json.RawMessage) Event {
	e := Event{Name: "message", Coarse: true, Sender: text(object(fields["from"])["id"])}
	var to struct {
		Data []struct {
			ID loose `json:"id"`
		} `json:"data"`
	}
	if json.Unmarshal(fields["to"], &to) == nil && len(to.Data) > 0 {
		e.Recipient = string(to.Data[0].ID)
	}
	if at, err := time.Parse(graph.TimeLayout, text(fields["created_time"])); err == nil && at.UnixMilli() > 0 {
		e.SentMS = at.UnixMilli()
	}
	reply := object(fields["reply_to"])
	e.Body = Message{MID: text(fields["id"]), Text: text(fields["message"]), ReplyTo: first(loose(text(reply["mid"])), loose(text(reply["id"]))),
		Attachments: media(fields)}
	return e
}

// media are the attachments of a recovered message: files first, then the
// sticker, then what was shared.
func media(fields map[string]json.RawMessage) []*threadv1.Attachment {
	var list []*threadv1.Attachment
	for _, raw := range data(fields["attachments"]) {
		list = append(list, medium(raw))
	}
	if link := text(fields["sticker"]); link != "" {
		list = append(list, &threadv1.Attachment{Type: "sticker", Url: link})
	}
	for _, raw := range data(fields["shares"]) {
		share := object(raw)
		list = append(list, &threadv1.Attachment{Type: "share", Url: text(share["link"]),
			Title: first(loose(text(share["name"])), loose(text(share["description"]))), Raw: Cut(raw)})
	}
	return list
}

// medium is one file. In Europe Meta may show nothing of it but a name.
func medium(raw json.RawMessage) *threadv1.Attachment {
	fields := object(raw)
	image, video := text(object(fields["image_data"])["url"]), text(object(fields["video_data"])["url"])
	out := &threadv1.Attachment{Title: text(fields["name"]), Url: first(loose(image), loose(video), loose(text(fields["file_url"])))}
	kind, _, _ := strings.Cut(text(fields["mime_type"]), "/")
	switch {
	case image != "":
		out.Type = "image"
	case video != "":
		out.Type = "video"
	case out.GetUrl() == "":
		out.Type, out.Raw = "fallback", Cut(raw)
	case kind == "image", kind == "video", kind == "audio":
		out.Type = kind
	default:
		out.Type = "file"
	}
	return out
}

// data are the elements of a list as the Graph API writes one.
func data(raw json.RawMessage) []json.RawMessage {
	var list struct {
		Data []json.RawMessage `json:"data"`
	}
	_ = json.Unmarshal(raw, &list) // what is no list is empty
	return list.Data
}
