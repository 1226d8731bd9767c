package provision_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
	"github.com/parley-desk/parley/services/sandbox"
)

// asks passes a signed request of a person on, as Meta does.
func (h *house) asks(what, user string) *http.Response {
	h.t.Helper()
	written := base64.RawURLEncoding.EncodeToString([]byte(fmt.Sprintf(`{"user_id":%q,"algorithm":"HMAC-SHA256","issued_at":%d}`, user, time.Now().Unix())))
	mac := hmac.New(sha256.New, []byte(appSecret))
	mac.Write([]byte(written))
	resp, err := http.PostForm(strings.Replace(h.hook, "/webhook/", "/"+what+"/", 1),
		url.Values{"signed_request": {base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) + "." + written}})
	if err != nil || resp.StatusCode != http.StatusOK {
		h.t.Fatalf("asking for %s: %v, %v", what, resp, err)
	}
	h.t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

// Somebody removes the app, and it is the one whose token the page uses: admin
// sees at once that the token is dead. Both requests are kept.
func TestTheAppIsRemoved(t *testing.T) {
	h := open(t, func(*sandbox.Config) {})
	h.connect()
	h.describe(map[string]any{"value": token, "dead": true, "subcode": 458})
	h.asks("deauthorize", "218471")
	h.check(h.becomes(disconnected), "token", no)

	var told struct {
		URL  string `json:"url"`
		Code string `json:"confirmation_code"`
	}
	if err := json.NewDecoder(h.asks("deletion", "218472").Body).Decode(&told); err != nil || !strings.HasSuffix(told.URL, "/deletion/"+told.Code) || len(told.Code) != 26 {
		t.Fatalf("told %+v, %v", told, err)
	}
	list, err := adminv1.NewPrivacyServiceClient(h.admin.Dial(t)).ListPrivacyRequests(t.Context(), &adminv1.ListPrivacyRequestsRequest{})
	if err != nil || len(list.GetRequests()) != 2 {
		t.Fatalf("kept %v, %v", list, err)
	}
	newest, before := list.GetRequests()[0], list.GetRequests()[1]
	if newest.GetCode() != told.Code || newest.GetKind() != privacyv1.Kind_KIND_DELETION || newest.GetUser() != "218472" || newest.GetState() != privacyv1.State_STATE_RECEIVED ||
		before.GetKind() != privacyv1.Kind_KIND_DEAUTHORIZATION || before.GetAccount() != "demo" {
		t.Errorf("kept %v", list)
	}
}
