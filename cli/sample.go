package cli

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// wish is the webhook that somebody wants.
type wish struct {
	kind, page, psid, text, mid string
	raw                         []byte // the body, for raw
}

// request is what is posted.
type request struct {
	url    string
	header http.Header
	body   []byte
	shown  string // body, for people
}

// samples are the items of a webhook by name; %[1]s is the message id, %[2]s the
// text and %[3]d the time in milliseconds, the first two as JSON.
func samples() map[string]string {
	return map[string]string{
		"message":    `"message":{"mid":%[1]s,"text":%[2]s}`,
		"attachment": `"message":{"mid":%[1]s,"attachments":[{"type":"image","payload":{"url":"https://scontent.xx.fbcdn.net/v/photo.png"}}]}`,
		"quickreply": `"message":{"mid":%[1]s,"text":%[2]s,"quick_reply":{"payload":"SAMPLE"}}`,
		"echo":       `"message":{"mid":%[1]s,"text":%[2]s,"is_echo":true,"app_id":263902037430900}`,
		"edit":       `"message_edit":{"mid":%[1]s,"text":%[2]s,"num_edit":1}`,
		"unsend":     `"message":{"mid":%[1]s,"is_deleted":true}`,
		"postback":   `"postback":{"mid":%[1]s,"title":%[2]s,"payload":"SAMPLE"}`,
		"read":       `"read":{"watermark":%[3]d}`,
		"delivery":   `"delivery":{"mids":[%[1]s],"watermark":%[3]d}`,
		"reaction":   `"reaction":{"mid":%[1]s,"action":"react","emoji":"❤","reaction":"love"}`,
		"referral":   `"referral":{"ref":%[2]s,"source":"SHORTLINK","type":"OPEN_THREAD"}`,
		"optin":      `"optin":{"ref":%[2]s}`,
		"standby":    `"message":{"mid":%[1]s,"text":%[2]s}`,
		"handover":   `"pass_thread_control":{"previous_owner_app_id":263902037430900,"new_owner_app_id":424242424242424,"metadata":%[2]s}`,
		"policy":     `"policy_enforcement":{"action":"warning","reason":%[2]s}`,
	}
}

// persons are the signed requests, by the callback that they go to.
func persons() []string { return []string{"deletion", "deauthorize"} }

func kindNames() []string {
	return slices.Sorted(slices.Values(append(slices.Collect(maps.Keys(samples())), persons()...)))
}

// request makes what is posted to a callback URL at now.
func (w wish) request(to string, secret []byte, now time.Time) (request, error) {
	if slices.Contains(persons(), w.kind) {
		return w.person(to, secret, now)
	}
	body := w.raw
	if w.kind != "raw" {
		item, known := samples()[w.kind]
		if !known {
			return request{}, fmt.Errorf("%q is no kind of webhook; use raw or one of %s", w.kind, strings.Join(kindNames(), " "))
		}
		body = w.body(item, now)
	}
	return request{to, http.Header{"Content-Type": {"application/json"}, signatureHeader: {signature(secret, body)}, "User-Agent": {"parleyctl"}}, body, string(body)}, nil
}

// body is a webhook with one item.
func (w wish) body(item string, now time.Time) []byte {
	lane, sender, recipient := "messaging", w.psid, w.page
	switch w.kind {
	case "standby":
		lane = "standby"
	case "echo":
		sender, recipient = recipient, sender
	}
	mid := w.mid
	if mid == "" {
		mid = "m_parleyctl-" + rand.Text()
	}
	at := now.UnixMilli()
	parties := fmt.Sprintf(`"sender":{"id":%s},"recipient":{"id":%s},"timestamp":%d,`, quote(sender), quote(recipient), at)
	if w.kind == "policy" {
		parties = fmt.Sprintf(`"recipient":{"id":%s},"timestamp":%d,`, quote(recipient), at) // it names no customer
	}
	return fmt.Appendf(nil, `{"object":"page","entry":[{"id":%s,"time":%d,"%s":[{%s%s}]}]}`,
		quote(w.page), at, lane, parties, fill(item, quote(mid), quote(w.text), at))
}

// fill puts the values into an item, which does not need all of them.
func fill(item, mid, text string, at int64) string {
	return strings.NewReplacer("%[1]s", mid, "%[2]s", text, "%[3]d", fmt.Sprint(at)).Replace(item)
}

// person is a signed request.
func (w wish) person(to string, secret []byte, now time.Time) (request, error) {
	to, err := callbackOf(to, w.kind)
	if err != nil {
		return request{}, err
	}
	payload := fmt.Sprintf(`{"user_id":%s,"algorithm":"HMAC-SHA256","issued_at":%d}`, quote(w.psid), now.Unix())
	form := url.Values{"signed_request": {signedRequest(secret, []byte(payload))}}
	return request{to, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "User-Agent": {"parleyctl"}}, []byte(form.Encode()), payload}, nil
}

func quote(s string) string {
	raw, err := json.Marshal(s)
	if err != nil {
		return `""` // a string always encodes
	}
	return string(raw)
}
