package backup

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/parley-desk/parley/pkg/fault"
)

// Reasons of the faults of keys.
const (
	// Forgotten is the reason when there is no key of a backup: it is of no use any more.
	Forgotten = "BACKUP_FORGOTTEN"
	// KeyAltered is the reason when a key is not as it was written.
	KeyAltered = "BACKUP_KEY_ALTERED"
	// NoShelf is the reason when it is not said where keys are.
	NoShelf = "BACKUP_KEYS_UNSET"
	// ShelfAway is the reason when the folder of the keys cannot be read or written.
	ShelfAway = "BACKUP_KEYS_AWAY"
)

const (
	// KeyUse is the purpose for which the keyset gives the key of a backup's streams.
	KeyUse    = "backup.key"
	recordUse = "backup.record"
	keySuffix = ".backup-key.json"
	saltBytes = 32
	maxKey    = 64 << 10
)

// Key is what the streams of one backup are opened with, together with the keyset.
// Neither opens anything without the other, so a backup whose key is destroyed is
// rubbish wherever a copy of it lies (P14).
type Key struct {
	ID       string `json:"id"`                 // of the backup, UUIDv7
	BeganMS  int64  `json:"began_ms"`           // whoever was erased before is not in it, ms since 1970 UTC
	EndedMS  int64  `json:"ended_ms,omitempty"` // when it was whole, ms since 1970 UTC; 0: it never was
	Salt     []byte `json:"salt"`               // what the key is made of
	Manifest []byte `json:"manifest,omitempty"` // SHA-256 of the manifest, of one that is whole
	Seal     []byte `json:"seal"`               // what only the keyset makes of all this
}

// NewKey makes the key of a backup that begins.
func NewKey(s Sealer, id string, beganMS int64) Key {
	k := Key{ID: id, BeganMS: beganMS, Salt: make([]byte, saltBytes)}
	_, _ = rand.Read(k.Salt) // never fails
	return k.sealed(s)
}

// Whole is the key when the backup is whole, with this manifest and no other.
func (k Key) Whole(s Sealer, endedMS int64, manifest []byte) Key {
	k.EndedMS, k.Manifest = endedMS, manifest
	return k.sealed(s)
}

func (k Key) sealed(s Sealer) Key {
	k.Seal = k.seal(s)
	return k
}

func (k Key) seal(s Sealer) []byte {
	k.Seal = nil
	data, err := json.Marshal(k)
	if err != nil {
		return nil // of numbers, bytes and a text: it cannot be
	}
	return s.MAC(recordUse, data)
}

// Genuine tells whether a key is as it was written by a house with this keyset.
func (k Key) Genuine(s Sealer) bool { return len(k.Seal) > 0 && hmac.Equal(k.Seal, k.seal(s)) }

// Material is what the keyset makes the key of the streams of, for KeyUse.
func (k Key) Material() []byte { return append([]byte(k.ID+"\x00"), k.Salt...) }

// Place is what the copy of one stream is sealed for.
func Place(id, stream string) string { return "backups/" + id + "#" + stream }

// unfinished is after how long a backup that was broken off is forgotten.
const unfinished = 7 * 24 * time.Hour

// Ends is when a backup is forgotten by itself that is kept for some days, 0 days for
// ever; the zero time: never.
func (k Key) Ends(days int) time.Time {
	switch began := time.UnixMilli(k.BeganMS); {
	case k.EndedMS == 0:
		return began.Add(unfinished)
	case days > 0:
		return began.Add(time.Duration(days) * 24 * time.Hour)
	}
	return time.Time{}
}

// Due are the keys of those that are to be forgotten by now. The newest backup that is
// whole never is: a house whose backups have stopped keeps the last one.
func Due(keys []Key, days int, now time.Time) (due []Key) {
	var newest Key
	for _, k := range keys {
		if k.EndedMS > 0 && k.BeganMS >= newest.BeganMS {
			newest = k
		}
	}
	for _, k := range keys {
		if ends := k.Ends(days); !ends.IsZero() && now.After(ends) && k.ID != newest.ID {
			due = append(due, k)
		}
	}
	return due
}

// Shelf is a folder of keys, a file for each backup: apart from the house, so that they
// outlive it, and from the backups, so that a copy of those has no key. It must not be
// copied into where things are kept for ever.
type Shelf string

