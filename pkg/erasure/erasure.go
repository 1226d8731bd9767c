// Package erasure is what those agree on who order the erasure of a person, who
// carry it out, and who are shown that it was done: how an order is kept, what of
// it stays for ever, and who must not be erased.
//
// # Guarantees
//
// An order is kept until it is done, and names the person only sealed. What stays
// is a certificate that names nobody: keyed hashes of the threads and contacts,
// which only the deployment's keyset can make, counts, times, who ordered it, and
// a seal that tells whether anything of that was changed.
//
// A hold and an order cannot pass each other by. Whoever is about to erase says so
// in the order first, and looks for holds then; whoever holds writes the hold
// first, and looks for such orders then. So at least one of the two sees the other,
// and gives way.
package erasure

import (
	"context"
	"crypto/hmac"
	"encoding/hex"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
	"github.com/parley-desk/parley/proto/subject"
)

const (
	fingerprintUse = "erasure/person"
	sealUse        = "erasure/certificate"
	sealedPlace    = "erasures#persons"
)

// Box is the part of secret.Box that is needed.
type Box interface {
	MAC(purpose string, data []byte) []byte
	Seal(place, value string, nowMS int64) (*configv1.Secret, error)
	Reveal(place string, s *configv1.Secret) (secret.Text, error)
}

// Bucket is the part of bus.Bucket that is needed.
type Bucket interface {
	Get(ctx context.Context, key string) (bus.Entry, error)
	Write(ctx context.Context, writes ...bus.Write) error
	Watch(ctx context.Context, ready func(), handle func(bus.Entry)) error
	Each(ctx context.Context, handle func(bus.Entry)) error
	EraseKeys(ctx context.Context, keys ...string) error
}

// Book keeps erasures in the bucket PRIVACY.
type Book struct {
	Bucket Bucket
	Box    Box
}

// OfThread is the fingerprint of a thread.
func (b *Book) OfThread(t subject.Thread) string {
	return hex.EncodeToString(b.Box.MAC(fingerprintUse, []byte("thread "+t.Key())))
}

// OfContact is the fingerprint of a contact, by its id.
func (b *Book) OfContact(id string) string {
	return hex.EncodeToString(b.Box.MAC(fingerprintUse, []byte("contact "+id)))
}

// Order keeps a new order; it is to be carried out when Order returns.
func (b *Book) Order(ctx context.Context, e *privacyv1.Erasure) error { return b.Put(ctx, e, 0) }

// Put keeps how far an order is, if it still is at the revision it was read at;
// Conflict when somebody else was faster.
func (b *Book) Put(ctx context.Context, e *privacyv1.Erasure, revision uint64) error {
	value, err := b.encode(e)
	if err != nil {
		return err
	}
	return b.Bucket.Write(ctx, bus.Write{Key: subject.ErasureKey(e.GetId()), Value: value, Revision: revision})
}

// Get reads an order that is not done.
func (b *Book) Get(ctx context.Context, id string) (*privacyv1.Erasure, uint64, error) {
	entry, err := b.Bucket.Get(ctx, subject.ErasureKey(id))
	if err != nil {
		return nil, 0, err
	}
	e, err := b.decode(entry.Value)
	return e, entry.Revision, err
}

// encode seals who it is about.
func (b *Book) encode(e *privacyv1.Erasure) ([]byte, error) {
	persons, err := proto.Marshal(&privacyv1.Persons{Threads: e.GetThreads(), Contacts: e.GetContacts()})
	if err != nil {
		return nil, fault.Wrap(err, "encoding an erasure")
	}
	sealed, err := b.Box.Seal(sealedPlace, "p"+string(persons), e.GetOrderedMs())
	if err != nil {
		return nil, fault.Wrap(err, "sealing an erasure")
	}
	kept := proto.CloneOf(e)
	kept.Threads, kept.Contacts, kept.Persons = nil, nil, sealed.GetSealed()
	value, err := proto.Marshal(kept)
	return value, fault.Wrap(err, "encoding an erasure")
}

