package session

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// Tries of the password before one must wait, and how long (SK4). Only
// failures count, so that an office behind one address signs in at once in the
// morning.
const (
	accountTries = 10
	accountEvery = 10 * time.Second
	addressTries = 50
	addressEvery = 2 * time.Second
	throttleRoom = 20_000
	// verifications is how many passwords are checked at once: each takes a
	// processor and 19 MiB for a moment.
	verifications = 4
)

// Revealer is the part of secret.Box that the door needs.
type Revealer interface {
	Reveal(place string, s *configv1.Secret) (secret.Text, error)
}

// Door lets agents in who know their password.
type Door struct {
	store     *Store
	secrets   Revealer
	accounts  *Throttle
	addresses *Throttle
	slots     chan struct{}
}

// decoy is what a password is checked against where there is none.
var decoy = sync.OnceValue(func() string { return secret.HashPassword("") })

// NewDoor makes a door to store.
func NewDoor(store *Store, secrets Revealer) *Door {
	decoy() // now, so that the first to guess does not wait for it
	return &Door{
		store: store, secrets: secrets,
		accounts:  NewThrottle(accountTries, accountEvery, throttleRoom),
		addresses: NewThrottle(addressTries, addressEvery, throttleRoom),
		slots:     make(chan struct{}, verifications),
	}
}

// Enter checks a password and begins a session; it gives the id for the
// cookie. An unknown agent and a wrong password are the same answer after the
// same work.
func (d *Door) Enter(ctx context.Context, agent, password, address string) (id string, _ Session, _ error) {
	now := d.store.now()
	// The address first: one that is out of tries takes none of the account's.
	if wait := d.addresses.Take(address, now); wait > 0 {
		return "", Session{}, errTooMany(wait)
	}
	if wait := d.accounts.Take(agent, now); wait > 0 {
		return "", Session{}, errTooMany(wait)
	}
	right, err := d.verify(ctx, agent, password)
	if err != nil {
		return "", Session{}, err
	}
	if !right {
		return "", Session{}, fault.New(fault.Unauthenticated, "WRONG_PASSWORD", "no agent has this name and password")
	}
	d.addresses.Give(address)
	d.accounts.Give(agent)
	return d.store.Begin(ctx, agent)
}

func errTooMany(wait time.Duration) error {
	err := fault.New(fault.Exhausted, "TOO_MANY_TRIES", "too many tries to sign in; wait a little")
	err.RetryAfter = wait
	return err
}

func (d *Door) verify(ctx context.Context, id, password string) (bool, error) {
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
	case <-ctx.Done():
		return false, fault.Wrap(context.Cause(ctx), "waiting to check the password")
	}
	agent := d.store.agent(id)
	if agent.GetPassword() == nil {
		secret.VerifyPassword(decoy(), password) // for the time it takes
		return false, nil
	}
	hash, err := d.secrets.Reveal(directory.Place(agent, "password"), agent.GetPassword())
	if err != nil {
		return false, fault.Wrap(err, "opening the password of agent %q", id)
	}
	return secret.VerifyPassword(hash.Reveal(), password), nil
}

// Cookie is how the id travels. With Secure the name has the prefix that makes
// browsers refuse it from anywhere but this host over https.
type Cookie struct{ Secure bool }

func (c Cookie) name() string {
	if c.Secure {
		return "__Host-parley"
	}
	return "parley"
}

// Set is the cookie that carries id.
func (c Cookie) Set(id string) *http.Cookie {
	return &http.Cookie{
		Name: c.name(), Value: id, Path: "/", MaxAge: int(Absolute.Seconds()),
		HttpOnly: true, Secure: c.Secure, SameSite: http.SameSiteLaxMode,
	}
}

// Clear is the cookie that removes it.
func (c Cookie) Clear() *http.Cookie {
	cookie := c.Set("")
	cookie.MaxAge = -1
	return cookie
}

// Read gives the id in the headers of a request; empty when there is none.
func (c Cookie) Read(h http.Header) string {
	r := http.Request{Header: h}
	cookie, err := r.Cookie(c.name())
	if err != nil {
		return ""
	}
	return cookie.Value
}
