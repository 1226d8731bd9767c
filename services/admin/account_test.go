package admin_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/admin/admintest"
)

// desk is a running API and what calls it.
type desk struct {
	*admintest.Server
	config adminv1.ConfigServiceClient
	pages  adminv1.ProvisionServiceClient
}

func open(t *testing.T) desk {
	s := admintest.Start(t)
	conn := s.Dial(t)
	return desk{s, adminv1.NewConfigServiceClient(conn), adminv1.NewProvisionServiceClient(conn)}
}

// untold is the sample house whose account is given no verify token.
func untold() *adminv1.ApplyRequest {
	req := house()
	req.Resources[1].GetChannelAccount().VerifyToken = nil
	return req
}

// S19: the verify token is made when the account is saved, stays, and can be
// read by who has to enter it at Meta. It shows nowhere else.
func TestAVerifyTokenIsMadeOnce(t *testing.T) {
	d := open(t)
	_, err := d.config.Apply(t.Context(), &adminv1.ApplyRequest{Resources: untold().GetResources(), ValidateOnly: true})
	if _, known := d.Directory.Now().Accounts["demo"]; err != nil || known {
		t.Fatalf("a dry run: %v, and the account is there: %v", err, known)
	}
	apply(t, d.config, untold())
	first := d.reveal(t)
	if len(first) < 26 {
		t.Errorf("the token is %d characters, too few to be safe from guessing", len(first))
	}
	if got := apply(t, d.config, untold()); got[1] != "unchanged" || d.reveal(t) != first {
		t.Errorf("applied again the account is %s and the token another", got[1])
	}
	c, err := d.pages.GetCallback(t.Context(), &adminv1.GetCallbackRequest{Account: "demo"})
	if err != nil || c.GetPath() != "/webhook/demo" || c.GetTokenFingerprint() == "" || strings.Contains(c.String(), first) {
		t.Errorf("the callback is %v, %v", c, err)
	}
	if strings.Contains(d.Logs.String(), first) {
		t.Error("the log tells the token")
	}
	own := house()
	apply(t, d.config, own)
	if got := d.reveal(t); got != "verify-"+canary {
		t.Error("a token that is given is not taken")
	}
	if _, err := d.pages.RevealVerifyToken(t.Context(), &adminv1.RevealVerifyTokenRequest{Account: "gone"}); status.Code(err) != codes.NotFound {
		t.Errorf("of an account that there is not: %v", err)
	}
}

func (d desk) reveal(t *testing.T) string {
	t.Helper()
	told, err := d.pages.RevealVerifyToken(t.Context(), &adminv1.RevealVerifyTokenRequest{Account: "demo"})
	if err != nil {
		t.Fatal(err)
	}
	return told.GetVerifyToken()
}

// other is another app, not saved yet.
func other() *configv1.ChannelAccount {
	return &configv1.ChannelAccount{Meta: meta("other"), AppId: "77", AppSecret: value("other-secret-" + canary)}
}

