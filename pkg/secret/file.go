package secret

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/parley-desk/parley/pkg/fault"
)

const (
	keysetMode = 0o600
	folderMode = 0o700
	othersMask = 0o077
)

// file is the keyset on disk: two Tink keysets in JSON, wrapped with a key that
// is kept elsewhere or in clear, where the mode of the file guards them and the
// operator keeps it on an encrypted volume or mounts it from the platform's
// secret store.
type file struct {
	WrappedBy string          `json:"wrapped_by,omitempty"` // URI of the key; empty: in clear
	Seal      json.RawMessage `json:"seal"`
	Derive    json.RawMessage `json:"derive"`
}

// Open is OpenWrapped for a keyset in clear.
func Open(path string, create bool) (*Box, error) {
	return OpenWrapped(context.Background(), path, create, nil)
}

// OpenWrapped reads the keyset of path, making one with mode 0600 when create
// is set and there is none. Processes that create at the same time agree on
// one. A file that its group or the world may read is refused (SS1, SC5):
// whoever could read it may have.
//
// With a wrap a new file is wrapped. One that is in clear is taken too, so that
// Rewrap can follow when every process is set; Wrapped tells. It blocks while
// the KMS is asked, a few seconds at most.
func OpenWrapped(ctx context.Context, path string, create bool, wrap Wrap) (*Box, error) {
	from := &source{path: path, wrap: wrap}
	k, err := from.read(ctx)
	if create && errors.Is(err, fs.ErrNotExist) {
		if err = write(ctx, path, wrap); err == nil {
			k, err = from.read(ctx)
		}
	}
	if err != nil {
		return nil, unopened(path, err)
	}
	return newBox(from, k)
}

func unopened(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &fault.Error{Kind: fault.NotFound, Reason: "KEYSET_MISSING", Cause: err,
			Message: fmt.Sprintf("there is no keyset at %s; restore it, or let a new deployment create one", path)}
	}
	return fault.Wrap(err, "opening the keyset %s", path)
}

// read reads the file and tells whether it was wrapped.
func read(ctx context.Context, path string, wrap Wrap) (k keys, wrapped bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return keys{}, false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return keys{}, false, err
	}
	if mode := info.Mode(); !mode.IsRegular() || mode.Perm()&othersMask != 0 {
		return keys{}, false, fault.New(fault.Precondition, "KEYSET_EXPOSED",
			"%s has mode %v and others could read it; replace the keys if they might have, then run chmod 600 %s", path, mode, path)
	}
	return decode(ctx, f, wrap)
}

func decode(ctx context.Context, from io.Reader, wrap Wrap) (k keys, wrapped bool, err error) {
	var parts file
	dec := json.NewDecoder(from)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&parts); err != nil {
		return keys{}, false, fmt.Errorf("not a keyset file: %w", err)
	}
	switch {
	case parts.WrappedBy == "":
		wrap = nil
	case wrap == nil:
		return keys{}, true, fault.New(fault.Precondition, WrongWrap, "it is wrapped with %q; set secrets.kms.key, or name that with --from of `parley keyset wrap`", parts.WrappedBy)
	case wrap.Name() != parts.WrappedBy:
		// The file is not believed where to send the token to.
		return keys{}, true, fault.New(fault.Precondition, WrongWrap, "it is wrapped with %q and secrets.kms.key is %q; set that, or move it with `parley keyset wrap --from`", parts.WrappedBy, wrap.Name())
	}
	ctx, cancel := context.WithTimeout(ctx, wrapLimit)
	defer cancel()
	if k.seal, err = readKeyset(ctx, parts.Seal, wrap); err != nil {
		return keys{}, wrap != nil, fault.Wrap(err, "sealing key")
	}
	if k.derive, err = readKeyset(ctx, parts.Derive, wrap); err != nil {
		return keys{}, wrap != nil, fault.Wrap(err, "deriving key")
	}
	return k, wrap != nil, nil
}

// write puts a new keyset at path unless one is there by now. The file appears
// whole and on disk or not at all: it is written aside, then linked.
func write(ctx context.Context, path string, wrap Wrap) error {
	k, err := newKeys()
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, folderMode); err != nil {
		return err
	}
	return k.put(ctx, dir, wrap, func(aside string) error {
		if err := os.Link(aside, path); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		return nil
	})
}

// put writes the keyset to a file aside in dir, which name then gives its name.
func (k keys) put(ctx context.Context, dir string, wrap Wrap, name func(aside string) error) error {
	data, err := k.encode(ctx, wrap)
	if err != nil {
		return err
	}
	if _, _, err := decode(ctx, bytes.NewReader(data), wrap); err != nil {
		return fault.Wrap(err, "unwrapping what was just wrapped")
	}
	aside, err := os.CreateTemp(dir, ".keyset-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(aside.Name())
	_, err = aside.Write(data)
	err = errors.Join(err, aside.Chmod(keysetMode), aside.Sync(), aside.Close())
	if err != nil {
		return err
	}
	if err := name(aside.Name()); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes the new name in dir survive a crash.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (k keys) encode(ctx context.Context, wrap Wrap) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, wrapLimit)
	defer cancel()
	var parts file
	if wrap != nil {
		parts.WrappedBy = wrap.Name()
	}
	var err error
	if parts.Seal, err = writeKeyset(ctx, k.seal, wrap); err != nil {
		return nil, fault.Wrap(err, "writing the sealing key")
	}
	if parts.Derive, err = writeKeyset(ctx, k.derive, wrap); err != nil {
		return nil, fault.Wrap(err, "writing the deriving key")
	}
	return json.MarshalIndent(parts, "", "  ")
}
