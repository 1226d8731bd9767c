package telemetry_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"

	"github.com/parley-desk/parley/pkg/access"
	"github.com/parley-desk/parley/pkg/keyfile"
	"github.com/parley-desk/parley/pkg/telemetry"
)

const export = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

// collector takes traces by TLS, from whom the authority of the house knows, and tells
// who came and what was called.
func collector(t *testing.T, dir string) (address string, came chan [2]string) {
	t.Helper()
	config, err := keyfile.Client("x.", filepath.Join(dir, access.CAFile), filepath.Join(dir, access.CertFile), filepath.Join(dir, access.KeyFile))
	if err != nil {
		t.Fatal(err)
	}
	config.ClientCAs, config.ClientAuth = config.RootCAs, tls.RequireAndVerifyClientCert
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	came = make(chan [2]string, 100)
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(config)), grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
		method, _ := grpc.MethodFromServerStream(s)
		who := ""
		if p, ok := peer.FromContext(s.Context()); ok {
			if info, ok := p.AuthInfo.(credentials.TLSInfo); ok {
				who = info.State.PeerCertificates[0].URIs[0].String()
			}
		}
		came <- [2]string{method, who}
		return nil
	}))
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return listener.Addr().String(), came
}

// send sends one span and tells whether the collector got it: as soon as it did, or when
// it was tried for so long.
func send(t *testing.T, cfg telemetry.Config, came chan [2]string, tried time.Duration) (who string, got bool) {
	t.Helper()
	tel, err := telemetry.Setup(t.Context(), cfg, "p", "p-1", &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	_, span := tel.Traces.Tracer("x").Start(t.Context(), "work")
	span.End()
	ctx, cancel := context.WithTimeout(t.Context(), tried)
	defer cancel()
	_ = tel.Stop(ctx)
	select {
	case c := <-came:
		return c[1], c[0] == export
	default:
		return "", false
	}
}

// TestTracesGoByTLS (SS4): to a collector that the house's authority knows, with the
// certificate of this process; to no other, and without a certificate it is not let in.
func TestTracesGoByTLS(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	for _, d := range []string{dir, other} {
		if _, err := access.Create(access.Plan{Dir: d, Partitions: 1, Group: "main", Certificates: true, Redis: []string{"redis"}, Collectors: []string{"otel"}}); err != nil {
			t.Fatal(err)
		}
	}
	address, came := collector(t, filepath.Join(dir, "collector"))
	of := func(dir string) telemetry.Config {
		return telemetry.Config{Level: "info", Format: "json", Sampled: 1, OTLP: address, CA: filepath.Join(dir, "desk", access.CAFile),
			Cert: filepath.Join(dir, "desk", access.CertFile), Key: filepath.Join(dir, "desk", access.KeyFile)}
	}
	if who, got := send(t, of(dir), came, time.Minute); !got || who != access.URI("desk") {
		t.Errorf("it came from %q: %v", who, got)
	}
	nobody, stranger := of(dir), of(other)
	nobody.Cert, nobody.Key = "", ""
	plain := telemetry.Config{Level: "info", Format: "json", Sampled: 1, OTLP: address}
	for name, cfg := range map[string]telemetry.Config{"without a certificate": nobody, "to one of another house": stranger, "in the clear": plain} {
		if who, got := send(t, cfg, came, 3*time.Second); got {
			t.Errorf("%s it came, from %q", name, who)
		}
	}
	missing := of(dir)
	missing.CA = filepath.Join(dir, "nothing.pem")
	if _, err := telemetry.Setup(t.Context(), missing, "p", "p-1", &bytes.Buffer{}); err == nil {
		t.Error("it starts without the file of log.otlp_ca")
	}
}
