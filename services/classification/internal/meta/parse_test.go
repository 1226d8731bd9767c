package meta_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/classification/internal/meta"
)

const messaging = inboundv1.Lane_LANE_MESSAGING

func parse(raw string) meta.Event { return meta.Parse([]byte(raw), messaging) }

func TestBodies(t *testing.T) {
	for _, c := range []struct {
		name, raw string
		want      meta.Body
	}{
		{"text", `{"message":{"mid":"m_1","text":"\u0437\u0434\u0440","reply_to":{"mid":"m_0"},"quick_reply":{"payload":"YES"}}}`,
			meta.Message{MID: "m_1", Text: "здр", ReplyTo: "m_0", QuickReply: "YES"}},
		{"fields of wrong kinds", `{"message":{"mid":"m_1","text":{"a":1},"quick_reply":"x","reply_to":[],"attachments":{},"referral":7,"is_echo":"yes"}}`,
			meta.Message{MID: "m_1"}},
		{"number as text", `{"message":{"mid":12345678901234567890,"text":7}}`, meta.Message{MID: "12345678901234567890", Text: "7"}},
		{"unsupported", `{"message":{"mid":"m","is_unsupported":true}}`, meta.Message{MID: "m", Unsupported: true}},
		{"echo", `{"message":{"mid":"m","is_echo":true,"app_id":1517776481860111,"metadata":"d"}}`,
			meta.Message{MID: "m", Echo: true, AppID: "1517776481860111", Metadata: "d"}},
		{"echo, app id as text", `{"message":{"mid":"m","is_echo":true,"app_id":"15"}}`, meta.Message{MID: "m", Echo: true, AppID: "15"}},
		{"unsend", `{"message":{"mid":"m","is_deleted":true}}`, meta.Unsend{MID: "m"}},
		{"edit", `{"message_edit":{"mid":"m","text":"b","num_edit":2}}`, meta.Edit{MID: "m", Text: "b", Count: 2}},
		{"edit, count as text", `{"message_edit":{"mid":"m","text":"b","num_edit":"37"}}`, meta.Edit{MID: "m", Text: "b", Count: 37}},
		{"edit, no count", `{"message_edit":{"mid":"m","num_edit":"many"}}`, meta.Edit{MID: "m"}},
		{"reaction", `{"reaction":{"mid":"m","action":"react","emoji":"\ud83d\ude22","reaction":"sad"}}`, meta.Reaction{MID: "m", Emoji: "😢", Word: "sad"}},
		{"no reaction", `{"reaction":{"mid":"m","action":"unreact"}}`, meta.Reaction{MID: "m", Removed: true}},
		{"postback", `{"postback":{"title":"A","payload":"P","referral":{"ref":null,"source":"ADS","type":"OPEN_THREAD","ad_id":77,"ads_context_data":{"ad_title":"T"}}}}`,
			meta.Postback{Title: "A", Payload: "P", Referral: &threadv1.Referral{Source: "ADS", Type: "OPEN_THREAD", AdId: "77", AdTitle: "T"}}},
		{"postback in standby", `{"postback":{"title":null}}`, meta.Postback{}},
		{"referral", `{"referral":{"ref":"r","source":"SHORTLINK","type":"OPEN_THREAD"},"lead":{"data":[]}}`,
			meta.Referral{How: &threadv1.Referral{Ref: "r", Source: "SHORTLINK", Type: "OPEN_THREAD"}}},
		{"delivery", `{"delivery":{"watermark":1458668856253,"mids":["a",7,null]}}`, meta.Delivery{WatermarkMS: 1458668856253, MIDs: []string{"a", "7"}}},
		{"delivery without mids", `{"delivery":{"watermark":1458668856253}}`, meta.Delivery{WatermarkMS: 1458668856253}},
		{"read", `{"read":{"watermark":1458668856253}}`, meta.Read{WatermarkMS: 1458668856253}},
		{"read, mark as text", `{"read":{"watermark":"1648581633369"}}`, meta.Read{WatermarkMS: 1648581633369}},
		{"read of one message", `{"read":{"mid":"m"}}`, meta.Other{}},
		{"opt-in", `{"optin":{"type":"notification_messages","notification_messages_token":"secret","title":"News"}}`, meta.Other{Detail: "notification_messages, News"}},
		{"linking", `{"account_linking":{"status":"linked","authorization_code":"secret"}}`, meta.Other{Detail: "linked"}},
		{"control", `{"pass_thread_control":{"previous_owner_app_id":null,"new_owner_app_id":12,"metadata":"x"}}`, meta.Control{How: "pass", To: "12"}},
		{"control taken", `{"take_thread_control":{"previous_owner_app_id":"12","new_owner_app_id":263902037430900}}`, meta.Control{How: "take", From: "12", To: "263902037430900"}},
		{"control asked for", `{"request_thread_control":{"requested_owner_app_id":"12"}}`, meta.Control{How: "request", To: "12"}},
		{"roles", `{"app_roles":{"12":["primary_receiver"]}}`, meta.Other{}},
		{"text for an object", `{"message_request":"accept"}`, meta.Other{Detail: "accept"}},
		{"message that is none", `{"message":"hello"}`, meta.Other{Detail: "hello"}},
		{"nothing", `{}`, meta.Other{}},
		{"no object", `[1]`, meta.Other{}},
		{"no JSON", `{"message":`, meta.Other{}},
	} {
		if diff := cmp.Diff(c.want, parse(c.raw).Body, protocmp.Transform()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestNames(t *testing.T) {
	for raw, want := range map[string]string{
		`{"sender":{},"message":{"mid":"m"},"prior_message":{}}`: "message",
		`{"policy-enforcement":{"action":"block"}}`:              "policy_enforcement",
		`{"policy_enforcement":{"action":"block"}}`:              "policy_enforcement",
		`{"timestamp":1,"optin":{}}`:                             "optin",
		`{"referral":{},"lead":{}}`:                              "referral",
		`{"sender":{"id":"1"},"timestamp":1}`:                    "unknown",
		`null`:                                                   "unknown",
	} {
		if got := parse(raw).Name; got != want {
			t.Errorf("%s: %q, want %q", raw, got, want)
		}
	}
}

func TestChanges(t *testing.T) {
	for _, c := range []struct{ raw, name, recipient string }{
		{`{"field":"messaging_postbacks","value":{"sender":{"user_ref":"U"},"recipient":{"id":"P"},"timestamp":"1527459824","postback":{"title":"T"}}}`, "postback", "P"},
		{`{"field":"message_reads","value":{"sender":{"id":"1"},"recipient":{"id":"P"}}}`, "message_reads", "P"},
		{`{"field":"feed","value":{"item":"status","verb":"add"}}`, "feed", ""},
		{`{"field":"parking"}`, "parking", ""},
		{`{"value":{}}`, "unknown", ""},
		{`7`, "unknown", ""},
	} {
		e := meta.Parse([]byte(c.raw), inboundv1.Lane_LANE_CHANGES)
		if e.Name != c.name || e.Recipient != c.recipient || e.Body == nil {
			t.Errorf("%s: %+v", c.raw, e)
		}
	}
}

func TestTimesAndIDs(t *testing.T) {
	for _, c := range []struct {
		raw    string
		ms     int64
		coarse bool
	}{
		{`1458692752478`, 1458692752478, false},
		{`"1458668856463"`, 1458668856463, false},
		{`1701599111`, 1701599111000, true},
		{`"1527459824"`, 1527459824000, true},
		{`"TIMESTAMP"`, 0, false},
		{`-5`, 0, false},
		{`1e99`, 0, false},
		{`99999999999999999`, 0, false},
		{`null`, 0, false},
	} {
		if e := parse(`{"timestamp":` + c.raw + `}`); e.SentMS != c.ms || e.Coarse != c.coarse {
			t.Errorf("timestamp %s: %d, coarse %v", c.raw, e.SentMS, e.Coarse)
		}
	}
	e := parse(`{"sender":{"id":12345678901234567},"recipient":{"id":"9"}}`)
	if e.Sender != "12345678901234567" || e.Recipient != "9" {
		t.Errorf("ids: %q to %q", e.Sender, e.Recipient)
	}
	if e := parse(`{"sender":"7","recipient":null}`); e.Sender != "" || e.Recipient != "" {
		t.Errorf("ids of no object: %q to %q", e.Sender, e.Recipient)
	}
}

func TestAttachments(t *testing.T) {
	type list []*threadv1.Attachment
	for _, c := range []struct {
		name, raw string
		want      list
	}{
		{"image", `{"type":"image","payload":{"url":"u"}}`, list{{Type: "image", Url: "u"}}},
		{"payload is text", `{"type":"fallback","title":"T","url":"u","payload":"BLOB"}`,
			list{{Type: "fallback", Url: "u", Title: "T", Raw: `{"type":"fallback","title":"T","url":"u","payload":"BLOB"}`}}},
		{"payload is null", `{"type":"file","title":"T","URL":"u","payload":null}`, list{{Type: "file", Url: "u", Title: "T"}}},
		{"no payload", `{"type":"video","url":"u"}`, list{{Type: "video", Url: "u"}}},
		{"place", `{"type":"location","payload":{"coordinates":{"lat":1.2,"long":-1.3}}}`,
			list{{Type: "location", Latitude: proto.Float64(1.2), Longitude: proto.Float64(-1.3)}}},
		{"half a place", `{"type":"location","payload":{"coordinates":{"lat":1.2,"long":"x"}}}`, list{{Type: "location"}}},
		{"L16 sticker as image", `{"type":"image","payload":{"url":"u","sticker_id":369239263222822}}`, list{{Type: "sticker", Url: "u", StickerId: "369239263222822"}}},
		{"sticker and image", `{"type":"sticker","payload":{"url":"u","sticker_id":"8"}},{"type":"image","payload":{"url":"u"}}`, list{{Type: "sticker", Url: "u", StickerId: "8"}}},
		{"image and sticker", `{"type":"image","payload":{"url":"u"}},{"type":"sticker","payload":{"url":"u"}}`, list{{Type: "sticker", Url: "u"}}},
		{"two equal images", `{"type":"image","payload":{"url":"u"}},{"type":"image","payload":{"url":"u"}}`, list{{Type: "image", Url: "u"}, {Type: "image", Url: "u"}}},
		{"sticker and another image", `{"type":"sticker","payload":{"url":"u"}},{"type":"image","payload":{"url":"v"}}`, list{{Type: "sticker", Url: "u"}, {Type: "image", Url: "v"}}},
		{"product", `{"type":"template","payload":{"product":{"elements":[{"id":"1","title":"Red shoes"},{"title":"Blue shoes"}]}}}`,
			list{{Type: "template", Title: "Red shoes", Raw: `{"type":"template","payload":{"product":{"elements":[{"id":"1","title":"Red shoes"},{"title":"Blue shoes"}]}}}`}}},
		{"carousel", `{"type":"template","payload":{"elements":[{"title":"First"}],"product":7}}`,
			list{{Type: "template", Title: "First", Raw: `{"type":"template","payload":{"elements":[{"title":"First"}],"product":7}}`}}},
		{"buttons", `{"type":"template","payload":{"text":"Which one?","elements":{}}}`,
			list{{Type: "template", Title: "Which one?", Raw: `{"type":"template","payload":{"text":"Which one?","elements":{}}}`}}},
		{"itinerary", `{"type":"template","payload":{"intro_message":"Your flight"}}`,
			list{{Type: "template", Title: "Your flight", Raw: `{"type":"template","payload":{"intro_message":"Your flight"}}`}}},
		{"a type yet unknown", `{"type":"hologram","x":1}`, list{{Type: "hologram", Raw: `{"type":"hologram","x":1}`}}},
		{"no object", `7`, list{{Raw: `7`}}},
	} {
		m, ok := parse(`{"message":{"attachments":[` + c.raw + `]}}`).Body.(meta.Message)
		if !ok {
			t.Errorf("%s is no message", c.name)
			continue
		}
		if diff := cmp.Diff([]*threadv1.Attachment(c.want), m.Attachments, protocmp.Transform()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	m, _ := parse(`{"message":{"sticker_id":7,"attachments":[{"type":"image","payload":{"url":"u"}}]}}`).Body.(meta.Message)
	if len(m.Attachments) != 1 || m.Attachments[0].GetType() != "sticker" || m.Attachments[0].GetStickerId() != "7" {
		t.Errorf("sticker id beside the attachments: %v", m.Attachments)
	}
}

func TestCutBetweenCharacters(t *testing.T) {
	long := strings.Repeat("я", 4<<10)
	if got := meta.Cut([]byte("x" + long)); len(got) > 4<<10 || !utf8.ValidString(got) || !strings.HasPrefix(got, "xяя") {
		t.Errorf("%d bytes, valid %v", len(got), utf8.ValidString(got))
	}
	if got := meta.Cut([]byte("a\xffb")); got != "a\uFFFDb" {
		t.Errorf("%q", got)
	}
}

func FuzzParse(f *testing.F) {
	for _, raw := range []string{`{}`, `{"message":{"attachments":[{"payload":null}]}}`, `{"field":"x","value":{"sender":{}}}`,
		`{"read":{"watermark":"1"}}`, `{"timestamp":1e3}`, "{\"message\":{\"text\":\"\xff\"}}"} {
		f.Add([]byte(raw), int32(1))
		f.Add([]byte(raw), int32(3))
	}
	f.Add([]byte(`{"id":"m","created_time":"1900-01-01T00:00:00+0000","attachments":{"data":[{"image_data":{"url":"x"}},null,1]},"shares":{"data":[{}]}}`), int32(4))
	f.Fuzz(func(t *testing.T, raw []byte, lane int32) {
		e := meta.Parse(raw, inboundv1.Lane(lane))
		if e.Body == nil || e.Name == "" || e.SentMS < 0 {
			t.Fatalf("%+v", e)
		}
		if m, ok := e.Body.(meta.Message); ok {
			fact := &threadv1.MessageReceived{Mid: m.MID, Text: m.Text, Attachments: m.Attachments}
			if _, err := proto.Marshal(fact); err != nil {
				t.Fatalf("what was read cannot be stored: %v", err)
			}
		}
	})
}
