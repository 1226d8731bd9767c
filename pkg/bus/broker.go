package bus

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/parley-desk/parley/pkg/dirlock"
	"github.com/parley-desk/parley/pkg/fault"
)

// broker is a NATS server inside this process. It has no socket: only this
// process can reach it. A Bus holds it by what it does and not by its type: a
// package that sees the server's type compiles the server's generic code anew,
// and nearly every package sees a Bus.
type broker interface {
	nats.InProcessConnProvider
	// store tells how much the broker holds and may hold.
	store() (brokerJetStream, error)
	stop()
}

type embedded struct {
	server *server.Server
	lock   io.Closer
}

// startBroker locks its folder: the broker takes no lock of its own, and two
// brokers on one folder destroy it.
func startBroker(dir string, log *slog.Logger) (broker, error) {
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

func (b *embedded) InProcessConn() (net.Conn, error) { return b.server.InProcessConn() }

func (b *embedded) store() (j brokerJetStream, err error) {
	info, err := b.server.Jsz(nil)
	if err != nil {
		return j, err
	}
	j.Store, j.Config.MaxStore = info.Store, info.Config.MaxStore
	return j, nil
}

func (b *embedded) stop() {
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
