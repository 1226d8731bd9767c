package provision_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	"github.com/parley-desk/parley/services/sandbox"
)

const (
	verifying    = adminv1.PageState_PAGE_STATE_VERIFYING
	isRunning    = adminv1.PageState_PAGE_STATE_RUNNING
	degraded     = adminv1.PageState_PAGE_STATE_DEGRADED
	failed       = adminv1.PageState_PAGE_STATE_FAILED
	disconnected = adminv1.PageState_PAGE_STATE_DISCONNECTED

	yes     = adminv1.Verdict_VERDICT_PASSED
	no      = adminv1.Verdict_VERDICT_FAILED
	waiting = adminv1.Verdict_VERDICT_WAITING
)

// connect brings a new page to RUNNING, as an administrator does.
func (h *house) connect() {
	h.t.Helper()
	if _, err := h.pages.SubscribePage(h.t.Context(), &adminv1.SubscribePageRequest{Page: "shop"}); err != nil {
		h.t.Fatal(err)
	}
	h.at("POST", "/sandbox/verify", nil)
	h.writes("hello")
	h.becomes(isRunning)
}

// From a page that is only set up to one that runs: each step shows by itself.
func TestAPageIsConnectedStepByStep(t *testing.T) {
	h := open(t, func(*sandbox.Config) {})
	s := h.becomes(failed)
	h.check(s, "app", yes)
	h.check(s, "token", yes)
	h.check(s, "permissions", yes)
	h.check(s, "callback", waiting)
	if c := h.check(s, "subscription", no); !strings.Contains(c.GetRemedy(), "parleyctl channel subscribe shop") {
		t.Errorf("the remedy is %q", c.GetRemedy())
	}

	s, err := h.pages.SubscribePage(t.Context(), &adminv1.SubscribePageRequest{Page: "shop"})
	if err != nil || s.GetState() != verifying {
		t.Fatalf("after subscribing: %v, %v", s, err)
	}
	h.check(s, "subscription", yes)

	c, err := h.pages.GetCallback(t.Context(), &adminv1.GetCallbackRequest{Account: "demo"})
	if err != nil || c.GetUrl() != "https://hooks.example.com/webhook/demo" || c.GetVerifiedMs() != 0 || c.GetTokenFingerprint() == "" {
		t.Errorf("the callback is %v, %v", c, err)
	}
	h.at("POST", "/sandbox/verify", nil)
	await(t, func() bool {
		c, err := h.pages.GetCallback(t.Context(), &adminv1.GetCallbackRequest{Account: "demo"})
		return err == nil && c.GetVerifiedMs() > 0
	})
	s = h.becomes(verifying)
	h.check(s, "callback", yes)
	h.check(s, "events", waiting)

	h.writes("hello")
	s = h.becomes(isRunning)
	h.check(s, "events", yes)
	await(t, func() bool { return h.metric("parley_page_state", "running") == 1 })

	h.account.VerifyToken = value("another-verify-token")
	h.secret(appSecret)
	s = h.becomes(verifying)
	h.check(s, "callback", waiting)
}

