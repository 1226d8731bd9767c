package graphapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// maxBody bounds a request; texts are short and media come by link.
const maxBody = 1 << 20

// fields are the parameters of a call, wherever they stood: query, form or JSON
// body. A form holds JSON in its fields.
type fields struct {
	token, proof string
	query        url.Values
	send         sendRequest
	subscribed   []string
	name         string
	picture      string
}

// sendRequest is the body of a Send API call.
type sendRequest struct {
	Recipient struct {
		ID string `json:"id"`
	} `json:"recipient"`
	MessagingType string `json:"messaging_type"`
	Tag           string `json:"tag"`
	SenderAction  string `json:"sender_action"`
	Message       *struct {
		Text       string `json:"text"`
		Metadata   string `json:"metadata"`
		Attachment *struct {
			Type    string          `json:"type"`
			Payload json.RawMessage `json:"payload"`
		} `json:"attachment"`
		Sticker      json.Number  `json:"sticker_id"`
		QuickReplies []quickReply `json:"quick_replies"`
		Template     *approved    `json:"template"`
	} `json:"message"`
	ReplyTo *struct {
		MID string `json:"mid"`
	} `json:"reply_to"`
	Persona string `json:"persona_id"`
	Payload struct {
		MessageID string `json:"message_id"`
		Reaction  string `json:"reaction"`
	} `json:"payload"`
}

func readFields(r *http.Request) (fields, error) {
	f := fields{query: r.URL.Query()}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind == "multipart/form-data" {
		params := map[string]json.RawMessage{}
		merge(params, f.query)
		f.identify(r, params)
		return f, nil // a file is read once it is known who sends it
	}
	raw, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	if err != nil {
		return f, fmt.Errorf("read body: %w", err)
	}
	params := map[string]json.RawMessage{}
	switch {
	case len(raw) == 0:
	case kind == "application/json":
		if err := json.Unmarshal(raw, &params); err != nil {
			return f, fmt.Errorf("read JSON body: %w", err)
		}
		if params == nil {
			params = map[string]json.RawMessage{} // the body was null
		}
	default:
		form, err := url.ParseQuery(string(raw))
		if err != nil {
			return f, fmt.Errorf("read form: %w", err)
		}
		merge(params, form)
	}
	merge(params, f.query)
	f.identify(r, params)
	f.name, f.picture = text(params["name"]), text(params["profile_picture_url"])
	f.subscribed = list(params["subscribed_fields"])
	return f, f.readSend(params)
}

// identify reads who calls.
func (f *fields) identify(r *http.Request, params map[string]json.RawMessage) {
	f.token = text(params["access_token"])
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		f.token = bearer
	}
	f.proof = text(params["appsecret_proof"])
}

// merge adds form values; JSON values stay JSON, others become JSON strings.
func merge(params map[string]json.RawMessage, form url.Values) {
	for key, values := range form {
		v := strings.TrimSpace(values[0])
		if (strings.HasPrefix(v, "{") || strings.HasPrefix(v, "[")) && json.Valid([]byte(v)) {
			params[key] = json.RawMessage(v)
			continue
		}
		quoted, err := json.Marshal(values[0])
		if err == nil {
			params[key] = quoted
		}
	}
}

func (f *fields) readSend(params map[string]json.RawMessage) error {
	f.send.MessagingType = text(params["messaging_type"])
	f.send.Tag = text(params["tag"])
	f.send.Persona = text(params["persona_id"])
	f.send.SenderAction = text(params["sender_action"])
	var errs []error
	if v, ok := params["recipient"]; ok {
		errs = append(errs, json.Unmarshal(v, &f.send.Recipient))
	}
	if v, ok := params["message"]; ok {
		errs = append(errs, json.Unmarshal(v, &f.send.Message))
	}
	if v, ok := params["reply_to"]; ok {
		errs = append(errs, json.Unmarshal(v, &f.send.ReplyTo))
	}
	if v, ok := params["payload"]; ok {
		errs = append(errs, json.Unmarshal(v, &f.send.Payload))
	}
	return errors.Join(errs...)
}

func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// list reads a JSON array of strings or a comma-separated string.
func list(raw json.RawMessage) []string {
	var out []string
	if json.Unmarshal(raw, &out) == nil {
		return out
	}
	for _, s := range strings.Split(text(raw), ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}
