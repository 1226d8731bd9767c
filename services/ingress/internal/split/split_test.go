package split_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/parley-desk/parley/services/ingress/internal/split"
)

func TestCorpusIsSplitWithoutLoss(t *testing.T) {
	for name, body := range webhooks(t) {
		t.Run(name, func(t *testing.T) {
			events := split.Body("demo", 1_760_000_000_000, body)
			want := naive(body)
			items := want.items
			if len(items) == 0 {
				if len(events) != 1 || events[0].GetDefect() == "" {
					t.Fatalf("a body without items gave %v", events)
				}
				return
			}
			if len(events) != len(items) {
				t.Fatalf("%d events of %d items", len(events), len(items))
			}
			for i, e := range events {
				if !bytes.Equal(e.GetRaw(), items[i].raw) || e.GetLane() != items[i].lane || !bytes.Contains(body, e.GetRaw()) {
					t.Errorf("event %d is not item %d byte for byte", i, i)
				}
				if e.GetPage() == "" || e.GetDefect() != "" || e.GetAccount() != "demo" || e.GetReceivedMs() != 1_760_000_000_000 {
					t.Errorf("event %d: %v", i, e)
				}
			}
		})
	}
}

func TestCorpusPlaces(t *testing.T) {
	bodies := webhooks(t)
	for name, want := range map[string]string{
		"wh-message-text":                      "messaging 12345654332/987654321432",
		"wh-message-quick-reply":               "messaging 1234567890321/987654321432",
		"wh-message-echo":                      "messaging 12345654332/987654321432", // its ends are the wrong way round
		"wh-courier-echo-inverted-ids":         "messaging 1234567890/5678",
		"wh-standby-echo":                      "standby 12345654332/987654321432",
		"ev-echo-text":                         "messaging 234554838031189/1739141089378194",
		"ev-standby-full-envelope":             "standby 234554838031189/1739141089378194",
		"wh-courier-other-page-recipient":      "messaging 1235/5678",
		"wh-policy-enforcement-block-hyphen":   "messaging 12345654332/",
		"wh-postback-guest-chat-plugin":        "messaging 12345654332/",
		"wh-m4j-optin-no-sender":               "messaging PAGE_ID/",
		"doc-postback-changes-shape":           "changes PAGE-ID/",
		"doc-appointment-booking":              "messaging <PAGE_ID>/<PSID>",
		"wh-changes-two-entries":               "changes 1234567890321/, changes 1234567890321/",
		"wh-courier-duplicate-mid-two-entries": "messaging 1234567890/5678, messaging 1234567890/5678",
	} {
		var got []string
		for _, e := range split.Body("demo", 1, bodies[name]) {
			lane := strings.ToLower(strings.TrimPrefix(e.GetLane().String(), "LANE_"))
			got = append(got, fmt.Sprintf("%s %s/%s", lane, e.GetPage(), e.GetPsid()))
		}
		if have := strings.Join(got, ", "); have != want {
			t.Errorf("%s: %s, want %s", name, have, want)
		}
	}
}

