// Package broker runs NATS inside this process. It stands apart from the bus,
// which nearly every package sees, so that only programs that may run a broker
// are built with one.
package broker

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/parley-desk/parley/pkg/dirlock"
	"github.com/parley-desk/parley/pkg/fault"
)

type embedded struct {
	server *server.Server
	lock   io.Closer
}

// Running is a broker at work; package bus calls it Broker, and says what its
// methods promise.
type Running = interface {
	InProcessConn() (net.Conn, error)
	Store() (held uint64, limit int64, err error)
	Stop()
}

// Start is what a bus starts its broker with. It locks the folder: the broker takes no lock of its
// own, and two brokers on one folder destroy it. It has no socket: only this
// process can reach it.
func Start(dir string, log *slog.Logger) (Running, error) {
	lock, err := dirlock.Take(dir, "broker.lock", "data_dir")
	if err != nil {
		return nil, err
	}
	s, err := server.NewServer(&server.Options{
		ServerName: "embedded", DontListen: true, NoSigs: true,
		JetStream: true, StoreDir: filepath.Join(dir, "broker"),
		SyncAlways: true, // an acknowledgement means: on disk
	})
	if err == nil {
		s.SetLoggerV2(&brokerLog{log}, false, false, false)
		go s.Start()
		if !s.ReadyForConnections(60 * time.Second) {
			err = fault.New(fault.Unavailable, "BROKER_SLOW", "the embedded broker was not ready within a minute")
		}
	}
	if err != nil {
		_ = lock.Close()
		return nil, fault.Wrap(err, "start the embedded broker")
	}
	return &embedded{server: s, lock: lock}, nil
}

// InProcessConn is a connection to it.
func (b *embedded) InProcessConn() (net.Conn, error) { return b.server.InProcessConn() }

// Store tells how many bytes it holds, and how many it may.
func (b *embedded) Store() (held uint64, limit int64, err error) {
	info, err := b.server.Jsz(nil)
	if err != nil {
		return 0, 0, err
	}
	return info.Store, info.Config.MaxStore, nil
}

// Stop returns when it has ended and the folder is free.
func (b *embedded) Stop() {
	b.server.Shutdown()
	b.server.WaitForShutdown()
	_ = b.lock.Close()
}

// brokerLog passes on what the embedded broker finds worth a warning.
type brokerLog struct{ log *slog.Logger }

func (l *brokerLog) report(level slog.Level, format string, args []any) {
	l.log.Log(context.Background(), level, "embedded broker reports", "detail", fmt.Sprintf(format, args...))
}

func (l *brokerLog) Errorf(format string, args ...any) { l.report(slog.LevelError, format, args) }
func (l *brokerLog) Fatalf(format string, args ...any) { l.report(slog.LevelError, format, args) }
func (l *brokerLog) Warnf(format string, args ...any)  { l.report(slog.LevelWarn, format, args) }
func (l *brokerLog) Noticef(string, ...any)            {}
func (l *brokerLog) Debugf(string, ...any)             {}
func (l *brokerLog) Tracef(string, ...any)             {}
