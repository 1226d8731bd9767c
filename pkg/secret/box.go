package secret

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/parley-desk/parley/pkg/fault"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// Reasons of the faults of a Box.
const (
	// NotSet is the reason when there is no value at the place.
	NotSet = "SECRET_NOT_SET"
	// Unreadable is the reason when the keyset does not open the value: it was
	// sealed for another place, by another deployment, or was altered.
	Unreadable = "SECRET_UNREADABLE"
)

const (
	macBytes          = sha256.Size
	fingerprintDigits = 12
	fingerprintUse    = "fingerprint"
)

// Box seals and opens secrets with the deployment's keyset. It is safe for
// concurrent use. When the file of the keyset is replaced, as Rotate does in
// another process, the box takes the new one as soon as it needs it: before it
// seals, and when something does not open.
type Box struct {
	source *source
	open   atomic.Pointer[opened]
}

// opened is a keyset ready for use.
type opened struct {
	keys    keys
	seal    tink.AEAD
	derive  *prf.Set
	derived sync.Map // keys of MACs, []byte by purpose: there are a handful
}

// New makes a box with a fresh keyset that is kept nowhere: what it seals is
// lost with it. Tests use it; a deployment uses Open.
func New() (*Box, error) {
	k, err := newKeys()
	if err != nil {
		return nil, err
	}
	return newBox(&source{}, k)
}

func newBox(from *source, k keys) (*Box, error) {
	b := &Box{source: from}
	return b, b.take(k)
}

func (b *Box) take(k keys) error {
	o, err := k.open()
	if err == nil {
		b.open.Store(o)
	}
	return err
}

// refresh takes the keyset anew when its file was replaced, and tells whether
// it was.
func (b *Box) refresh() (replaced bool, err error) {
	k, err := b.source.again()
	if k == nil || err != nil {
		return false, err
	}
	return true, b.take(*k)
}

// Seal encrypts value for the place "pages/shop#access_token" and fills
// sealed, fingerprint and set_ms; the value itself is not in the answer.
func (b *Box) Seal(place, value string, nowMS int64) (*configv1.Secret, error) {
	if value == "" {
		return nil, fault.New(fault.Invalid, NotSet, "there is no value to seal for %s", place)
	}
	// A key that is not in the file any more would make a secret that nobody can
	// open after a restart.
	if _, err := b.refresh(); err != nil {
		return nil, err
	}
	sealed, err := b.open.Load().seal.Encrypt([]byte(value), []byte(place))
	if err != nil {
		return nil, fmt.Errorf("sealing %s: %w", place, err)
	}
	return &configv1.Secret{Sealed: sealed, Fingerprint: b.Fingerprint(value), SetMs: nowMS}, nil
}

// Reveal opens what Seal made for the same place. Anywhere else, and with
// another deployment's keyset, it is a Precondition fault; without a value it
// is NotFound. While a KMS is away that has to unwrap a newer keyset first, it
// is Unavailable.
func (b *Box) Reveal(place string, s *configv1.Secret) (Text, error) {
	if len(s.GetSealed()) == 0 {
		return Text{}, fault.New(fault.NotFound, NotSet, "%s is not set", place)
	}
	plain, err := b.open.Load().seal.Decrypt(s.GetSealed(), []byte(place))
	if err != nil {
		replaced, away := b.refresh()
		if fault.Is(away, fault.Unavailable) {
			return Text{}, fault.Wrap(away, "opening %s", place)
		}
		if replaced {
			plain, err = b.open.Load().seal.Decrypt(s.GetSealed(), []byte(place))
		}
	}
	if err != nil {
		return Text{}, &fault.Error{Kind: fault.Precondition, Reason: Unreadable, Cause: err,
			Message: place + " cannot be opened with this keyset; set the secret again"}
	}
	return Text{string(plain)}, nil
}

// MAC is HMAC-SHA256 of data, 32 bytes, with a key derived from the keyset for
// this purpose alone: a MAC made for one purpose says nothing in another.
// A keyset always derives; should it not, the MAC is nil, which Verify refuses.
func (b *Box) MAC(purpose string, data []byte) []byte {
	key, err := b.open.Load().key(purpose)
	if err != nil {
		return nil
	}
	h := hmac.New(sha256.New, key)
	h.Write(data)
	return h.Sum(nil)
}

// key is that of MACs for the purpose.
func (o *opened) key(purpose string) ([]byte, error) {
	if known, ok := o.derived.Load(purpose); ok {
		return known.([]byte), nil
	}
	key, err := o.derive.ComputePrimaryPRF([]byte(purpose), macBytes)
	if err == nil {
		o.derived.Store(purpose, key)
	}
	return key, err
}

// Verify tells, in constant time, whether mac is what MAC gives.
func (b *Box) Verify(purpose string, data, mac []byte) bool {
	want := b.MAC(purpose, data)
	return want != nil && hmac.Equal(want, mac)
}

// Fingerprint recognises a value without telling it: 12 hex digits that only
// this deployment can compute, so short values cannot be guessed from them.
func (b *Box) Fingerprint(value string) string {
	return fmt.Sprintf("%.*x", fingerprintDigits/2, b.MAC(fingerprintUse, []byte(value)))
}

// keys are the two keysets of a deployment.
type keys struct{ seal, derive *keyset.Handle }

func newKeys() (keys, error) {
	seal, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return keys{}, fmt.Errorf("making the sealing key: %w", err)
	}
	derive, err := keyset.NewHandle(prf.HKDFSHA256PRFKeyTemplate())
	if err != nil {
		return keys{}, fmt.Errorf("making the deriving key: %w", err)
	}
	return keys{seal: seal, derive: derive}, nil
}

func (k keys) open() (*opened, error) {
	seal, err := aead.New(k.seal)
	if err != nil {
		return nil, fmt.Errorf("sealing key: %w", err)
	}
	derive, err := prf.NewPRFSet(k.derive)
	if err != nil {
		return nil, fmt.Errorf("deriving key: %w", err)
	}
	// Proves once that the key derives, so that MAC cannot come out empty later.
	if _, err := derive.ComputePrimaryPRF([]byte(fingerprintUse), macBytes); err != nil {
		return nil, fmt.Errorf("deriving key: %w", err)
	}
	return &opened{keys: k, seal: seal, derive: derive}, nil
}