// S20: a page id that is in use is refused whichever way it comes, the refusal
// says where it is used, nothing is saved, and no verify token is made.
func TestAPageIDIsUsedOnce(t *testing.T) {
	const id = "1020304050607080"
	again := func(account string) *configv1.Page {
		return &configv1.Page{Meta: meta("again"), PageId: id, Account: account, AccessToken: value("page-token-" + canary)}
	}
	d := open(t)
	apply(t, d.config, house())
	before := entries(t, d.Bus)
	refused := func(err error, field string) {
		t.Helper()
		got := fields(err)[field]
		for _, part := range []string{id, `page "shop"`, `account "demo"`, `workstream "facebook"`, "delete that one first"} {
			if !strings.Contains(got, part) {
				t.Errorf("the refusal %q does not say %s (%v)", got, part, err)
			}
		}
		if diff := cmp.Diff(before, entries(t, d.Bus)); diff != "" {
			t.Errorf("something was saved:\n%s", diff)
		}
	}
	_, err := d.config.Apply(t.Context(), &adminv1.ApplyRequest{Resources: []*adminv1.Resource{wrap(other()), wrap(again("other"))}})
	refused(err, "resources[1].page.page_id")
	_, err = d.config.Apply(t.Context(), &adminv1.ApplyRequest{Resources: []*adminv1.Resource{wrap(again("other")), wrap(other())}})
	refused(err, "resources[0].page.page_id")
	_, err = d.config.CreatePage(t.Context(), &adminv1.CreatePageRequest{Page: again("demo")})
	refused(err, "page.page_id")

	// Moved to another account it is the same page, and the account before it
	// can have it back only when it is free again.
	apply(t, d.config, &adminv1.ApplyRequest{Resources: []*adminv1.Resource{wrap(other()),
		wrap(&configv1.Page{Meta: meta("shop"), PageId: id, Account: "other"})}})
	moved := d.Directory.Now().Pages["shop"]
	if token, err := d.Secrets.Reveal("pages/shop#access_token", moved.GetAccessToken()); err != nil || !token.Equal("page-token-"+canary) {
		t.Errorf("moving it lost its token: %v", err)
	}
	if _, err := d.config.CreatePage(t.Context(), &adminv1.CreatePageRequest{Page: again("demo")}); fields(err)["page.page_id"] == "" {
		t.Errorf("connected in two accounts: %v", err)
	}
	if _, err := d.config.DeletePage(t.Context(), &adminv1.DeletePageRequest{Id: "shop", Force: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.config.CreatePage(t.Context(), &adminv1.CreatePageRequest{Page: again("demo")}); err != nil {
		t.Errorf("a free page id is refused: %v", err)
	}
}

// Editing an account or a page loses nothing that is not edited.
func TestEditingLosesNothing(t *testing.T) {
	d := open(t)
	apply(t, d.config, house())
	if _, err := d.config.AcknowledgePrivacy(t.Context(), &adminv1.AcknowledgePrivacyRequest{Account: "demo", Version: d.notice(t)}); err != nil {
		t.Fatal(err)
	}
	account, page := d.Directory.Now().Accounts["demo"], d.Directory.Now().Pages["shop"]
	edits := &adminv1.ApplyRequest{Resources: []*adminv1.Resource{
		wrap(&configv1.ChannelAccount{Meta: &configv1.Meta{Id: "demo", DisplayName: "New name"}, AppId: "424242424242424", GraphVersion: "v26.0",
			Privacy: &configv1.Acknowledgement{By: "somebody else", AtMs: 1}}),
		wrap(&configv1.Page{Meta: meta("shop"), PageId: "1020304050607080", Account: "demo", Workstream: "facebook", AccessToken: value("second-token-" + canary)}),
	}}
	apply(t, d.config, edits)
	after, replaced := d.Directory.Now().Accounts["demo"], d.Directory.Now().Pages["shop"]
	for name, same := range map[string]bool{
		"app secret":   after.GetAppSecret().GetFingerprint() == account.GetAppSecret().GetFingerprint(),
		"verify token": after.GetVerifyToken().GetFingerprint() == account.GetVerifyToken().GetFingerprint(),
		"privacy":      after.GetPrivacy().GetBy() == account.GetPrivacy().GetBy() && after.GetPrivacy().GetAtMs() == account.GetPrivacy().GetAtMs(),
		"new name":     after.GetMeta().GetDisplayName() == "New name",
		"workstream":   replaced.GetWorkstream() == page.GetWorkstream(),
		"new token":    replaced.GetAccessToken().GetFingerprint() != page.GetAccessToken().GetFingerprint(),
	} {
		if !same {
			t.Errorf("%s is not as it should be: %v, %v", name, after, replaced)
		}
	}
}

func (d desk) notice(t *testing.T) string {
	t.Helper()
	n, err := d.config.GetPrivacyNotice(t.Context(), &adminv1.GetPrivacyNoticeRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return n.GetVersion()
}

// S48: who connects an account is told what it means, and who took note of it
// is recorded, with the time.
func TestThePrivacyNoticeIsAcknowledged(t *testing.T) {
	d := open(t)
	told := func() string {
		t.Helper()
		resp, err := d.config.Apply(t.Context(), house())
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(resp.GetChanges()[1].GetRemarks(), " ")
	}
	status1 := func() *adminv1.PageStatus {
		t.Helper()
		s, err := d.pages.GetPageStatus(t.Context(), &adminv1.GetPageStatusRequest{Page: "shop"})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	const remedy = "parleyctl channel acknowledge-privacy demo"
	if got := told(); !strings.Contains(got, remedy) {
		t.Errorf("applying says %q", got)
	}
	if got := strings.Join(status1().GetRemarks(), " "); !strings.Contains(got, remedy) {
		t.Errorf("the page says %q", got)
	}
	if _, err := d.config.AcknowledgePrivacy(t.Context(), &adminv1.AcknowledgePrivacyRequest{Account: "demo", Version: "1999"}); fields(err)["version"] == "" {
		t.Errorf("acknowledged an old notice: %v", err)
	}
	if _, err := d.config.AcknowledgePrivacy(t.Context(), &adminv1.AcknowledgePrivacyRequest{Account: "gone", Version: d.notice(t)}); status.Code(err) != codes.NotFound {
		t.Errorf("acknowledged for nobody: %v", err)
	}
	account, err := d.config.AcknowledgePrivacy(context.Background(), &adminv1.AcknowledgePrivacyRequest{Account: "demo", Version: d.notice(t)})
	if p := account.GetPrivacy(); err != nil || !strings.HasPrefix(p.GetBy(), "local:") || len(p.GetBy()) == len("local:") || p.GetAtMs() == 0 || p.GetNotice() != d.notice(t) {
		t.Errorf("recorded %v, %v", p, err)
	}
	if got := told() + strings.Join(status1().GetRemarks(), " "); got != "" {
		t.Errorf("still told %q", got)
	}
}
