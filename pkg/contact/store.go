package contact

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// Reasons of what cannot be done.
const (
	Unknown       = "CONTACT_UNKNOWN"       // no contact has this id
	Changed       = "CONTACT_CHANGED"       // it is not as it was read
	ExternalTaken = "EXTERNAL_ID_TAKEN"     // another contact has this external id
	Merged        = "CONTACT_MERGED"        // it stands for itself no more
	NotMerged     = "CONTACT_NOT_MERGED"    // there is nothing to undo
	Full          = "CONTACT_FULL"          // it took in as many as it may
	Itself        = "CONTACT_MERGES_ITSELF" // a contact cannot take itself in
)

// Bucket is the part of bus.Bucket that holds contacts.
type Bucket interface {
	Get(ctx context.Context, key string) (bus.Entry, error)
	Write(ctx context.Context, writes ...bus.Write) error
	Watch(ctx context.Context, ready func(), handle func(bus.Entry)) error
}

// Store reads and changes contacts. It keeps nothing, so any number of processes
// may have one.
type Store struct {
	Bucket Bucket
	Now    func() time.Time
}

// Open is the store of the house.
func Open(b *bus.Bus, now func() time.Time) *Store {
	return &Store{Bucket: b.Bucket(subject.ContactBucket), Now: now}
}

// Deed is who asks for a change, and by which request. Etag is what the contact
// was read at; empty for whatever it is.
type Deed struct {
	By      string // "agents/<id>", or a caller of the admin API
	Request string // the same again changes nothing; may be empty
	Etag    string
}

// Get reads a record, its contact with an etag.
func (s *Store) Get(ctx context.Context, id string) (*contactv1.Record, error) {
	r, _, err := s.read(ctx, id)
	return r, err
}

func (s *Store) read(ctx context.Context, id string) (*contactv1.Record, uint64, error) {
	if _, err := ParseID(id); err != nil {
		return nil, 0, unknown(id)
	}
	e, err := s.Bucket.Get(ctx, subject.ContactKey(id))
	if fault.Is(err, fault.NotFound) {
		return nil, 0, unknown(id)
	}
	if err != nil {
		return nil, 0, fault.Wrap(err, "reading a contact")
	}
	r, err := decode(e)
	return r, e.Revision, err
}

func unknown(string) error {
	return fault.New(fault.NotFound, Unknown, "there is no such contact; it may have been deleted")
}

// decode reads a record out of its entry.
func decode(e bus.Entry) (*contactv1.Record, error) {
	r := &contactv1.Record{}
	if err := proto.Unmarshal(e.Value, r); err != nil || subject.ContactKey(r.GetContact().GetId()) != e.Key {
		return nil, fault.New(fault.Internal, "CONTACT_DAMAGED", "key %s holds no record of a contact", e.Key)
	}
	r.Contact.Etag = strconv.FormatUint(e.Revision, 10)
	return r, nil
}

// External reads the contact with an external id.
func (s *Store) External(ctx context.Context, external string) (*contactv1.Record, error) {
	e, err := s.Bucket.Get(ctx, subject.ExternalKey(hashed(norm.NFC.String(strings.TrimSpace(external)))))
	if fault.Is(err, fault.NotFound) {
		return nil, fault.New(fault.NotFound, Unknown, "no contact has this external id")
	}
	if err != nil {
		return nil, fault.Wrap(err, "reading an external id")
	}
	return s.Get(ctx, string(e.Value))
}

// hashed is an external id as a key has it: whoever is forgotten leaves no name
// in a key.
func hashed(external string) string {
	sum := sha256.Sum256([]byte(external))
	return hex.EncodeToString(sum[:16])
}

// mostHops is how many merges after each other are followed.
const mostHops = 32

// Resolve reads who a contact is now: itself, or what it was merged into.
func (s *Store) Resolve(ctx context.Context, id string) (*contactv1.Contact, error) {
	r, err := s.Standing(ctx, id)
	return r.GetContact(), err
}

