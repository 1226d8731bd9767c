package receive

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/ingress/internal/verify"
)

// keyring holds the accounts' secrets in the clear, opened once per snapshot of
// the directory: opening costs more than everything else a webhook needs.
type keyring struct{ open atomic.Pointer[opened] }

type opened struct {
	snapshot *directory.Snapshot
	accounts map[string]account
}

// account is what requests on one path are checked with.
type account struct {
	signing           verify.Keys
	current, previous string // fingerprints of signing
	verify            secret.Text
	fingerprint       string // of verify
	sealed            bool   // its secrets could not be opened
	known             bool
}

// unsigned is what is wrong with what none of its secrets has signed. Who sent it
// reads the same of an account that is not there.
func (a account) unsigned() error {
	if !a.known {
		return errUnknown
	}
	return errUnsigned
}

// account finds an account as the directory has it now. One that is not there has
// no secrets, and is refused when all the work of verifying was done (SI8).
func (k *keyring) account(world World, id string) (account, error) {
	snapshot := world.Snapshot()
	ring := k.open.Load()
	if ring == nil || ring.snapshot != snapshot {
		// Two requests may both open a new snapshot; either result will do.
		ring = open(world, snapshot)
		k.open.Store(ring)
	}
	a := ring.accounts[id]
	if a.sealed {
		return account{}, errSealed
	}
	return a, nil
}

func open(world World, snapshot *directory.Snapshot) *opened {
	ring := &opened{snapshot: snapshot, accounts: make(map[string]account, len(snapshot.Accounts))}
	for id, resource := range snapshot.Accounts {
		a := account{known: true}
		reveal := func(name string, s *configv1.Secret) secret.Text {
			if len(s.GetSealed()) == 0 {
				return secret.Text{}
			}
			text, err := world.Reveal("channelAccounts/"+id+"#"+name, s)
			if err != nil {
				a.sealed = true
				world.Log.ErrorContext(context.Background(), "a secret of a channel account does not open with this keyset",
					slog.String(key.Account, id), slog.String(key.Name, name), slog.Any(key.Err, err))
			}
			return text
		}
		a.signing.Current = []byte(reveal("app_secret", resource.GetAppSecret()).Reveal())
		a.signing.Previous = []byte(reveal("previous_secret", resource.GetPreviousSecret()).Reveal())
		a.current, a.previous = resource.GetAppSecret().GetFingerprint(), resource.GetPreviousSecret().GetFingerprint()
		a.verify, a.fingerprint = reveal("verify_token", resource.GetVerifyToken()), resource.GetVerifyToken().GetFingerprint()
		ring.accounts[id] = a
	}
	return ring
}
