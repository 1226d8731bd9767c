package sandbox_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/parley-desk/parley/services/sandbox"
)

func TestSendCausesEchoDeliveryAndRead(t *testing.T) {
	t.Parallel()
	in := newIngress(t)
	m := start(t, config(t, in))
	m.write(psid, "Здравей")
	got := m.send(reply(psid, "Добър ден!", "p1:x:0:1:mac"))
	if got.status != 200 || got.mid == "" {
		t.Fatalf("got %+v", got)
	}
	await(t, "the echo", func() bool { return len(in.taken(isEcho)) == 1 })
	echo := in.taken(isEcho)[0]
	if echo.Message.MID != got.mid || echo.Message.Metadata != "p1:x:0:1:mac" || echo.Message.AppID != "424242424242424" ||
		echo.Sender.ID != page || echo.Recipient.ID != psid {
		t.Errorf("the echo is %+v of %+v", echo.Message, echo)
	}
	isDelivery := func(it item) bool { return it.Delivery != nil && it.Delivery.MIDs[0] == got.mid }
	await(t, "the delivery receipt", func() bool { return len(in.taken(isDelivery)) == 1 })
	for range 2 { // looking twice reads once
		m.post("/sandbox/customers/"+page+"/"+psid+"/read", nil)
	}
	isRead := func(it item) bool { return it.Read != nil }
	await(t, "the read receipt", func() bool { return len(in.taken(isRead)) > 0 })
	if reads := in.taken(isRead); len(reads) != 1 || reads[0].Read.Watermark != echo.Timestamp {
		t.Errorf("reads are %+v", reads)
	}
}

func TestMetaRefuses(t *testing.T) {
	t.Parallel()
	in := newIngress(t)
	cfg := config(t, in)
	m := start(t, cfg)
	now := time.Now()
	const yesterday, lastWeek = "11111111111111111", "22222222222222222"
	m.write(psid, "now")
	m.post("/sandbox/messages", []sandbox.Message{
		{Page: page, PSID: yesterday, Text: "a day ago", SentMS: now.Add(-24*time.Hour - time.Second).UnixMilli()},
		{Page: page, PSID: lastWeek, Text: "a week ago", SentMS: now.Add(-7*24*time.Hour - time.Second).UnixMilli()},
	})
	with := func(b sendBody, key string, value any) sendBody {
		b[key] = value
		return b
	}
	tagged := func(psid, tag string) sendBody {
		return with(with(reply(psid, "hi", ""), "messaging_type", "MESSAGE_TAG"), "tag", tag)
	}
	sticker := func(psid string, id int64) sendBody {
		return with(reply(psid, "", ""), "message", map[string]any{"sticker_id": id, "metadata": "p1:x"})
	}
	for name, c := range map[string]struct {
		body      sendBody
		code, sub int
	}{
		"open window":           {reply(psid, "hi", ""), 0, 0},
		"text at the limit":     {reply(psid, strings.Repeat("я", 1999), ""), 0, 0},
		"text too long":         {reply(psid, strings.Repeat("я", 2000), ""), 100, 0},
		"counted in UTF-16":     {reply(psid, strings.Repeat("👋", 1000), ""), 100, 0},
		"metadata too long":     {reply(psid, "hi", strings.Repeat("m", 1000)), 100, 0},
		"no text":               {reply(psid, "", ""), 100, 0},
		"unknown person":        {reply("33333333333333333", "hi", ""), 100, 2018001},
		"no messaging_type":     {with(reply(psid, "hi", ""), "messaging_type", ""), 100, 0},
		"retired tag":           {tagged(psid, "ACCOUNT_UPDATE"), 100, 0},
		"closed window":         {reply(yesterday, "hi", ""), 10, 2018278},
		"human agent in time":   {tagged(yesterday, "HUMAN_AGENT"), 0, 0},
		"human agent too late":  {tagged(lastWeek, "HUMAN_AGENT"), 10, 2018278},
		"tag without its type":  {with(reply(psid, "hi", ""), "tag", "HUMAN_AGENT"), 100, 0},
		"a thumb":               {sticker(psid, 369239263222822), 0, 0},
		"a sticker unknown":     {sticker(psid, 767226160478561), 100, 0},
		"a sticker with a text": {with(sticker(psid, 0), "message", map[string]any{"text": "hi", "sticker_id": 369239263222822}), 100, 0},
		"a thumb too late":      {with(with(sticker(yesterday, 369239263222822), "messaging_type", "MESSAGE_TAG"), "tag", "HUMAN_AGENT"), 10, 2018278},
		"no recipient":          {with(reply(psid, "hi", ""), "recipient", map[string]string{}), 100, 0},
		"unknown sender action": {sendBody{"recipient": map[string]string{"id": psid}, "sender_action": "dance"}, 100, 0},
	} {
		if got := m.send(c.body); got.err != nil || got.code != c.code || got.sub != c.sub {
			t.Errorf("%s: got %d/%d (%d, %v), want %d/%d", name, got.code, got.sub, got.status, got.err, c.code, c.sub)
		}
	}
	await(t, "the echo of the thumb", func() bool {
		return len(in.taken(func(it item) bool {
			return isEcho(it) && it.Message.Metadata == "p1:x" && len(it.Message.Attachments) == 1 &&
				it.Message.Attachments[0].Type == "sticker" && it.Message.Attachments[0].Payload.Sticker == "369239263222822"
		})) == 1
	})
}

