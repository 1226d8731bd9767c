package graph_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/graph"
)

func TestMetaTellsAsWhomPagesKnowAPerson(t *testing.T) {
	c, _ := meta(t, func(r *http.Request) (int, string) {
		switch {
		case r.Method != http.MethodGet || r.Header.Get("Authorization") == "" || r.URL.Query().Get("appsecret_proof") == "" || r.URL.Query().Has("access_token"):
			t.Errorf("asked %s %s", r.Method, r.URL.Path)
		case r.URL.Path == "/v26.0/218471/ids_for_pages":
			return 200, `{"data":[{"id":"70","page":{"id":"1020","name":"Shop"}},{"id":71,"page":{"id":1021}},{"page":{"id":"9"}},{"id":"9"}],"paging":{}}`
		}
		return 400, `{"error":{"code":100,"error_subcode":33,"message":"Unsupported get request"}}`
	})
	found, err := c.CustomersOf(t.Context(), user(), "218471")
	if want := []graph.Customer{{Page: "1020", PSID: "70"}, {Page: "1021", PSID: "71"}}; err != nil || !slices.Equal(found, want) {
		t.Errorf("found %v, %v", found, err)
	}
	_, err = c.CustomersOf(t.Context(), user(), "9")
	if err == nil || fault.Retryable(err) {
		t.Errorf("of somebody whom Meta does not know: %v", err)
	}
	quiet(t, err)
}
