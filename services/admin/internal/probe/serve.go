package probe

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	provisionv1 "github.com/parley-desk/parley/proto/gen/parley/provision/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/admin/internal/commit"
	"github.com/parley-desk/parley/services/admin/internal/provision"
)

// comeBack is when to try again when Meta does not answer.
const comeBack = 30 * time.Second

// Service implements ProvisionService.
type Service struct {
	adminv1.UnsafeProvisionServiceServer
	Prober     *Prober
	Committer  *commit.Committer
	WebhookURL string // under which Meta reaches ingress; empty: not known
}

// GetPageStatus reads how a page stands.
func (s *Service) GetPageStatus(ctx context.Context, req *adminv1.GetPageStatusRequest) (*adminv1.PageStatus, error) {
	t, err := s.Prober.find(req.GetPage())
	if err != nil {
		return nil, err
	}
	return s.Prober.status(ctx, t.setup)
}

// ListPageStatuses reads how all pages stand, by id.
func (s *Service) ListPageStatuses(context.Context, *adminv1.ListPageStatusesRequest) (*adminv1.ListPageStatusesResponse, error) {
	return &adminv1.ListPageStatusesResponse{Statuses: s.Prober.Statuses()}, nil
}

// VerifyPage asks Meta now and answers how the page stands then.
func (s *Service) VerifyPage(ctx context.Context, req *adminv1.VerifyPageRequest) (*adminv1.PageStatus, error) {
	t, err := s.Prober.find(req.GetPage())
	if err != nil {
		return nil, err
	}
	status, answered, err := s.Prober.check(ctx, t.setup.Page)
	if err != nil {
		return nil, err
	}
	if !answered && t.askable() {
		return nil, s.Prober.away(t.setup.AppID)
	}
	return status, nil
}

// SubscribePage subscribes a page to the fields of provision.Fields and
// verifies it.
func (s *Service) SubscribePage(ctx context.Context, req *adminv1.SubscribePageRequest) (*adminv1.PageStatus, error) {
	t, err := s.Prober.find(req.GetPage())
	if err != nil {
		return nil, err
	}
	if !t.askable() {
		return nil, fault.New(fault.Precondition, "SECRET_MISSING", "page %q cannot act at Meta: %s",
			t.setup.Page, strings.Trim(t.setup.NoSecret+", "+t.setup.NoToken, ", "))
	}
	// A subscription that was lost since the last check goes on record, for
	// nothing tells of it any more once it is there again.
	if _, _, err := s.Prober.check(ctx, t.setup.Page); err != nil {
		return nil, err
	}
	if s.Prober.rests.of(t.setup.AppID, s.Prober.deps.Now()) > 0 {
		return nil, s.Prober.away(t.setup.AppID)
	}
	err = s.Prober.graph.Subscribe(ctx, t.on, provision.Fields())
	s.Prober.rests.heed(t.setup.AppID, err, s.Prober.deps.Now())
	switch a := answer(err); {
	case err == nil:
	case fault.Is(err, fault.Precondition) && !a.Definite:
		return nil, err
	case !a.Definite:
		return nil, s.Prober.away(t.setup.AppID)
	case provision.Dead(int32(a.Code), int32(a.Subcode)):
		return nil, fault.New(fault.Precondition, "TOKEN_DEAD", "Meta does not take the access token of page %q (%d/%d); set a new one", t.setup.Page, a.Code, a.Subcode)
	default:
		return nil, fault.New(fault.Precondition, "SUBSCRIBE_REFUSED",
			"Meta does not subscribe page %q (%d/%d); its token needs pages_messaging and pages_manage_metadata, from somebody who moderates the page", t.setup.Page, a.Code, a.Subcode)
	}
	status, _, err := s.Prober.check(ctx, t.setup.Page)
	return status, err
}

// UnsubscribePage ends the subscription of a page and verifies it.
func (s *Service) UnsubscribePage(ctx context.Context, req *adminv1.UnsubscribePageRequest) (*adminv1.PageStatus, error) {
	t, err := s.Prober.find(req.GetPage())
	if err != nil {
		return nil, err
	}
	if err := s.Prober.Unsubscribe(ctx, t.setup.Page); err != nil {
		return nil, err
	}
	status, _, err := s.Prober.check(ctx, t.setup.Page)
	return status, err
}

// RevealVerifyToken tells the verify token of an account.
func (s *Service) RevealVerifyToken(_ context.Context, req *adminv1.RevealVerifyTokenRequest) (*adminv1.RevealVerifyTokenResponse, error) {
	account := s.Prober.deps.Directory.Now().Accounts[req.GetAccount()]
	if account == nil {
		return nil, unknownAccount(req.GetAccount())
	}
	token, err := s.Prober.deps.Secrets.Reveal(directory.Place(account, "verify_token"), account.GetVerifyToken())
	if err != nil {
		return nil, err
	}
	return &adminv1.RevealVerifyTokenResponse{VerifyToken: token.Reveal()}, nil
}

func unknownAccount(id string) error {
	return fault.New(fault.NotFound, "ACCOUNT_UNKNOWN", "there is no channel account %q; `parleyctl get channelaccounts` lists them", id)
}

// GetCallback tells what to enter at Meta as webhook of an account.
func (s *Service) GetCallback(ctx context.Context, req *adminv1.GetCallbackRequest) (*adminv1.Callback, error) {
	account := s.Prober.deps.Directory.Now().Accounts[req.GetAccount()]
	if account == nil {
		return nil, unknownAccount(req.GetAccount())
	}
	seen := &provisionv1.CallbackSeen{}
	if _, err := s.Prober.read(ctx, subject.CallbackKey(req.GetAccount()), seen); err != nil {
		return nil, err
	}
	c := &adminv1.Callback{Account: req.GetAccount(), Path: "/webhook/" + url.PathEscape(req.GetAccount()),
		DeletionPath: "/deletion/" + url.PathEscape(req.GetAccount()), DeauthorizePath: "/deauthorize/" + url.PathEscape(req.GetAccount()),
		TokenFingerprint: account.GetVerifyToken().GetFingerprint()}
	if s.WebhookURL != "" {
		base := strings.TrimRight(s.WebhookURL, "/")
		c.Url, c.DeletionUrl, c.DeauthorizeUrl = base+c.GetPath(), base+c.GetDeletionPath(), base+c.GetDeauthorizePath()
	}
	if c.GetTokenFingerprint() != "" && seen.GetTokenFingerprint() == c.GetTokenFingerprint() {
		c.VerifiedMs = seen.GetAtMs()
	}
	return c, nil
}

// away is the fault of a Meta that answers nothing.
func (p *Prober) away(app string) error {
	f := fault.New(fault.Unavailable, "GRAPH_AWAY", "Meta's Graph API does not answer now; what was known of the page stands")
	f.RetryAfter = max(comeBack, p.rests.of(app, p.deps.Now()))
	return f
}