func TestTokenAndProof(t *testing.T) {
	t.Parallel()
	in := newIngress(t)
	m := start(t, config(t, in))
	for name, c := range map[string]struct {
		query string
		code  int
	}{
		"no token":    {"", 2500},
		"bad token":   {"access_token=nonsense", 190},
		"no proof":    {"access_token=" + token, 100},
		"wrong proof": {"access_token=" + token + "&appsecret_proof=00", 100},
	} {
		resp, err := http.Get(m.url + "/graph/me?" + c.query)
		if got := read(resp, err); got.code != c.code {
			t.Errorf("%s: got %+v, want %d", name, got, c.code)
		}
	}
}

// Every outcome that a script can ask for, as a caller sees it and as it was.
func TestScriptedOutcomes(t *testing.T) {
	t.Parallel()
	isReset := func(a answered) bool { return errors.Is(a.err, syscall.ECONNRESET) || errors.Is(a.err, io.EOF) }
	code := func(status, code, sub int) func(answered) bool {
		return func(a answered) bool { return a.err == nil && a.status == status && a.code == code && a.sub == sub }
	}
	unreadable := func(status int) func(answered) bool {
		return func(a answered) bool { return a.err != nil && a.status == status && a.raw != "" }
	}
	for _, c := range []struct {
		rule      string
		delivered bool
		seen      func(answered) bool
	}{
		{`"do":"ok"`, true, func(a answered) bool { return a.mid != "" }},
		{`"do":"error","code":551,"subcode":1545041`, false, code(400, 551, 1545041)},
		{`"do":"error","code":80006,"status":429`, false, code(429, 80006, 0)},
		{`"do":"error_delivered"`, true, code(500, 1, 1357046)},
		{`"do":"reset"`, false, isReset},
		{`"do":"deliver_then_reset"`, true, isReset},
		{`"do":"server_error"`, false, code(500, 2, 0)},
		{`"do":"deliver_then_500"`, true, code(500, 2, 0)},
		{`"do":"stall","stall_ms":5`, false, isReset},
		{`"do":"deliver_then_stall","stall_ms":5`, true, isReset},
		{`"do":"html"`, false, unreadable(502)},
		{`"do":"deliver_then_html"`, true, unreadable(502)},
		{`"do":"cut_json"`, true, unreadable(200)},
		{`"do":"no_message_id"`, true, func(a answered) bool { return a.err == nil && a.status == 200 && a.mid == "" && a.code == 0 }},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			in := newIngress(t)
			m := start(t, config(t, in))
			m.write(psid, "hello")
			m.script(`{"rules":[{` + c.rule + `}]}`)
			if got := m.send(reply(psid, "answer", "p1:i:0:1:m")); !c.seen(got) {
				t.Errorf("the caller saw %+v", got)
			}
			sends := m.sends()
			if len(sends) != 1 || sends[0].Send.Delivered != c.delivered || (sends[0].MID != "") != c.delivered {
				t.Fatalf("the journal says %+v", sends)
			}
			if c.delivered {
				await(t, "the echo", func() bool { return len(in.taken(isEcho)) == 1 })
			}
		})
	}
}

func (m *meta) script(raw string) {
	m.t.Helper()
	resp, err := http.Post(m.url+"/sandbox/script", "application/json", strings.NewReader(raw))
	if err != nil {
		m.t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		m.t.Fatalf("the script is refused: %s", body)
	}
}

