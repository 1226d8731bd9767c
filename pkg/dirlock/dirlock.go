// Package dirlock keeps a folder to one process at a time.
package dirlock

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/settings"
)

// Take makes dir when it is missing and locks it until the lock is closed.
// While another process has it, the refusal names that process and how to
// choose another folder, by the setting that chose this one. The lock is the
// kernel's, so it dies with the process; the pid in the file is for the message
// only. Whatever shares a folder takes different names.
func Take(dir, name, setting string) (io.Closer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fault.Wrap(err, "make the folder of %s", setting)
	}
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fault.Wrap(err, "open the lock of %s", setting)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		defer func() { _ = f.Close() }()
		holder, _ := io.ReadAll(io.LimitReader(f, 32))
		return nil, fault.New(fault.Precondition, "DATA_DIR_IN_USE", "%s: folder %s is in use by process %s; stop that process, or choose another folder with %s",
			setting, dir, strings.TrimSpace(string(holder)), settings.Ways(setting))
	}
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		_ = f.Close()
		return nil, fault.Wrap(err, "lock the folder of %s", setting)
	}
	return f, nil
}
