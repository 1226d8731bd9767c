package host

import (
	"crypto/tls"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/telemetry/key"
)

// Certificate is what a server proves itself with: a certificate and its key
// in two files, which may be replaced while they are in use, as renewal does.
type Certificate struct {
	setting string // that the files belong to: "ingress.tls"
	files   [2]string
	log     *slog.Logger
	pair    atomic.Pointer[tls.Certificate]

	turn sync.Mutex // of whoever looks at the files
	seen [2]os.FileInfo
}

// OpenCertificate reads the files of setting+".cert" and setting+".key", in
// PEM, and measures how long what they hold is valid.
func OpenCertificate(deps Deps, setting, certFile, keyFile string) (*Certificate, error) {
	c := &Certificate{setting: setting, files: [2]string{certFile, keyFile}, log: deps.Log}
	c.seen = c.look()
	if err := c.load(); err != nil {
		return nil, err
	}
	expires := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "parley_certificate_expires_timestamp_seconds",
		Help: "When the certificate of a listener lapses, in seconds since 1970 UTC.",
	}, func() float64 { return float64(c.pair.Load().Leaf.NotAfter.Unix()) })
	if err := deps.Registry.Register(expires); err != nil {
		return nil, fault.Wrap(err, "register the metric of %s", setting)
	}
	return c, nil
}

// Get gives the certificate to serve, the new one as soon as both files are
// replaced. Files that make no pair, as between the two replacements, leave
// the one before in service. It is the GetCertificate of a tls.Config.
func (c *Certificate) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c.turn.TryLock() { // else somebody looks already, and this client is served as before
		c.refresh()
		c.turn.Unlock()
	}
	return c.pair.Load(), nil
}

func (c *Certificate) refresh() {
	// What is seen is noted before the files are read: a change in between is
	// found the next time.
	now := c.look()
	if same(now[0], c.seen[0]) && same(now[1], c.seen[1]) {
		return
	}
	c.seen = now
	if err := c.load(); err != nil {
		c.log.Error("the new certificate cannot be used, the one before stays", slog.String(key.Setting, c.setting), slog.Any(key.Err, err))
		return
	}
	c.log.Info("certificate replaced", slog.String(key.Setting, c.setting), slog.Time(key.Until, c.pair.Load().Leaf.NotAfter))
}

func (c *Certificate) load() error {
	pair, err := tls.LoadX509KeyPair(c.files[0], c.files[1])
	if err != nil {
		return fault.Wrap(err, "reading %[1]s.cert and %[1]s.key", c.setting)
	}
	c.pair.Store(&pair)
	return nil
}

// look tells the files as they are now; nil where there is none.
func (c *Certificate) look() (now [2]os.FileInfo) {
	for i, name := range c.files {
		now[i], _ = os.Stat(name) // reading it will say what is wrong
	}
	return now
}

func same(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == b
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}
