package admin_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/rights"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	authv1 "github.com/parley-desk/parley/proto/gen/parley/auth/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/admin"
	"github.com/parley-desk/parley/services/admin/admintest"
	"github.com/parley-desk/parley/services/admin/internal/guard"
)

// as is the context of a call with a certificate that has this name in it; of one
// without, when it is empty.
func as(t *testing.T, name string) context.Context {
	t.Helper()
	if name == "" {
		return peer.NewContext(t.Context(), &peer.Peer{Addr: &net.TCPAddr{}})
	}
	leaf := &x509.Certificate{URIs: []*url.URL{{Scheme: "spiffe", Host: "house", Path: "/" + name}}}
	return peer.NewContext(t.Context(), &peer.Peer{Addr: &net.TCPAddr{},
		AuthInfo: credentials.TLSInfo{State: tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{leaf}}}}})
}

// everyMethod are those of all services, and some that are not there.
func everyMethod(t *testing.T) []string {
	t.Helper()
	methods := []string{grpc_health_v1.Health_Check_FullMethodName, reflectionv1.ServerReflection_ServerReflectionInfo_FullMethodName,
		"/parley.admin.v1.ConfigService/Burn", "/burn"}
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			for j := range f.Services().Get(i).Methods().Len() {
				if m := f.Services().Get(i).Methods().Get(j); strings.HasPrefix(string(m.FullName()), "parley.") {
					methods = append(methods, fmt.Sprintf("/%s/%s", m.Parent().FullName(), m.Name()))
				}
			}
		}
		return true
	})
	if len(methods) < 100 {
		t.Fatalf("walked only %d methods", len(methods))
	}
	return methods
}

// SG2: every method of every service, with every role, without one, by nobody, and
// by who is signed in at the desk: the table decides, and nothing runs that it does
// not allow.
func TestEveryMethodWithEveryRole(t *testing.T) {
	methods := everyMethod(t)
	roles := append(rights.People(), rights.CRM, "none")
	g := &guard.Guard{Log: slog.New(slog.DiscardHandler), Tracer: noop.NewTracerProvider().Tracer(""), Now: time.Now, Grants: guard.Grants{}}
	for _, role := range roles {
		g.Grants["spiffe://house/"+role] = []string{role}
	}
	for _, method := range methods {
		need := rights.Needed(method)
		nothing := need == authv1.Permission_PERMISSION_UNSPECIFIED
		for _, role := range roles {
			who := rights.Who{Name: "x", Roles: []string{role}}
			want := codes.PermissionDenied
			if who.Reach(need) == rights.Everything {
				want = codes.OK
			}
			ran := false
			_, err := g.Unary(as(t, "as-"+role), nil, &grpc.UnaryServerInfo{FullMethod: method}, nil)
			if got := status.Code(err); need != authv1.Permission_PERMISSION_KNOWN && got != codes.PermissionDenied {
				t.Errorf("%s by one without a grant: %v", method, got)
			}
			_, err = g.Unary(as(t, role), nil, &grpc.UnaryServerInfo{FullMethod: method}, func(context.Context, any) (any, error) { ran = true; return nil, nil })
			if got := status.Code(err); got != want || ran != (want == codes.OK) {
				t.Errorf("%s as %q: %v, ran %v", method, role, got, ran)
			}
			err = g.Errand(t.Context(), method, &configv1.Agent{Meta: meta("vera"), Roles: []string{role}}, func(context.Context, grpc.UnaryServerInterceptor) error { return nil })
			// Agents are some supervisor's; whose, the method asks.
			scoped := need == authv1.Permission_PERMISSION_CREW_ADJUST && role == rights.Supervisor
			if got := fault.Is(err, fault.Denied); got != (want != codes.OK && !scoped) {
				t.Errorf("%s as %q at the desk: %v", method, role, err)
			}
		}
		_, err := g.Unary(as(t, ""), nil, &grpc.UnaryServerInfo{FullMethod: method}, nil)
		if got := status.Code(err); got != codes.Unauthenticated && !nothing && need != authv1.Permission_PERMISSION_ANYONE || nothing && got != codes.PermissionDenied {
			t.Errorf("%s by nobody: %v", method, got)
		}
	}
}

