package graph_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/graph"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// listener answers every call as a send and keeps the last body.
func listener(t *testing.T) (c *graph.Client, last func() map[string]any) {
	t.Helper()
	var body map[string]any
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body = nil
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(w, `{"recipient_id":"4040","message_id":"m_1"}`)
	}))
	t.Cleanup(server.Close)
	return client(t, server.URL, time.Minute), func() map[string]any { return body }
}

func TestKindsOfMessagesOnTheWire(t *testing.T) {
	c, last := listener(t)
	buttons := []*threadv1.Button{{Title: "Open", Url: "https://example.com"}, {Title: "Call me", Payload: "CALL"}}
	for name, k := range map[string]struct {
		m    graph.Message
		want string
	}{
		"reply": {graph.Message{PSID: "4040", Text: "Yes", MessagingType: "RESPONSE", Metadata: "x", ReplyTo: "m_0"},
			`{"recipient":{"id":"4040"},"messaging_type":"RESPONSE","message":{"text":"Yes","metadata":"x"},"reply_to":{"mid":"m_0"}}`},
		"quick replies": {graph.Message{PSID: "4040", Text: "Size?", MessagingType: "RESPONSE",
			QuickReplies: []*threadv1.QuickReply{{Title: "S", Payload: "SMALL"}, {ContentType: "user_email"}}},
			`{"recipient":{"id":"4040"},"messaging_type":"RESPONSE","message":{"text":"Size?","quick_replies":[{"content_type":"text","title":"S","payload":"SMALL"},{"content_type":"user_email"}]}}`},
		"buttons": {graph.Message{PSID: "4040", Text: "for people", MessagingType: "RESPONSE", Metadata: "x",
			Template: &threadv1.Template{Button: &threadv1.ButtonTemplate{Text: "How?", Buttons: buttons}}},
			`{"recipient":{"id":"4040"},"messaging_type":"RESPONSE","message":{"metadata":"x","attachment":{"type":"template","payload":{"template_type":"button","text":"How?",
			"buttons":[{"type":"web_url","title":"Open","url":"https://example.com"},{"type":"postback","title":"Call me","payload":"CALL"}]}}}}`},
		"by a persona": {graph.Message{PSID: "4040", Text: "Yes", MessagingType: "RESPONSE", Persona: "77"},
			`{"recipient":{"id":"4040"},"messaging_type":"RESPONSE","message":{"text":"Yes"},"persona_id":"77"}`},
		"file": {graph.Message{PSID: "4040", MessagingType: "RESPONSE", Metadata: "x", Media: graph.Media{Kind: "image", ID: "77"}},
			`{"recipient":{"id":"4040"},"messaging_type":"RESPONSE","message":{"metadata":"x","attachment":{"type":"image","payload":{"attachment_id":"77"}}}}`},
		"cards": {graph.Message{PSID: "4040", MessagingType: "RESPONSE",
			Template: &threadv1.Template{Generic: &threadv1.GenericTemplate{Elements: []*threadv1.Card{{Title: "A", Subtitle: "B", ImageUrl: "https://example.com/a.png"}}}}},
			`{"recipient":{"id":"4040"},"messaging_type":"RESPONSE","message":{"attachment":{"type":"template","payload":{"template_type":"generic",
			"elements":[{"title":"A","subtitle":"B","image_url":"https://example.com/a.png"}]}}}}`},
	} {
		t.Run(name, func(t *testing.T) {
			if out := c.Send(t.Context(), page(), k.m); out.Class != graph.Sent {
				t.Fatalf("outcome %+v", out)
			}
			same(t, last(), k.want)
		})
	}
}

func TestActionsOnTheWire(t *testing.T) {
	c, last := listener(t)
	for want, act := range map[string]func() error{
		`{"recipient":{"id":"4040"},"sender_action":"typing_on"}`: func() error { return c.Sign(t.Context(), page(), "4040", graph.TypingOn) },
		`{"recipient":{"id":"4040"},"sender_action":"react","payload":{"message_id":"m_1","reaction":"❤"}}`: func() error {
			return c.React(t.Context(), page(), "4040", "m_1", "❤")
		},
		`{"recipient":{"id":"4040"},"sender_action":"unreact","payload":{"message_id":"m_1"}}`: func() error {
			return c.React(t.Context(), page(), "4040", "m_1", "")
		},
	} {
		if err := act(); err != nil {
			t.Fatal(err)
		}
		same(t, last(), want)
	}
}

func same(t *testing.T, got map[string]any, want string) {
	t.Helper()
	var w map[string]any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, w) {
		t.Errorf("on the wire is\n%v, want\n%v", got, w)
	}
}
