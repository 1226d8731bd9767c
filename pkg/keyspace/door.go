package keyspace

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"

	"github.com/redis/go-redis/v9"

	"github.com/parley-desk/parley/pkg/keyfile"
)

// Door says who a process is to Redis, and how the way there is guarded (SS2).
// Its files are read again at every connection, so that they may be replaced;
// those of secrets must be readable by nobody else. The zero value is the user of
// the address, if it names one, on a way that the address says.
type Door struct {
	User         string // that the password is of; the default user when empty
	PasswordFile string // wins over what the address names
	CA           string // PEM file of who signs the certificate of Redis
	Cert         string // PEM file of a certificate of this process, with Key
	Key          string
}

// Clear gives the host of an address that is reached in the clear over a network:
// not by TLS, which the address or the door may ask for, and not on this machine
// alone. It is empty for every other.
func Clear(address string, d Door) string {
	u, err := url.Parse(address)
	if err != nil || address == "" || u.Scheme != "redis" || d.CA != "" || d.Cert != "" || loopback(u.Hostname()) {
		return ""
	}
	return u.Hostname()
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Standing is how a process stands in Redis (SS2).
type Standing struct {
	Clear     string // host that is reached in the clear over a network; empty for every other way
	Unbounded bool   // its user may do what no service needs
}

// Stand asks Redis how this process stands; an error when it does not answer.
func Stand(ctx context.Context, rdb redis.UniversalClient) (s Standing, err error) {
	if err := rdb.Ping(ctx).Err(); err != nil {
		return s, err
	}
	if c, ok := rdb.(*redis.Client); ok {
		o := c.Options()
		if host, _, err := net.SplitHostPort(o.Addr); err == nil && o.Network != "unix" && o.TLSConfig == nil && !loopback(host) {
			s.Clear = host
		}
	}
	// Who may read how Redis is set up was refused nothing.
	s.Unbounded = rdb.ConfigGet(ctx, "maxmemory").Err() == nil
	return s, nil
}

// guard has a client come through the door. What is wrong with its files now is an
// error; what will be, one of the connection.
func (d Door) guard(opts *redis.Options) error {
	if d.PasswordFile != "" {
		user := d.User
		opts.CredentialsProviderContext = func(context.Context) (string, string, error) {
			password, err := keyfile.Read("redis.password_file", d.PasswordFile)
			return user, string(password), err
		}
		if _, _, err := opts.CredentialsProviderContext(context.Background()); err != nil {
			return err
		}
	}
	if d.CA == "" && d.Cert == "" {
		return nil
	}
	config, err := d.tls("")
	if err != nil {
		return err
	}
	opts.TLSConfig = config // says that the way is TLS; the dialer has its own
	opts.Dialer = func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		config, err := d.tls(host)
		if err != nil {
			return nil, err
		}
		dialer := &tls.Dialer{NetDialer: &net.Dialer{Timeout: opts.DialTimeout}, Config: config}
		return dialer.DialContext(ctx, network, address)
	}
	return nil
}

// tls reads the files as they are now.
func (d Door) tls(host string) (*tls.Config, error) {
	config, err := keyfile.Client("redis.", d.CA, d.Cert, d.Key)
	if err == nil {
		config.ServerName = host
	}
	return config, err
}
