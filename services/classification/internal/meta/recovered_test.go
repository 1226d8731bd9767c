package meta_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/classification/internal/meta"
)

func TestRecoveredMessages(t *testing.T) {
	const head = `"id":"m_1","created_time":"2022-07-12T19:11:07+0000","from":{"name":"X","id":"70"},"to":{"data":[{"id":"10"}]}`
	whole := func(m meta.Message) meta.Event {
		m.MID = "m_1"
		return meta.Event{Sender: "70", Recipient: "10", SentMS: 1_657_653_067_000, Coarse: true, Name: "message", Body: m}
	}
	file := func(a *threadv1.Attachment) meta.Event {
		return whole(meta.Message{Attachments: []*threadv1.Attachment{a}})
	}
	for name, c := range map[string]struct {
		raw  string
		want meta.Event
	}{
		"text":    {head + `,"message":"Hi Kitty!"`, whole(meta.Message{Text: "Hi Kitty!"})},
		"answer":  {head + `,"message":"a","reply_to":{"mid":"m_0","is_self_reply":true}`, whole(meta.Message{Text: "a", ReplyTo: "m_0"})},
		"image":   {head + `,"attachments":{"data":[{"id":"1","mime_type":"image/jpeg","name":"a.jpg","image_data":{"url":"https://x/a"}}]}`, file(&threadv1.Attachment{Type: "image", Url: "https://x/a", Title: "a.jpg"})},
		"video":   {head + `,"attachments":{"data":[{"mime_type":"video/mp4","video_data":{"url":"https://x/v"}}]}`, file(&threadv1.Attachment{Type: "video", Url: "https://x/v"})},
		"audio":   {head + `,"attachments":{"data":[{"mime_type":"audio/mpeg","file_url":"https://x/s"}]}`, file(&threadv1.Attachment{Type: "audio", Url: "https://x/s"})},
		"file":    {head + `,"attachments":{"data":[{"mime_type":"application/pdf","name":"a.pdf","file_url":"https://x/f"}]}`, file(&threadv1.Attachment{Type: "file", Url: "https://x/f", Title: "a.pdf"})},
		"a name":  {head + `,"attachments":{"data":[{"name":"a.jpg"}]}`, file(&threadv1.Attachment{Type: "fallback", Title: "a.jpg", Raw: `{"name":"a.jpg"}`})},
		"sticker": {head + `,"sticker":"https://x/thumb"`, file(&threadv1.Attachment{Type: "sticker", Url: "https://x/thumb"})},
		"share":   {head + `,"shares":{"data":[{"link":"https://x/l","name":"n"}]}`, file(&threadv1.Attachment{Type: "share", Url: "https://x/l", Title: "n", Raw: `{"link":"https://x/l","name":"n"}`})},
		"nothing": {``, meta.Event{Coarse: true, Name: "message", Body: meta.Message{}}},
		"rubbish": {`"id":[],"created_time":7,"from":3,"to":{"data":7},"message":{},"attachments":[],"sticker":null,"shares":1,"reply_to":0`, meta.Event{Coarse: true, Name: "message", Body: meta.Message{}}},
		"no time": {`"id":"m","created_time":"yesterday"`, meta.Event{Coarse: true, Name: "message", Body: meta.Message{MID: "m"}}},
	} {
		got := meta.Parse([]byte("{"+c.raw+"}"), inboundv1.Lane_LANE_RECOVERED)
		if d := cmp.Diff(c.want, got, protocmp.Transform()); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
	}
}
