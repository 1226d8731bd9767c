// Package backup is how a copy of a house lies in a folder: a file for each stream,
// in the broker's own form and sealed, and a manifest that says what each must be; and
// how the keys of such copies lie in another folder.
//
// # Guarantees
//
// The manifest is written last, when every file is on disk: a folder without one is
// no backup, whoever was killed at which moment, and the same command makes it one. A
// backup that is there is never written to again.
//
// A backup holds no key, and nothing of anybody in clear. Whoever is to open it needs
// the keyset of the house, and the key of this backup from the Shelf, which dies when
// the backup is forgotten (P14). The key knows the manifest, and the manifest every
// byte of the files: of a backup that anybody changed nothing is restored.
package backup

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

const (
	// Format is how backups are written by this release.
	Format = 2
	// Clear is the format of those before, whose files are not sealed.
	Clear        = 1
	manifestName = "manifest.json"
	suffix       = ".stream"
	maxManifest  = 16 << 20
	tries        = 3 // for a stream, when whoever gives it breaks off
)

// Manifest says what a backup holds.
type Manifest struct {
	Format     int    `json:"format"`
	ID         string `json:"id"`
	House      string `json:"house"`       // version of the program that gave it
	BeganMS    int64  `json:"began_ms"`    // of which moment it is at the least, ms since 1970 UTC
	EndedMS    int64  `json:"ended_ms"`    // when it was whole, ms since 1970 UTC
	Partitions int    `json:"partitions"`  // of the log
	Keyset     string `json:"keyset"`      // what only the keyset of the house makes of the id, hex
	AuditSeal  string `json:"audit_seal"`  // of the newest record of the audit when the backup began
	AuditEnd   uint64 `json:"audit_end"`   // its number
	FilesApart bool   `json:"files_apart"` // new files are in a bucket, which has to have a backup of its own
	Streams    []File `json:"streams"`     // in the order in which they were copied
	Sum        []byte `json:"-"`           // SHA-256 of the manifest as it was read
}

// File is the copy of one stream.
type File struct {
	Stream string          `json:"stream"`
	File   string          `json:"file"`
	Bytes  int64           `json:"bytes"`
	SHA256 string          `json:"sha256"` // hex
	Config json.RawMessage `json:"config"`
	State  json.RawMessage `json:"state"`
}

// Records is how many records a stream had.
func (f File) Records() uint64 {
	var state struct {
		Messages uint64 `json:"messages"`
	}
	_ = json.Unmarshal(f.State, &state) // only to be shown
	return state.Messages
}

// Sealer is the part of secret.Box that tells one keyset from another.
type Sealer interface {
	MAC(purpose string, data []byte) []byte
}

// KeysetOf is what only a keyset makes of the id of a backup.
func KeysetOf(s Sealer, id string) []byte { return s.MAC("backup.keyset", []byte(id)) }

// Source is a house that is copied.
type Source interface {
	// Begin notes that somebody makes a backup, and says all but the streams; those
	// are named, in the order in which they have to be copied.
	Begin(ctx context.Context) (m Manifest, streams []string, err error)
	// Copy reads one stream as bus.CopyStream does, sealed for the backup.
	Copy(ctx context.Context, id, stream string, head func(config, state json.RawMessage) error, data func([]byte) error) error
	// Finish says that the backup is whole, and the SHA-256 of its manifest.
	Finish(ctx context.Context, id string, manifest []byte) error
}

// Create copies a house into a folder, which it makes. What an earlier try has left
// there is written anew; told hears of each stream when it is copied.
func Create(ctx context.Context, dir string, from Source, nowMS func() int64, told func(File)) (Manifest, error) {
	if err := room(dir); err != nil {
		return Manifest{}, err
	}
	m, streams, err := from.Begin(ctx)
	if err != nil {
		return Manifest{}, err
	}
	m.Format, m.Streams = Format, nil
	for i, stream := range streams {
		f := File{Stream: stream, File: fmt.Sprintf("%03d-%s%s", i, stream, suffix)}
		for try := 1; ; try++ {
			err := f.fetch(ctx, dir, m.ID, from)
			if err == nil {
				break
			}
			if try == tries || ctx.Err() != nil {
				return Manifest{}, fmt.Errorf("stream %s: %w", stream, err)
			}
		}
		m.Streams = append(m.Streams, f)
		told(f)
	}
	m.EndedMS = nowMS()
	return m, m.write(dir, func(sum []byte) error { return from.Finish(ctx, m.ID, sum) })
}

