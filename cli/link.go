package cli

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	"github.com/parley-desk/parley/proto/gen/parley/contact/v1/contactv1grpc"
	"github.com/parley-desk/parley/proto/gen/parley/crm/v1/crmv1grpc"
)

// DefaultServer is the control plane that parleyctl asks when it is told of no
// other.
const DefaultServer = "unix://./.data/admin.sock"

const (
	serverVariable = "PARLEY_SERVER"
	unixScheme     = "unix://"
	maxAnswer      = 64 << 20 // bytes of one message; a commit has a bound of its own
)

// link says where the server is and how to prove who we are.
type link struct {
	server                 string
	cert, key, ca, nameTLS string
}

func (l *link) flags(f *pflag.FlagSet, lookup func(string) (string, bool)) {
	server := DefaultServer
	if v, ok := lookup(serverVariable); ok && v != "" {
		server = v
	}
	f.StringVar(&l.server, "server", server, "admin API: unix:///PATH, or HOST:PORT with the --tls files; also "+serverVariable)
	f.StringVar(&l.cert, "tls-cert", "", "certificate to show to the server, a file")
	f.StringVar(&l.key, "tls-key", "", "key of that certificate, a file")
	f.StringVar(&l.ca, "tls-ca", "", "authorities the server's certificate must come from, a file")
	f.StringVar(&l.nameTLS, "tls-server-name", "", "name in the server's certificate, when it is not the host")
}

// server is an open connection.
type server struct {
	*grpc.ClientConn
	config    adminv1.ConfigServiceClient
	operate   adminv1.OperateServiceClient
	provision adminv1.ProvisionServiceClient
	privacy   adminv1.PrivacyServiceClient
	keys      adminv1.KeyServiceClient
	routing   adminv1.RoutingServiceClient
	history   adminv1.HistoryServiceClient
	audit     adminv1.AuditServiceClient
	schedules adminv1.ScheduleServiceClient
	contacts  contactv1grpc.ContactServiceClient
	surveys   adminv1.SurveyServiceClient
	crm       crmv1grpc.CrmServiceClient
	backups   adminv1.BackupServiceClient
}

// open prepares a connection; the first call makes it.
func (l *link) open() (*server, error) {
	target, creds, err := l.target()
	if err != nil {
		return nil, err
	}
	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(creds),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)))
	if err != nil {
		return nil, fmt.Errorf("--server %s: %w", l.server, err)
	}
	return &server{conn, adminv1.NewConfigServiceClient(conn), adminv1.NewOperateServiceClient(conn),
		adminv1.NewProvisionServiceClient(conn), adminv1.NewPrivacyServiceClient(conn), adminv1.NewKeyServiceClient(conn),
		adminv1.NewRoutingServiceClient(conn), adminv1.NewHistoryServiceClient(conn), adminv1.NewAuditServiceClient(conn), adminv1.NewScheduleServiceClient(conn),
		contactv1grpc.NewContactServiceClient(conn), adminv1.NewSurveyServiceClient(conn), crmv1grpc.NewCrmServiceClient(conn), adminv1.NewBackupServiceClient(conn)}, nil
}

func (l *link) target() (string, credentials.TransportCredentials, error) {
	if path, ok := strings.CutPrefix(l.server, unixScheme); ok {
		return "unix:" + path, insecure.NewCredentials(), nil
	}
	if l.cert == "" || l.key == "" || l.ca == "" {
		return "", nil, fmt.Errorf("--server %s: give --tls-cert, --tls-key and --tls-ca, or a socket as unix:///PATH", l.server)
	}
	cert, err := tls.LoadX509KeyPair(l.cert, l.key)
	if err != nil {
		return "", nil, fmt.Errorf("--tls-cert and --tls-key: %w", err)
	}
	pem, err := os.ReadFile(l.ca)
	if err != nil {
		return "", nil, fmt.Errorf("--tls-ca: %w", err)
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(pem) {
		return "", nil, errors.New("--tls-ca: holds no certificate in PEM")
	}
	return l.server, credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS13, ServerName: l.nameTLS,
		Certificates: []tls.Certificate{cert}, RootCAs: authorities}), nil
}
