package graph_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/secret"
)

const (
	userToken   = "user-token-canary"
	longerToken = "long-token-canary"
)

func user() graph.User {
	return graph.User{AppID: "4242", AppSecret: secret.NewText("app-secret-canary"), Token: secret.NewText(userToken), Version: "v26.0"}
}

// quiet fails when an error holds a secret.
func quiet(t *testing.T, err error) {
	t.Helper()
	if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, "canary") {
		t.Errorf("the error holds a secret: %s", text)
	}
}

// meta answers every call with what tell says of it.
func meta(t *testing.T, tell func(r *http.Request) (status int, body string)) (c *graph.Client, calls *atomic.Int32) {
	t.Helper()
	calls = new(atomic.Int32)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		status, body := tell(r)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return client(t, server.URL, 5*time.Second), calls
}

func TestAUserTokenIsExchanged(t *testing.T) {
	c, _ := meta(t, func(r *http.Request) (int, string) {
		q := r.URL.Query()
		if r.Method != http.MethodGet || r.URL.Path != "/v26.0/oauth/access_token" || q.Get("grant_type") != "fb_exchange_token" || q.Get("client_id") != "4242" ||
			q.Get("client_secret") != "app-secret-canary" || q.Get("fb_exchange_token") != userToken {
			t.Errorf("asked %s with %v", r.URL.Path, q)
		}
		if q.Has("appsecret_proof") || r.Header.Get("Authorization") != "" {
			t.Error("the exchange is asked with the app's own secret and no token")
		}
		return 200, `{"access_token":"` + longerToken + `","token_type":"bearer","expires_in":5183944}`
	})
	before := time.Now()
	token, ends, err := c.ExchangeUserToken(t.Context(), user())
	if err != nil || !token.Equal(longerToken) {
		t.Fatalf("got %v, %v", token, err)
	}
	if left := ends.Sub(before); left < 5183944*time.Second || left > 5183944*time.Second+time.Minute {
		t.Errorf("it ends in %s", left)
	}
}

func TestOddAnswersToAnExchange(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		kind   fault.Kind // -1: none
		ends   bool
	}{
		"no end":           {200, `{"access_token":"x"}`, -1, false},
		"an end as text":   {200, `{"access_token":"x","expires_in":"3600"}`, -1, true},
		"an end of no use": {200, `{"access_token":"x","expires_in":{"a":1}}`, -1, false},
		"an end past time": {200, `{"access_token":"x","expires_in":9223372036854775807}`, -1, false},
		"an end before":    {200, `{"access_token":"x","expires_in":-5}`, -1, false},
		"no token":         {200, `{"token_type":"bearer"}`, fault.Unavailable, false},
		"an empty token":   {200, `{"access_token":""}`, fault.Unavailable, false},
		"a number":         {200, `{"access_token":17}`, fault.Unavailable, false},
		"two words":        {200, `{"access_token":"user-token-canary\r\nX: y"}`, fault.Unavailable, false},
		"a long one":       {200, `{"access_token":"` + strings.Repeat("x", 3000) + `"}`, fault.Unavailable, false},
		"endless":          {200, `{"access_token":"` + strings.Repeat("x", 2<<20) + `"}`, fault.Unavailable, false},
		"a refusal":        {400, `{"error":{"message":"user-token-canary","code":190,"error_subcode":463}}`, fault.Denied, false},
		"a refusal in 200": {200, `{"error":{"message":"user-token-canary","code":101}}`, fault.Unavailable, false},
		"an outage":        {502, `<html>user-token-canary</html>`, fault.Unavailable, false},
		"elsewhere":        {302, ``, fault.Unavailable, false},
	} {
		t.Run(name, func(t *testing.T) {
			client, calls := meta(t, func(*http.Request) (int, string) { return c.status, c.body })
			_, ends, err := client.ExchangeUserToken(t.Context(), user())
			if (err == nil) != (c.kind == -1) || err != nil && fault.KindOf(err) != c.kind || ends.IsZero() == c.ends {
				t.Errorf("got an end at %v, %v", ends, err)
			}
			quiet(t, err)
			if n := calls.Load(); n != 1 {
				t.Errorf("%d requests, want 1", n)
			}
		})
	}
}

// Where nothing listens, the address that was dialled is full of secrets.
func TestAnExchangeThatCannotBeMadeTellsNothing(t *testing.T) {
	for _, address := range []string{"http://127.0.0.1:0", "http://127.0.0.1:1"} {
		_, _, err := client(t, address, time.Minute).ExchangeUserToken(t.Context(), user())
		if !fault.Is(err, fault.Unavailable) {
			t.Errorf("got %v", err)
		}
		quiet(t, err)
	}
	odd := user()
	odd.Token = secret.NewText("user-token-canary\r\nX-Injected: 1")
	if _, err := client(t, "http://127.0.0.1:1", time.Second).PagesOfUser(t.Context(), odd); err == nil {
		t.Error("a token of two lines was sent")
	} else {
		quiet(t, err)
	}
}

