package bus

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/keyfile"
)

// Door says who a process is to the brokers, and how the way there is guarded
// (SS2). Its files are read again at every connection, so that they may be
// replaced, but an NKey by another one with a restart alone; those of secrets must be readable by nobody else. The zero value is
// the user of the address, if it names one, on a way that the address says.
type Door struct {
	NKey  string // file of the seed of an NKey
	Creds string // file of credentials, a JWT with its seed; not with NKey
	CA    string // PEM file of who signs the brokers' certificates; the system's when empty
	Cert  string // PEM file of a certificate of this process, with Key
	Key   string
}

// options are those of a connection through the door.
func (d Door) options() ([]nats.Option, error) {
	var opts []nats.Option
	for setting, path := range map[string]string{"bus.nkey": d.NKey, "bus.creds": d.Creds, "bus.key": d.Key} {
		if path == "" {
			continue
		}
		if _, err := keyfile.Read(setting, path); err != nil {
			return nil, err
		}
	}
	if d.NKey != "" {
		key, err := nats.NkeyOptionFromSeed(d.NKey)
		if err != nil {
			// The cause may quote what is in the file.
			return nil, fault.New(fault.Invalid, "NKEY_INVALID", "%s, the file of bus.nkey, holds no seed of an NKey of a user; parley access create makes one", d.NKey)
		}
		opts = append(opts, key)
	}
	if d.Creds != "" {
		opts = append(opts, nats.UserCredentials(d.Creds))
	}
	if d.CA != "" {
		opts = append(opts, nats.RootCAs(d.CA))
	}
	if d.Cert != "" {
		opts = append(opts, nats.ClientCert(d.Cert, d.Key))
	}
	return opts, nil
}

// authorities are those that sign the brokers' certificates; nil for the system's.
func (d Door) authorities() (*x509.CertPool, error) {
	return keyfile.Authorities("bus.ca", d.CA)
}

// Clear gives the host of the first address that is reached in the clear over a
// network: not by TLS, which the address or the door may ask for, and not on this
// machine alone. It is empty when there is none.
func Clear(addresses string, d Door) string {
	if d.CA != "" || d.Cert != "" {
		return ""
	}
	for _, address := range strings.Split(addresses, ",") {
		address = strings.TrimSpace(address)
		if address == "" {
			continue
		}
		if !strings.Contains(address, "://") {
			address = "nats://" + address
		}
		u, err := url.Parse(address)
		if err != nil || u.Scheme == "tls" || u.Scheme == "wss" || loopback(u.Hostname()) {
			continue // what is no address is refused when it is used
		}
		return u.Hostname()
	}
	return ""
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// forbidden is a subject of nobody: whoever may listen there may do everything.
const forbidden = "parley.nobody.listens.here"

// checkDoor says when the way to the brokers is in the clear, and when the user
// of this process may do everything there.
func (b *Bus) checkDoor(ctx context.Context) (checks []Check) {
	if b.broker != nil {
		return nil // without a socket
	}
	if host := Clear(b.cfg.URL, b.cfg.Door); host != "" {
		checks = append(checks, Check{Name: "broker.way", Level: Warning, Detail: "the broker at " + host + " is reached in the clear", Values: []string{host},
			Remedy: "set bus.ca and give the brokers certificates: parley access create makes them; docs/operations.md says how"})
	}
	if free, err := b.unbounded(ctx); err == nil && free {
		checks = append(checks, Check{Name: "broker.user", Level: Warning, Detail: "the user of this process may do everything on the broker",
			Remedy: "give every service a user of its own: parley access create makes them; docs/operations.md says how"})
	}
	return checks
}

// unbounded tells whether the broker lets this process listen to what it needs
// nowhere.
func (b *Bus) unbounded(ctx context.Context) (bool, error) {
	sub, err := b.nc.SubscribeSync(forbidden)
	if err != nil {
		return false, err
	}
	defer func() { _ = sub.Unsubscribe() }()
	ctx, cancel := context.WithTimeout(ctx, monitorTimeout)
	defer cancel()
	if err := b.nc.FlushWithContext(ctx); err != nil { // a refusal comes before the answer to this
		return false, err
	}
	_, err = sub.NextMsg(time.Millisecond)
	return !errors.Is(err, nats.ErrPermissionViolation), nil
}
