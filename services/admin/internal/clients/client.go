// Package clients knows the API clients: programs that call the admin API with a token
// of their own. A client is an entry of the bucket CLIENT. What holds, whoever dies
// where:
//
//   - Nothing in the bucket opens anything: it has hashes of tokens. A token is sealed
//     with a key that only the keyset gives, so one that was not made here costs no
//     question to the broker.
//   - What a client may do never changes, and its id is never given to another one. So
//     what the audit says of a client is for ever about the same thing.
//   - A client has at most two tokens. The older one is good until the overlap that was
//     asked for is over, and never longer than it was before.
//   - A client that was revoked stays so. Every call reads the bucket, and every stream
//     again and again: who cannot be looked up is not let in.
package clients

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"slices"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/rights"
)

const (
	// mostTokens is how many a client has: the one in use and the one before.
	mostTokens = 2
	// noting is how much later than noted a token may have been used.
	noting = time.Minute
	// shown is how much of a hash tells a token from others, in hex digits.
	shown = 12
)

// Client is a program.
type Client struct {
	ID        string   `json:"id"`
	Name      string   `json:"name,omitempty"`
	Scopes    []string `json:"scopes"`              // permissions and roles
	Queues    []string `json:"queues,omitempty"`    // that it is bound to; none: to none
	Addresses []string `json:"addresses,omitempty"` // networks it may come from; none: any
	LifeMS    int64    `json:"life_ms"`             // of a token
	CreatedMS int64    `json:"created_ms"`
	By        string   `json:"by"`
	RevokedMS int64    `json:"revoked_ms,omitempty"` // 0: it was not
	Tokens    []Token  `json:"tokens"`               // the newest first

	revision uint64
}

// Token is what is known of a token.
type Token struct {
	Hash      string `json:"hash"` // SHA-256, hex: of 128 random bits and more
	CreatedMS int64  `json:"created_ms"`
	UntilMS   int64  `json:"until_ms"`
	UsedMS    int64  `json:"used_ms,omitempty"` // 0: never
}

// Fingerprint tells a token from others.
func (t Token) Fingerprint() string { return t.Hash[:min(shown, len(t.Hash))] }

// Permissions are what the client may.
func (c Client) Permissions() (all []rights.Permission) {
	for _, word := range c.Scopes {
		all = append(all, rights.Scope(word)...)
	}
	return all
}

// Reaches tells whether the client is let at a queue.
func (c Client) Reaches(queue string) bool {
	return len(c.Queues) == 0 || slices.Contains(c.Queues, queue)
}

// admit is the client after it came with the token of a hash from an address at now, and
// whether that is worth noting; or why it is not let in. Who has no token of the client learns nothing about it.
func (c Client) admit(hash string, from netip.Addr, now time.Time) (_ Client, note bool, _ error) {
	i := slices.IndexFunc(c.Tokens, func(t Token) bool { return t.Hash == hash })
	switch {
	case i < 0:
		return c, false, errUnknown()
	case c.RevokedMS != 0:
		return c, false, fault.New(fault.Unauthenticated, "CLIENT_REVOKED", "API client %q was revoked; make another one", c.ID)
	case now.UnixMilli() >= c.Tokens[i].UntilMS:
		return c, false, fault.New(fault.Unauthenticated, "TOKEN_EXPIRED", "this token of API client %q has expired; `parleyctl client rotate %[1]s` makes another", c.ID)
	case !c.from(from):
		return c, false, fault.New(fault.Denied, "CLIENT_ADDRESS", "API client %q may not come from here; it was made for other addresses", c.ID)
	}
	if note = now.UnixMilli()-c.Tokens[i].UsedMS >= noting.Milliseconds(); note {
		c.Tokens = slices.Clone(c.Tokens)
		c.Tokens[i].UsedMS = now.UnixMilli()
	}
	return c, note, nil
}

// from tells whether the client may come from an address. Who comes by the unix socket
// has none.
func (c Client) from(a netip.Addr) bool {
	return len(c.Addresses) == 0 || slices.ContainsFunc(c.Addresses, func(text string) bool {
		network, err := parse(text)
		return err == nil && network.Contains(a.Unmap())
	})
}

// parse reads a network or one address.
func parse(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return a.Unmap().WithZone("").Prefix(a.Unmap().BitLen())
	}
	return netip.ParsePrefix(text)
}

// turn is the client with a new token; the newest before is good for overlap more.
func (c Client) turn(hash string, overlap time.Duration, now time.Time) Client {
	fresh := Token{Hash: hash, CreatedMS: now.UnixMilli(), UntilMS: now.UnixMilli() + c.LifeMS}
	all := []Token{fresh}
	for _, t := range c.Tokens[:min(len(c.Tokens), mostTokens-1)] {
		t.UntilMS = min(t.UntilMS, now.Add(overlap).UnixMilli())
		if t.UntilMS > now.UnixMilli() {
			all = append(all, t)
		}
	}
	c.Tokens = all
	return c
}

// errUnknown is the answer to a token that is none of ours, however it came to be.
func errUnknown() error {
	return fault.New(fault.Unauthenticated, "TOKEN_UNKNOWN", "the token is not known here; an administrator makes another")
}

func hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

func encode(c Client) []byte {
	b, _ := json.Marshal(c) // a struct of strings and numbers cannot fail
	return b
}

// decode reads an entry; false when it was deleted or is damaged.
func decode(e bus.Entry) (c Client, ok bool) {
	if e.Value == nil || json.Unmarshal(e.Value, &c) != nil || c.ID != e.Key {
		return Client{}, false
	}
	c.revision = e.Revision
	return c, true
}
