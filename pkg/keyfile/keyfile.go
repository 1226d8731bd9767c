// Package keyfile reads files that hold a key or a password and nothing else.
package keyfile

import (
	"bytes"
	"io"
	"os"

	"github.com/parley-desk/parley/pkg/fault"
)

// mostOfFile is more than a key or a password has.
const mostOfFile = 64 << 10

// Read reads the secret in a file that a setting names, without the white
// space around it. A file that its group or the world may read is refused (SC5):
// whoever could read it may have.
func Read(setting, path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.Wrap(err, "reading the file of %s", setting)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, fault.Wrap(err, "reading the file of %s", setting)
	}
	if mode := info.Mode(); !mode.IsRegular() || mode.Perm()&0o077 != 0 {
		return nil, fault.New(fault.Precondition, "SECRET_EXPOSED",
			"%s, the file of %s, has mode %v and others could read it; replace what is in it if they might have, then run chmod 600 %s", path, setting, mode, path)
	}
	data, err := io.ReadAll(io.LimitReader(f, mostOfFile))
	if err != nil {
		return nil, fault.Wrap(err, "reading the file of %s", setting)
	}
	if data = bytes.TrimSpace(data); len(data) == 0 {
		return nil, fault.New(fault.Invalid, "SECRET_EMPTY", "%s, the file of %s, is empty", path, setting)
	}
	return data, nil
}
