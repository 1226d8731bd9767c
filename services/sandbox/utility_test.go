package sandbox_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/parley-desk/parley/services/sandbox"
)

// TestUtilityTemplates: one that is approved, and filled as it is approved, reaches
// a person whenever that person wrote last; what Meta would not take is refused.
func TestUtilityTemplates(t *testing.T) {
	t.Parallel()
	in := newIngress(t)
	m := start(t, config(t, in))
	m.post("/sandbox/messages", []sandbox.Message{{Page: page, PSID: psid, Text: "long ago", SentMS: time.Now().Add(-30 * 24 * time.Hour).UnixMilli()}})
	body := func(kind, message string) sendBody {
		b := sendBody{"recipient": map[string]string{"id": psid}, "message": json.RawMessage(message)}
		if kind != "" {
			b["messaging_type"] = kind
		}
		return b
	}
	const update = `"name":"order_update","language":{"code":"en"}`
	const both = `{"type":"text","text":"A-17"},{"type":"text","text":"here"}`
	template := func(inner string) string { return `{"template":{` + inner + `},"metadata":"p1:x:0:1:mac"}` }
	filled := func(parameters string) string {
		return template(update + `,"components":[{"type":"body","parameters":[` + parameters + `]}]`)
	}
	for name, c := range map[string]struct {
		kind, message string
		says          string // empty: refused with 100
	}{
		"filled":              {"UTILITY", filled(both), "Order A-17 is here."},
		"without blanks":      {"UTILITY", template(`"name":"paid","language":{"code":"en"},"components":[]`), "Thank you: it is paid."},
		"by name":             {"UTILITY", template(`"name":"order_named","language":{"code":"en_US"},"components":[{"type":"body","parameters":[{"type":"text","parameter_name":"order_id","text":"A-17"},{"type":"text","parameter_name":"customer","text":"Ana"}]}]`), "Ana, A-17 is ready."},
		"as a response":       {"RESPONSE", filled(both), ""},
		"without a type":      {"", filled(both), ""},
		"a text as utility":   {"UTILITY", `{"text":"hi"}`, ""},
		"with a text":         {"UTILITY", `{"text":"hi","template":{` + update + `,"components":[]}}`, ""},
		"in an attachment":    {"UTILITY", `{"attachment":{"type":"template","payload":{"template_type":"utility",` + update + `}}}`, ""},
		"unknown":             {"UTILITY", template(`"name":"gone","language":{"code":"en"},"components":[]`), ""},
		"in another language": {"UTILITY", template(`"name":"order_update","language":{"code":"bg"},"components":[]`), ""},
		"without a language":  {"UTILITY", template(`"name":"order_update","components":[]`), ""},
		"one blank open":      {"UTILITY", filled(`{"type":"text","text":"A-17"}`), ""},
		"one too many":        {"UTILITY", filled(both + `,{"type":"text","text":"x"}`), ""},
		"nothing in a blank":  {"UTILITY", filled(`{"type":"text","text":"A-17"},{"type":"text","text":""}`), ""},
		"names for numbers":   {"UTILITY", filled(`{"type":"text","parameter_name":"a","text":"A-17"},{"type":"text","parameter_name":"b","text":"x"}`), ""},
		"upper case":          {"UTILITY", template(update + `,"components":[{"type":"BODY","parameters":[` + both + `]}]`), ""},
		"with a tag":          {"UTILITY", filled(both), ""},
	} {
		b := body(c.kind, c.message)
		if name == "with a tag" {
			b["tag"] = "HUMAN_AGENT"
		}
		got := m.send(b)
		if c.says == "" {
			if got.code != 100 || got.mid != "" {
				t.Errorf("%s: got %+v, want 100", name, got)
			}
			continue
		}
		if got.status != 200 || got.mid == "" {
			t.Errorf("%s: got %+v", name, got)
			continue
		}
		await(t, "the echo", func() bool {
			return len(in.taken(func(it item) bool { return isEcho(it) && it.Message.MID == got.mid && it.Message.Text == c.says })) == 1
		})
	}
}
