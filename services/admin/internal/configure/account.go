package configure

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	provisionv1 "github.com/parley-desk/parley/proto/gen/parley/provision/v1"
	"github.com/parley-desk/parley/services/admin/internal/change"
	"github.com/parley-desk/parley/services/admin/internal/guard"
	"github.com/parley-desk/parley/services/admin/internal/privacy"
	"github.com/parley-desk/parley/services/admin/internal/validate"
)

// quiet is how long nothing may have been signed with the previous app secret
// before it is dropped (SI3).
const quiet = 48 * time.Hour

// RotateAppSecret puts a new app secret in force.
func (s *Service) RotateAppSecret(ctx context.Context, req *adminv1.RotateAppSecretRequest) (*configv1.ChannelAccount, error) {
	if req.GetAppSecret().GetValue() == "" {
		return nil, bad("app_secret", "is missing; give the new secret from App settings, Basic, at Meta")
	}
	e := change.Edit{Rotation: change.Rotate}
	if req.GetReplace() {
		e.Rotation = change.Replace
	}
	return s.changeAccount(ctx, req.GetAccount(), e, func(a *configv1.ChannelAccount) {
		a.AppSecret = &configv1.Secret{Value: req.GetAppSecret().GetValue()}
	})
}

// RetireAppSecret drops the previous app secret once Meta signs with the new one.
func (s *Service) RetireAppSecret(ctx context.Context, req *adminv1.RetireAppSecretRequest) (*configv1.ChannelAccount, error) {
	a := s.Directory.Now().Accounts[req.GetAccount()]
	if a != nil && a.GetPreviousSecret() == nil {
		return nil, fault.New(fault.Precondition, "NO_PREVIOUS_SECRET", "channel account %q has no previous app secret; there is nothing to retire", req.GetAccount())
	}
	if a != nil && !req.GetForce() {
		seen, err := s.Signed(ctx, req.GetAccount())
		if err != nil {
			return nil, err
		}
		if why := InUse(a, seen, s.Now()); why != "" {
			return nil, fault.New(fault.Precondition, "SECRET_IN_USE",
				"the previous app secret of channel account %q stays: %s; if it became known to others, drop it with force", req.GetAccount(), why)
		}
	}
	return s.changeAccount(ctx, req.GetAccount(), change.Edit{Rotation: change.Retire}, func(*configv1.ChannelAccount) {})
}

// InUse says why Meta may still sign with the previous app secret of an
// account; empty when it does not.
func InUse(a *configv1.ChannelAccount, seen *provisionv1.SignatureSeen, now time.Time) string {
	stamp := func(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }
	last := time.UnixMilli(seen.GetPreviousMs())
	switch {
	case seen.GetPrevious() == a.GetPreviousSecret().GetFingerprint() && now.Sub(last) < quiet:
		return fmt.Sprintf("a webhook was signed with it at %s, and it is dropped %d hours after the last one", stamp(seen.GetPreviousMs()), int(quiet.Hours()))
	case seen.GetCurrent() != a.GetAppSecret().GetFingerprint():
		return "no webhook was signed with the new one yet"
	}
	return ""
}

// GetPrivacyNotice reads the notice.
func (s *Service) GetPrivacyNotice(context.Context, *adminv1.GetPrivacyNoticeRequest) (*adminv1.PrivacyNotice, error) {
	return &adminv1.PrivacyNotice{Version: privacy.Version, Text: privacy.Text}, nil
}

// AcknowledgePrivacy records that the caller took note of the notice.
func (s *Service) AcknowledgePrivacy(ctx context.Context, req *adminv1.AcknowledgePrivacyRequest) (*configv1.ChannelAccount, error) {
	if req.GetVersion() != privacy.Version {
		return nil, bad("version", "%q is not the version of the present notice; read it and give %q", req.GetVersion(), privacy.Version)
	}
	e := change.Edit{Privacy: &configv1.Acknowledgement{AtMs: s.Now().UnixMilli(), By: guard.Caller(ctx), Notice: privacy.Version}}
	return s.changeAccount(ctx, req.GetAccount(), e, func(*configv1.ChannelAccount) {})
}

// changeAccount changes one thing about an account and nothing else: on the
// condition that it is as it was read.
func (s *Service) changeAccount(ctx context.Context, id string, e change.Edit, adjust func(*configv1.ChannelAccount)) (*configv1.ChannelAccount, error) {
	stored := s.Directory.Now().Accounts[id]
	if stored == nil {
		return nil, change.NotFound(directory.ChannelAccounts, id)
	}
	next := proto.CloneOf(stored)
	next.Meta.Etag = change.Etag(stored)
	adjust(next)
	e.Verb, e.Path, e.Resource = change.Update, "channel_account", next
	outcomes, err := s.Committer.Commit(ctx, []change.Edit{e}, false)
	if err != nil {
		return nil, err
	}
	after, _ := outcomes[0].Resource.(*configv1.ChannelAccount)
	return change.Shown(after), nil
}

// remarks are what is left to do about a resource that was applied; untold are
// the pages whose tokens nobody looked at.
func remarks(r directory.Resource, untold map[string]bool, observer *validate.Observer) []string {
	switch r := r.(type) {
	case *configv1.ChannelAccount:
		return privacy.Remarks(r)
	case *configv1.Page:
		if id := r.GetMeta().GetId(); untold[id] {
			return []string{unheard(id)}
		}
	}
	return observer.Remarks(r)
}
