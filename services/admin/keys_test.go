package admin_test

import (
	"fmt"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/admin/admintest"
)

// From one key to another: everything is sealed anew, opens as before, and the
// old key goes only when nothing needs it.
func TestKeysAreReplaced(t *testing.T) {
	s := admintest.Start(t)
	c, keys := adminv1.NewConfigServiceClient(s.Dial(t)), adminv1.NewKeyServiceClient(s.Dial(t))
	apply(t, c, house())
	many := &adminv1.ApplyRequest{}
	for i := range 30 {
		many.Resources = append(many.Resources, wrap(&configv1.Page{Meta: meta(fmt.Sprintf("p%d", i)), PageId: fmt.Sprint(i), Account: "demo", AccessToken: value(fmt.Sprintf("page-token-%02d-%s", i, canary))}))
	}
	apply(t, c, many)
	const secrets = 34
	count := func(all *adminv1.Keys, err error) (old, primary *adminv1.Key) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range all.GetKeys() {
			if k.GetPrimary() {
				primary = k
			} else {
				old = k
			}
		}
		return old, primary
	}
	_, first := count(keys.GetKeys(t.Context(), &adminv1.GetKeysRequest{}))
	if first.GetSecrets() != secrets {
		t.Errorf("the first key seals %d secrets, want %d", first.GetSecrets(), secrets)
	}
	before := s.Directory.Now().Pages["p7"]
	old, next := count(keys.RotateKey(t.Context(), &adminv1.RotateKeyRequest{}))
	if old.GetId() != first.GetId() || old.GetSecrets() != secrets || next.GetSecrets() != 0 {
		t.Errorf("after the rotation: %v and %v", old, next)
	}
	refused := func(id uint32) {
		t.Helper()
		if _, err := keys.RetireKey(t.Context(), &adminv1.RetireKeyRequest{Id: id}); status.Code(err) != codes.FailedPrecondition {
			t.Errorf("key %d retired: %v", id, err)
		}
	}
	refused(old.GetId())
	refused(next.GetId())
	done, err := keys.ReencryptSecrets(t.Context(), &adminv1.ReencryptSecretsRequest{})
	if err != nil || done.GetSealed() != secrets || len(done.GetUnreadable()) != 0 {
		t.Errorf("sealed anew: %v, %v", done, err)
	}
	after := s.Directory.Now().Pages["p7"]
	if a, b := after.GetAccessToken(), before.GetAccessToken(); a.GetFingerprint() != b.GetFingerprint() || a.GetSetMs() != b.GetSetMs() || string(a.GetSealed()) == string(b.GetSealed()) {
		t.Errorf("the token became %v from %v", a, b)
	}
	if after.GetMeta().GetUpdatedMs() != before.GetMeta().GetUpdatedMs() {
		t.Error("the page counts as changed by administrators")
	}
	for id, p := range s.Directory.Now().Pages {
		if _, err := s.Secrets.Reveal(directory.Place(p, "access_token"), p.GetAccessToken()); err != nil {
			t.Errorf("token of %s: %v", id, err)
		}
	}
	old, next = count(keys.RetireKey(t.Context(), &adminv1.RetireKeyRequest{Id: old.GetId()}))
	if old != nil || next.GetSecrets() != secrets {
		t.Errorf("at the end: %v and %v", old, next)
	}
}

// A secret that was moved to another resource or field by somebody who can
// write the bucket does not open there, and is named, not sealed anew.
func TestAMovedSecretIsFound(t *testing.T) {
	s := admintest.Start(t)
	c, keys := adminv1.NewConfigServiceClient(s.Dial(t)), adminv1.NewKeyServiceClient(s.Dial(t))
	apply(t, c, house())
	account := s.Directory.Now().Accounts["demo"]
	thief := &configv1.ChannelAccount{Meta: meta("thief"), AppId: "1", AppSecret: account.GetAppSecret(), VerifyToken: account.GetAppSecret()}
	swapped := &configv1.ChannelAccount{Meta: account.GetMeta(), AppId: account.GetAppId(), AppSecret: account.GetAppSecret(), VerifyToken: account.GetAppSecret()}
	for _, r := range []directory.Resource{thief, swapped} {
		smuggle(t, s, r)
	}
	want := []string{"channelAccounts/demo#verify_token", "channelAccounts/thief#app_secret", "channelAccounts/thief#verify_token"}
	if _, err := keys.RotateKey(t.Context(), &adminv1.RotateKeyRequest{}); err != nil {
		t.Fatal(err)
	}
	done, err := keys.ReencryptSecrets(t.Context(), &adminv1.ReencryptSecretsRequest{})
	if err != nil || fmt.Sprint(done.GetUnreadable()) != fmt.Sprint(want) {
		t.Errorf("unreadable are %v, %v, want %v", done.GetUnreadable(), err, want)
	}
	_, err = adminv1.NewProvisionServiceClient(s.Dial(t)).RevealVerifyToken(t.Context(), &adminv1.RevealVerifyTokenRequest{Account: "demo"})
	if status.Code(err) != codes.FailedPrecondition {
		t.Errorf("an app secret is told as a verify token: %v", err)
	}
}

// smuggle writes an entry of CONFIG past the API, and waits until it shows.
func smuggle(t *testing.T, s *admintest.Server, r directory.Resource) {
	t.Helper()
	value, err := directory.Encode(r)
	if err != nil {
		t.Fatal(err)
	}
	past := s.Directory.Now()
	err = s.Bus.Bucket(subject.ConfigBucket).Write(t.Context(), bus.Write{Key: directory.Key(r), Value: value, Revision: bus.AnyRevision},
		bus.Write{Key: directory.Marker, Value: []byte("1"), Revision: bus.AnyRevision})
	if err != nil {
		t.Fatal(err)
	}
	for {
		changed := s.Directory.Changed()
		if s.Directory.Now().Revision > past.Revision {
			return
		}
		<-changed
	}
}