func TestEchoes(t *testing.T) {
	t.Parallel()
	t.Run("before the answer", func(t *testing.T) {
		t.Parallel()
		in := newIngress(t)
		m := start(t, config(t, in))
		m.write(psid, "hello")
		m.script(`{"rules":[{"do":"ok","echo":"before"}]}`)
		if m.send(reply(psid, "answer", "")); len(in.taken(isEcho)) != 1 {
			t.Error("the answer came before the echo")
		}
	})
	t.Run("late and lost", func(t *testing.T) {
		t.Parallel()
		in := newIngress(t)
		m := start(t, config(t, in))
		m.write(psid, "hello")
		m.script(`{"rules":[{"match":{"text_prefix":"late"},"do":"ok","echo":"late","echo_ms":3000},
			{"match":{"text_prefix":"lost"},"do":"ok","echo":"lost","no_receipt":true}]}`)
		for _, text := range []string{"late", "lost", "on time"} {
			m.send(reply(psid, text, ""))
		}
		await(t, "two echoes", func() bool { return len(in.taken(isEcho)) == 2 })
		if got := in.taken(isEcho); got[0].Message.Text != "on time" || got[1].Message.Text != "late" {
			t.Errorf("got %q then %q", got[0].Message.Text, got[1].Message.Text)
		}
	})
}

func TestScriptSurvivesARestart(t *testing.T) {
	t.Parallel()
	in := newIngress(t)
	cfg := config(t, in)
	m := start(t, cfg)
	m.write(psid, "hello")
	m.script(`{"rules":[{"do":"error","code":368}]}`)
	m.stop()
	if got := start(t, cfg).send(reply(psid, "hi", "")); got.code != 368 {
		t.Errorf("got %+v", got)
	}
}

func TestReads(t *testing.T) {
	t.Parallel()
	in := newIngress(t)
	m := start(t, config(t, in))
	m.write(psid, "hello")
	mid := m.send(reply(psid, "good day", "")).mid
	for path, want := range map[string]string{
		"/" + psid + "?fields=name,first_name,last_name": `"first_name":"Иван","id":"24681357924681357","last_name":"Петров","name":"Иван Петров"`,
		"/" + page + "?fields=name":                      "Магазин Витоша",
		"/" + mid + "?fields=from":                       `"id":"` + page + `"`,
		"/" + page + "/conversations?user_id=" + psid:    `"message":"good day"`,
		"/me/accounts":                      token,
		"/" + page + "/subscribed_apps":     "message_echoes",
		"/debug_token?input_token=" + token: `"is_valid":true`,
		"/99999999999999999":                `"error_subcode":33`,
	} {
		resp, err := m.graph(t.Context(), http.MethodGet, path, nil)
		if got := read(resp, err); !strings.Contains(got.raw, want) {
			t.Errorf("GET %s: got %+v, want %s in it", path, got, want)
		}
	}
}

// A token is what the test says: it dies, it ends, it is somebody else's.
func TestTokensAsDescribed(t *testing.T) {
	t.Parallel()
	cfg := config(t, newIngress(t))
	m := start(t, cfg)
	ask := func(value string) answered {
		t.Helper()
		url := m.url + "/graph/v26.0/debug_token?input_token=" + value + "&access_token=" + cfg.AppID + "%7C" + secret
		resp, err := http.Get(url)
		return read(resp, err)
	}
	for name, c := range map[string]struct {
		token map[string]any
		want  string
	}{
		"dead":       {map[string]any{"value": token, "dead": true, "subcode": 460}, `"is_valid":false`},
		"ended":      {map[string]any{"value": token, "expires_ms": 1}, `"subcode":463`},
		"a person's": {map[string]any{"value": "user", "type": "USER"}, `"type":"USER"`},
		"foreign":    {map[string]any{"value": "foreign", "page": page, "app_id": "77"}, `"code":100`},
		"weak":       {map[string]any{"value": "weak", "page": page, "scopes": []string{"pages_show_list"}}, `"scopes":["pages_show_list"]`},
	} {
		m.post("/sandbox/token", c.token)
		value, _ := c.token["value"].(string)
		if got := ask(value); !strings.Contains(got.raw, c.want) {
			t.Errorf("%s: got %s, want %s in it", name, got.raw, c.want)
		}
	}
	m.post("/sandbox/token", map[string]any{"value": token, "dead": true, "subcode": 460})
	m.stop()
	m = start(t, cfg)
	resp, err := m.graph(t.Context(), http.MethodGet, "/me/subscribed_apps", nil)
	if got := read(resp, err); got.code != 190 || got.sub != 460 {
		t.Errorf("a dead token, after a restart: %+v", got)
	}
	m.post("/sandbox/token", map[string]any{"value": token})
	resp, err = m.graph(t.Context(), http.MethodGet, "/me/subscribed_apps", nil)
	if got := read(resp, err); got.status != http.StatusOK {
		t.Errorf("alive again: %+v", got)
	}
}
