package timeline_test

import (
	"testing"

	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// What the customer pressed is marked on the newest message that offers it, and
// on no other.
func TestPressedIsMarked(t *testing.T) {
	yes := []*threadv1.QuickReply{{Title: "Yes", Payload: "YES"}, {Title: "No", Payload: "NO"}}
	menu := &threadv1.Template{Button: &threadv1.ButtonTemplate{Text: "What?", Buttons: []*threadv1.Button{{Title: "Order", Payload: "ORDER"}, {Title: "Site", Url: "https://example.com"}}}}
	cards := &threadv1.Template{Generic: &threadv1.GenericTemplate{Elements: []*threadv1.Card{{Title: "A"}, {Title: "B", Buttons: []*threadv1.Button{{Title: "Buy", Payload: "BUY"}}}}}}
	offers := func() *log {
		return (&log{}).
			commit(thread.Of(&threadv1.SendRequested{Id: "old", Parts: []string{"Sure?"}, QuickReplies: yes})).
			commit(thread.Of(&threadv1.SendRequested{Id: "new", Parts: []string{"Really?"}, QuickReplies: yes})).
			commit(thread.Of(&threadv1.SendRequested{Id: "menu", Parts: []string{"What?"}, Template: menu})).
			commit(thread.Of(&threadv1.SendRequested{Id: "cards", Parts: []string{"A"}, Template: cards})).
			commit(requested("plain", "and so on"))
	}
	reply := thread.Of(&threadv1.MessageReceived{Mid: "m.p", Text: "Yes", QuickReply: "YES"})
	press := func(payload string) *threadv1.Fact {
		return thread.Of(&threadv1.PostbackReceived{Mid: "m.p", Title: "Order", Payload: payload})
	}
	for name, c := range map[string]struct {
		facts    []*threadv1.Fact
		of, want string
	}{
		"a quick reply":                  {[]*threadv1.Fact{reply}, "new", "YES"},
		"the same typed":                 {[]*threadv1.Fact{received("m.p", "Yes", 5)}, "", ""},
		"a quick reply of nobody's":      {[]*threadv1.Fact{thread.Of(&threadv1.MessageReceived{Mid: "m.p", QuickReply: "MAYBE"})}, "", ""},
		"a button":                       {[]*threadv1.Fact{press("ORDER")}, "menu", "ORDER"},
		"a button of a card":             {[]*threadv1.Fact{press("BUY")}, "cards", "BUY"},
		"a button with an answer's word": {[]*threadv1.Fact{press("YES")}, "", ""},
		"a link has no payload":          {[]*threadv1.Fact{press("")}, "", ""},
		"taken back":                     {[]*threadv1.Fact{reply, unsent("m.p")}, "", ""},
		"taken back before it came":      {[]*threadv1.Fact{unsent("m.p"), reply}, "", ""},
		"another after it":               {[]*threadv1.Fact{reply, thread.Of(&threadv1.MessageReceived{Mid: "m.q", QuickReply: "NO"}), unsent("m.p")}, "new", "NO"},
		"told twice":                     {[]*threadv1.Fact{reply, reply}, "new", "YES"},
	} {
		l := offers()
		for _, f := range c.facts {
			l.commit(f)
		}
		items, _ := l.fold().Page(0, 10)
		for _, item := range items {
			want := ""
			if item.GetId() == c.of {
				want = c.want
			}
			if got := item.GetDetails()["chosen"]; got != want {
				t.Errorf("%s: of %s chosen is %q, want %q", name, item.GetId(), got, want)
			}
		}
	}
}