// Each check fails in its turn, and the page runs again when it is mended.
func TestEveryCheckFailsAndHeals(t *testing.T) {
	h := open(t, func(*sandbox.Config) {})
	h.connect()

	t.Run("wrong secret", func(t *testing.T) {
		h.secret("not-the-secret-of-the-app")
		h.check(h.becomes(failed), "app", no)
		h.secret(appSecret)
		h.becomes(isRunning)
	})
	t.Run("a person's token", func(t *testing.T) {
		h.token("users-token-0123456789")
		h.becomes(isRunning)
		h.describe(map[string]any{"value": "users-token-0123456789", "type": "USER"})
		if c := h.check(h.verified(failed), "token", no); !strings.Contains(c.GetFound(), "USER") {
			t.Errorf("found %q", c.GetFound())
		}
		h.token(token)
		h.becomes(isRunning)
	})
	t.Run("another app's token", func(t *testing.T) {
		h.token("foreign-token-0123456789")
		h.becomes(isRunning)
		h.describe(map[string]any{"value": "foreign-token-0123456789", "page": pageID, "app_id": "77"})
		s := h.verified(failed)
		h.check(s, "token", no)
		h.check(s, "app", yes)
		h.token(token)
		h.becomes(isRunning)
	})
	t.Run("dead token", func(t *testing.T) {
		h.describe(map[string]any{"value": token, "dead": true, "subcode": 460})
		if c := h.check(h.verified(disconnected), "token", no); !strings.Contains(c.GetFound(), "password") {
			t.Errorf("found %q", c.GetFound())
		}
		await(t, func() bool { return h.metric("parley_page_state", "disconnected") == 1 })
		_, err := h.pages.SubscribePage(t.Context(), &adminv1.SubscribePageRequest{Page: "shop"})
		if reason(err) != "TOKEN_DEAD" || status.Code(err) != codes.FailedPrecondition {
			t.Errorf("subscribing with it: %v", err)
		}
		h.describe(map[string]any{"value": token})
		h.verified(isRunning)
	})
	t.Run("missing permission", func(t *testing.T) {
		h.describe(map[string]any{"value": token, "scopes": []string{"pages_manage_metadata", "pages_read_engagement"}})
		h.check(h.verified(failed), "permissions", no)
		h.describe(map[string]any{"value": token, "scopes": []string{"pages_messaging", "pages_manage_metadata"}})
		if c := h.check(h.verified(degraded), "permissions", no); !strings.Contains(c.GetFound(), "pages_read_engagement") {
			t.Errorf("found %q", c.GetFound())
		}
		h.describe(map[string]any{"value": token})
		h.verified(isRunning)
	})
	t.Run("a token that ends soon", func(t *testing.T) {
		ends := time.Now().Add(5 * 24 * time.Hour).Truncate(time.Second)
		h.describe(map[string]any{"value": token, "expires_ms": ends.UnixMilli()})
		if c := h.check(h.verified(degraded), "token", no); !strings.Contains(c.GetFound(), "within 7 days") {
			t.Errorf("found %q", c.GetFound())
		}
		await(t, func() bool { return h.metric("parley_page_token_ends_timestamp_seconds", "") == float64(ends.Unix()) })
		h.describe(map[string]any{"value": token})
		h.verified(isRunning)
	})
	t.Run("unsubscribed", func(t *testing.T) {
		h.at("DELETE", "/graph/v26.0/"+pageID+"/subscribed_apps?access_token="+token+"&appsecret_proof="+proof(), nil)
		h.check(h.verified(failed), "subscription", no)
		s, err := h.pages.SubscribePage(t.Context(), &adminv1.SubscribePageRequest{Page: pageID})
		if err != nil || s.GetState() != isRunning {
			t.Errorf("after subscribing: %v, %v", s, err)
		}
	})
	t.Run("messages alone", func(t *testing.T) {
		h.at("POST", "/graph/v26.0/"+pageID+"/subscribed_apps?access_token="+token+"&subscribed_fields=messages&appsecret_proof="+proof(), nil)
		if c := h.check(h.verified(degraded), "subscription", no); !strings.Contains(c.GetFound(), "message_echoes") {
			t.Errorf("found %q", c.GetFound())
		}
		if _, err := h.pages.SubscribePage(t.Context(), &adminv1.SubscribePageRequest{Page: "shop"}); err != nil {
			t.Error(err)
		}
		h.becomes(isRunning)
	})
}

// An app in development mode serves those who have a role in it: that is less,
// not nothing.
func TestDevelopmentModeIsNoticed(t *testing.T) {
	h := open(t, func(c *sandbox.Config) { c.Live, c.HumanAgent, c.Subscribed = false, false, true })
	h.at("POST", "/sandbox/verify", nil)
	h.writes("hello")
	c := h.check(h.becomes(degraded), "permissions", no)
	for _, word := range []string{"development mode", "human_agent"} {
		if !strings.Contains(c.GetFound(), word) {
			t.Errorf("found %q, and not %s", c.GetFound(), word)
		}
	}
}