func TestStrangeItemsCostNobody(t *testing.T) {
	good := `{"sender":{"id":"7"},"recipient":{"id":"1"},"message":{"mid":"m"}}`
	for _, c := range []struct{ name, body, want string }{
		{"item is a number", `{"entry":[{"id":"1","messaging":[42,` + good + `]}]}`, `42! ` + good},
		{"item is null", `{"entry":[{"id":"1","messaging":[` + good + `,null]}]}`, good + ` null!`},
		{"ends are no objects", `{"entry":[{"id":"1","messaging":[{"sender":7,"recipient":[]},` + good + `]}]}`, `{"sender":7,"recipient":[]} ` + good},
		{"entry is text", `{"entry":["x",{"id":"1","messaging":[` + good + `]}]}`, `"x"! ` + good},
		{"entry is empty", `{"entry":[{},{"id":"1","messaging":[` + good + `]}]}`, `{}! ` + good},
		{"lane is no list", `{"entry":[{"id":"1","standby":{"a":1},"messaging":[` + good + `]}]}`,
			good + ` {"id":"1","standby":{"a":1},"messaging":[` + good + `]}!`},
		{"all lanes", `{"entry":[{"id":"1","messaging":[{"a":1}],"standby":[{"b":2}],"changes":[{"c":3}]}]}`, `{"a":1} {"b":2} {"c":3}`},
		{"a lane that is new", `{"entry":[{"id":"1","messaging":[` + good + `],"calls":[{"n":1}]}]}`,
			good + ` {"id":"1","messaging":[` + good + `],"calls":[{"n":1}]}!`},
		{"a list of nothing", `{"entry":[{"id":"1","messaging":[` + good + `],"calls":[ ],"hop":{"a":[1]}}]}`, good},
		{"a list beside the entries", `{"entry":[{"id":"1","messaging":[` + good + `]}],"more":[1]}`,
			good + ` {"entry":[{"id":"1","messaging":[` + good + `]}],"more":[1]}!`},
		{"no entries", `{"object":"page","entry":[]}`, `{"object":"page","entry":[]}!`},
		{"entries are no list", `{"entry":{}}`, `{"entry":{}}!`},
		{"broken off", `{"entry":[{"id":"1","messaging":[` + good, `{"entry":[{"id":"1","messaging":[` + good + `!`},
		{"two bodies", `{"entry":[{}]}{}`, `{"entry":[{}]}{}!`},
		{"no JSON", `hello`, `hello!`},
		{"a list", `[1]`, `[1]!`},
		{"nothing", ``, `!`},
	} {
		var got []string
		for _, e := range split.Body("demo", 1, []byte(c.body)) {
			mark := ""
			if e.GetDefect() != "" {
				mark = "!"
			}
			got = append(got, string(e.GetRaw())+mark)
		}
		if have := strings.Join(got, " "); have != c.want {
			t.Errorf("%s:\n%s, want\n%s", c.name, have, c.want)
		}
	}
}

func TestPlaceAndTime(t *testing.T) {
	for _, c := range []struct {
		name, entry, page, psid string
		at                      int64
	}{
		{"number ids beyond 2^53", `"id":"9","messaging":[{"sender":{"id":12345678901234567},"recipient":{"id":98765432109876543}}]`, "98765432109876543", "12345678901234567", 0},
		{"id behind the items", `"messaging":[{"read":{}}],"id":"9","time":1760000000001`, "9", "", 1760000000001},
		{"seconds", `"id":"9","time":1449589360,"changes":[{}]`, "9", "", 1449589360000},
		{"time as text", `"id":"9","time":"1458692752478","messaging":[{}]`, "9", "", 1458692752478},
		{"time is nonsense", `"id":"9","time":{},"messaging":[{}]`, "9", "", 0},
		{"echo of another page", `"id":"9","messaging":[{"sender":{"id":"8"},"recipient":{"id":"7"},"message":{"is_echo":true}}]`, "8", "7", 0},
		{"page acts without echo", `"id":"9","messaging":[{"sender":{"id":"9"},"recipient":{"id":"7"},"reaction":{}}]`, "9", "7", 0},
		{"to itself", `"id":"9","messaging":[{"sender":{"id":"9"},"recipient":{"id":"9"}}]`, "9", "9", 0},
		{"escaped id", `"id":"9","messaging":[{"sender":{"id":"a\u002eb"},"recipient":{"id":"9"}}]`, "9", "a.b", 0},
		{"endless id", `"id":"9","messaging":[{"sender":{"id":"` + strings.Repeat("1", 200) + `"},"recipient":{"id":"9"}}]`, "9", "", 0},
		{"fraction", `"id":1.5,"messaging":[{"sender":{"id":-1}}]`, "", "", 0},
	} {
		e := split.Body("demo", 1, []byte(`{"entry":[{`+c.entry+`}]}`))[0]
		if e.GetPage() != c.page || e.GetPsid() != c.psid || e.GetEntryMs() != c.at {
			t.Errorf("%s: page %q psid %q at %d", c.name, e.GetPage(), e.GetPsid(), e.GetEntryMs())
		}
	}
}

