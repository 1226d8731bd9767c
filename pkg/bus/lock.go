package bus

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/parley-desk/parley/pkg/fault"
)

// lockName is beside the broker's files, not among them.
const lockName = "broker.lock"

// lockDir keeps other processes off dir until the file is closed. The broker
// itself takes no lock, and two brokers on one directory destroy it. The lock
// is the kernel's, so it dies with the process; the pid in the file is for the
// message only.
func lockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fault.Wrap(err, "make the data directory")
	}
	path := filepath.Join(dir, lockName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fault.Wrap(err, "open the lock of the data directory")
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		defer func() { _ = f.Close() }()
		holder, _ := io.ReadAll(io.LimitReader(f, 32))
		return nil, fault.New(fault.Precondition, "DATA_DIR_IN_USE",
			"data directory %s is in use by process %s; stop it or choose another directory", dir, strings.TrimSpace(string(holder)))
	}
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		_ = f.Close()
		return nil, fault.Wrap(err, "lock the data directory")
	}
	return f, nil
}
