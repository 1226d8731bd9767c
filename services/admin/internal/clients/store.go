package clients

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
)

const (
	// Prefix is what every token begins with, so that people and programs that look for
	// secrets know it for one.
	Prefix = "parley-client."
	// most is how many clients there are, with those that were revoked.
	most = 1000
	// use is the purpose of the key that seals tokens.
	use = "admin.client"
)

// Bucket is the part of bus.Bucket that clients need.
type Bucket interface {
	Get(ctx context.Context, key string) (bus.Entry, error)
	Write(ctx context.Context, writes ...bus.Write) error
	Watch(ctx context.Context, ready func(), handle func(bus.Entry)) error
}

// Sealer is the part of secret.Box that makes tokens.
type Sealer interface {
	MAC(purpose string, data []byte) []byte
	Verify(purpose string, data, mac []byte) bool
}

// Store keeps clients. All fields must be set.
type Store struct {
	Bucket Bucket
	Sealer Sealer
	Now    func() time.Time
}

// Admit gives the client whose token it is, and notes that it is in use; a fault that
// says why not, when it is not let in.
func (s *Store) Admit(ctx context.Context, token secret.Text, from netip.Addr) (Client, error) {
	id, ok := s.open(token)
	if !ok {
		return Client{}, errUnknown()
	}
	was, err := s.read(ctx, id)
	if fault.Is(err, fault.NotFound) {
		err = errUnknown()
	}
	if err != nil {
		return Client{}, err
	}
	is, note, err := was.admit(hash(token.Reveal()), from, s.Now())
	if err != nil {
		return Client{}, err
	}
	if note {
		// Whether it can be noted is nobody's business who calls: another call may have
		// noted it, and one that is revoked meanwhile is not written over.
		_ = s.write(ctx, is)
	}
	return is, nil
}

// Create stores a client and gives its first token.
func (s *Store) Create(ctx context.Context, c Client) (Client, secret.Text, error) {
	all, err := s.List(ctx)
	if err != nil {
		return c, secret.Text{}, err
	}
	if len(all) >= most {
		return c, secret.Text{}, fault.New(fault.Exhausted, "CLIENTS_FULL", "there are %d API clients, with those that were revoked; no more can be made", len(all))
	}
	c.CreatedMS = s.Now().UnixMilli()
	c, token, err := s.turned(ctx, c, 0)
	if fault.Is(err, fault.Conflict) {
		err = fault.New(fault.Conflict, "ALREADY_EXISTS", "there is an API client %q, or was one: choose another id", c.ID)
	}
	return c, token, err
}

// Rotate gives a client a new token; the newest before is good for overlap more.
func (s *Store) Rotate(ctx context.Context, id string, overlap time.Duration, may func(Client) error) (Client, secret.Text, error) {
	c, err := s.read(ctx, id)
	if err == nil {
		err = may(c)
	}
	if err == nil && c.RevokedMS != 0 {
		err = fault.New(fault.Precondition, "CLIENT_REVOKED", "API client %q was revoked; make another one", id)
	}
	if err != nil {
		return c, secret.Text{}, err
	}
	return s.turned(ctx, c, overlap)
}

// turned makes a token and stores its client.
func (s *Store) turned(ctx context.Context, c Client, overlap time.Duration) (Client, secret.Text, error) {
	token, err := s.token(c.ID)
	if err != nil {
		return c, token, err
	}
	c = c.turn(hash(token.Reveal()), overlap, s.Now())
	return c, token, s.write(ctx, c)
}

// Revoke makes all tokens of a client good for nothing. Revoking it again changes
// nothing.
func (s *Store) Revoke(ctx context.Context, id string) (Client, error) {
	for {
		c, err := s.read(ctx, id)
		if err != nil || c.RevokedMS != 0 {
			return c, err
		}
		c.RevokedMS = s.Now().UnixMilli()
		if err = s.write(ctx, c); !fault.Is(err, fault.Conflict) {
			return c, err
		}
		// Its use was noted meanwhile, or it was turned: once more.
	}
}

// List gives all clients by id, as they stand in the bucket now.
func (s *Store) List(ctx context.Context) ([]Client, error) {
	listing, enough := context.WithCancel(ctx)
	defer enough()
	var all []Client
	found := map[string]Client{}
	err := s.Bucket.Watch(listing, enough, func(e bus.Entry) {
		if c, ok := decode(e); ok {
			found[e.Key] = c
		}
	})
	if ctx.Err() != nil {
		return nil, fault.Wrap(context.Cause(ctx), "listing API clients")
	}
	if err != nil && listing.Err() == nil {
		return nil, fault.Wrap(err, "listing API clients")
	}
	for _, c := range found {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b Client) int { return cmp.Compare(a.ID, b.ID) })
	return all, nil
}

func (s *Store) read(ctx context.Context, id string) (Client, error) {
	entry, err := s.Bucket.Get(ctx, id)
	if err == nil {
		if c, ok := decode(entry); ok {
			return c, nil
		}
	} else if !fault.Is(err, fault.NotFound) {
		return Client{}, fault.Wrap(err, "reading API client %q", id)
	}
	return Client{}, fault.New(fault.NotFound, "NO_SUCH_CLIENT", "there is no API client %q; `parleyctl client list` shows them", id)
}

// write stores a client if it is as it was read.
func (s *Store) write(ctx context.Context, c Client) error {
	return fault.Wrap(s.Bucket.Write(ctx, bus.Write{Key: c.ID, Value: encode(c), Revision: c.revision}), "storing API client %q", c.ID)
}

// token makes one for a client: its id, 128 random bits, and a seal.
func (s *Store) token(id string) (secret.Text, error) {
	var bits [16]byte
	_, _ = rand.Read(bits[:]) // never fails: crypto/rand ends the process instead
	body := id + "." + base64.RawURLEncoding.EncodeToString(bits[:])
	seal := s.Sealer.MAC(use, []byte(body))
	if seal == nil {
		return secret.Text{}, fault.New(fault.Internal, "", "the keyset gives no key to seal tokens with")
	}
	return secret.NewText(Prefix + body + "." + base64.RawURLEncoding.EncodeToString(seal)), nil
}

// open gives whose a token is; false when it was not made here.
func (s *Store) open(token secret.Text) (id string, ok bool) {
	value, typed := strings.CutPrefix(token.Reveal(), Prefix)
	at := strings.LastIndexByte(value, '.')
	if !typed || at < 0 {
		return "", false
	}
	seal, err := base64.RawURLEncoding.Strict().DecodeString(value[at+1:])
	if err != nil || !s.Sealer.Verify(use, []byte(value[:at]), seal) {
		return "", false
	}
	id, _, ok = strings.Cut(value[:at], ".")
	return id, ok
}