func TestLimitsKeepTheBodyWhole(t *testing.T) {
	list := func(n int, what string) string { return strings.TrimSuffix(strings.Repeat(what+",", n), ",") }
	entry := `{"id":"1","messaging":[{"a":1}]}`
	for _, c := range []struct {
		name, body string
		events     int
		whole      bool
	}{
		{"as many entries as may be", `{"entry":[` + list(split.MaxEntries, entry) + `]}`, split.MaxEntries, false},
		{"an entry more", `{"entry":[` + list(split.MaxEntries+1, entry) + `]}`, 1, true},
		{"as many events as may be", `{"entry":[{"messaging":[` + list(split.MaxEvents, `{}`) + `]}]}`, split.MaxEvents, false},
		{"an event more", `{"entry":[{"messaging":[` + list(split.MaxEvents+1, `{}`) + `]}]}`, 1, true},
		{"as deep as may be", `{"entry":[{"messaging":[` + strings.Repeat(`[`, 60) + strings.Repeat(`]`, 60) + `]}]}`, 1, false},
		{"a level more", `{"entry":[{"messaging":[` + strings.Repeat(`[`, 61) + strings.Repeat(`]`, 61) + `]}]}`, 1, true},
	} {
		events := split.Body("demo", 1, []byte(c.body))
		if len(events) != c.events {
			t.Errorf("%s: %d events, want %d", c.name, len(events), c.events)
			continue
		}
		if whole := string(events[0].GetRaw()) == c.body; whole != c.whole {
			t.Errorf("%s: kept whole: %v", c.name, whole)
		}
	}
}

func TestLongEventsAreStoredInParts(t *testing.T) {
	item := `{"sender":{"id":"7"},"recipient":{"id":"1"},"message":{"text":"` + strings.Repeat("x", 2*split.MaxRaw) + `"}}`
	events := split.Body("demo", 1, []byte(`{"entry":[{"id":"1","messaging":[{"a":1},`+item+`]}]}`))
	if len(events) != 4 {
		t.Fatalf("%d events, want one and three parts", len(events))
	}
	var joined []byte
	for i, e := range events[1:] {
		if want := fmt.Sprintf("part %d of 3", i+1); e.GetDefect() != want || e.GetPsid() != "7" || len(e.GetRaw()) > split.MaxRaw {
			t.Errorf("part %d: defect %q psid %q, %d bytes", i, e.GetDefect(), e.GetPsid(), len(e.GetRaw()))
		}
		joined = append(joined, e.GetRaw()...)
	}
	if string(joined) != item {
		t.Error("the parts together are not the item")
	}
}

func BenchmarkBody(b *testing.B) {
	item := `{"sender":{"id":"7409218844331520"},"recipient":{"id":"1020304050607080"},"timestamp":1760000000123,"message":{"mid":"m_KXGKDUpO6xbVdAmZFBVpzU1AhKVJdAIUnUH4cwkvb_K3iZsWhowDRyJ_DcowEpJjncaBwdCIoRrixvCbbO1PcA","text":"\u0417\u0434\u0440\u0430\u0432\u0435\u0439\u0442\u0435"}}`
	body := []byte(`{"object":"page","entry":[{"id":"1020304050607080","time":1760000000456,"messaging":[` +
		strings.TrimSuffix(strings.Repeat(item+",", 20), ",") + `]}]}`)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if len(split.Body("demo", 1, body)) != 20 {
			b.Fatal("events are missing")
		}
	}
}
