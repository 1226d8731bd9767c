// Package fetch opens links that strangers wrote. It goes where it may go and
// nowhere else, and takes no more than it was told to: whatever the other side
// says of length, type and time is a claim.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Config is what a Client may do.
type Config struct {
	Hosts   []string      // names, and all names under them, that may be asked over https
	Plain   []string      // host:port that may be asked over http, for development
	Timeout time.Duration // of one transfer in all
	Rate    int64         // bytes a second that a transfer must come to after Grace
	Grace   time.Duration
	Now     func() time.Time
	// Lookup finds the addresses of a host; nil asks the system.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	// Dialled is told of every address just before a packet leaves for it. May be
	// nil.
	Dialled func(address string)
}

// Failure is why a file could not be had. Final says that it never will.
type Failure struct {
	Reason string // as in thread.v1.AttachmentLost; empty when it is not final
	Final  bool
	Cause  error
}

func (f *Failure) Error() string { return f.Reason + ": " + f.Cause.Error() }

// Unwrap is the cause.
func (f *Failure) Unwrap() error { return f.Cause }

func final(reason string, cause error) *Failure {
	return &Failure{Reason: reason, Final: true, Cause: cause}
}

// Reasons that a link gives.
const (
	LinkRefused = "LINK_REFUSED"
	Gone        = "GONE"
	Expired     = "EXPIRED"
	TooLarge    = "TOO_LARGE"
)

// Client opens links. It keeps no cookies, knows no proxy and sends nothing of
// the house.
type Client struct {
	cfg   Config
	guard *guard
	http  *http.Client
}

const maxRedirects = 3

// New makes a client. What a link may name is in cfg alone.
func New(cfg Config) *Client {
	g := &guard{suffixes: cfg.Hosts, plain: cfg.Plain, lookup: cfg.Lookup, dialer: net.Dialer{Timeout: 5 * time.Second}}
	if g.lookup == nil {
		g.lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
			for i := range found {
				found[i] = plainly(found[i])
			}
			return found, err
		}
	}
	if cfg.Dialled != nil {
		g.dialer.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
			cfg.Dialled(address)
			return nil
		}
	}
	c := &Client{cfg: cfg, guard: g}
	c.http = &http.Client{
		Transport: &http.Transport{
			Proxy: nil, DialContext: g.dial, ForceAttemptHTTP2: true, DisableCompression: true,
			TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: 10 * time.Second,
			MaxResponseHeaderBytes: 32 << 10, MaxIdleConnsPerHost: 4, MaxConnsPerHost: 32, IdleConnTimeout: 30 * time.Second,
			ReadBufferSize: 32 << 10,
		},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			r.Header.Del("Referer") // a signed link is nobody's business
			if len(via) > maxRedirects {
				return refused("it leads on more than %d times", maxRedirects)
			}
			return g.admit(r.URL)
		},
	}
	return c
}

// plainly undoes how the resolver of the system writes IPv4: it may be mapped.
// An answer that was mapped by its sender is of IPv6 and stays so there.
func plainly(a netip.Addr) netip.Addr { return a.Unmap() }

// Open asks for a link and gives its body, which ends with a *Failure when it is
// longer than most, too slow, or not as long as was said. Close it.
func (c *Client) Open(ctx context.Context, link string, most int64) (io.ReadCloser, error) {
	u, err := url.Parse(link)
	if err != nil {
		return nil, final(LinkRefused, refused("it cannot be read")) // the error repeats the link
	}
	if err := c.guard.admit(u); err != nil {
		return nil, final(LinkRefused, err)
	}
	if until, known := expiry(u); known && !c.cfg.Now().Before(until) {
		return nil, final(Expired, fmt.Errorf("the link lapsed at %s", until.UTC().Format(time.RFC3339)))
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		cancel()
		return nil, final(LinkRefused, refused("it cannot be asked for"))
	}
	r.Header.Set("Accept-Encoding", "identity")
	r.Header.Set("User-Agent", "parley-attachment")
	answer, err := c.http.Do(r)
	if err != nil {
		cancel()
		return nil, failed(err)
	}
	if err := judge(answer, most); err != nil {
		cancel()
		_ = answer.Body.Close()
		return nil, err
	}
	return &body{from: answer.Body, end: cancel, left: most, said: answer.ContentLength, client: c, began: time.Now()}, nil
}

// failed tells a link that was refused on its way from one that may work later.
// The address in the client's error is taken off: it is a secret of the customer.
func failed(err error) *Failure {
	var of *url.Error
	if errors.As(err, &of) {
		err = of.Err
	}
	if errors.Is(err, errRefused) {
		return final(LinkRefused, err)
	}
	return &Failure{Cause: err}
}

// judge looks at an answer before its body.
func judge(answer *http.Response, most int64) error {
	status, encoding := answer.StatusCode, answer.Header.Get("Content-Encoding")
	switch {
	case status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || status >= 500:
		return &Failure{Cause: fmt.Errorf("the answer is %d", status)}
	case status != http.StatusOK:
		return final(Gone, fmt.Errorf("the answer is %d", status))
	case encoding != "" && !strings.EqualFold(encoding, "identity"):
		return final(LinkRefused, refused("it is encoded although that was not asked for"))
	case answer.ContentLength > most:
		return final(TooLarge, fmt.Errorf("%d bytes are more than %d", answer.ContentLength, most))
	}
	return nil
}

// expiry is when a link of Meta's lapses: seconds since 1970 in hex, in oe.
func expiry(u *url.URL) (time.Time, bool) {
	oe := u.Query().Get("oe")
	seconds, err := strconv.ParseInt(oe, 16, 64)
	if err != nil || len(oe) != 8 {
		return time.Time{}, false
	}
	return time.Unix(seconds, 0), true
}

// body counts what comes.
type body struct {
	from   io.ReadCloser
	end    context.CancelFunc
	client *Client
	began  time.Time
	left   int64 // of what may come
	read   int64
	said   int64 // length by the header; -1: none
	over   error // how it ended
}

func (b *body) Read(p []byte) (int, error) {
	if b.over != nil {
		return 0, b.over
	}
	n, err := b.next(p)
	b.over = err
	return n, err
}

func (b *body) next(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1] // one more than may come tells that more would
	}
	n, err := b.from.Read(p)
	b.left -= int64(n)
	b.read += int64(n)
	switch {
	case b.left < 0:
		return 0, final(TooLarge, fmt.Errorf("more than %d bytes come", b.read-1))
	case errors.Is(err, io.EOF) && b.said >= 0 && b.read != b.said:
		return n, &Failure{Cause: io.ErrUnexpectedEOF}
	case err != nil && !errors.Is(err, io.EOF):
		return n, failed(err)
	case err == nil && b.slow():
		return n, &Failure{Cause: fmt.Errorf("%d bytes in %s are too few", b.read, time.Since(b.began).Round(time.Second))}
	}
	return n, err
}

// slow tells whether the other side keeps the transfer going for its own sake.
func (b *body) slow() bool {
	took := time.Since(b.began)
	return took > b.client.cfg.Grace && float64(b.read) < took.Seconds()*float64(b.client.cfg.Rate)
}

// Close gives up what has not come.
func (b *body) Close() error {
	b.end()
	return b.from.Close()
}
