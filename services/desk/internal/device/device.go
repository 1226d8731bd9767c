// Package device lets a program without a browser sign somebody in: it shows a code,
// the person types it at the desk and says yes, and the program, which has asked all
// the while, is given a session of its own (RFC 8628).
//
// A request is an entry of the bucket SESSION beside the sessions. What holds:
//
//   - Nothing in the bucket answers anything: its key is a keyed hash of the code, and
//     it has a hash of the word that the program asks with.
//   - A request lives for Age. It is answered once, by whoever types its code first,
//     and of use once: taking it out removes it, on the condition that nobody else did.
//   - Codes cannot be searched for: of a code that is not there a person has as few
//     tries as of a password. What anybody may begin is bounded by address, and in all.
//   - Who is asked is told which program asks, from where and since when.
package device

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"github.com/parley-desk/parley/pkg/budget"
	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
)

const (
	// Age is how long a code is good for.
	Age = 10 * time.Minute
	// Interval is how long a program waits before it asks again.
	Interval = 5 * time.Second
	// letters are those of codes: none is a vowel, so that they make no words, and none
	// is taken for another. Eight of them are 34 bits.
	letters = "BCDFGHJKLMNPQRSTVWXZ"
	length  = 8
	// use is the purpose of the key that hashes codes.
	use = "desk.device"
	// prefix is that of the keys in the bucket.
	prefix = "device."
)

// How many requests may begin, one after the other and then one every while, from an
// address and in all; how often a program may ask; and how often somebody may type what
// is no code.
const (
	addressBurst, addressEvery = 5, 30 * time.Second
	houseBurst, houseEvery     = 30, 2 * time.Second
	askBurst, askEvery         = 3, Interval - time.Second
	guessBurst, guessEvery     = 10, 30 * time.Second
	room                       = 20_000
	house                      = "house"
)

// Request is what a program asks for.
type Request struct {
	Machine string `json:"machine"` // as the program calls itself and where it runs; anybody may claim anything
	Address string `json:"address"`
	AskedMS int64  `json:"asked_ms"`
	Word    string `json:"word"`         // hash of what the program asks with
	Agent   string `json:"by,omitempty"` // who answered; empty: nobody did
	Allowed bool   `json:"allowed,omitempty"`

	key      string
	revision uint64
}

func (r Request) over(now time.Time) bool { return now.UnixMilli()-r.AskedMS >= Age.Milliseconds() }

// Bucket is the part of bus.Bucket that requests need.
type Bucket interface {
	Get(ctx context.Context, key string) (bus.Entry, error)
	Write(ctx context.Context, writes ...bus.Write) error
}

// Sealer is the part of secret.Box that hashes codes.
type Sealer interface {
	MAC(purpose string, data []byte) []byte
}

// Waiting are the requests that wait to be answered.
type Waiting struct {
	bucket Bucket
	sealer Sealer
	now    func() time.Time

	addresses, all, asks, guesses *budget.Throttle
}

// New keeps requests in a bucket.
func New(b Bucket, sealer Sealer, now func() time.Time) *Waiting {
	return &Waiting{bucket: b, sealer: sealer, now: now,
		addresses: budget.NewThrottle(addressBurst, addressEvery, room), all: budget.NewThrottle(houseBurst, houseEvery, 2),
		asks: budget.NewThrottle(askBurst, askEvery, room), guesses: budget.NewThrottle(guessBurst, guessEvery, room)}
}

// Begin makes a request: the word that the program asks with, and the code for the
// person.
func (w *Waiting) Begin(ctx context.Context, machine, address string) (word secret.Text, code string, _ error) {
	for _, limit := range []struct {
		t   *budget.Throttle
		key string
	}{{w.addresses, address}, {w.all, house}} {
		if wait := limit.t.Take(limit.key, w.now()); wait > 0 {
			return word, "", later("TOO_MANY_TRIES", "too many sign-ins were begun; wait a little", wait)
		}
	}
	code = draw()
	key, err := w.key(code)
	if err != nil {
		return word, "", err
	}
	var bits [16]byte
	_, _ = rand.Read(bits[:]) // never fails: crypto/rand ends the process instead
	word = secret.NewText(strings.TrimPrefix(key, prefix) + "." + base64.RawURLEncoding.EncodeToString(bits[:]))
	r := Request{Machine: machine, Address: address, AskedMS: w.now().UnixMilli(), Word: hash(word), key: key}
	// Of two with one code the second is refused, and begins again.
	return word, code[:length/2] + "-" + code[length/2:], fault.Wrap(w.write(ctx, r), "keeping the request to sign in")
}

