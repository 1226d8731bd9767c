package secret

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/parley-desk/parley/pkg/fault"
)

// Reasons of the faults of a rotation.
const (
	// ReadOnly is the reason when this process may not write the keyset.
	ReadOnly = "KEYSET_READ_ONLY"
	// KeyUnknown is the reason when the keyset has no such key.
	KeyUnknown = "KEY_UNKNOWN"
	// KeyInUse is the reason when a key is still needed.
	KeyInUse = "KEY_IN_USE"
)

// Key is a sealing key without what it is made of.
type Key struct {
	ID      uint32
	Primary bool // seals; the others only open
}

// KeyOf tells which key sealed s; 0 when nothing is sealed.
func KeyOf(sealed []byte) uint32 {
	const prefix = 5 // a version byte and the id of the key, as Tink writes them
	if len(sealed) < prefix {
		return 0
	}
	return binary.BigEndian.Uint32(sealed[1:prefix])
}

// Keys are the sealing keys, the oldest first, as the file has them now.
func (b *Box) Keys() ([]Key, error) {
	if _, err := b.refresh(); err != nil {
		return nil, err
	}
	return b.open.Load().keys.list(), nil
}

func (k keys) list() (all []Key) {
	info := k.seal.KeysetInfo()
	for _, one := range info.GetKeyInfo() {
		all = append(all, Key{ID: one.GetKeyId(), Primary: one.GetKeyId() == info.GetPrimaryKeyId()})
	}
	return all
}

// Rotate adds a new key to the keyset and to its file, and seals with it from
// now on; so do other processes over the same file. The older keys stay.
func (b *Box) Rotate() error {
	return b.edit(func(m *keyset.Manager, _ keys) error {
		id, err := m.Add(aead.AES256GCMKeyTemplate())
		if err != nil {
			return fault.Wrap(err, "adding a key")
		}
		return m.SetPrimary(id)
	})
}

// Retire removes a key from the keyset and from its file. The caller knows that
// it sealed nothing that is still needed. The primary key cannot be removed.
func (b *Box) Retire(id uint32) error {
	return b.edit(func(m *keyset.Manager, k keys) error {
		for _, key := range k.list() {
			switch {
			case key.ID == id && key.Primary:
				return fault.New(fault.Precondition, KeyInUse, "key %d is the one that secrets are sealed with; rotate first", id)
			case key.ID == id:
				return m.Delete(id)
			}
		}
		return fault.New(fault.NotFound, KeyUnknown, "there is no key %d", id)
	})
}

// edit changes the sealing keys of the file as it is now, one process after the
// other, and takes the result.
func (b *Box) edit(change func(*keyset.Manager, keys) error) error {
	return b.source.locked(func() error {
		if _, err := b.refresh(); err != nil {
			return err
		}
		k := b.open.Load().keys
		m := keyset.NewManagerFromHandle(k.seal)
		if err := change(m, k); err != nil {
			return err
		}
		seal, err := m.Handle()
		if err != nil {
			return fault.Wrap(err, "changing the keyset")
		}
		k.seal = seal
		if err := b.source.replace(k); err != nil {
			return err
		}
		return b.take(k)
	})
}

// source is the file of a keyset; without a path the keyset is only in memory.
type source struct {
	path string
	wrap Wrap        // nil: in clear
	turn sync.Mutex  // of whoever looks at the file
	seen os.FileInfo // the file that was read last

	wrapped bool  // the file that was read last was
	failed  error // the KMS was away when the file was read last
	until   time.Time
}

// awayFor is how long a KMS that was away is not asked again.
const awayFor = time.Second

// read reads the file, noting which one it was before: one that is replaced
// meanwhile is read again the next time.
func (s *source) read(ctx context.Context) (keys, error) {
	info, err := os.Stat(s.path)
	if err != nil {
		return keys{}, err
	}
	k, wrapped, err := read(ctx, s.path, s.wrap)
	if err == nil {
		s.seen, s.wrapped = info, wrapped
	}
	return k, err
}

// again reads the file when it is another one than was read last, else nil.
func (s *source) again() (*keys, error) {
	if s.path == "" {
		return nil, nil
	}
	s.turn.Lock()
	defer s.turn.Unlock()
	info, err := os.Stat(s.path)
	if err == nil && os.SameFile(info, s.seen) && info.Size() == s.seen.Size() && info.ModTime().Equal(s.seen.ModTime()) {
		return nil, nil
	}
	if s.failed != nil && time.Now().Before(s.until) {
		return nil, s.failed
	}
	k, err := s.read(context.Background())
	s.failed = nil
	if err != nil {
		err = unopened(s.path, err)
		if fault.Is(err, fault.Unavailable) {
			s.failed, s.until = err, time.Now().Add(awayFor)
		}
		return nil, err
	}
	return &k, nil
}

// replace puts k in the place of the file, whole or not at all, wrapped as the
// one before was.
func (s *source) replace(k keys) error {
	if s.path == "" {
		return nil
	}
	var wrap Wrap
	s.turn.Lock()
	if s.wrapped {
		wrap = s.wrap
	}
	s.turn.Unlock()
	err := k.put(context.Background(), filepath.Dir(s.path), wrap, func(aside string) error { return os.Rename(aside, s.path) })
	if err != nil && fault.KindOf(err) != fault.Internal { // of the wrap, not of the disk
		return err
	}
	if err != nil {
		return &fault.Error{Kind: fault.Precondition, Reason: ReadOnly, Cause: err,
			Message: "the keyset " + s.path + " cannot be replaced by this process; let it write that folder, or run `parley keyset rotate` where it may be written"}
	}
	return nil
}

// locked runs work while no other process changes a keyset in that folder.
func (s *source) locked(work func() error) error {
	if s.path == "" {
		s.turn.Lock()
		defer s.turn.Unlock()
		return work()
	}
	dir, err := os.Open(filepath.Dir(s.path))
	if err != nil {
		return fault.Wrap(err, "opening the folder of the keyset")
	}
	err = syscall.Flock(int(dir.Fd()), syscall.LOCK_EX)
	if err == nil {
		err = work()
	}
	return errors.Join(err, dir.Close()) // which gives up the lock
}