// room has a folder in which nothing is but what an earlier try has left.
func room(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries { // all, before any is removed
		switch name := e.Name(); {
		case name == manifestName:
			return fmt.Errorf("%s holds a backup already; name another folder", dir)
		case !strings.HasSuffix(name, suffix) && name != manifestName+".new":
			return fmt.Errorf("%s holds %s, which is of no backup; name an empty folder, or one that is not there", dir, name)
		}
	}
	for _, e := range entries {
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// fetch copies one stream, from its beginning.
func (f *File) fetch(ctx context.Context, dir, id string, from Source) (err error) {
	to, err := os.OpenFile(filepath.Join(dir, f.File), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	sum := sha256.New()
	f.Bytes = 0
	err = from.Copy(ctx, id, f.Stream, func(config, state json.RawMessage) error {
		f.Config, f.State = config, state
		return nil
	}, func(data []byte) error {
		f.Bytes += int64(len(data))
		_, _ = sum.Write(data) // never fails
		_, err := to.Write(data)
		return err
	})
	if err != nil {
		return err
	}
	f.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return to.Sync()
}

// write makes the folder a backup, once the house knows it by its manifest.
func (m Manifest) write(dir string, known func(sum []byte) error) error {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	data = append(data, '\n')
	sum := sha256.Sum256(data)
	return put(dir, manifestName, data, func() error { return known(sum[:]) })
}

// put has a file with a name, whole and on disk, or as it was before; then is what has
// to be done before it gets the name, if anything has.
func put(dir, name string, data []byte, then func() error) error {
	fresh := filepath.Join(dir, name+".new")
	to, err := os.OpenFile(fresh, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = to.Write(data)
	err = errors.Join(err, to.Sync(), to.Close())
	if err == nil {
		err = syncDir(dir) // the names of what is there, before the one that counts
	}
	if err == nil && then != nil {
		err = then()
	}
	if err == nil {
		err = os.Rename(fresh, filepath.Join(dir, name))
	}
	if err == nil {
		err = syncDir(dir)
	}
	return err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Read reads the manifest of a backup.
func Read(dir string) (Manifest, error) {
	var m Manifest
	f, err := os.Open(filepath.Join(dir, manifestName))
	if errors.Is(err, os.ErrNotExist) {
		return m, fmt.Errorf("%s holds no backup that was finished: there is no %s in it", dir, manifestName)
	}
	if err != nil {
		return m, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxManifest))
	if err = errors.Join(err, f.Close()); err != nil {
		return m, err
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, fmt.Errorf("%s of %s cannot be read: %w", manifestName, dir, err)
	}
	if m.Format != Format && m.Format != Clear {
		return m, fmt.Errorf("the backup in %s is of format %d; this release reads %d and %d", dir, m.Format, Clear, Format)
	}
	sum := sha256.Sum256(data)
	m.Sum = sum[:]
	return m, nil
}

// Verify holds every file of a backup against what the manifest says of it, and
// tells everything that is wrong.
func Verify(ctx context.Context, dir string) (Manifest, error) {
	m, err := Read(dir)
	if err != nil {
		return m, err
	}
	var wrong []error
	for _, f := range m.Streams {
		if err := f.verify(ctx, dir); err != nil {
			wrong = append(wrong, err)
		}
		if ctx.Err() != nil {
			return m, ctx.Err()
		}
	}
	return m, errors.Join(wrong...)
}

func (f File) verify(ctx context.Context, dir string) error {
	if f.File != filepath.Base(f.File) {
		return fmt.Errorf("%s: is not a name in the folder of the backup", f.File)
	}
	from, err := os.Open(filepath.Join(dir, f.File))
	if err != nil {
		return err
	}
	sum := sha256.New()
	n, err := io.Copy(sum, &until{ctx, from})
	switch err = errors.Join(err, from.Close()); {
	case err != nil:
		return fmt.Errorf("%s: %w", f.File, err)
	case n != f.Bytes:
		return fmt.Errorf("%s: has %d bytes and must have %d", f.File, n, f.Bytes)
	case !hmac.Equal([]byte(digest(sum)), []byte(f.SHA256)):
		return fmt.Errorf("%s: is not what was written: SHA-256 is %s and must be %s", f.File, digest(sum), f.SHA256)
	}
	return nil
}

func digest(h interface{ Sum([]byte) []byte }) string { return hex.EncodeToString(h.Sum(nil)) }

// until is a reader that ends with its context.
type until struct {
	ctx context.Context
	io.Reader
}

func (u *until) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.Reader.Read(p)
}

// Open reads the file of a stream.
func (f File) Open(dir string) (io.ReadCloser, error) { return os.Open(filepath.Join(dir, f.File)) }