// Look gives the request of a code to somebody who may answer it.
func (w *Waiting) Look(ctx context.Context, code, agent string) (Request, error) {
	if wait := w.guesses.Take(agent, w.now()); wait > 0 {
		return Request{}, later("TOO_MANY_TRIES", "too many codes were typed that there are not; wait a little", wait)
	}
	key, err := w.key(plain(code))
	if err != nil {
		return Request{}, err
	}
	r, err := w.read(ctx, key)
	if err == nil && (r.over(w.now()) || r.Agent != "") {
		err = errNoCode()
	}
	if !fault.Is(err, fault.NotFound) {
		w.guesses.Give(agent)
	}
	return r, err
}

// Answer writes what somebody said to the request of a code, once.
func (w *Waiting) Answer(ctx context.Context, code, agent string, allow bool) (Request, error) {
	r, err := w.Look(ctx, code, agent)
	if err != nil {
		return r, err
	}
	r.Agent, r.Allowed = agent, allow
	if err = w.write(ctx, r); fault.Is(err, fault.Conflict) {
		err = errNoCode()
	}
	return r, err
}

// Collect takes the answer to the request of a word out, if it was allowed: nobody has
// it a second time.
func (w *Waiting) Collect(ctx context.Context, word secret.Text) (Request, error) {
	id, _, ok := strings.Cut(word.Reveal(), ".")
	if raw, err := hex.DecodeString(id); !ok || err != nil || len(raw) != sha256.Size {
		return Request{}, errExpired()
	}
	if wait := w.asks.Take(id, w.now()); wait > 0 {
		return Request{}, later("DEVICE_SLOW_DOWN", "ask less often", wait)
	}
	r, err := w.read(ctx, prefix+id)
	if fault.Is(err, fault.NotFound) {
		return r, errExpired()
	}
	switch {
	case err != nil:
		return r, err
	case subtle.ConstantTimeCompare([]byte(r.Word), []byte(hash(word))) != 1, r.over(w.now()):
		return r, errExpired()
	case r.Agent == "":
		return r, fault.New(fault.Precondition, "DEVICE_PENDING", "nobody has answered yet; ask again in %v", Interval)
	case !r.Allowed:
		return r, fault.New(fault.Denied, "DEVICE_REFUSED", "%s said no", r.Agent)
	}
	err = w.bucket.Write(ctx, bus.Write{Key: r.key, Revision: r.revision})
	if fault.Is(err, fault.Conflict) {
		return r, errExpired()
	}
	return r, fault.Wrap(err, "taking the answer")
}

func (w *Waiting) read(ctx context.Context, key string) (r Request, _ error) {
	e, err := w.bucket.Get(ctx, key)
	switch {
	case fault.Is(err, fault.NotFound), err == nil && (e.Value == nil || json.Unmarshal(e.Value, &r) != nil):
		return r, errNoCode()
	case err != nil:
		return r, fault.Wrap(err, "reading the request to sign in")
	}
	r.key, r.revision = key, e.Revision
	return r, nil
}

func (w *Waiting) write(ctx context.Context, r Request) error {
	b, _ := json.Marshal(r) // a struct of strings and numbers cannot fail
	return w.bucket.Write(ctx, bus.Write{Key: r.key, Value: b, Revision: r.revision})
}

// key is where the request of a code stands.
func (w *Waiting) key(code string) (string, error) {
	mac := w.sealer.MAC(use, []byte(code))
	if mac == nil {
		return "", fault.New(fault.Internal, "", "the keyset gives no key to hash codes with")
	}
	return prefix + hex.EncodeToString(mac), nil
}

// draw is a code by chance, each as likely as any other.
func draw() string {
	code := make([]byte, 0, length)
	for b := [1]byte{}; len(code) < length; {
		_, _ = rand.Read(b[:])
		if most := 256 - 256%len(letters); int(b[0]) < most {
			code = append(code, letters[int(b[0])%len(letters)])
		}
	}
	return string(code)
}

// plain is a code as it was drawn, however it was typed.
func plain(code string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(letters, r) {
			return r
		}
		return -1
	}, strings.ToUpper(code[:min(len(code), 4*length)]))
}

func hash(word secret.Text) string {
	sum := sha256.Sum256([]byte(word.Reveal()))
	return hex.EncodeToString(sum[:])
}

func later(reason, message string, wait time.Duration) error {
	err := fault.New(fault.Exhausted, reason, "%s", message)
	err.RetryAfter = wait
	return err
}

func errNoCode() error {
	return fault.New(fault.NotFound, "NO_SUCH_CODE", "no sign-in waits with this code; it may have been answered, or be older than %v", Age)
}

func errExpired() error {
	return fault.New(fault.NotFound, "DEVICE_EXPIRED", "no sign-in waits any more: it was taken, or is older than %v; begin again", Age)
}