func TestGrantsAreReadStrictly(t *testing.T) {
	for _, bad := range []string{"", "ci", "=admin", "ci=king", "ci="} {
		if err := (&admin.Config{Grants: []string{bad}, Grace: time.Second}).Validate(); err == nil {
			t.Errorf("took the grant %q", bad)
		}
	}
	if err := (&admin.Config{Listen: "127.0.0.1:0", Grace: time.Second}).Validate(); err == nil {
		t.Error("took a TCP listener without certificates")
	}
}

// authority issues certificates for a test.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir()}
	a.cert, a.key = a.issue(t, "ca", &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

func (a *authority) issue(t *testing.T, name string, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber, template.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: name}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for suffix, block := range map[string]*pem.Block{".crt": {Type: "CERTIFICATE", Bytes: der}, ".key": {Type: "PRIVATE KEY", Bytes: raw}} {
		if err := os.WriteFile(a.file(name+suffix), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// client issues a certificate with that URI in it.
func (a *authority) client(t *testing.T, name, uri string) tls.Certificate {
	t.Helper()
	u, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	a.issue(t, name, &x509.Certificate{URIs: []*url.URL{u}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	cert, err := tls.LoadX509KeyPair(a.file(name+".crt"), a.file(name+".key"))
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// SG1: on TCP the certificate says who calls, and its grants what they may.
func TestCertificatesDecideOnTCP(t *testing.T) {
	a := newAuthority(t)
	a.issue(t, "server", &x509.Certificate{DNSNames: []string{"admin.test"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	s := admintest.StartWith(t, bustest.Open(t), admin.Config{Listen: "127.0.0.1:0",
		TLS:    admin.TLS{Cert: a.file("server.crt"), Key: a.file("server.key"), ClientCA: a.file("ca.crt")},
		Grants: []string{"spiffe://house/admin=admin", "spiffe://house/auditor=auditor"}})
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	client := func(cfg *tls.Config) adminv1.ConfigServiceClient {
		cfg.RootCAs, cfg.ServerName = roots, "admin.test"
		conn, err := grpc.NewClient(s.Addr, grpc.WithTransportCredentials(credentials.NewTLS(cfg)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return adminv1.NewConfigServiceClient(conn)
	}
	as := func(who string) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{a.client(t, who, "spiffe://house/"+who)}}
	}
	older := as("admin")
	older.MaxVersion = tls.VersionTLS12
	// Who took note of the privacy notice is who the certificate says.
	setUp := client(as("admin"))
	apply(t, setUp, house())
	notice, err := setUp.GetPrivacyNotice(t.Context(), &adminv1.GetPrivacyNoticeRequest{})
	if err != nil {
		t.Fatal(err)
	}
	account, err := setUp.AcknowledgePrivacy(t.Context(), &adminv1.AcknowledgePrivacyRequest{Account: "demo", Version: notice.GetVersion()})
	if by := account.GetPrivacy().GetBy(); err != nil || by != "spiffe://house/admin" {
		t.Errorf("acknowledged by %q, %v", by, err)
	}
	for name, c := range map[string]struct {
		tls         *tls.Config
		read, write codes.Code
	}{
		"an administrator":       {as("admin"), codes.OK, codes.OK},
		"an auditor":             {as("auditor"), codes.OK, codes.PermissionDenied},
		"nobody with a grant":    {as("stranger"), codes.PermissionDenied, codes.PermissionDenied},
		"without certificate":    {&tls.Config{}, codes.Unavailable, codes.Unavailable},
		"with an older protocol": {older, codes.Unavailable, codes.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			config := client(c.tls)
			_, err := config.ListAgents(t.Context(), &adminv1.ListAgentsRequest{})
			if status.Code(err) != c.read {
				t.Errorf("reading: %v, want %v", err, c.read)
			}
			_, err = config.UpdateAgent(t.Context(), &adminv1.UpdateAgentRequest{Agent: &configv1.Agent{Meta: meta("mila")}})
			if status.Code(err) != c.write {
				t.Errorf("writing: %v, want %v", err, c.write)
			}
		})
	}
}
