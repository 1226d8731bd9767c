package erasure

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/parley-desk/parley/pkg/fault"
	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
)

const shelfSuffix = ".certificate.json"

// Shelf is a folder of certificates beside the log: whoever restores an older log
// learns from it who is erased since. Empty: there is none.
type Shelf string

// Put keeps a certificate, on disk when it returns. It may be repeated.
func (s Shelf) Put(c *privacyv1.Erasure) error {
	if s == "" {
		return nil
	}
	if err := s.put(c); err != nil {
		return &fault.Error{Kind: fault.Unavailable, Reason: "SHELF_AWAY",
			Message: "the certificate cannot be kept in " + string(s) + ", which attachment.certificates names; make the folder writable", Cause: err}
	}
	return nil
}

func (s Shelf) put(c *privacyv1.Erasure) error {
	data, err := protojson.MarshalOptions{Multiline: true}.Marshal(c)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(string(s), 0o700); err != nil {
		return err
	}
	name := filepath.Join(string(s), filepath.Base(c.GetId())+shelfSuffix)
	f, err := os.OpenFile(name+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(data, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(name+".new", name); err != nil {
		return err
	}
	d, err := os.Open(string(s))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Shelve puts on a shelf what was erased while there was none. It may be broken off
// and repeated, and does nothing without a shelf.
func (b *Book) Shelve(ctx context.Context, s Shelf) error {
	if s == "" {
		return nil
	}
	page, err := b.Read(ctx)
	if err != nil {
		return err
	}
	for _, c := range Unshelved(page.Done) {
		if !b.Genuine(c) {
			continue // it would be refused by a restore, and is named by whoever reads it
		}
		c.Shelved = true
		c.Seal = b.seal(c)
		if err := s.Put(c); err != nil {
			return err
		}
		if err := b.Keep(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// Unshelved are the certificates of which a restore would not learn, whoever they are
// about being back after it. What workstreams let go of is let go of again by itself.
func Unshelved(done []*privacyv1.Erasure) []*privacyv1.Erasure {
	return slices.DeleteFunc(slices.Clone(done), func(c *privacyv1.Erasure) bool {
		return c.GetShelved() || c.GetWay() == privacyv1.Way_WAY_RETENTION
	})
}

// All reads every certificate.
func (s Shelf) All() (all []*privacyv1.Erasure, _ error) {
	entries, err := os.ReadDir(string(s))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), shelfSuffix) {
			continue
		}
		data, err := os.ReadFile(filepath.Join(string(s), e.Name()))
		if err != nil {
			return nil, err
		}
		c := &privacyv1.Erasure{}
		if err := protojson.Unmarshal(data, c); err != nil {
			return nil, fault.New(fault.Invalid, "CERTIFICATE_DAMAGED", "%s in %s is no certificate; it must be as it was written", e.Name(), string(s))
		}
		all = append(all, c)
	}
	return all, nil
}