func (b *Book) decode(value []byte) (*privacyv1.Erasure, error) {
	e := &privacyv1.Erasure{}
	if err := proto.Unmarshal(value, e); err != nil {
		return nil, fault.Wrap(err, "reading an erasure")
	}
	plain, err := b.Box.Reveal(sealedPlace, &configv1.Secret{Sealed: e.GetPersons()})
	if err != nil {
		return nil, fault.Wrap(err, "opening an erasure")
	}
	persons := &privacyv1.Persons{}
	if err := proto.Unmarshal([]byte(plain.Reveal()[1:]), persons); err != nil {
		return nil, fault.Wrap(err, "reading an erasure")
	}
	e.Threads, e.Contacts, e.Persons = persons.GetThreads(), persons.GetContacts(), nil
	return e, nil
}

// open reads an order. One that does not open keeps no other from being read: it
// says of itself that it waits for somebody to mend it.
func (b *Book) open(entry bus.Entry) *privacyv1.Erasure {
	e, err := b.decode(entry.Value)
	if err == nil {
		return e
	}
	e = &privacyv1.Erasure{}
	if proto.Unmarshal(entry.Value, e) != nil {
		e = &privacyv1.Erasure{Id: entry.Key}
	}
	e.Persons, e.Waits = nil, "it cannot be opened with this keyset; stop it and order it anew"
	return e
}

// Done keeps the certificate of an order, and takes the order away. It may be
// repeated.
func (b *Book) Done(ctx context.Context, e *privacyv1.Erasure) error {
	if err := b.Keep(ctx, b.CertificateOf(e)); err != nil {
		return err
	}
	return b.Bucket.EraseKeys(ctx, subject.ErasureKey(e.GetId()))
}

// Keep keeps a certificate.
func (b *Book) Keep(ctx context.Context, c *privacyv1.Erasure) error {
	value, err := proto.Marshal(c)
	if err != nil {
		return fault.Wrap(err, "encoding a certificate")
	}
	return b.Bucket.Write(ctx, bus.Write{Key: subject.CertificateKey(c.GetId()), Value: value, Revision: bus.AnyRevision})
}

// CertificateOf is what stays of an order.
func (b *Book) CertificateOf(e *privacyv1.Erasure) *privacyv1.Erasure {
	c := proto.CloneOf(e)
	for _, t := range c.GetThreads() {
		c.Fingerprints = append(c.Fingerprints, b.OfThread(subject.Thread{Page: t.GetPage(), PSID: t.GetPsid()}))
	}
	for _, id := range c.GetContacts() {
		c.Fingerprints = append(c.Fingerprints, b.OfContact(id))
	}
	c.Threads, c.Contacts, c.Persons, c.Waits, c.Step = nil, nil, nil, "", privacyv1.Step_STEP_DONE
	c.Seal = b.seal(c)
	return c
}

func (b *Book) seal(c *privacyv1.Erasure) string {
	bare := proto.CloneOf(c)
	bare.Seal = ""
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(bare)
	if err != nil {
		return "" // of what was just read or made: it cannot be
	}
	return hex.EncodeToString(b.Box.MAC(sealUse, data))
}

// Genuine tells whether a certificate is as it was written.
func (b *Book) Genuine(c *privacyv1.Erasure) bool {
	return c.GetSeal() != "" && hmac.Equal([]byte(c.GetSeal()), []byte(b.seal(c)))
}

// Certificate reads one by the id of its erasure.
func (b *Book) Certificate(ctx context.Context, id string) (*privacyv1.Erasure, error) {
	entry, err := b.Bucket.Get(ctx, subject.CertificateKey(id))
	if err != nil {
		return nil, err
	}
	c := &privacyv1.Erasure{}
	return c, fault.Wrap(proto.Unmarshal(entry.Value, c), "reading a certificate")
}

// Page is everything that the book has.
type Page struct {
	Open  []*privacyv1.Erasure // ordered and not done
	Done  []*privacyv1.Erasure // certificates
	Holds []*privacyv1.Hold
}

