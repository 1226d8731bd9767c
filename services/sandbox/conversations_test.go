package sandbox_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// Conversations are listed a page at a time, the newest first, with messages
// that no webhook told of.
func TestListedConversations(t *testing.T) {
	t.Parallel()
	in := newIngress(t)
	m := start(t, config(t, in))
	for i := range 5 {
		m.post("/sandbox/customers/"+page+"/"+fmt.Sprint(50000+i)+"/messages",
			map[string]any{"text": fmt.Sprint("text ", i), "attachment": "image", "sent_ms": 1_790_000_000_000 + i*1000, "lost": true})
	}
	var seen []string
	for path := "/" + page + "/conversations?limit=2&fields=messages.limit(1)"; path != ""; {
		resp, err := m.graph(t.Context(), http.MethodGet, path, nil)
		got := read(resp, err)
		var list struct {
			Data []struct {
				Messages struct {
					Data []struct {
						Message     string `json:"message"`
						Attachments struct {
							Data []struct {
								Image struct {
									URL string `json:"url"`
								} `json:"image_data"`
							} `json:"data"`
						} `json:"attachments"`
					} `json:"data"`
				} `json:"messages"`
			} `json:"data"`
			Paging struct {
				Next    string `json:"next"`
				Cursors struct {
					After string `json:"after"`
				} `json:"cursors"`
			} `json:"paging"`
		}
		if err := json.Unmarshal([]byte(got.raw), &list); err != nil || len(list.Data) == 0 || len(list.Data) > 2 {
			t.Fatalf("listed %s, %v", got.raw, err)
		}
		for _, c := range list.Data {
			seen = append(seen, c.Messages.Data[0].Message)
			if c.Messages.Data[0].Attachments.Data[0].Image.URL == "" {
				t.Errorf("a picture has no link: %s", got.raw)
			}
		}
		path = ""
		if list.Paging.Next != "" {
			path = "/" + page + "/conversations?limit=2&after=" + list.Paging.Cursors.After
			if strings.Contains(list.Paging.Next, token) {
				t.Error("the link to the next page shows the token")
			}
		}
	}
	if got := strings.Join(seen, ","); got != "text 4,text 3,text 2,text 1,text 0" {
		t.Errorf("listed %s", got)
	}
	for _, r := range m.records() {
		if len(r.Events) > 0 {
			t.Errorf("a lost message has a webhook: %+v", r)
		}
	}
	for _, bad := range []string{"limit=0", "limit=x", "after=%25"} {
		resp, err := m.graph(t.Context(), http.MethodGet, "/"+page+"/conversations?"+bad, nil)
		if got := read(resp, err); got.status == 200 {
			t.Errorf("%s: %+v", bad, got)
		}
	}
}
