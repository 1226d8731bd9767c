package provision_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/sandbox"
)

// A new token is put in force only when Meta says that it is this page's, and
// brings a page whose token died back at once.
func TestAPageTokenIsReplaced(t *testing.T) {
	h := open(t, func(*sandbox.Config) {})
	h.connect()
	const fresh = "fresh-token-0123456789"
	inForce := func() string {
		t.Helper()
		page, err := h.config.GetPage(t.Context(), &adminv1.GetPageRequest{Id: "shop"})
		if err != nil {
			t.Fatal(err)
		}
		return page.GetAccessToken().GetFingerprint()
	}
	first := inForce()
	set := func(token string, unchecked bool) (*adminv1.PageStatus, error) {
		return h.pages.SetPageToken(t.Context(), &adminv1.SetPageTokenRequest{Page: "shop", AccessToken: value(token), Unchecked: unchecked})
	}
	h.describe(map[string]any{"value": "users-token-0123456789", "type": "USER"})
	h.describe(map[string]any{"value": "foreign-token-0123456789", "page": pageID, "app_id": "77"})
	h.describe(map[string]any{"value": "neighbours-token-0123456789", "page": "99"})
	h.describe(map[string]any{"value": "dead-token-0123456789", "page": pageID, "dead": true, "subcode": 460})
	for token, words := range map[string]string{
		"users-token-0123456789":      "Generate token",
		"foreign-token-0123456789":    "another app",
		"neighbours-token-0123456789": "for page 99",
		"dead-token-0123456789":       "new password",
		"":                            "is missing",
		"two words-0123456789":        "space",
	} {
		_, err := set(token, true)
		if status.Code(err) != codes.InvalidArgument || reason(err) != "TOKEN_REFUSED" || !strings.Contains(err.Error(), words) {
			t.Errorf("%q: %v", token, err)
		}
		if field := violated(err); field != "access_token" {
			t.Errorf("%q: the violation is of %q", token, field)
		}
		if token != "" && strings.Contains(err.Error(), token) {
			t.Errorf("the answer holds the token: %v", err)
		}
	}
	if inForce() != first {
		t.Fatal("a token that was refused is in force")
	}

	h.describe(map[string]any{"value": token, "dead": true, "subcode": 463})
	h.verified(disconnected)
	ends := time.Now().Add(60 * 24 * time.Hour).Truncate(time.Second)
	h.describe(map[string]any{"value": fresh, "page": pageID, "expires_ms": ends.UnixMilli()})
	h.at("POST", "/sandbox/script", map[string]any{"rules": []map[string]any{{"match": map[string]string{"call": "debug_token"}, "do": "server_error", "code": 2}}})
	if _, err := set(fresh, false); reason(err) != "GRAPH_AWAY" || status.Code(err) != codes.Unavailable {
		t.Errorf("Meta is away: %v", err)
	}
	if inForce() != first {
		t.Fatal("a token that nobody looked at is in force")
	}
	h.at("POST", "/sandbox/script", map[string]any{"rules": []any{}})
	s, err := set(fresh, false)
	if err != nil || s.GetState() != isRunning || s.GetTokenEndsMs() != ends.UnixMilli() || inForce() == first {
		t.Errorf("the new token: %v, %v", s, err)
	}
	if _, err := h.pages.SetPageToken(t.Context(), &adminv1.SetPageTokenRequest{Page: "gone", AccessToken: value(fresh)}); status.Code(err) != codes.NotFound {
		t.Errorf("a page that is not there: %v", err)
	}
}

