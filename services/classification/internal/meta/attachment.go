package meta

import (
	"encoding/json"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// attachments reads a message's attachments. stickerID is the message's own,
// where old versions put it beside a plain image.
func attachments(raw json.RawMessage, stickerID string) []*threadv1.Attachment {
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) != nil {
		return nil
	}
	list := make([]*threadv1.Attachment, 0, len(items))
	for _, item := range items {
		list = append(list, attachment(item))
	}
	if a := list; stickerID != "" && len(a) == 1 && a[0].GetType() == "image" {
		a[0].Type, a[0].StickerId = "sticker", stickerID
	}
	return collapse(list)
}

func attachment(raw json.RawMessage) *threadv1.Attachment {
	type elements []struct{ Title loose }
	var a struct {
		Type, Title, URL loose
		Payload          struct {
			URL, Title, Text loose
			Intro            loose `json:"intro_message"`
			StickerID        loose `json:"sticker_id"`
			Coordinates      struct{ Lat, Long json.RawMessage }
			Elements         elements
			Product          struct{ Elements elements }
		}
	}
	// The only error left is a field of the wrong kind, which stays absent: a
	// payload has been a string, null, and not there at all.
	_ = json.Unmarshal(raw, &a)
	titles := []loose{a.Payload.Title, a.Title}
	for _, e := range append(a.Payload.Product.Elements, a.Payload.Elements...) {
		titles = append(titles, e.Title)
	}
	// A template without a title is known by what it says first.
	titles = append(titles, a.Payload.Text, a.Payload.Intro)
	out := &threadv1.Attachment{
		Type:      string(a.Type),
		Url:       first(a.Payload.URL, a.URL),
		Title:     first(titles...),
		StickerId: string(a.Payload.StickerID),
	}
	lat, long := number(a.Payload.Coordinates.Lat), number(a.Payload.Coordinates.Long)
	if lat != nil && long != nil {
		out.Latitude, out.Longitude = lat, long
	}
	if out.Type == "image" && out.StickerId != "" {
		out.Type = "sticker"
	}
	switch out.Type {
	case "image", "video", "audio", "file", "sticker", "location":
	default:
		out.Raw = Cut(raw)
	}
	return out
}

// first is the first text that says something.
func first(texts ...loose) string {
	for _, text := range texts {
		if text != "" {
			return string(text)
		}
	}
	return ""
}

// collapse drops the image that Meta sends beside a sticker for apps that do
// not know stickers: one image of the same link for each sticker. Two images
// of one link are two images.
func collapse(list []*threadv1.Attachment) []*threadv1.Attachment {
	stickers := map[string]int{}
	for _, a := range list {
		if a.GetType() == "sticker" && a.GetUrl() != "" {
			stickers[a.GetUrl()]++
		}
	}
	kept := list[:0]
	for _, a := range list {
		if a.GetType() == "image" && stickers[a.GetUrl()] > 0 {
			stickers[a.GetUrl()]--
			continue
		}
		kept = append(kept, a)
	}
	return kept
}
