package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/parley-desk/parley/pkg/settings"
	"github.com/parley-desk/parley/pkg/telemetry/key"
)

// ServeHTTP runs srv on l until ctx ends, then lets requests in flight finish
// for at most grace. It returns nil when it was asked to end. A server with a
// TLSConfig speaks TLS alone.
func ServeHTTP(ctx context.Context, srv *http.Server, l net.Listener, grace time.Duration) error {
	done := make(chan error, 1)
	go func() {
		if srv.TLSConfig != nil {
			done <- srv.ServeTLS(l, "", "")
			return
		}
		done <- srv.Serve(l)
	}()
	select {
	case err := <-done:
		return fmt.Errorf("serving %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := srv.Shutdown(last); err != nil {
		_ = srv.Close()
	}
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// listener opens listeners and says so in the log.
type listener struct {
	log   *slog.Logger
	heard func(setting string, addr net.Addr)
}

func (l listener) listen(ctx context.Context, setting, addr string) (net.Listener, error) {
	network := "tcp"
	if strings.Contains(addr, "/") {
		network = "unix"
	}
	opened, err := l.open(ctx, network, addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s: address %s is in use by another process; choose another with %s", setting, addr, settings.Ways(setting))
	case err != nil:
		return nil, fmt.Errorf("%s: listening on %q: %w", setting, addr, err)
	}
	l.log.InfoContext(ctx, "listening", slog.String(key.Setting, setting), slog.String(key.Address, opened.Addr().String()))
	if l.heard != nil {
		l.heard(setting, opened.Addr())
	}
	return opened, nil
}

func (l listener) open(ctx context.Context, network, addr string) (net.Listener, error) {
	var cfg net.ListenConfig
	if network != "unix" {
		return cfg.Listen(ctx, network, addr)
	}
	if err := os.MkdirAll(filepath.Dir(addr), 0o700); err != nil {
		return nil, err
	}
	opened, err := cfg.Listen(ctx, network, addr)
	if !errors.Is(err, syscall.EADDRINUSE) {
		return opened, err
	}
	// A killed process leaves its socket file; only a living one answers.
	var dial net.Dialer
	if c, dialErr := dial.DialContext(ctx, network, addr); dialErr == nil {
		_ = c.Close()
		return nil, err
	}
	if err := os.Remove(addr); err != nil {
		return nil, err
	}
	return cfg.Listen(ctx, network, addr)
}
