package configure_test

import (
	"strings"
	"testing"
	"time"

	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	provisionv1 "github.com/parley-desk/parley/proto/gen/parley/provision/v1"
	"github.com/parley-desk/parley/services/admin/internal/configure"
)

// SI3: the previous secret goes when Meta signs with the new one, and 48 hours
// have passed since it last signed with the old one.
func TestAPreviousSecretStaysWhileItMayBeUsed(t *testing.T) {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) int64 { return now.Add(-d).UnixMilli() }
	account := &configv1.ChannelAccount{AppSecret: &configv1.Secret{Fingerprint: "new"}, PreviousSecret: &configv1.Secret{Fingerprint: "old"}}
	for _, c := range []struct {
		name string
		seen *provisionv1.SignatureSeen
		says string // empty: it may go
	}{
		{"nothing came", &provisionv1.SignatureSeen{}, "no webhook was signed with the new one yet"},
		{"only before the rotation", &provisionv1.SignatureSeen{Current: "old", CurrentMs: ago(time.Hour)}, "no webhook was signed with the new one yet"},
		{"the old one alone, long ago", &provisionv1.SignatureSeen{Previous: "old", PreviousMs: ago(72 * time.Hour)}, "no webhook was signed with the new one yet"},
		{"both", &provisionv1.SignatureSeen{Current: "new", Previous: "old", PreviousMs: ago(time.Minute)}, "at 2026-11-27T11:59:00Z, and it is dropped 48 hours after"},
		{"the old one within two days", &provisionv1.SignatureSeen{Current: "new", Previous: "old", PreviousMs: ago(48*time.Hour - time.Second)}, "is dropped 48 hours after"},
		{"the old one two days ago", &provisionv1.SignatureSeen{Current: "new", Previous: "old", PreviousMs: ago(48 * time.Hour)}, ""},
		{"one before the old one", &provisionv1.SignatureSeen{Current: "new", Previous: "older", PreviousMs: ago(time.Minute)}, ""},
		{"the new one alone", &provisionv1.SignatureSeen{Current: "new", CurrentMs: ago(time.Minute)}, ""},
	} {
		if got := configure.InUse(account, c.seen, now); (got == "") != (c.says == "") || !strings.Contains(got, c.says) {
			t.Errorf("%s: %q, want %q", c.name, got, c.says)
		}
	}
}
