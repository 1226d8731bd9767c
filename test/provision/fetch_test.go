package provision_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/cli"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/sandbox"
)

const (
	stored     = adminv1.FetchResult_FETCH_RESULT_STORED
	unchanged  = adminv1.FetchResult_FETCH_RESULT_UNCHANGED
	notGranted = adminv1.FetchResult_FETCH_RESULT_NOT_GRANTED
	refused    = adminv1.FetchResult_FETCH_RESULT_REFUSED
)

// openMany is open with more pages at Meta, those that are named being set up
// here too, without a token.
func openMany(t *testing.T, atMeta []string, here ...string) *house {
	t.Helper()
	h := open(t, func(c *sandbox.Config) {
		for _, id := range atMeta {
			c.Pages = append(c.Pages, id+":token-of-page-"+id+"-0123:Page "+id)
		}
	})
	for _, id := range here {
		_, err := h.config.CreatePage(t.Context(), &adminv1.CreatePageRequest{Page: &configv1.Page{Meta: meta("p" + id), PageId: id, Account: "demo"}})
		if err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// person is somebody's token at Meta, who administers these pages.
func (h *house) person(token string, more map[string]any, accounts ...map[string]any) {
	h.t.Helper()
	all := map[string]any{"value": token, "type": "USER", "accounts": accounts, "expires_ms": time.Now().Add(time.Hour).UnixMilli()}
	for k, v := range more {
		all[k] = v
	}
	h.describe(all)
}

func (h *house) fetch(token string, dry bool) (*adminv1.FetchPageTokensResponse, error) {
	h.t.Helper()
	resp, err := h.pages.FetchPageTokens(h.t.Context(), &adminv1.FetchPageTokensRequest{Account: "demo", UserToken: value(token), ValidateOnly: dry})
	if text := resp.String(); err == nil && (strings.Contains(text, token) || strings.Contains(text, "page-") || strings.Contains(text, "token-of")) {
		h.t.Errorf("the answer holds a token: %s", text)
	}
	if logged := h.admin.Logs.String(); token != "" && strings.Contains(logged, token) {
		h.t.Error("the log holds the token of a person")
	}
	return resp, err
}

// fetched is fetch that succeeds, with what became of each page.
func (h *house) fetched(token string, dry bool, want map[string]adminv1.FetchResult) *adminv1.FetchPageTokensResponse {
	h.t.Helper()
	resp, err := h.fetch(token, dry)
	if err != nil {
		h.t.Fatal(err)
	}
	var ids []string
	for _, p := range resp.GetPages() {
		ids = append(ids, p.GetPage())
		if p.GetResult() != want[p.GetPage()] {
			h.t.Errorf("page %s: %v, want %v", p.GetPage(), p, want[p.GetPage()])
		}
		if good := p.GetResult() == stored || p.GetResult() == unchanged; good != (p.GetWhy() == "") || good != (p.GetRemedy() == "") || p.GetCheck().GetName() != "token" {
			h.t.Errorf("page %s: %v", p.GetPage(), p)
		}
	}
	if len(ids) != len(want) || !slices.IsSorted(ids) {
		h.t.Errorf("told of the pages %q, want %d sorted", ids, len(want))
	}
	return resp
}

func (h *house) fingerprint(page string) string {
	h.t.Helper()
	p, err := h.config.GetPage(h.t.Context(), &adminv1.GetPageRequest{Id: page})
	if err != nil {
		h.t.Fatal(err)
	}
	return p.GetAccessToken().GetFingerprint()
}

func about(resp *adminv1.FetchPageTokensResponse, page string) *adminv1.FetchedToken {
	for _, p := range resp.GetPages() {
		if p.GetPage() == page {
			return p
		}
	}
	return nil
}

// One token of a person brings those of all pages, each by itself: what is
// refused for one page holds up no other, and the tokens have no end.
func TestThePageTokensOfAPersonAreFetched(t *testing.T) {
	h := openMany(t, []string{"21", "22", "23", "24", "25", "26"}, "21", "22", "23", "24")
	h.connect()
	h.describe(map[string]any{"value": "foreign-token-0123456789", "page": "22", "app_id": "77"})
	h.person("users-token-0123456789", nil, map[string]any{"page": pageID}, map[string]any{"page": "21"},
		map[string]any{"page": "22", "token": "foreign-token-0123456789"}, map[string]any{"page": "23", "withheld": true}, map[string]any{"page": "25"}, map[string]any{"page": "26"})
	before := h.fingerprint("shop")

	all := map[string]adminv1.FetchResult{"shop": stored, "p21": stored, "p22": refused, "p23": notGranted, "p24": notGranted}
	h.fetched("users-token-0123456789", true, all)
	if h.fingerprint("shop") != before || h.fingerprint("p21") != "" {
		t.Fatal("what was only to be looked at is in force")
	}
	resp := h.fetched("users-token-0123456789", false, all)
	if h.fingerprint("shop") == before || h.fingerprint("p21") == "" || h.fingerprint("p22") != "" {
		t.Error("the tokens are not in force as it is told")
	}
	for page, words := range map[string]string{"p22": "another app", "p23": "gives the person no token", "p24": "not among those"} {
		if p := about(resp, page); !strings.Contains(p.GetWhy(), words) || p.GetCheck().GetVerdict() == yes {
			t.Errorf("page %s: %v, want %q", page, p, words)
		}
	}
	if p := about(resp, "p21"); p.GetCheck().GetVerdict() != yes || !strings.Contains(p.GetCheck().GetFound(), "without an end") || !slices.Contains(p.GetTasks(), "MESSAGING") {
		t.Errorf("the token of p21: %v", p)
	}
	if o := resp.GetOthers(); len(o) != 2 || o[0].GetPageId() != "25" || o[0].GetName() != "Page 25" || o[1].GetPageId() != "26" || o[0].GetAccount() != "" || resp.GetCut() {
		t.Errorf("other pages: %v", resp)
	}
	if left := time.Until(time.UnixMilli(resp.GetUserTokenEndsMs())); left < 50*24*time.Hour {
		t.Errorf("the person's token was not exchanged: it ends in %s", left)
	}
	h.verified(isRunning)

	delete(all, "shop")
	all["shop"], all["p21"] = unchanged, unchanged
	h.fetched("users-token-0123456789", false, all)
}

// Who granted single pages has an empty list at Meta, and the tokens come all
// the same. A page that gets none keeps what it has.
func TestTheTokensOfSinglePagesAreFetched(t *testing.T) {
	h := openMany(t, []string{"21", "22"}, "21")
	h.connect()
	h.person("single-token-0123456789", map[string]any{"granular": true}, map[string]any{"page": "21"}, map[string]any{"page": "22"})
	resp := h.fetched("single-token-0123456789", false, map[string]adminv1.FetchResult{"shop": notGranted, "p21": stored})
	if p := about(resp, "shop"); p.GetCheck().GetVerdict() != yes {
		t.Errorf("the token that shop has still: %v", p)
	}
	if o := resp.GetOthers(); len(o) != 1 || o[0].GetPageId() != "22" {
		t.Errorf("other pages: %v", o)
	}
	h.verified(isRunning)
}

// The token of a system user brings those of its pages as a person's does, listed
// or granted one by one, and without being exchanged: this one Meta would refuse.
func TestThePageTokensOfASystemUserAreFetched(t *testing.T) {
	h := openMany(t, []string{"21"}, "21")
	h.connect()
	system := map[string]any{"type": "SYSTEM_USER", "expires_ms": 0}
	h.person("system-token-0123456789", system, map[string]any{"page": pageID}, map[string]any{"page": "21"})
	h.at("POST", "/sandbox/script", map[string]any{"rules": []any{map[string]any{"match": map[string]string{"call": "exchange"}, "do": "error", "code": 190}}})
	resp := h.fetched("system-token-0123456789", false, map[string]adminv1.FetchResult{"shop": stored, "p21": stored})
	for _, p := range resp.GetPages() {
		if c := p.GetCheck(); c.GetVerdict() != yes || !strings.Contains(c.GetFound(), "without an end") {
			t.Errorf("the token of %s: %v", p.GetPage(), c)
		}
	}
	if resp.GetUserTokenEndsMs() != 0 {
		t.Errorf("the token of the system user ends: %v", resp)
	}
	h.verified(isRunning)

	before := h.fingerprint("p21")
	ends := time.Now().Add(48 * time.Hour).UnixMilli()
	h.person("ending-token-0123456789", map[string]any{"type": "SYSTEM_USER", "expires_ms": ends, "granular": true}, map[string]any{"page": "21"})
	resp = h.fetched("ending-token-0123456789", false, map[string]adminv1.FetchResult{"shop": notGranted, "p21": stored})
	if resp.GetUserTokenEndsMs()/1000 != ends/1000 || h.fingerprint("p21") == before {
		t.Errorf("a token that ends: %v", resp)
	}
}

// A page of another account is told as such.
func TestPagesOfOtherAccountsAreLeftAlone(t *testing.T) {
	h := openMany(t, []string{"21"})
	second := proto.CloneOf(h.account)
	second.Meta, second.AppId = meta("second"), "77"
	if _, err := h.config.CreateChannelAccount(t.Context(), &adminv1.CreateChannelAccountRequest{ChannelAccount: second}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.config.CreatePage(t.Context(), &adminv1.CreatePageRequest{Page: &configv1.Page{Meta: meta("p21"), PageId: "21", Account: "second"}}); err != nil {
		t.Fatal(err)
	}
	h.person("users-token-0123456789", nil, map[string]any{"page": pageID}, map[string]any{"page": "21"})
	resp := h.fetched("users-token-0123456789", false, map[string]adminv1.FetchResult{"shop": stored})
	if o := resp.GetOthers(); len(o) != 1 || o[0].GetPageId() != "21" || o[0].GetAccount() != "second" || h.fingerprint("p21") != "" {
		t.Errorf("other pages: %v", o)
	}
}

// What is no token of a person for this app brings nothing, and the answer says
// what it is instead.
func TestTokensThatFetchNothing(t *testing.T) {
	h := open(t, func(*sandbox.Config) {})
	h.person("foreign-token-0123456789", map[string]any{"app_id": "77"}, map[string]any{"page": pageID})
	h.person("dead-token-0123456789", map[string]any{"dead": true, "subcode": 460}, map[string]any{"page": pageID})
	h.person("good-token-0123456789", nil, map[string]any{"page": pageID})
	h.describe(map[string]any{"value": "apps-token-0123456789", "type": "APP"})
	before := h.fingerprint("shop")
	for token, words := range map[string]string{
		"foreign-token-0123456789": "another app than account demo",
		"dead-token-0123456789":    "190/460",
		"never-token-0123456789":   "190/467",
		"apps-token-0123456789":    `type "APP"`,
		token:                      "that of page " + pageID,
		"":                         "is missing",
		"two words-0123456789":     "space",
		"control\x1b-0123456789":   "control character",
	} {
		_, err := h.fetch(token, false)
		if status.Code(err) != codes.InvalidArgument || reason(err) != "TOKEN_REFUSED" || !strings.Contains(err.Error(), words) || violated(err) != "user_token" {
			t.Errorf("%q: %v", token, err)
		}
		if token != "" && strings.Contains(err.Error(), token) {
			t.Errorf("the answer holds the token: %v", err)
		}
	}
	if _, err := h.pages.FetchPageTokens(t.Context(), &adminv1.FetchPageTokensRequest{Account: "gone", UserToken: value("good-token-0123456789")}); status.Code(err) != codes.NotFound {
		t.Errorf("an account that is not there: %v", err)
	}
	h.secret("not-the-secret-of-the-app")
	if _, err := h.fetch("good-token-0123456789", false); reason(err) != "APP_UNKNOWN" || status.Code(err) != codes.FailedPrecondition {
		t.Errorf("a wrong secret: %v", err)
	}
	if h.fingerprint("shop") != before {
		t.Error("a token is in force that nobody took")
	}
}

// At whichever question Meta goes away, nothing is concluded from it.
func TestMetaAwayWhileTokensAreFetched(t *testing.T) {
	h := openMany(t, []string{"21"}, "21")
	h.person("users-token-0123456789", nil, map[string]any{"page": pageID}, map[string]any{"page": "21"})
	h.person("single-token-0123456789", map[string]any{"granular": true}, map[string]any{"page": pageID})
	before := h.fingerprint("shop")
	script := func(rules ...map[string]any) {
		h.t.Helper()
		h.at("POST", "/sandbox/script", map[string]any{"rules": rules})
	}
	away := func(call, do string, code int) map[string]any {
		return map[string]any{"match": map[string]string{"call": call}, "do": do, "code": code}
	}
	for _, c := range []struct {
		token, call, do string
		code            int
		reason          string
	}{
		{"users-token-0123456789", "debug_token", "reset", 0, "GRAPH_AWAY"},
		{"users-token-0123456789", "exchange", "server_error", 2, "GRAPH_AWAY"},
		{"users-token-0123456789", "exchange", "error", 190, "TOKEN_REFUSED"},
		{"users-token-0123456789", "accounts", "html", 0, "GRAPH_AWAY"},
		{"users-token-0123456789", "accounts", "error", 200, "TOKEN_REFUSED"},
		{"single-token-0123456789", "page_token", "reset", 0, "GRAPH_AWAY"},
	} {
		script(away(c.call, c.do, c.code))
		if _, err := h.fetch(c.token, false); reason(err) != c.reason {
			t.Errorf("%s %s at %s: %v", c.do, c.token, c.call, err)
		}
	}
	if h.fingerprint("shop") != before || h.fingerprint("p21") != "" {
		t.Fatal("a token is in force that nobody looked at")
	}
	script(map[string]any{"match": map[string]string{"call": "debug_token", "page": "21"}, "do": "server_error", "code": 2})
	resp := h.fetched("users-token-0123456789", false, map[string]adminv1.FetchResult{"shop": stored, "p21": refused})
	if p := about(resp, "p21"); !strings.Contains(p.GetWhy(), "does not tell now") || !strings.Contains(p.GetRemedy(), "try again") {
		t.Errorf("p21: %v", p)
	}
	script()
	h.fetched("users-token-0123456789", false, map[string]adminv1.FetchResult{"shop": unchanged, "p21": stored})
}

// The command shows every page, and fails when one has no working token.
func TestTheCommandThatFetchesTokens(t *testing.T) {
	h := openMany(t, []string{"21", "22"}, "21")
	h.person("all-token-0123456789", nil, map[string]any{"page": pageID}, map[string]any{"page": "21"}, map[string]any{"page": "22"})
	h.person("some-token-0123456789", nil, map[string]any{"page": pageID})
	t.Setenv("ALL", "all-token-0123456789")
	t.Setenv("SOME", "some-token-0123456789")
	command := func(args ...string) (code int, out, told string) {
		t.Helper()
		var stdout, stderr strings.Builder
		code = cli.Main(append([]string{"--server", h.admin.Server, "page", "token", "fetch", "demo"}, args...), strings.NewReader(""), &stdout, &stderr)
		for _, token := range []string{"all-token", "some-token", "page-token", "token-of-page"} {
			if strings.Contains(stdout.String()+stderr.String(), token) {
				t.Errorf("%q shows a token: %s %s", args, &stdout, &stderr)
			}
		}
		return code, stdout.String(), stderr.String()
	}
	shows := func(name string, wantCode, code int, text string, lines ...string) {
		t.Helper()
		if code != wantCode {
			t.Errorf("%s: exit code %d, want %d", name, code, wantCode)
		}
		for _, line := range lines {
			if !regexp.MustCompile("(?m)" + line).MatchString(text) {
				t.Errorf("%s shows\n%swithout %q", name, text, line)
			}
		}
	}
	code, out, told := command("--from", "env:SOME")
	shows("some", 1, code, out, `^PAGE +PAGE ID +RESULT +TOKEN +FOUND$`, `^p21 +21 +NOT_GRANTED +(UNKNOWN|FAILED) +the page is not among`, `^shop +`+pageID+` +STORED +PASSED +good, without an end$`)
	shows("some", 1, code, told, `^p21: have somebody who administers the page`, `^1 of 2 pages have no working token$`)
	code, out, told = command("--from", "env:ALL", "--dry-run")
	shows("a dry run", 0, code, out, `^p21 +21 +STORED \(dry run\) +PASSED`, `^PAGE ID +NAME +ACCOUNT$`, `^22 +Page 22 +-$`)
	shows("a dry run", 0, code, told, `^pages of the person that the account does not have:$`)
	if h.fingerprint("p21") != "" {
		t.Error("a dry run stored a token")
	}
	code, out, _ = command("--from", "env:ALL", "-o", "json")
	shows("json", 0, code, out, `^\{$`, `^      "result": "FETCH_RESULT_STORED",$`, `"pageId": "22"`)
	code, out, _ = command("--from", "env:ALL", "-o", "yaml")
	shows("yaml", 0, code, out, `^pages:$`, `^  - page: p21$`, `^    pageId: "21"$`, `^    result: FETCH_RESULT_UNCHANGED$`)
}
