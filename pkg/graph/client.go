package graph

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
)

// answerLimit is how much of an answer is read. Meta's are a few kilobytes;
// more is not an answer.
const answerLimit = 1 << 20

// Config says where the Graph API is and how long a call may take.
type Config struct {
	BaseURL string        // "https://graph.facebook.com"; without a version
	Timeout time.Duration // of one call from dialling to the last byte; 0: 15 s
}

// Page is on whose behalf a call is made.
type Page struct {
	ID        string      // Meta's page id
	AppSecret secret.Text // signs the token, so that a leaked token is useless alone
	Token     secret.Text // page access token
	Version   string      // Graph API version, "v26.0"
}

// Client calls the Graph API. It is safe for concurrent use.
type Client struct {
	base      *url.URL
	timeout   time.Duration
	transport *http.Transport
	log       *slog.Logger
	tracer    trace.Tracer
	seconds   *prometheus.HistogramVec
	extras    permission // to read more of a profile than the name
}

// New makes a client; it dials nothing. The fault is Invalid when the base URL
// is not one.
func New(cfg Config, log *slog.Logger, registry prometheus.Registerer, tracer trace.Tracer) (*Client, error) {
	base, err := url.Parse(strings.TrimRight(cfg.BaseURL, "/"))
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return nil, fault.New(fault.Invalid, "GRAPH_URL", "the Graph API's address must be an http or https URL, such as https://graph.facebook.com")
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 15 * time.Second
	}
	c := &Client{
		base: base, timeout: cfg.Timeout, transport: newTransport(), log: log, tracer: tracer,
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "parley_graph_request_duration_seconds",
			Help:    "Time of calls to Meta's Graph API, by operation and what became of them.",
			Buckets: prometheus.ExponentialBuckets(0.025, 2, 10),
		}, []string{"operation", "class"}),
	}
	if err := registry.Register(c.seconds); err != nil {
		return nil, fault.Wrap(err, "register metrics of the Graph API")
	}
	return c, nil
}

// Timeout is how long one call may take.
func (c *Client) Timeout() time.Duration { return c.timeout }

// newTransport is HTTP/1.1 on purpose; see the package comment. Idle
// connections are dropped early: writing to one that the other side has just
// closed makes a send uncertain for nothing.
func newTransport() *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    5 * time.Second,
		Protocols:              protocols,
		MaxIdleConnsPerHost:    512, // all go to one host, and a handshake costs more than a send
		IdleConnTimeout:        20 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// call is one request: what it is named in reports, and what goes over the wire.
type call struct {
	operation string // constant, low in number: a label
	method    string
	path      []string // elements after the version, escaped here
	query     url.Values
	body      any // JSON; nil for none
	form      *form
}

// answer is what came back, as far as anything did.
type answer struct {
	phase   phase
	status  int
	header  http.Header
	body    []byte
	timeout bool // the clock ended it
}

// do makes the call once. It never repeats it, follows no redirect, and puts
// nothing of the page or the customer into its span.
func (c *Client) do(ctx context.Context, page Page, k call) answer {
	ctx, span := c.tracer.Start(ctx, "graph "+k.operation, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("http.request.method", k.method), attribute.String("server.address", c.base.Hostname())))
	defer span.End()
	a := c.roundTrip(ctx, page, k)
	if a.status != 0 {
		span.SetAttributes(attribute.Int("http.response.status_code", a.status))
	}
	if a.phase != answered {
		span.SetStatus(codes.Error, "no answer")
	}
	return a
}

// roundTrip writes the request and reads the answer. It uses the transport
// itself: http.Client would follow redirects and put URLs into its errors.
func (c *Client) roundTrip(ctx context.Context, page Page, k call) answer {
	// Set by the connection's write loop, read here.
	var wrote atomic.Bool
	req, err := c.request(ctx, page, k, &wrote)
	if err != nil {
		return answer{phase: unwritten}
	}
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		a := answer{phase: unwritten, timeout: timedOut(err)}
		if wrote.Load() {
			a.phase = written
		}
		return a
	}
	defer func() { _ = resp.Body.Close() }()
	a := answer{phase: written, status: resp.StatusCode, header: resp.Header}
	body, err := io.ReadAll(io.LimitReader(resp.Body, answerLimit+1))
	switch {
	case err != nil:
		a.timeout = timedOut(err)
	case len(body) > answerLimit:
		a.phase = answered // too much of it, so not one we can read
	default:
		a.phase, a.body = answered, body
	}
	return a
}

