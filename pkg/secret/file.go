package secret

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/parley-desk/parley/pkg/fault"
)

const (
	keysetMode = 0o600
	folderMode = 0o700
	othersMask = 0o077
)

// file is the keyset on disk: two Tink keysets in clear JSON, guarded by the
// mode of the file. The operator keeps it on an encrypted volume or mounts it
// from the platform's secret store.
type file struct {
	Seal   json.RawMessage `json:"seal"`
	Derive json.RawMessage `json:"derive"`
}

// Open reads the keyset of path, making one with mode 0600 when create is set
// and there is none. Processes that create at the same time agree on one. A
// file that its group or the world may read is refused (SS1, SC5): whoever
// could read it may have.
func Open(path string, create bool) (*Box, error) {
	from := &source{path: path}
	k, err := from.read()
	if create && errors.Is(err, fs.ErrNotExist) {
		if err = write(path); err == nil {
			k, err = from.read()
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

func read(path string) (keys, error) {
	f, err := os.Open(path)
	if err != nil {
		return keys{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return keys{}, err
	}
	if mode := info.Mode(); !mode.IsRegular() || mode.Perm()&othersMask != 0 {
		return keys{}, fault.New(fault.Precondition, "KEYSET_EXPOSED",
			"%s has mode %v and others could read it; replace the keys if they might have, then run chmod 600 %s", path, mode, path)
	}
	var parts file
	dec := json.NewDecoder(f)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&parts); err != nil {
		return keys{}, fmt.Errorf("not a keyset file: %w", err)
	}
	seal, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(parts.Seal)))
	if err != nil {
		return keys{}, fmt.Errorf("sealing key: %w", err)
	}
	derive, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(parts.Derive)))
	if err != nil {
		return keys{}, fmt.Errorf("deriving key: %w", err)
	}
	return keys{seal: seal, derive: derive}, nil
}

// write puts a new keyset at path unless one is there by now. The file appears
// whole and on disk or not at all: it is written aside, then linked.
func write(path string) error {
	k, err := newKeys()
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, folderMode); err != nil {
		return err
	}
	return k.put(dir, func(aside string) error {
		if err := os.Link(aside, path); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		return nil
	})
}

// put writes the keyset to a file aside in dir, which name then gives its name.
func (k keys) put(dir string, name func(aside string) error) error {
	data, err := k.encode()
	if err != nil {
		return err
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

func (k keys) encode() ([]byte, error) {
	seal, err := encoded(k.seal)
	if err != nil {
		return nil, err
	}
	derive, err := encoded(k.derive)
	if err != nil {
		return nil, err
	}
	return json.MarshalIndent(file{Seal: seal, Derive: derive}, "", "  ")
}

func encoded(h *keyset.Handle) (json.RawMessage, error) {
	var buf bytes.Buffer
	if err := insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(&buf)); err != nil {
		return nil, fmt.Errorf("writing a key: %w", err)
	}
	return buf.Bytes(), nil
}