// listed is one part of a list: /me/accounts as Meta answers it.
func listed(after, next string, entries ...string) string {
	return `{"data":[` + strings.Join(entries, ",") + `],"paging":{"cursors":{"before":"b","after":` + strconv.Quote(after) + `},"next":` + strconv.Quote(next) + `}}`
}

func TestThePagesOfAPersonAreReadToTheEnd(t *testing.T) {
	foreign := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the foreign address was followed") }))
	defer foreign.Close()
	c, calls := meta(t, func(r *http.Request) (int, string) {
		q := r.URL.Query()
		if r.URL.Path != "/v26.0/me/accounts" || q.Get("fields") != "id,name,access_token,tasks" || q.Get("limit") != "100" || q.Get("appsecret_proof") == "" ||
			r.Header.Get("Authorization") != "Bearer "+userToken || strings.Contains(r.URL.String(), userToken) {
			t.Errorf("asked %s", r.URL.Path)
		}
		switch q.Get("after") {
		case "":
			return 200, listed("c1", foreign.URL+"/me/accounts?access_token=x",
				`{"id":"11","name":"Shop","access_token":"p11","tasks":["MESSAGING","moderate\u001b[2J","MODERATE"]}`, `{"id":99999999999999999,"name":"Ча\u001b[31mй\u202e","access_token":"p9"}`)
		case "c1":
			return 200, listed("c2", foreign.URL, `{"id":"11","name":"again","access_token":"other"}`, `{"id":"13","name":7,"access_token":17}`, `"x"`, `null`, `{"id":"../debug_token"}`)
		}
		return 200, listed("c3", "", `{"id":"13","name":"Later","access_token":"p13"}`, `{"id":"14","name":"`+strings.Repeat("я", 300)+`"}`)
	})
	got, err := c.PagesOfUser(t.Context(), user())
	if err != nil || got.Cut {
		t.Fatalf("got %+v, %v", got, err)
	}
	var lines []string
	for _, p := range got.Pages {
		lines = append(lines, p.ID+" "+p.Name+" "+p.Token.Reveal()+" "+strings.Join(p.Tasks, ","))
	}
	want := []string{"11 Shop p11 MESSAGING,MODERATE", "99999999999999999 Ча[31mй p9 ", "13 Later p13 ", "14 " + strings.Repeat("я", 100) + "  "}
	if !slices.Equal(lines, want) || calls.Load() != 3 {
		t.Errorf("got %q in %d calls, want %q", lines, calls.Load(), want)
	}
}

func TestAListWithoutAnEndIsCut(t *testing.T) {
	for name, c := range map[string]struct {
		calls int32 // at most
		tell  func(n int) string
	}{
		"new cursors for ever": {20, func(n int) string { return listed(fmt.Sprint("c", n), "x", fmt.Sprintf(`{"id":"%d"}`, n)) }},
		"a circle":             {4, func(n int) string { return listed(fmt.Sprint("c", n%3), "x", fmt.Sprintf(`{"id":"%d"}`, n)) }},
		"a circle of nothing":  {2, func(int) string { return listed("c", "x") }},
		"no cursor":            {1, func(n int) string { return listed("", "x", fmt.Sprintf(`{"id":"%d"}`, n)) }},
		"too many at once": {2, func(n int) string {
			var all []string
			for i := range 700 {
				all = append(all, fmt.Sprintf(`{"id":"%d%04d"}`, n, i))
			}
			return listed(fmt.Sprint("c", n), "x", all...)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			client, calls := meta(t, func(r *http.Request) (int, string) {
				if strings.HasSuffix(r.URL.Path, "debug_token") {
					t.Error("a list that was cut is not an empty one")
				}
				n++
				return 200, c.tell(n)
			})
			got, err := client.PagesOfUser(t.Context(), user())
			if err != nil || !got.Cut || len(got.Pages) > 1000 || calls.Load() > c.calls {
				t.Errorf("got %d pages in %d calls, cut %t, %v", len(got.Pages), calls.Load(), got.Cut, err)
			}
		})
	}
}

func TestAListThatFailsIsNoList(t *testing.T) {
	for name, second := range map[string]struct {
		status int
		body   string
		kind   fault.Kind
	}{
		"dead token":  {400, `{"error":{"message":"user-token-canary","code":190,"error_subcode":460}}`, fault.Denied},
		"throttled":   {400, `{"error":{"code":4}}`, fault.Exhausted},
		"huge":        {200, `{"data":["` + strings.Repeat("x", 2<<20) + `"]}`, fault.Unavailable},
		"no list":     {200, `{"data":{"id":"1"}}`, fault.Unavailable},
		"not json":    {200, `user-token-canary`, fault.Unavailable},
		"cut in half": {200, `{"data":[{"id":"1","access_token":"user-token-ca`, fault.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := meta(t, func(r *http.Request) (int, string) {
				if r.URL.Query().Get("after") == "" {
					return 200, listed("c1", "x", `{"id":"11","access_token":"p11"}`)
				}
				return second.status, second.body
			})
			got, err := c.PagesOfUser(t.Context(), user())
			if fault.KindOf(err) != second.kind || len(got.Pages) > 0 {
				t.Errorf("got %+v, %v", got, err)
			}
			quiet(t, err)
		})
	}
}