// Put keeps a key, on disk when it returns; nothing stays of what stood in its place.
func (s Shelf) Put(k Key) error {
	path, err := s.path(k.ID)
	if err != nil {
		return err
	}
	data, err := json.Marshal(k)
	if err != nil {
		return fault.Wrap(err, "encoding the key of a backup")
	}
	if err := os.MkdirAll(string(s), 0o700); err != nil {
		return s.away(err)
	}
	old, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return s.away(err)
	}
	err = put(string(s), filepath.Base(path), append(data, '\n'), nil)
	if old != nil {
		if err == nil {
			err = blank(old)
		}
		err = errors.Join(err, old.Close())
	}
	return s.away(err)
}

// Get reads the key of a backup; NotFound when it is forgotten.
func (s Shelf) Get(id string) (Key, error) {
	path, err := s.path(id)
	if err != nil {
		return Key{}, err
	}
	k, err := readKey(path)
	switch {
	case errors.Is(err, os.ErrNotExist) || errors.Is(err, errBlank):
		return Key{}, s.forgotten(id)
	case errors.Is(err, errNoKey) || err == nil && k.ID != id:
		return Key{}, altered(id)
	}
	return k, s.away(err)
}

// Genuine is Get of a key that must be as it was written.
func (s Shelf) Genuine(sealer Sealer, id string) (Key, error) {
	k, err := s.Get(id)
	if err == nil && !k.Genuine(sealer) {
		err = altered(id)
	}
	return k, err
}

// All reads every key, the oldest first. Of one that cannot be read there is only the
// id, and it is not genuine.
func (s Shelf) All() (all []Key, _ error) {
	if s == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(string(s))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // it is made with the first
	}
	if err != nil {
		return nil, s.away(err)
	}
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), keySuffix)
		if !ok || uuid.Validate(id) != nil {
			continue
		}
		k, err := s.Get(id)
		switch f := (*fault.Error)(nil); {
		case fault.Is(err, fault.NotFound):
			continue
		case errors.As(err, &f) && f.Reason == KeyAltered:
			k = Key{ID: id}
		case err != nil:
			return nil, err
		}
		all = append(all, k)
	}
	return all, nil // as the folder gives them, by id, which begins with the time
}

// Forget destroys the key of a backup: it is overwritten, and then taken away. NotFound
// when there is none.
func (s Shelf) Forget(id string) error {
	path, err := s.path(id)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		return s.forgotten(id)
	}
	if err != nil {
		return s.away(err)
	}
	if err = errors.Join(blank(f), f.Close()); err == nil {
		err = os.Remove(path)
	}
	if err == nil {
		err = syncDir(string(s))
	}
	return s.away(err)
}

func (s Shelf) path(id string) (string, error) {
	if s == "" {
		return "", fault.New(fault.Precondition, NoShelf, "it is not said where the keys of backups are; set admin.backup.keys to a folder that is neither on the disks of the brokers nor with the backups")
	}
	if uuid.Validate(id) != nil || len(id) != 36 { // the form with hyphens alone, which names no other folder
		return "", s.forgotten(id)
	}
	return filepath.Join(string(s), id+keySuffix), nil
}

func (s Shelf) forgotten(id string) error {
	return fault.New(fault.NotFound, Forgotten, "there is no key of backup %q in %s: it is forgotten, or the folder is not the one that admin.backup.keys named", id, string(s))
}

func altered(id string) error {
	return fault.New(fault.Precondition, KeyAltered, "the key of backup %s is not as it was written, or is of another keyset; bring its file back, or forget it: parleyctl backup forget %s", id, id)
}

func (s Shelf) away(err error) error {
	if err == nil {
		return nil
	}
	return &fault.Error{Kind: fault.Unavailable, Reason: ShelfAway, Cause: err,
		Message: "the keys of backups in " + string(s) + ", which admin.backup.keys names, cannot be read or written; make the folder one that this process may write"}
}

var (
	errBlank = errors.New("overwritten")
	errNoKey = errors.New("no key")
)

// readKey reads a file of a key. One that was overwritten, and not yet taken away when
// the process ended, is no key any more.
func readKey(path string) (k Key, err error) {
	f, err := os.Open(path)
	if err != nil {
		return k, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxKey))
	if err = errors.Join(err, f.Close()); err != nil {
		return k, err
	}
	return parseKey(data)
}

func parseKey(data []byte) (k Key, err error) {
	if len(data) > 0 && len(bytes.Trim(data, "\x00")) == 0 {
		return k, errBlank
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if dec.Decode(&k) != nil || len(k.Salt) != saltBytes {
		return Key{}, errNoKey
	}
	return k, nil
}

// blank overwrites all of a file, on disk when it returns.
func blank(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	_, err = f.WriteAt(make([]byte, info.Size()), 0)
	return errors.Join(err, f.Sync())
}
