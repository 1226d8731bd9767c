// Package door lets agents in, and knows how the ticket of their session travels.
package door

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/parley-desk/parley/pkg/budget"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/pkg/session"
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
	// beside is the end of the name of the cookie that Beside is, besideAge how long
	// browsers keep it; what is in it may say less.
	beside    = "-sso"
	besideAge = 15 * time.Minute
)

// Revealer is the part of secret.Box that the door needs.
type Revealer interface {
	Reveal(place string, s *configv1.Secret) (secret.Text, error)
}

// Door lets agents in who know their password.
type Door struct {
	store     *session.Store
	agent     func(id string) *configv1.Agent // nil when there is none
	now       func() time.Time
	secrets   Revealer
	accounts  *budget.Throttle
	addresses *budget.Throttle
	slots     chan struct{}
}

// decoy is what a password is checked against where there is none.
var decoy = sync.OnceValue(func() string { return secret.HashPassword("") })

// New makes a door to store; agent gives an agent as administrators have set it.
func New(store *session.Store, secrets Revealer, agent func(id string) *configv1.Agent, now func() time.Time) *Door {
	decoy() // now, so that the first to guess does not wait for it
	return &Door{
		store: store, secrets: secrets, agent: agent, now: now,
		accounts:  budget.NewThrottle(accountTries, accountEvery, throttleRoom),
		addresses: budget.NewThrottle(addressTries, addressEvery, throttleRoom),
		slots:     make(chan struct{}, verifications),
	}
}

// Enter checks a password and begins a session; it gives the ticket for the
// cookie. An unknown agent and a wrong password are the same answer after the
// same work; only who knows the password learns that the agent may not sign in.
func (d *Door) Enter(ctx context.Context, agent, password, address string) (ticket secret.Text, _ session.Session, _ error) {
	// The address first: one that is out of tries takes none of the account's.
	if err := d.Knock(address); err != nil {
		return ticket, session.Session{}, err
	}
	if wait := d.accounts.Take(agent, d.now()); wait > 0 {
		return ticket, session.Session{}, errTooMany(wait)
	}
	right, err := d.verify(ctx, agent, password)
	if err != nil {
		return ticket, session.Session{}, err
	}
	if !right {
		return ticket, session.Session{}, fault.New(fault.Unauthenticated, "WRONG_PASSWORD", "no agent has this name and password")
	}
	d.accounts.Give(agent)
	return d.Welcome(ctx, agent, address)
}

// Knock takes one of an address's tries.
func (d *Door) Knock(address string) error {
	if wait := d.addresses.Take(address, d.now()); wait > 0 {
		return errTooMany(wait)
	}
	return nil
}

// Welcome begins a session of an agent who has proven who it is, after a Knock.
func (d *Door) Welcome(ctx context.Context, agent, address string) (ticket secret.Text, _ session.Session, _ error) {
	d.addresses.Give(address)
	if d.agent(agent).GetBarred() {
		return ticket, session.Session{}, errBarred()
	}
	return d.store.Begin(ctx, agent)
}

func errBarred() error {
	return fault.New(fault.Unauthenticated, "REVOKED", "the agent may not sign in; an administrator can change that")
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
	agent := d.agent(id)
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

// Cookie is how the ticket travels, for so long. With Secure the name has the prefix
// that makes browsers refuse it from anywhere but this host over https.
type Cookie struct {
	Secure bool
	Age    time.Duration
}

func (c Cookie) name() string {
	if c.Secure {
		return "__Host-parley"
	}
	return "parley"
}

// Set is the cookie that carries a ticket.
func (c Cookie) Set(ticket secret.Text) *http.Cookie {
	return &http.Cookie{
		Name: c.name(), Value: ticket.Reveal(), Path: "/", MaxAge: int(c.Age.Seconds()),
		HttpOnly: true, Secure: c.Secure, SameSite: http.SameSiteLaxMode,
	}
}

// Clear is the cookie that removes it.
func (c Cookie) Clear() *http.Cookie {
	cookie := c.Set(secret.Text{})
	cookie.MaxAge = -1
	return cookie
}

// Beside is the cookie in which a browser keeps what it needs to come back from an
// issuer; with nothing to keep it removes it.
func (c Cookie) Beside(what secret.Text) *http.Cookie {
	cookie := c.Set(what)
	if cookie.Name += beside; what.Empty() {
		cookie.MaxAge = -1
	} else {
		cookie.MaxAge = int(besideAge.Seconds())
	}
	return cookie
}

// ReadBeside gives what Beside keeps; empty when there is nothing.
func (c Cookie) ReadBeside(h http.Header) secret.Text { return c.read(h, c.name()+beside) }

// Read gives the ticket in the headers of a request; empty when there is none.
func (c Cookie) Read(h http.Header) secret.Text { return c.read(h, c.name()) }

func (c Cookie) read(h http.Header, name string) secret.Text {
	r := http.Request{Header: h}
	cookie, err := r.Cookie(name)
	if err != nil {
		return secret.Text{}
	}
	return secret.NewText(cookie.Value)
}