// What page token set refuses, a change of the configuration refuses too, with
// all that was to change with it. While Meta does not tell, it is stored, and the
// check finds it when Meta is back.
func TestAChangeWithATokenOfNoUseIsRefused(t *testing.T) {
	h := open(t, func(*sandbox.Config) {})
	h.connect()
	h.describe(map[string]any{"value": "users-token-0123456789", "type": "USER"})
	h.describe(map[string]any{"value": "foreign-token-0123456789", "page": pageID, "app_id": "77"})
	h.describe(map[string]any{"value": "neighbours-token-0123456789", "page": "99"})
	h.describe(map[string]any{"value": "dead-token-0123456789", "page": pageID, "dead": true, "subcode": 460})
	h.describe(map[string]any{"value": "fresh-token-0123456789", "page": pageID})
	apply := func(token, queue string, dry bool) (*adminv1.ApplyResponse, error) {
		page := proto.CloneOf(h.page)
		page.AccessToken = value(token)
		return h.config.Apply(t.Context(), &adminv1.ApplyRequest{ValidateOnly: dry, Resources: []*adminv1.Resource{
			{Kind: &adminv1.Resource_Queue{Queue: &configv1.Queue{Meta: meta(queue)}}}, {Kind: &adminv1.Resource_Page{Page: page}}}})
	}
	before := h.fingerprint("shop")
	for token, words := range map[string]string{
		"users-token-0123456789":      "Generate token",
		"foreign-token-0123456789":    "another app",
		"neighbours-token-0123456789": "for page 99",
		"dead-token-0123456789":       "new password",
	} {
		for _, dry := range []bool{false, true} {
			_, err := apply(token, "left-out", dry)
			if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), words) || violated(err) != "resources[1].page.access_token" || strings.Contains(err.Error(), token) {
				t.Errorf("%q applied: %v", token, err)
			}
		}
		page := proto.CloneOf(h.page)
		page.AccessToken = value(token)
		if _, err := h.config.UpdatePage(t.Context(), &adminv1.UpdatePageRequest{Page: page}); violated(err) != "page.access_token" {
			t.Errorf("%q in an update: %v", token, err)
		}
		page.Meta, page.PageId = meta("other"), "99"
		if _, err := h.config.CreatePage(t.Context(), &adminv1.CreatePageRequest{Page: page}); (err == nil) != (token == "neighbours-token-0123456789") {
			t.Errorf("%q in a new page: %v", token, err)
		}
	}
	if _, err := h.config.GetQueue(t.Context(), &adminv1.GetQueueRequest{Id: "left-out"}); status.Code(err) != codes.NotFound || h.fingerprint("shop") != before {
		t.Error("a part of what was refused is in force")
	}
	h.verified(isRunning)

	h.at("POST", "/sandbox/script", map[string]any{"rules": []map[string]any{{"match": map[string]string{"call": "debug_token"}, "do": "server_error", "code": 2}}})
	resp, err := apply("neighbours-token-0123456789", "taken", false)
	if err != nil || h.fingerprint("shop") == before || len(resp.GetChanges()[1].GetRemarks()) != 1 || !strings.Contains(resp.GetChanges()[1].GetRemarks()[0], "Meta does not tell now") {
		t.Errorf("Meta is away: %v, %v", resp, err)
	}
	h.at("POST", "/sandbox/script", map[string]any{"rules": []any{}})
	h.check(h.verified(failed), "token", no)
	resp, err = apply("fresh-token-0123456789", "taken", false)
	if err != nil || len(resp.GetChanges()[1].GetRemarks()) > 0 {
		t.Errorf("a good token: %v, %v", resp, err)
	}
	h.becomes(isRunning)

	// What is in force is not asked about again, whatever became of it.
	h.describe(map[string]any{"value": "fresh-token-0123456789", "page": pageID, "dead": true, "subcode": 460})
	if _, err := apply("fresh-token-0123456789", "again", false); err != nil {
		t.Errorf("the token that is in force: %v", err)
	}
}

// violated is the field that an answer complains of.
func violated(err error) string {
	for _, d := range status.Convert(err).Details() {
		if bad, ok := d.(*errdetails.BadRequest); ok {
			return bad.GetFieldViolations()[0].GetField()
		}
	}
	return ""
}
