// Package webhook tells a program elsewhere by HTTP what happened.
//
// # Usage
//
// A Client belongs to one address. Post sends a body, signed, and is content with
// any answer from 200 to 299. Its errors say whether trying again makes sense:
// fault.Retryable ones are of the other side being away.
//
// # Guarantees
//
// A body goes to the address of the settings and nowhere else: a redirection is a
// refusal, and the name must lead to the public network unless the address is on
// the list of those that may be inside; a link-local one is never asked. While the
// other side fails it is asked ever less often, whoever asks.
//
// Who asks many addresses, or wants to read the answer, has the parts: HTTP,
// Request and Breaker.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/outside"
)

// Headers of a request.
const (
	// Signature is what Sign gives.
	Signature = "Parley-Signature"
	// ID is the same for the same request, however often it comes.
	ID = "Parley-Request"
)

// enough characters of a secret that signs.
const enough = 16

// Config is whom to tell.
type Config struct {
	URL     string
	Secret  string
	Inside  []string // host:port that may be asked without TLS, wherever it is
	Timeout time.Duration
	Now     func() time.Time
}

// Validate tells what is wrong, by what to say it of.
func (c Config) Validate() error {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "":
		return errors.New("its address must be https://host/path, without a user or fragment")
	case u.Scheme != "https" && (u.Scheme != "http" || !c.inside(u)):
		return fmt.Errorf("its address must begin with https:, or %s must be on the list of those inside", place(u))
	case len(c.Secret) < enough:
		return fmt.Errorf("its secret must have at least %d characters", enough)
	case c.Timeout <= 0:
		return errors.New("its time must be longer than nothing")
	}
	return nil
}

func (c Config) inside(u *url.URL) bool { return slices.Contains(c.Inside, place(u)) }

// place is host:port, also where the address has no port.
func place(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	if u.Scheme == "http" {
		return net.JoinHostPort(u.Hostname(), "80")
	}
	return net.JoinHostPort(u.Hostname(), "443")
}

// Client tells one address.
type Client struct {
	cfg     Config
	http    *http.Client
	breaker Breaker
}

// New makes a client of a valid Config.
func New(cfg Config) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, err
	}
	may := outside.Public
	if cfg.inside(u) {
		may = func(a netip.Addr) bool { return outside.House(a) || a.Unmap().IsLoopback() }
	}
	client := HTTP(may, cfg.Timeout)
	client.Timeout = cfg.Timeout
	return &Client{cfg: cfg, http: client}, nil
}

// HTTP is a client that asks only addresses that may be asked, once their names
// are resolved. It follows no redirection, knows no proxy, and unpacks nothing;
// a connection has so long to come about.
func HTTP(may func(netip.Addr) bool, connect time.Duration) *http.Client {
	dialer := &net.Dialer{Timeout: connect, ControlContext: outside.Guard(may)}
	return &http.Client{
		Transport: &http.Transport{Proxy: nil, DialContext: dialer.DialContext, ForceAttemptHTTP2: true, DisableCompression: true,
			TLSHandshakeTimeout: connect, MaxResponseHeaderBytes: 32 << 10, MaxIdleConnsPerHost: 32, IdleConnTimeout: 30 * time.Second},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Request is a POST of body, signed at a time.
func Request(ctx context.Context, address, secret, id string, at time.Time, body []byte) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Parley")
	r.Header.Set(Signature, Sign(secret, at, body))
	r.Header.Set(ID, id)
	return r, nil
}

// Sign is the signature of a request at a time: "t=", the seconds, ",v1=" and the
// HMAC-SHA-256, hex, of the seconds, a dot and the body. So who checks it can
// refuse what somebody sends again later.
func Sign(secret string, at time.Time, body []byte) string {
	seconds := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(seconds + "."))
	mac.Write(body)
	return "t=" + seconds + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// Post tells something once. Unavailable: it may have arrived, or not.
func (c *Client) Post(ctx context.Context, id string, body []byte) error {
	if left, open := c.breaker.Open(c.cfg.Now()); open {
		pause(ctx, left)
		if left, open = c.breaker.Open(c.cfg.Now()); open {
			return &fault.Error{Kind: fault.Unavailable, Reason: "HOOK_AWAY", Message: "the other side fails and is left alone for a while", RetryAfter: left}
		}
	}
	r, err := Request(ctx, c.cfg.URL, c.cfg.Secret, id, c.cfg.Now(), body)
	if err != nil {
		return &fault.Error{Kind: fault.Internal, Message: "make a request", Cause: err}
	}
	resp, err := c.http.Do(r)
	if err != nil {
		if ctx.Err() == nil {
			c.breaker.Failed(c.cfg.Now())
		}
		return &fault.Error{Kind: fault.Unavailable, Reason: "HOOK_AWAY", Message: "the other side did not answer", Cause: err}
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection serves again
	return c.judge(resp)
}

func (c *Client) judge(resp *http.Response) error {
	status := resp.StatusCode
	switch {
	case status >= 200 && status < 300:
		c.breaker.Worked()
		return nil
	case status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || status >= 500:
		c.breaker.Failed(c.cfg.Now())
		f := fault.New(fault.Unavailable, "HOOK_AWAY", "the other side answered %d", status)
		if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
			f.RetryAfter = time.Duration(min(seconds, 60)) * time.Second
		}
		return f
	}
	c.breaker.Worked()
	return fault.New(fault.Invalid, "HOOK_REFUSED", "the other side answered %d, which says that it will never take this", status)
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
