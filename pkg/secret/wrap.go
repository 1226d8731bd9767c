package secret

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"net/url"
	"time"

	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/parley-desk/parley/pkg/fault"
)

// Reasons of the faults of a wrapped keyset.
const (
	// KMSAway is the reason when the key management service does not answer, or
	// there is no token for it yet: later.
	KMSAway = "KMS_AWAY"
	// KMSDenied is the reason when it does not let this process use the key.
	KMSDenied = "KMS_DENIED"
	// KMSRefused is the reason when it answers that it cannot do it: there is no
	// such key, or it does not open what another one wrapped.
	KMSRefused = "KMS_REFUSED"
	// WrongWrap is the reason when the file is wrapped otherwise than this
	// process can unwrap.
	WrongWrap = "KEYSET_WRAP"
)

// Wrap is a key that is kept elsewhere and encrypts the keyset on its way to
// the file. An implementation gives faults: Unavailable when a later try can
// help, anything else when it cannot.
type Wrap interface {
	tink.AEADWithContext
	// Name is the URI of the key, without credentials.
	Name() string
}

// KMS says which key wraps a keyset, and how this process may use it.
type KMS struct {
	Key       string // its URI, hcvault://host:8200/transit/keys/parley
	Token     Text   // for the service; TokenFile wins
	TokenFile string // read before each use, so that it may be renewed; may be empty
	CA        string // PEM file of who signs the service's certificate; empty takes those of the system
}

// NewWrap makes the wrap of a KMS; nil when it names no key. It asks nobody
// anything yet. A URI that cannot be is Invalid.
func NewWrap(k KMS) (Wrap, error) {
	if k.Key == "" {
		return nil, nil
	}
	u, err := url.Parse(k.Key)
	if err != nil { // its text would quote the URI, which may hold a password by mistake
		return nil, badKey("it is no URI")
	}
	if u.Scheme != vaultScheme {
		return nil, badKey("it begins with %q", u.Scheme)
	}
	return newVault(u, k)
}

func badKey(format string, args ...any) error {
	return fault.New(fault.Invalid, "KMS_KEY", "the key that wraps the keyset must look like "+
		"hcvault://host:8200/transit/keys/parley, but "+format, args...)
}

// wrapLimit is how long wrapping or unwrapping a keyset may take.
const wrapLimit = 5 * time.Second

// heard keeps what a wrap said, of which Tink hands on the text alone.
type heard struct {
	Wrap
	err error
}

// EncryptWithContext implements tink.AEADWithContext.
func (h *heard) EncryptWithContext(ctx context.Context, plain, associated []byte) ([]byte, error) {
	plain, h.err = h.Wrap.EncryptWithContext(ctx, plain, associated)
	return plain, h.err
}

// DecryptWithContext implements tink.AEADWithContext.
func (h *heard) DecryptWithContext(ctx context.Context, wrapped, associated []byte) ([]byte, error) {
	wrapped, h.err = h.Wrap.DecryptWithContext(ctx, wrapped, associated)
	return wrapped, h.err
}

// readKeyset reads one keyset of the file, in clear when wrap is nil.
func readKeyset(ctx context.Context, data json.RawMessage, wrap Wrap) (*keyset.Handle, error) {
	from := keyset.NewJSONReader(bytes.NewReader(data))
	if wrap == nil {
		return insecurecleartextkeyset.Read(from)
	}
	by := &heard{Wrap: wrap}
	h, err := keyset.ReadWithContext(ctx, from, by, nil)
	return h, cmp.Or(by.err, err)
}

// writeKeyset is what readKeyset reads.
func writeKeyset(ctx context.Context, h *keyset.Handle, wrap Wrap) (json.RawMessage, error) {
	var buf bytes.Buffer
	to := keyset.NewJSONWriter(&buf)
	if wrap == nil {
		err := insecurecleartextkeyset.Write(h, to)
		return buf.Bytes(), err
	}
	by := &heard{Wrap: wrap}
	err := h.WriteWithContext(ctx, to, by, nil)
	return buf.Bytes(), cmp.Or(by.err, err)
}

// Rewrap writes the keyset of path anew, wrapped with to instead of from; nil
// is in clear. What it writes is unwrapped once before it takes the place of
// the file, so a key that only encrypts is refused. Processes that run take it
// when they need it, as after Rotate; they must be able to unwrap it by then.
func Rewrap(ctx context.Context, path string, from, to Wrap) error {
	b, err := OpenWrapped(ctx, path, false, from)
	if err != nil {
		return err
	}
	return b.source.locked(func() error {
		if _, err := b.refresh(); err != nil {
			return err
		}
		b.source.wrap, b.source.wrapped = to, to != nil
		return b.source.replace(b.open.Load().keys)
	})
}

// Wrapped tells the URI of the key that wraps the file of the keyset, as it
// was read last, and of the one that this process is set to use; empty is none.
func (b *Box) Wrapped() (file, set string) {
	s := b.source
	s.turn.Lock()
	defer s.turn.Unlock()
	if s.wrap == nil {
		return "", ""
	}
	if s.wrapped {
		file = s.wrap.Name()
	}
	return file, s.wrap.Name()
}