// Standing is Resolve for the whole record.
func (s *Store) Standing(ctx context.Context, id string) (*contactv1.Record, error) {
	for range mostHops {
		r, err := s.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		if id = r.GetContact().GetMergedInto(); id == "" {
			return r, nil
		}
	}
	return nil, fault.New(fault.Internal, "CONTACT_DAMAGED", "a contact was merged more than %d times over", mostHops)
}

// Family are the ids of a contact and of whatever it took in, and those took in:
// itself first, up to most.
func (s *Store) Family(ctx context.Context, r *contactv1.Record, most int) ([]string, error) {
	ids, next := []string{r.GetContact().GetId()}, []*contactv1.Record{r}
	for len(next) > 0 {
		r, next = next[0], next[1:]
		for _, m := range r.GetMerges() {
			if len(ids) == most {
				return ids, nil
			}
			ids = append(ids, m.GetContact())
			other, err := s.Get(ctx, m.GetContact())
			if fault.Is(err, fault.NotFound) {
				continue // of a deletion that was cut
			}
			if err != nil {
				return nil, err
			}
			next = append(next, other)
		}
	}
	return ids, nil
}

// Create makes a contact.
func (s *Store) Create(ctx context.Context, d Deed, c *contactv1.Contact) (*contactv1.Contact, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	made := &contactv1.Contact{}
	if err := Assign(made, c, Fields); err != nil {
		return nil, err
	}
	writes, err := s.created(d, made)
	if err != nil {
		return nil, err
	}
	err = s.Bucket.Write(ctx, writes...)
	if !fault.Is(err, fault.Conflict) {
		if err != nil {
			return nil, fault.Wrap(err, "storing a contact")
		}
		return s.shown(ctx, made.Id)
	}
	if there, _, gone := s.read(ctx, made.Id); gone == nil && done(there, d.By, d.Request, contactv1.Deed_DEED_CREATED) {
		return there.GetContact(), nil
	}
	return nil, s.taken(ctx, made, err)
}

// created makes a contact of what somebody wrote, and gives what to write.
func (s *Store) created(d Deed, made *contactv1.Contact) ([]bus.Write, error) {
	if err := Clean(made); err != nil {
		return nil, err
	}
	made.Id, made.CreatedMs = newID(d), s.Now().UnixMilli()
	r := &contactv1.Record{Contact: made}
	note(r, change(s.Now(), d.By, d.Request), contactv1.Deed_DEED_CREATED, "")
	return append([]bus.Write{{Key: subject.ContactKey(made.Id), Value: encode(r)}}, reserve(made)...), nil
}

// shown reads a contact that was just written.
func (s *Store) shown(ctx context.Context, id string) (*contactv1.Contact, error) {
	r, err := s.Get(ctx, id)
	return r.GetContact(), err
}

// taken says why a contact could not be written: another one has its external id,
// or err.
func (s *Store) taken(ctx context.Context, c *contactv1.Contact, err error) error {
	if c.GetExternalId() != "" {
		if other, failed := s.External(ctx, c.GetExternalId()); failed == nil && other.GetContact().GetId() != c.GetId() {
			f := fault.New(fault.Conflict, ExternalTaken, "contact %s has this external id; change that one, or merge the two", other.GetContact().GetId())
			f.Violations = []fault.Violation{{Field: "external_id", Description: "is that of contact " + other.GetContact().GetId() + "; change that one, or merge the two"}}
			return f
		}
	}
	return changed(err)
}

func changed(err error) error {
	return &fault.Error{Kind: fault.Conflict, Reason: Changed, Message: "the contact was changed meanwhile; read it again", Cause: err}
}

// newID is a new id; of a request always the same.
func newID(d Deed) string {
	if d.Request == "" {
		return uuid.NewString()
	}
	return uuid.NewSHA1(uuid.Nil, []byte("contact\x00"+d.By+"\x00"+d.Request)).String()
}