// Where the person granted single pages, Meta's list is empty: each page that
// the granular permissions name is asked for.
func TestThePagesOfGranularPermissions(t *testing.T) {
	c, _ := meta(t, func(r *http.Request) (int, string) {
		switch r.URL.Path {
		case "/v26.0/me/accounts":
			return 200, `{"data":[]}`
		case "/v26.0/debug_token":
			if r.Header.Get("Authorization") != "Bearer 4242|app-secret-canary" || r.URL.Query().Get("input_token") != userToken {
				t.Error("the token was not asked about in the app's name")
			}
			return 200, `{"data":{"is_valid":true,"type":"USER","app_id":"4242","granular_scopes":[{"scope":"pages_show_list","target_ids":["11",12]},
				{"scope":"instagram_basic","target_ids":["77"]},{"scope":"pages_messaging","target_ids":["12","13","14","x/../me",""]},{"scope":"pages_manage_metadata"}]}}`
		case "/v26.0/11":
			if r.URL.Query().Get("fields") != "id,name,access_token" || r.Header.Get("Authorization") != "Bearer "+userToken {
				t.Errorf("asked for %v", r.URL.Query())
			}
			return 200, `{"id":11,"name":"Shop","access_token":"p11"}`
		case "/v26.0/12":
			return 400, `{"error":{"code":100,"error_subcode":33}}`
		case "/v26.0/13":
			return 200, `{"id":"11","name":"Another","access_token":"p11"}`
		case "/v26.0/14":
			return 200, `{"id":"14","name":"Bare"}`
		}
		t.Errorf("asked for %s", r.URL.Path)
		return 404, ``
	})
	got, err := c.PagesOfUser(t.Context(), user())
	if err != nil || got.Cut {
		t.Fatalf("got %+v, %v", got, err)
	}
	var lines []string
	for _, p := range got.Pages {
		lines = append(lines, p.ID+" "+p.Name+" "+p.Token.Reveal())
	}
	if want := []string{"11 Shop p11", "12  ", "13  ", "14 Bare "}; !slices.Equal(lines, want) {
		t.Errorf("got %q, want %q", lines, want)
	}
}

func TestGranularPermissionsOfManyPagesAreBounded(t *testing.T) {
	c, calls := meta(t, func(r *http.Request) (int, string) {
		switch path := r.URL.Path; path {
		case "/v26.0/me/accounts":
			return 200, `{"data":[]}`
		case "/v26.0/debug_token":
			ids := make([]int, 500)
			for i := range ids {
				ids[i] = 1000 + i
			}
			raw, _ := json.Marshal(ids)
			return 200, `{"data":{"is_valid":true,"granular_scopes":[{"scope":"pages_show_list","target_ids":` + string(raw) + `}]}}`
		default:
			return 200, `{"id":"` + strings.TrimPrefix(path, "/v26.0/") + `","access_token":"p"}`
		}
	})
	got, err := c.PagesOfUser(t.Context(), user())
	if err != nil || !got.Cut || len(got.Pages) != 100 || calls.Load() != 102 || got.Pages[99].ID != "1099" {
		t.Errorf("got %d pages in %d calls, cut %t, %v", len(got.Pages), calls.Load(), got.Cut, err)
	}
}

// An outage in the middle is no refusal: a page whose token was not told must
// not look as if the person had none for it.
func TestAnOutageAmongGranularPagesIsTold(t *testing.T) {
	c, _ := meta(t, func(r *http.Request) (int, string) {
		switch r.URL.Path {
		case "/v26.0/me/accounts":
			return 200, `{"data":[]}`
		case "/v26.0/debug_token":
			return 200, `{"data":{"is_valid":true,"granular_scopes":[{"scope":"pages_show_list","target_ids":["11","12"]}]}}`
		case "/v26.0/12":
			return 500, `{"error":{"message":"user-token-canary","code":2}}`
		}
		return 200, `{"id":"11","access_token":"p11"}`
	})
	got, err := c.PagesOfUser(t.Context(), user())
	if !fault.Is(err, fault.Unavailable) || len(got.Pages) > 0 {
		t.Errorf("got %+v, %v", got, err)
	}
	quiet(t, err)
}

// What Meta says of granular permissions never keeps the rest from being read.
func TestOddGranularPermissions(t *testing.T) {
	for _, granular := range []string{`null`, `{}`, `"x"`, `[7]`, `[{"scope":7}]`, `[{"scope":"pages_show_list","target_ids":{"a":1}}]`, `[{"scope":"pages_show_list","target_ids":[{},[],null,1.5,-7,"007x"]}]`} {
		c, _ := meta(t, func(*http.Request) (int, string) {
			return 200, `{"data":{"is_valid":true,"type":"USER","app_id":4242,"granular_scopes":` + granular + `}}`
		})
		got, err := c.DebugUserToken(t.Context(), user())
		if err != nil || !got.Valid || got.Type != "USER" || len(got.Targets) > 0 {
			t.Errorf("%s: got %+v, %v", granular, got, err)
		}
	}
}
