package desk_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/proto/gen/parley/desk/v1/deskv1connect"
)

// pageAt is what somebody's browser shows at the page for programs.
func (h *house) pageAt(b *http.Client, form url.Values, headers ...string) (status int, body string) {
	h.t.Helper()
	method, content := http.MethodGet, ""
	if form != nil {
		method, content = http.MethodPost, form.Encode()
	}
	r, err := http.NewRequestWithContext(h.t.Context(), method, h.url+"/device", strings.NewReader(content))
	if err != nil {
		h.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := b.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	if resp.Header.Get("Content-Security-Policy") == "" || strings.Contains(string(text), "<script") {
		h.t.Error("the page may run something")
	}
	return resp.StatusCode, string(text)
}

// TestAProgramIsLetIn (RFC 8628): it shows a code, somebody who is signed in is told
// who asks and from where and says yes, and the program has a session of its own, which
// opens nothing at the desk and is ended like others.
func TestAProgramIsLetIn(t *testing.T) {
	h := newHouse(t)
	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar}
	devices := deskv1connect.NewDeviceServiceClient(http.DefaultClient, h.url)
	begun, err := devices.BeginDevice(t.Context(), connect.NewRequest(&deskv1.BeginDeviceRequest{Program: "parleyctl on <b>build-7</b>"}))
	if err != nil || begun.Msg.GetVerificationUrl() != "" || begun.Msg.GetExpiresS() != 600 {
		t.Fatal(begun, err)
	}
	collect := func() (*connect.Response[deskv1.CollectDeviceResponse], error) {
		return devices.CollectDevice(t.Context(), connect.NewRequest(&deskv1.CollectDeviceRequest{DeviceCode: begun.Msg.GetDeviceCode()}))
	}
	if _, err := collect(); connect.CodeOf(err) != connect.CodeFailedPrecondition {
		t.Errorf("nobody has answered: %v", err)
	}
	code := url.Values{"code": {strings.ToLower(begun.Msg.GetUserCode())}}
	if status, body := h.pageAt(browser, code); status != http.StatusUnauthorized || strings.Contains(body, "build-7") || !strings.Contains(body, "Sign in at the desk first") {
		t.Errorf("nobody is signed in: %d %s", status, body)
	}
	signIn := deskv1connect.NewSessionServiceClient(browser, h.url)
	if _, err := signIn.SignIn(t.Context(), connect.NewRequest(&deskv1.SignInRequest{Agent: "petar", Password: password})); err != nil {
		t.Fatal(err)
	}
	if status, body := h.pageAt(browser, nil, "Accept-Language", "bg"); status != http.StatusOK || !strings.Contains(body, "Въведете кода") || strings.Contains(body, "build-7") {
		t.Errorf("before a code is typed: %d %s", status, body)
	}
	if status, body := h.pageAt(browser, url.Values{"code": {"BBBB-BBBB"}}); status != http.StatusNotFound || !strings.Contains(body, "No program waits with this code") {
		t.Errorf("no such code: %d %s", status, body)
	}
	if status, body := h.pageAt(browser, code); status != http.StatusOK || !strings.Contains(body, "parleyctl on &lt;b&gt;build-7&lt;/b&gt;") || !strings.Contains(body, "127.0.0.1") || !strings.Contains(body, "in your name") {
		t.Errorf("who asks: %d %s", status, body)
	}
	code.Set("answer", "yes")
	if status, _ := h.pageAt(browser, code, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example.com"); status != http.StatusForbidden {
		t.Errorf("another site answers: %d", status)
	}
	if status, body := h.pageAt(browser, code); status != http.StatusOK || !strings.Contains(body, "is signed in as you") {
		t.Errorf("allowed: %d %s", status, body)
	}
	got, err := collect()
	if err != nil || got.Msg.GetAgent() != "petar" || !strings.HasPrefix(got.Msg.GetTicket(), "parley-session.") || time.UnixMilli(got.Msg.GetUntilMs()).Before(time.Now()) {
		t.Fatalf("%v, %v", got, err)
	}
	if _, err := collect(); connect.CodeOf(err) == connect.CodeUnknown || err == nil {
		t.Errorf("a second time: %v", err)
	}
	// The ticket is of no use to a browser.
	r := connect.NewRequest(&deskv1.WhoAmIRequest{})
	r.Header().Set("Cookie", "parley="+got.Msg.GetTicket())
	if _, err := deskv1connect.NewSessionServiceClient(http.DefaultClient, h.url).WhoAmI(t.Context(), r); connect.CodeOf(err) != connect.CodeUnauthenticated {
		t.Errorf("the program's ticket as a cookie: %v", err)
	}
	if said := strings.Join(h.audited(), " "); !strings.Contains(said, "session.begin session.allow session.begin") {
		t.Errorf("the audit says %s", said)
	}
	out, err := signIn.SignOutEverywhere(t.Context(), connect.NewRequest(&deskv1.SignOutEverywhereRequest{}))
	if err != nil || out.Msg.GetSessions() != 2 {
		t.Errorf("signing out everywhere ended %v, %v", out, err)
	}
}

// TestAProgramIsRefused, or says what cannot be shown.
func TestAProgramIsRefused(t *testing.T) {
	h := newHouse(t)
	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar}
	devices := deskv1connect.NewDeviceServiceClient(http.DefaultClient, h.url)
	for _, bad := range []string{"", strings.Repeat("x", 101), "a\u202eb", "a\nb"} {
		if _, err := devices.BeginDevice(t.Context(), connect.NewRequest(&deskv1.BeginDeviceRequest{Program: bad})); connect.CodeOf(err) != connect.CodeInvalidArgument {
			t.Errorf("%q: %v", bad, err)
		}
	}
	begun, err := devices.BeginDevice(t.Context(), connect.NewRequest(&deskv1.BeginDeviceRequest{Program: "parleyctl"}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := deskv1connect.NewSessionServiceClient(browser, h.url).SignIn(t.Context(), connect.NewRequest(&deskv1.SignInRequest{Agent: "mila", Password: password})); err != nil {
		t.Fatal(err)
	}
	if status, body := h.pageAt(browser, url.Values{"code": {begun.Msg.GetUserCode()}, "answer": {"no"}}); status != http.StatusOK || !strings.Contains(body, "Refused.") {
		t.Errorf("%d %s", status, body)
	}
	if _, err := devices.CollectDevice(t.Context(), connect.NewRequest(&deskv1.CollectDeviceRequest{DeviceCode: begun.Msg.GetDeviceCode()})); connect.CodeOf(err) != connect.CodePermissionDenied {
		t.Errorf("refused: %v", err)
	}
}

// audited are the kinds of all records, in order.
func (h *house) audited() (kinds []string) {
	h.t.Helper()
	for _, r := range h.records() {
		kinds = append(kinds, r.GetKind())
	}
	return kinds
}
