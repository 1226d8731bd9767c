package sandbox_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/parley-desk/parley/services/sandbox/internal/graphapi"
)

// as asks with another token than the page's.
func (m *meta) as(token, path string) answered {
	m.t.Helper()
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	req, err := http.NewRequestWithContext(m.t.Context(), http.MethodGet, m.url+"/graph/v26.0"+path+sep+"appsecret_proof="+graphapi.Proof(secret, token), nil)
	if err != nil {
		m.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	return read(http.DefaultClient.Do(req))
}

// exchanged asks for the long-lived token of a person's.
func (m *meta) exchanged(app, secret, token string) answered {
	m.t.Helper()
	return read(http.Get(m.url + "/graph/v26.0/oauth/access_token?grant_type=fb_exchange_token&client_id=" + app + "&client_secret=" + secret + "&fb_exchange_token=" + token))
}

// told is what answers about tokens and pages hold.
type told struct {
	Token string   `json:"access_token"`
	Data  []listed `json:"data"`
	Page  struct {
		Cursors struct{ After string }
		Next    string
	} `json:"paging"`
}

type listed struct {
	ID, Name string
	Token    string `json:"access_token"`
}

func understood(t *testing.T, a answered) (out told) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.raw), &out); err != nil || a.status != http.StatusOK {
		t.Fatalf("answered %d %s", a.status, a.raw)
	}
	return out
}

// From a person's token to tokens of pages, as Meta gives them: those of a
// short-lived token end, those of the one it is exchanged for do not.
func TestAPersonsPages(t *testing.T) {
	t.Parallel()
	cfg := config(t, newIngress(t))
	cfg.Pages = append(cfg.Pages, "22:second-token:Second", "33:third-token:Third")
	m := start(t, cfg)
	m.post("/sandbox/token", map[string]any{"value": "short", "type": "USER", "accounts": []map[string]any{
		{"page": page}, {"page": "22", "token": "second-token"}, {"page": "33", "withheld": true}}})
	long := understood(t, m.exchanged(cfg.AppID, secret, "short")).Token
	if again := understood(t, m.exchanged(cfg.AppID, secret, long)).Token; long == "" || long == "short" || again != long {
		t.Fatalf("exchanged for %q, and that for %q", long, again)
	}
	first := understood(t, m.as(long, "/me/accounts?limit=100"))
	rest := understood(t, m.as(long, "/me/accounts?limit=100&after="+first.Page.Cursors.After))
	if len(first.Data) != 2 || first.Page.Next == "" || strings.Contains(first.Page.Next, long) || rest.Page.Next != "" {
		t.Errorf("listed %+v, then %+v", first, rest)
	}
	got := append(first.Data, rest.Data...)
	given := got[0].Token
	if want := []listed{{page, "Магазин Витоша", given}, {"22", "Second", "second-token"}, {"33", "Third", ""}}; given == "" || !slices.Equal(got, want) {
		t.Errorf("listed %+v, want %+v", got, want)
	}
	if one := m.as(long, "/"+page+"?fields=id,access_token"); !strings.Contains(one.raw, given) || strings.Contains(one.raw, "name") {
		t.Errorf("the page by itself: %s", one.raw)
	}
	ofShort := understood(t, m.as("short", "/me/accounts")).Data[0].Token
	for value, want := range map[string]string{given: `"expires_at":0`, ofShort: `"expires_at":1`} {
		if about := m.as(cfg.AppID+"|"+secret, "/debug_token?input_token="+value); !strings.Contains(about.raw, want) || !strings.Contains(about.raw, `"profile_id":"`+page+`"`) {
			t.Errorf("the token of the page is %s, want %s in it", about.raw, want)
		}
	}
	if sent := m.as(given, "/me/subscribed_apps"); sent.status != http.StatusOK {
		t.Errorf("the page's token is of no use: %+v", sent)
	}
}

// Who granted single pages has an empty list, and a token that names them.
func TestAPersonWhoGrantedSinglePages(t *testing.T) {
	t.Parallel()
	cfg := config(t, newIngress(t))
	m := start(t, cfg)
	m.post("/sandbox/token", map[string]any{"value": "single", "type": "USER", "granular": true, "accounts": []map[string]any{{"page": page}}})
	long := understood(t, m.exchanged(cfg.AppID, secret, "single")).Token
	if list := understood(t, m.as(long, "/me/accounts")); len(list.Data) > 0 {
		t.Errorf("listed %+v", list)
	}
	if about := m.as(cfg.AppID+"|"+secret, "/debug_token?input_token="+long); !strings.Contains(about.raw, `{"scope":"pages_show_list","target_ids":["`+page+`"]}`) {
		t.Errorf("the token is %s", about.raw)
	}
	if one := m.as(long, "/"+page+"?fields=id,name,access_token"); !strings.Contains(one.raw, `"access_token":"page-`) {
		t.Errorf("the page is %s", one.raw)
	}
	if other := m.as(long, "/22?fields=access_token"); other.code != 190 || other.sub != 2069032 {
		t.Errorf("another's page: %+v", other)
	}
}

func TestExchangesThatAreRefused(t *testing.T) {
	t.Parallel()
	cfg := config(t, newIngress(t))
	m := start(t, cfg)
	m.post("/sandbox/token", map[string]any{"value": "short", "type": "USER"})
	m.post("/sandbox/token", map[string]any{"value": "foreign", "type": "USER", "app_id": "77"})
	m.post("/sandbox/token", map[string]any{"value": "ended", "type": "USER", "expires_ms": 1})
	for name, c := range map[string]struct {
		app, secret, token string
		code, sub          int
	}{
		"another app":   {"77", secret, "short", 101, 0},
		"wrong secret":  {cfg.AppID, "wrong", "short", 1, 0},
		"no token":      {cfg.AppID, secret, "", 100, 0},
		"unknown token": {cfg.AppID, secret, "never", 190, 467},
		"foreign token": {cfg.AppID, secret, "foreign", 190, 0},
		"ended token":   {cfg.AppID, secret, "ended", 190, 463},
		"page's token":  {cfg.AppID, secret, token, 100, 0},
	} {
		if got := m.exchanged(c.app, c.secret, c.token); got.code != c.code || got.sub != c.sub {
			t.Errorf("%s: %+v, want %d/%d", name, got, c.code, c.sub)
		}
	}
	for _, path := range []string{"/me/accounts", "/me/accounts?after=!", "/me/accounts?limit=0"} {
		if got := m.as("foreign", path); got.status == http.StatusOK {
			t.Errorf("%s with a foreign token: %+v", path, got)
		}
		if got := m.as("short", path); (got.status == http.StatusOK) != (path == "/me/accounts") {
			t.Errorf("%s: %+v", path, got)
		}
	}
	if got := read(http.Get(m.url + "/graph/v26.0/me/accounts?access_token=short")); got.code != 100 {
		t.Errorf("without the proof: %+v", got)
	}
}
