package admin_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"

	"github.com/parley-desk/parley/pkg/bus/bustest"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
	crmv1 "github.com/parley-desk/parley/proto/gen/parley/crm/v1"
	"github.com/parley-desk/parley/services/admin"
	"github.com/parley-desk/parley/services/admin/admintest"
	"github.com/parley-desk/parley/services/admin/internal/configure"
	"github.com/parley-desk/parley/services/admin/internal/explain"
	"github.com/parley-desk/parley/services/admin/internal/guard"
	"github.com/parley-desk/parley/services/admin/internal/hours"
	"github.com/parley-desk/parley/services/admin/internal/operate"
	"github.com/parley-desk/parley/services/admin/internal/people"
	"github.com/parley-desk/parley/services/admin/internal/probe"
	"github.com/parley-desk/parley/services/admin/internal/queues"
	"github.com/parley-desk/parley/services/admin/internal/rekey"
	"github.com/parley-desk/parley/services/admin/internal/repair"
	"github.com/parley-desk/parley/services/admin/internal/requests"
	"github.com/parley-desk/parley/services/admin/internal/rewind"
	"github.com/parley-desk/parley/services/admin/internal/surveys"
	"github.com/parley-desk/parley/services/admin/internal/told"
	"github.com/parley-desk/parley/services/admin/internal/trial"
	"github.com/parley-desk/parley/services/admin/internal/variables"
)

type (
	connecting = probe.Service
	repairing  = repair.Service
	trying     = trial.Service
)

// provisioning is ProvisionService as admin puts it together.
type provisioning struct {
	*connecting
	*repairing
	*trying
}

// SG2: a method without a permission is denied to all, so each must have one.
func TestEveryMethodHasItsPermission(t *testing.T) {
	srv := grpc.NewServer()
	adminv1.RegisterConfigServiceServer(srv, &configure.Service{})
	adminv1.RegisterHistoryServiceServer(srv, &rewind.Service{})
	adminv1.RegisterOperateServiceServer(srv, &operate.Service{})
	adminv1.RegisterProvisionServiceServer(srv, provisioning{})
	adminv1.RegisterPrivacyServiceServer(srv, &requests.Service{})
	adminv1.RegisterKeyServiceServer(srv, &rekey.Service{})
	adminv1.RegisterScheduleServiceServer(srv, &hours.Service{})
	adminv1.RegisterSurveyServiceServer(srv, &surveys.Service{})
	adminv1.RegisterVariableServiceServer(srv, &variables.Service{})
	adminv1.RegisterRoutingServiceServer(srv, &explain.Service{})
	adminv1.RegisterQueueServiceServer(srv, &queues.Service{})
	contactv1.RegisterContactServiceServer(srv, &people.Service{})
	crmv1.RegisterCrmServiceServer(srv, &told.Service{})
	grpc_health_v1.RegisterHealthServer(srv, health.NewServer())
	reflection.Register(srv)
	table := guard.Permissions()
	methods := 0
	for name, service := range srv.GetServiceInfo() {
		for _, m := range service.Methods {
			full := "/" + name + "/" + m.Name
			if table[full] == "" {
				t.Errorf("%s has no permission", full)
			}
			delete(table, full)
			methods++
		}
	}
	for full := range table {
		t.Errorf("%s has a permission and does not exist", full)
	}
	if methods < 34 {
		t.Errorf("walked only %d methods", methods)
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

// Only the role admin is told a verify token, and replaces keys.
func TestOnlyAdministratorsReadAVerifyToken(t *testing.T) {
	for role, permissions := range guard.Roles() {
		for _, p := range []guard.Permission{guard.SecretReveal, guard.KeyWrite} {
			if got := slices.Contains(permissions, p); got != (role == "admin") {
				t.Errorf("%s has %s: %v", role, p, got)
			}
		}
	}
	for method, want := range map[string]guard.Permission{
		adminv1.ProvisionService_RevealVerifyToken_FullMethodName: guard.SecretReveal,
		adminv1.KeyService_RotateKey_FullMethodName:               guard.KeyWrite,
		adminv1.KeyService_ReencryptSecrets_FullMethodName:        guard.KeyWrite,
		adminv1.KeyService_RetireKey_FullMethodName:               guard.KeyWrite,
	} {
		if got := guard.Permissions()[method]; got != want {
			t.Errorf("%s takes %s, want %s", method, got, want)
		}
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
