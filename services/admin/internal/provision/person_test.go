package provision_test

import (
	"strings"
	"testing"

	provisionv1 "github.com/parley-desk/parley/proto/gen/parley/provision/v1"
	"github.com/parley-desk/parley/services/admin/internal/provision"
)

// Only the token of a person, made with this app and alive, may fetch those of
// pages; of every other it is said what it is.
func TestAPersonsToken(t *testing.T) {
	for name, c := range map[string]struct {
		spoil  func(*provision.Answer, *provisionv1.Token)
		says   string // empty: it is one
		remedy string
	}{
		"good":              {func(*provision.Answer, *provisionv1.Token) {}, "", ""},
		"endless":           {func(_ *provision.Answer, k *provisionv1.Token) { k.EndsMs = 0 }, "", ""},
		"a page's":          {func(_ *provision.Answer, k *provisionv1.Token) { k.Type, k.PageId = "PAGE", "102030" }, "that of page 102030", "parleyctl page token set"},
		"a system user's":   {func(_ *provision.Answer, k *provisionv1.Token) { k.Type, k.EndsMs = "SYSTEM_USER", 0 }, "", ""},
		"one that ended":    {func(_ *provision.Answer, k *provisionv1.Token) { k.Type, k.EndsMs = "SYSTEM_USER", now }, "has ended, on", "user token with app 4242"},
		"an app's":          {func(_ *provision.Answer, k *provisionv1.Token) { k.Type = "APP" }, `type "APP"`, "user token with app 4242"},
		"of no type":        {func(_ *provision.Answer, k *provisionv1.Token) { k.Type = "" }, `type ""`, "user token with app 4242"},
		"another app's":     {func(_ *provision.Answer, k *provisionv1.Token) { k.AppId = "77" }, "another app than account demo", "user token with app 4242"},
		"not to be told of": {func(a *provision.Answer, k *provisionv1.Token) { a.Code = 100; *k = provisionv1.Token{} }, "another app than account demo", "user token with app 4242"},
		"dead":              {func(_ *provision.Answer, k *provisionv1.Token) { *k = provisionv1.Token{Code: 190, Subcode: 460} }, "190/460", "user token with app 4242"},
		"ended":             {func(_ *provision.Answer, k *provisionv1.Token) { k.EndsMs = now }, "has ended, on", "user token with app 4242"},
	} {
		a, k := provision.Answer{Definite: true}, &provisionv1.Token{Valid: true, Type: "USER", AppId: "4242", EndsMs: now + day}
		c.spoil(&a, k)
		found, remedy := provision.Person("demo", "4242", a, k, now)
		if (found == "") != (c.says == "") || !strings.Contains(found, c.says) || !strings.Contains(remedy, c.remedy) {
			t.Errorf("%s: %q, do %q; want %q, do %q", name, found, remedy, c.says, c.remedy)
		}
	}
}