// Read reads everything.
func (b *Book) Read(ctx context.Context) (Page, error) {
	var p Page
	var failed error
	err := b.Bucket.Each(ctx, func(entry bus.Entry) {
		var err error
		switch kind := kindOf(entry.Key); kind {
		case subject.ErasurePrefix:
			p.Open = append(p.Open, b.open(entry))
		case subject.CertificatePrefix:
			c := &privacyv1.Erasure{}
			if err = proto.Unmarshal(entry.Value, c); err == nil {
				p.Done = append(p.Done, c)
			}
		case subject.HoldPrefix:
			h := &privacyv1.Hold{}
			if err = proto.Unmarshal(entry.Value, h); err == nil {
				p.Holds = append(p.Holds, h)
			}
		}
		if err != nil {
			failed = err
		}
	})
	if err == nil {
		err = failed
	}
	return p, fault.Wrap(err, "reading the erasures")
}

// Until is when the threads were closed that were erased or are about to be, ms
// since 1970 UTC, by fingerprint: what was written before must not come back.
func (b *Book) Until(ctx context.Context) (map[string]int64, error) {
	until := map[string]int64{}
	err := b.Bucket.Each(ctx, func(entry bus.Entry) {
		for f, ms := range b.UntilOf(entry) {
			until[f] = max(until[f], ms)
		}
	})
	return until, fault.Wrap(err, "reading the erasures")
}

// UntilOf is what one entry of the book adds to Until.
func (b *Book) UntilOf(entry bus.Entry) map[string]int64 {
	e, until := &privacyv1.Erasure{}, map[string]int64{}
	switch kindOf(entry.Key) {
	case subject.CertificatePrefix:
		if entry.Value != nil && proto.Unmarshal(entry.Value, e) == nil {
			for _, f := range e.GetFingerprints() {
				until[f] = Before(e)
			}
		}
	case subject.ErasurePrefix:
		if entry.Value == nil {
			break
		}
		e = b.open(entry)
		if e.GetStep() <= privacyv1.Step_STEP_CLOSE {
			break // nothing is closed yet
		}
		for _, t := range e.GetThreads() {
			until[b.OfThread(subject.Thread{Page: t.GetPage(), PSID: t.GetPsid()})] = Before(e)
		}
	}
	return until
}

// Answer tells whoever asked through Meta how far an order is; nothing when nobody
// did. What is done about a request does not need Meta's id of the person any more.
func (b *Book) Answer(ctx context.Context, e *privacyv1.Erasure, state privacyv1.State) error {
	if e.GetRequest() == "" {
		return nil
	}
	for {
		r, revision, err := b.Request(ctx, e.GetRequest())
		if err != nil {
			return err
		}
		if r.GetState() == state && r.GetErasure() == e.GetId() {
			return nil
		}
		r.State, r.Erasure = state, e.GetId()
		if state == privacyv1.State_STATE_ERASED {
			r.User = ""
		}
		if err := b.PutRequest(ctx, r, revision); !fault.Is(err, fault.Conflict) || ctx.Err() != nil {
			return err
		}
	}
}

// Request reads what Meta passed on, by its code.
func (b *Book) Request(ctx context.Context, code string) (*privacyv1.Request, uint64, error) {
	entry, err := b.Bucket.Get(ctx, subject.RequestKey(code))
	if fault.Is(err, fault.NotFound) {
		return nil, 0, fault.New(fault.NotFound, "REQUEST_UNKNOWN", "there is no request with this code; see `parleyctl privacy requests`")
	}
	if err != nil {
		return nil, 0, err
	}
	r := &privacyv1.Request{}
	return r, entry.Revision, fault.Wrap(proto.Unmarshal(entry.Value, r), "reading a request")
}

// PutRequest keeps a request that was read at a revision.
func (b *Book) PutRequest(ctx context.Context, r *privacyv1.Request, revision uint64) error {
	value, err := proto.Marshal(r)
	if err != nil {
		return fault.Wrap(err, "encoding a request")
	}
	return b.Bucket.Write(ctx, bus.Write{Key: subject.RequestKey(r.GetCode()), Value: value, Revision: revision})
}

// Drop takes away an order that was stopped.
func (b *Book) Drop(ctx context.Context, id string) error {
	return b.Bucket.EraseKeys(ctx, subject.ErasureKey(id))
}
