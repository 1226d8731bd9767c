package cli

import (
	"context"
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

	"github.com/parley-desk/parley/pkg/manifest"
	"github.com/parley-desk/parley/pkg/secret"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	"github.com/parley-desk/parley/proto/gen/parley/contact/v1/contactv1grpc"
	"github.com/parley-desk/parley/proto/gen/parley/crm/v1/crmv1grpc"
)

// DefaultServer is the control plane that parleyctl asks when it is told of no
// other.
const DefaultServer = "unix://./.data/admin.sock"

const (
	serverVariable    = "PARLEY_SERVER"
	tokenFileVariable = "PARLEY_TOKEN_FILE"
	unixScheme        = "unix://"
	maxAnswer         = 64 << 20 // bytes of one message; a commit has a bound of its own
)

// link says where the server is and how to prove who we are.
type link struct {
	server                 string
	cert, key, ca, nameTLS string
	token                  string // file of one
	env                    manifest.Environment
}

func (l *link) flags(f *pflag.FlagSet, env manifest.Environment) {
	l.env = env
	set := func(variable, otherwise string) string {
		if v, ok := env.Lookup(variable); ok && v != "" {
			return v
		}
		return otherwise
	}
	f.StringVar(&l.server, "server", set(serverVariable, DefaultServer), "admin API: unix:///PATH, or HOST:PORT with the --tls files; also "+serverVariable)
	f.StringVar(&l.token, "token-file", set(tokenFileVariable, ""), "token of an API client, a file; also "+tokenFileVariable)
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
	options := []grpc.DialOption{grpc.WithTransportCredentials(creds), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer))}
	if l.token != "" {
		token, err := l.bearer()
		if err != nil {
			return nil, err
		}
		options = append(options, grpc.WithPerRPCCredentials(token))
	}
	conn, err := grpc.NewClient(target, options...)
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
	if l.ca == "" || (l.cert == "") != (l.key == "") || l.cert == "" && l.token == "" {
		return "", nil, fmt.Errorf("--server %s: give --tls-ca and --tls-cert with --tls-key, or --token-file, or both; or a socket as unix:///PATH", l.server)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS13, ServerName: l.nameTLS, RootCAs: x509.NewCertPool()}
	if l.cert != "" {
		cert, err := tls.LoadX509KeyPair(l.cert, l.key)
		if err != nil {
			return "", nil, fmt.Errorf("--tls-cert and --tls-key: %w", err)
		}
		config.Certificates = []tls.Certificate{cert}
	}
	pem, err := os.ReadFile(l.ca)
	if err != nil {
		return "", nil, fmt.Errorf("--tls-ca: %w", err)
	}
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return "", nil, errors.New("--tls-ca: holds no certificate in PEM")
	}
	return l.server, credentials.NewTLS(config), nil
}

// bearer is the token that every call takes along.
func (l *link) bearer() (bearer, error) {
	if info, err := l.env.Stat(l.token); err == nil && info.Mode().Perm()&0o077 != 0 {
		l.env.Warn(fmt.Sprintf("others on this machine can open %s; run chmod 600 %[1]s, and rotate the token if they might have read it", l.token))
	}
	data, err := l.env.ReadFile(l.token)
	if err != nil {
		return bearer{}, fmt.Errorf("--token-file: %w", err)
	}
	token := secret.NewText(strings.TrimSpace(string(data)))
	if token.Empty() || strings.ContainsFunc(token.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' }) {
		return bearer{}, fmt.Errorf("--token-file %s: holds no token, which is one line of letters, digits and signs", l.token)
	}
	return bearer{token, !strings.HasPrefix(l.server, unixScheme)}, nil
}

// bearer puts a token into the metadata of every call.
type bearer struct {
	token secret.Text
	tls   bool // whether the way must be TLS; a socket of this machine is not
}

// GetRequestMetadata is the token of a call.
func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + b.token.Reveal()}, nil
}

// RequireTransportSecurity tells whether the token goes over TLS alone.
func (b bearer) RequireTransportSecurity() bool { return b.tls }