func (d Deed) check() error {
	if utf8.RuneCountInString(d.Request) > mostRequest || !printable(d.Request, "") {
		f := fault.New(fault.Invalid, Invalid, "request_id: is no id; use at most %d printable characters", mostRequest)
		f.Violations = []fault.Violation{{Field: "request_id", Description: "is no id; use at most 100 printable characters"}}
		return f
	}
	return nil
}

// fits tells whether a record is as the deed read it.
func (d Deed) fits(revision uint64) error {
	if d.Etag != "" && d.Etag != strconv.FormatUint(revision, 10) {
		return changed(nil)
	}
	return nil
}

// encode is a record as it is stored.
func encode(r *contactv1.Record) []byte {
	stored := proto.CloneOf(r)
	stored.Contact.Etag = ""
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(stored)
	if err != nil { // only of text that is not UTF-8, which Clean refuses
		return []byte{}
	}
	return raw
}

// reserve gives the external id of c to it.
func reserve(c *contactv1.Contact) []bus.Write {
	if c.GetExternalId() == "" {
		return nil
	}
	return []bus.Write{{Key: subject.ExternalKey(hashed(c.GetExternalId())), Value: []byte(c.GetId())}}
}

// release takes the external id of c from it.
func release(c *contactv1.Contact) []bus.Write {
	if c.GetExternalId() == "" {
		return nil
	}
	return []bus.Write{{Key: subject.ExternalKey(hashed(c.GetExternalId())), Revision: bus.AnyRevision}}
}

// Update changes the fields of c that paths name.
func (s *Store) Update(ctx context.Context, d Deed, c *contactv1.Contact, paths []string) (*contactv1.Contact, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	for {
		r, revision, err := s.read(ctx, c.GetId())
		switch {
		case err != nil:
			return nil, err
		case done(r, d.By, d.Request, contactv1.Deed_DEED_UPDATED):
			return r.GetContact(), nil
		case r.GetContact().GetMergedInto() != "":
			return nil, standsNot(r.GetContact())
		}
		if err := d.fits(revision); err != nil {
			return nil, err
		}
		writes, err := s.updated(r, revision, d, c, paths)
		if err != nil || len(writes) == 0 {
			return r.GetContact(), err
		}
		err = s.Bucket.Write(ctx, writes...)
		if err == nil {
			return s.shown(ctx, c.GetId())
		}
		if !fault.Is(err, fault.Conflict) {
			return nil, fault.Wrap(err, "storing a contact")
		}
		if err = s.taken(ctx, r.GetContact(), err); d.Etag != "" || reasonOf(err) == ExternalTaken || ctx.Err() != nil {
			return nil, err
		}
	}
}

// updated changes a record and gives what to write; nothing when it is so already.
func (s *Store) updated(r *contactv1.Record, revision uint64, d Deed, c *contactv1.Contact, paths []string) ([]bus.Write, error) {
	was := proto.CloneOf(r.GetContact())
	if err := errors.Join(Assign(r.Contact, c, paths), Clean(r.Contact)); err != nil {
		return nil, err
	}
	fields := Differ(was, r.Contact)
	if len(fields) == 0 {
		return nil, nil
	}
	note(r, change(s.Now(), d.By, d.Request, fields...), contactv1.Deed_DEED_UPDATED, "")
	writes := []bus.Write{{Key: subject.ContactKey(was.GetId()), Value: encode(r), Revision: revision}}
	if slices.Contains(fields, "external_id") {
		writes = slices.Concat(writes, release(was), reserve(r.Contact))
	}
	return writes, nil
}

func standsNot(c *contactv1.Contact) error {
	return fault.New(fault.Precondition, Merged, "it was merged into contact %s; change that one, or undo the merge", c.GetMergedInto())
}

func reasonOf(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Reason
	}
	return ""
}

// ParseID packs the id of a contact.
func ParseID(id string) (ID, error) {
	u, err := uuid.Parse(id)
	if err != nil || u.String() != id {
		return ID{}, errors.New("it is no id of a contact")
	}
	return ID(u), nil
}

// String is the id as it is written.
func (id ID) String() string { return uuid.UUID(id).String() }
