// Package socket listens on a unix socket that only the process' user can open.
package socket

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/parley-desk/parley/pkg/fault"
)

const (
	socketMode = 0o600
	folderMode = 0o700
	pathLimit  = 100 // bytes; the smallest limit among the systems we run on is 104
	knock      = 250 * time.Millisecond
)

// Listen opens the socket at path. What a dead process left there is replaced;
// while a live one answers there it is a Conflict fault. The socket appears
// under its name only when nobody else can open it any more.
func Listen(ctx context.Context, path string) (net.Listener, error) {
	if len(path) > pathLimit {
		return nil, fault.New(fault.Invalid, "SOCKET_PATH", "the socket path %s has %d bytes; use at most %d, for example by a relative path", path, len(path), pathLimit)
	}
	if err := os.MkdirAll(filepath.Dir(path), folderMode); err != nil {
		return nil, err
	}
	if err := vacant(ctx, path); err != nil {
		return nil, err
	}
	aside := path + ".new"
	if err := os.Remove(aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "unix", aside)
	if err != nil {
		return nil, err
	}
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false) // it would unlink the name it had first
	}
	if err := errors.Join(os.Chmod(aside, socketMode), os.Rename(aside, path)); err != nil {
		return nil, errors.Join(err, l.Close(), os.Remove(aside))
	}
	return &listener{Listener: l, path: path}, nil
}

// vacant refuses a path that somebody answers at, or that is no socket.
func vacant(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fault.New(fault.Precondition, "SOCKET_PATH", "%s is there and is no socket; move it away, or choose another admin.socket", path)
	}
	dialer := net.Dialer{Timeout: knock}
	conn, err := dialer.DialContext(ctx, "unix", path)
	if err != nil {
		return nil
	}
	return errors.Join(conn.Close(),
		fault.New(fault.Conflict, "SOCKET_TAKEN", "another process serves %s; end it, or choose another admin.socket", path))
}

// listener removes the socket when it is closed.
type listener struct {
	net.Listener
	path string
	once sync.Once
}

// Addr is the path that callers use.
func (l *listener) Addr() net.Addr { return &net.UnixAddr{Name: l.path, Net: "unix"} }

// Close removes the socket and ends Accept.
func (l *listener) Close() (err error) {
	l.once.Do(func() { err = errors.Join(os.Remove(l.path), l.Listener.Close()) })
	return err
}
