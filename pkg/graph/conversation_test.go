package graph_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/graph"
)

func TestConversations(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		if r.URL.Path != "/v26.0/102030/conversations" || query.Get("limit") != "2" || !strings.Contains(query.Get("fields"), "messages.limit(20){id,created_time") {
			t.Errorf("asked %s", r.URL.Path)
		}
		if query.Get("after") == "c1" {
			_, _ = io.WriteString(w, `{"data":[{"updated_time":"x","participants":{"data":[{"id":"102030"}]},"messages":{"data":[7,{}]}}],"paging":{"cursors":{"after":"c2"}}}`)
			return
		}
		_, _ = io.WriteString(w, `{"data":[{"id":"t_1","updated_time":"2022-07-12T19:11:07+0000","participants":{"data":[{"id":"70"},{"id":102030}]},
			"messages":{"data":[{"id":"m_2","created_time":"2022-07-12T19:11:07+0000","message":"b"},{"id":"m_1","created_time":"2022-07-12T19:11:06+0000"}]}}],
			"paging":{"cursors":{"after":"c1"},"next":"https://graph.facebook.com/x"}}`)
	}))
	defer server.Close()
	c := client(t, server.URL, time.Minute)
	list, next, err := c.Conversations(t.Context(), page(), "", 2)
	if err != nil || next != "c1" || len(list) != 1 || list[0].PSID != "70" || list[0].Updated.Unix() != 1_657_653_067 || len(list[0].Messages) != 2 {
		t.Fatalf("listed %v, next %q, %v", list, next, err)
	}
	if m := list[0].Messages[0]; m.MessageID != "m_2" || m.Created.Unix() != 1_657_653_067 || !strings.Contains(string(m.Raw), `"message":"b"`) {
		t.Errorf("the first message is %v", m)
	}
	list, next, err = c.Conversations(t.Context(), page(), next, 2)
	if err != nil || next != "" || len(list) != 1 || list[0].PSID != "" || list[0].Messages[0].MessageID != "" || !list[0].Messages[1].Created.IsZero() {
		t.Errorf("the end is %v, next %q, %v", list, next, err)
	}
}

func TestAListThatIsTooLong(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"data":["`+strings.Repeat("x", 2<<20)+`"]}`)
	}))
	defer server.Close()
	_, _, err := client(t, server.URL, time.Minute).Conversations(t.Context(), page(), "", 10)
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.Unavailable || f.Reason != graph.ReasonUnreadable {
		t.Errorf("it is %v", err)
	}
}
