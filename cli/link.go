package cli

import (
	"context"
	"crypto/tls"
	"fmt"
	"strings"

	"github.com/spf13/pflag"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/parley-desk/parley/pkg/keyfile"
	"github.com/parley-desk/parley/pkg/manifest"
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
	// freshHeader is where an answer has the next token of a session, ticketPrefix what
	// that begins with.
	freshHeader  = "parley-session"
	ticketPrefix = "parley-session."
	maxAnswer    = 64 << 20 // bytes of one message; a commit has a bound of its own
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
	f.StringVar(&l.server, "server", set(serverVariable, DefaultServer), "admin API: unix:///PATH, or HOST:PORT; also "+serverVariable)
	f.StringVar(&l.token, "token-file", set(tokenFileVariable, ""), "token of an API client, a file; also "+tokenFileVariable)
	f.StringVar(&l.cert, "tls-cert", "", "certificate to show to the server, a file")
	f.StringVar(&l.key, "tls-key", "", "key of that certificate, a file")
	f.StringVar(&l.ca, "tls-ca", "", "authorities the server's certificate must come from, a file; empty: those of this machine")
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
	if file := l.tokenFile(); file != "" {
		token := bearer{file, l}
		if _, err := token.read(); err != nil {
			return nil, err
		}
		if info, err := l.env.Stat(file); err == nil && info.Mode().Perm()&0o077 != 0 {
			l.env.Warn(fmt.Sprintf("others on this machine can open %s; run chmod 600 %[1]s, and rotate the token if they might have read it", file))
		}
		options = append(options, grpc.WithPerRPCCredentials(token), grpc.WithUnaryInterceptor(token.replace))
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
	if (l.cert == "") != (l.key == "") || l.cert == "" && l.tokenFile() == "" {
		return "", nil, fmt.Errorf("--server %s: run parleyctl login, or give --token-file, or --tls-cert with --tls-key; or a socket as unix:///PATH", l.server)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS13, ServerName: l.nameTLS}
	if l.cert != "" {
		cert, err := tls.LoadX509KeyPair(l.cert, l.key)
		if err != nil {
			return "", nil, fmt.Errorf("--tls-cert and --tls-key: %w", err)
		}
		config.Certificates = []tls.Certificate{cert}
	}
	var err error
	if config.RootCAs, err = keyfile.Authorities("--tls-ca", l.ca); err != nil {
		return "", nil, err
	}
	return l.server, credentials.NewTLS(config), nil
}

// tokenFile is the token that calls take along: the one that was named, or over the
// network that of login where there is no certificate; empty for none.
func (l *link) tokenFile() string {
	if l.token != "" || l.cert != "" || strings.HasPrefix(l.server, unixScheme) {
		return l.token
	}
	file, err := l.sessionFile()
	if err != nil {
		return ""
	}
	if _, err := l.env.Stat(file); err != nil {
		return ""
	}
	return file
}

// replace keeps the token with which the server has a session go on, when its answer
// has one. Where it cannot be kept the old one goes on.
func (b bearer) replace(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, call grpc.UnaryInvoker, options ...grpc.CallOption) error {
	var header metadata.MD
	err := call(ctx, method, req, reply, conn, append(options, grpc.Header(&header))...)
	if fresh := header.Get(freshHeader); len(fresh) == 1 && strings.HasPrefix(fresh[0], ticketPrefix) {
		if kept := keep(b.file, fresh[0]); kept != nil {
			b.link.env.Warn(kept.Error())
		}
	}
	return err
}
