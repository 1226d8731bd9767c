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
		"a sticker": {graph.Message{PSID: "4040", Text: "for people", MessagingType: "RESPONSE", Metadata: "x", ReplyTo: "m_0", Sticker: "369239263222822"},
			`{"recipient":{"id":"4040"},"messaging_type":"RESPONSE","message":{"metadata":"x","sticker_id":369239263222822},"reply_to":{"mid":"m_0"}}`},
		"cards": {graph.Message{PSID: "4040", MessagingType: "RESPONSE",
			Template: &threadv1.Template{Generic: &threadv1.GenericTemplate{Elements: []*threadv1.Card{{Title: "A", Subtitle: "B", ImageUrl: "https://example.com/a.png"}}}}},
			`{"recipient":{"id":"4040"},"messaging_type":"RESPONSE","message":{"attachment":{"type":"template","payload":{"template_type":"generic",
			"elements":[{"title":"A","subtitle":"B","image_url":"https://example.com/a.png"}]}}}}`},
		"a utility template": {graph.Message{PSID: "4040", Text: "for people", MessagingType: "UTILITY", Metadata: "x", Template: utility(&threadv1.TemplateParameter{Text: "A-17"}, &threadv1.TemplateParameter{Text: "here"})},
			`{"recipient":{"id":"4040"},"messaging_type":"UTILITY","message":{"metadata":"x","template":{"name":"order_update","language":{"code":"en"},
			"components":[{"type":"body","parameters":[{"type":"text","text":"A-17"},{"type":"text","text":"here"}]}]}}}`},
		"one with names": {graph.Message{PSID: "4040", MessagingType: "UTILITY", Template: utility(&threadv1.TemplateParameter{Name: "order_id", Text: "A-17"})},
			`{"recipient":{"id":"4040"},"messaging_type":"UTILITY","message":{"template":{"name":"order_update","language":{"code":"en"},
			"components":[{"type":"body","parameters":[{"type":"text","parameter_name":"order_id","text":"A-17"}]}]}}}`},
		"one without blanks": {graph.Message{PSID: "4040", MessagingType: "UTILITY", Template: utility()},
			`{"recipient":{"id":"4040"},"messaging_type":"UTILITY","message":{"template":{"name":"order_update","language":{"code":"en"},"components":[]}}}`},
	} {
		t.Run(name, func(t *testing.T) {
			if out := c.Send(t.Context(), page(), k.m); out.Class != graph.Sent {
				t.Fatalf("outcome %+v", out)
			}
			same(t, last(), k.want)
		})
	}
}

func utility(all ...*threadv1.TemplateParameter) *threadv1.Template {
	return &threadv1.Template{Utility: &threadv1.UtilityTemplate{Name: "order_update", Language: "en", Parameters: all}}
}

// Meta has no code that says what is wrong with a utility template; one that says
// no more than that the request is bad is about the template. All other codes mean
// what they mean of every message.
func TestRefusalsOfUtilityTemplates(t *testing.T) {
	for code, want := range map[string]string{
		`{"code":100}`: graph.ReasonTemplateRefused, `{"code":132001}`: graph.ReasonTemplateRefused, `{"code":100,"error_subcode":2018034}`: graph.ReasonTemplateRefused,
		`{"code":100,"error_subcode":2018001}`: graph.ReasonPersonUnavailable, `{"code":10,"error_subcode":2018278}`: graph.ReasonWindowClosed,
		`{"code":200}`: graph.ReasonPermissionMissing, `{"code":613}`: graph.ReasonThrottled, `{"code":1}`: graph.ReasonServerError,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":`+code+`}`)
		}))
		c := client(t, server.URL, time.Minute)
		if out := c.Send(t.Context(), page(), graph.Message{PSID: "4040", MessagingType: "UTILITY", Template: utility()}); out.Reason != want {
			t.Errorf("%s of a template means %s, want %s", code, out.Reason, want)
		}
		text := want
		if text == graph.ReasonTemplateRefused {
			text = graph.ReasonInvalidRequest
		}
		if out := c.Send(t.Context(), page(), graph.Message{PSID: "4040", MessagingType: "RESPONSE", Text: "hi"}); out.Reason != text {
			t.Errorf("%s of a text means %s, want %s", code, out.Reason, text)
		}
		server.Close()
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