// While Meta is away the last word stands, and it says since when.
func TestMetaAway(t *testing.T) {
	h := open(t, func(*sandbox.Config) {})
	h.connect()
	script := func(do string, code int) {
		t.Helper()
		var rules []map[string]any
		for _, call := range []string{"debug_token", "app_permissions", "subscribed_apps", "subscribe"} {
			rules = append(rules, map[string]any{"match": map[string]string{"call": call}, "do": do, "code": code})
		}
		h.at("POST", "/sandbox/script", map[string]any{"rules": rules})
	}
	script("server_error", 2)
	_, err := h.pages.VerifyPage(t.Context(), &adminv1.VerifyPageRequest{Page: "shop"})
	if reason(err) != "GRAPH_AWAY" || status.Code(err) != codes.Unavailable || retry(err) < 30*time.Second {
		t.Errorf("verifying: %v, again after %v", err, retry(err))
	}
	_, err = h.pages.SubscribePage(t.Context(), &adminv1.SubscribePageRequest{Page: "shop"})
	if reason(err) != "GRAPH_AWAY" {
		t.Errorf("subscribing: %v", err)
	}
	s := h.becomes(isRunning)
	if c := h.check(s, "token", yes); c.GetSilentSinceMs() == 0 || c.GetSilentSinceMs() < c.GetRanMs() {
		t.Errorf("it does not say since when it could not be asked: %v", c)
	}
	h.at("POST", "/sandbox/script", map[string]any{"rules": []any{}})
	if c := h.check(h.verified(isRunning), "token", yes); c.GetSilentSinceMs() != 0 {
		t.Errorf("Meta is back, and still: %v", c)
	}

	// A Meta that is asked too much is left alone for a while.
	script("error", 4)
	_, err = h.pages.VerifyPage(t.Context(), &adminv1.VerifyPageRequest{Page: "shop"})
	if reason(err) != "GRAPH_AWAY" || retry(err) < 4*time.Minute {
		t.Errorf("throttled: %v, again after %v", err, retry(err))
	}
	if _, err = h.pages.SubscribePage(t.Context(), &adminv1.SubscribePageRequest{Page: "shop"}); retry(err) < 4*time.Minute {
		t.Errorf("subscribing while throttled: %v, again after %v", err, retry(err))
	}
	h.becomes(isRunning)
}

func TestAPageThatIsNotThere(t *testing.T) {
	h := open(t, func(*sandbox.Config) {})
	_, get := h.pages.GetPageStatus(t.Context(), &adminv1.GetPageStatusRequest{Page: "gone"})
	_, verify := h.pages.VerifyPage(t.Context(), &adminv1.VerifyPageRequest{Page: "gone"})
	_, subscribe := h.pages.SubscribePage(t.Context(), &adminv1.SubscribePageRequest{Page: "gone"})
	for what, err := range map[string]error{"reading": get, "verifying": verify, "subscribing": subscribe} {
		if status.Code(err) != codes.NotFound || reason(err) != "PAGE_UNKNOWN" {
			t.Errorf("%s: %v", what, err)
		}
	}
	h.becomes(failed)
	h.detach()
	if _, err := h.config.DeletePage(t.Context(), &adminv1.DeletePageRequest{Id: "shop"}); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool {
		list, err := h.pages.ListPageStatuses(t.Context(), &adminv1.ListPageStatusesRequest{})
		return err == nil && len(list.GetStatuses()) == 0 && h.metric("parley_page_state", "failed") == -1
	})
}

// metric reads a gauge of the page, with that state when it has states; -1 when
// there is none.
func (h *house) metric(name, state string) float64 {
	families, err := h.registry.Gather()
	if err != nil {
		h.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if f.GetName() == name && labels["page"] == "shop" && labels["state"] == state {
				return m.GetGauge().GetValue()
			}
		}
	}
	return -1
}

func await(t *testing.T, done func() bool) {
	t.Helper()
	late, tick := time.NewTimer(patience), time.NewTicker(5*time.Millisecond)
	defer late.Stop()
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-late.C:
			t.Fatal("it did not come to that")
		}
	}
}

func reason(err error) string {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

func retry(err error) time.Duration {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration()
		}
	}
	return 0
}

// proof is the appsecret_proof of the page's token.
func proof() string {
	mac := hmac.New(sha256.New, []byte(appSecret))
	mac.Write([]byte(token))
	return hex.EncodeToString(mac.Sum(nil))
}