// request builds the request. wrote is set before the first byte can reach the
// wire: net/http reports a header field when it enters the connection's write
// buffer, which holds more than a request line.
func (c *Client) request(ctx context.Context, page Page, k call, wrote *atomic.Bool) (*http.Request, error) {
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteHeaderField: func(string, []string) { wrote.Store(true) },
	})
	path, ok := escape(k.path)
	if !ok {
		return nil, errors.New("graph: an id is empty or leads elsewhere")
	}
	target := c.base.JoinPath(append([]string{page.Version}, path...)...) // #nosec G125 -- escaped above
	query := url.Values{}
	for name, values := range k.query {
		query[name] = values
	}
	if !page.AppSecret.Empty() {
		query.Set("appsecret_proof", proof(page))
	}
	target.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, k.method, target.String(), nil)
	if err != nil {
		return nil, errors.New("graph: request cannot be built")
	}
	req.Header.Set("Accept", "application/json")
	if !page.Token.Empty() {
		req.Header.Set("Authorization", "Bearer "+page.Token.Reveal())
	}
	switch {
	case k.form != nil:
		req.Header.Set("Content-Type", k.form.kind)
		req.Body, req.ContentLength = io.NopCloser(k.form.body), k.form.length
	case k.body != nil:
		encoded, err := json.Marshal(k.body)
		if err != nil {
			return nil, errors.New("graph: body cannot be encoded")
		}
		req.Header.Set("Content-Type", "application/json")
		// Not handed to NewRequest, which would set GetBody and so allow
		// net/http to send the body a second time.
		req.Body = io.NopCloser(bytes.NewReader(encoded))
		req.ContentLength = int64(len(encoded))
	}
	return req, nil
}

// escape makes elements of a path from ids. It refuses those that would make the
// path another one: none at all, and the two that name folders.
func escape(path []string) ([]string, bool) {
	out := make([]string, len(path))
	for i, element := range path {
		if element == "" || element == "." || element == ".." {
			return nil, false
		}
		out[i] = url.PathEscape(element)
	}
	return out, true
}

// proof is appsecret_proof as Meta's page "Secure Graph API calls" defines it.
func proof(page Page) string {
	mac := hmac.New(sha256.New, []byte(page.AppSecret.Reveal()))
	_, _ = io.WriteString(mac, page.Token.Reveal())
	return hex.EncodeToString(mac.Sum(nil))
}

func timedOut(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || (errors.As(err, &timeout) && timeout.Timeout())
}

// read makes a call that may be repeated, within the caller's context, and
// decodes a successful answer into out.
func (c *Client) read(ctx context.Context, page Page, k call, out any) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	start := time.Now()
	a := c.do(ctx, page, k)
	result := readOutcome(a, page.ID, out)
	c.seconds.WithLabelValues(k.operation, result.Class.String()).Observe(time.Since(start).Seconds())
	if result.Class != Sent && ctx.Err() != nil {
		return fault.Wrap(ctx.Err(), "ask Meta for %s", k.operation)
	}
	return readFault(k.operation, result)
}

// readOutcome is classify for a read: an answer that decodes is success.
func readOutcome(a answer, page string, out any) Outcome {
	if a.phase == answered && success(a.status) {
		if _, failed := ParseError(a.body); !failed && json.Unmarshal(a.body, out) == nil {
			return Outcome{Class: Sent}
		}
	}
	result := classify(a.phase, a.status, a.body)
	result.RetryAfter = retryAfter(a.header, usageOf(a.header, page))
	if result.Class == Sent {
		return Outcome{Class: Uncertain, Reason: ReasonUnreadable}
	}
	return result
}
