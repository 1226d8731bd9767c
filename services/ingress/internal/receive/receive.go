// Package receive answers Meta's requests: the verification of a callback URL,
// webhooks, and what people ask of their data. A webhook is answered 200 when every event in it is stored, and
// with an error, so that Meta sends it again, when that is not certain.
//
// What can be refused is refused in the order of its cost: path, headers,
// budget, then the body, then the signature, and only then is JSON looked at.
// An account that is not there is told so before its body is read: the status
// tells it from a wrong signature anyway, and the name of an account is no
// secret, it stands in the URL that Meta was given.
package receive

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/ingress/internal/split"
	"github.com/parley-desk/parley/services/ingress/internal/verify"
)

// Limits bound what requests may take.
type Limits struct {
	Body   int64         // bytes of one body
	Flight int64         // bytes of all bodies between reading and answering
	Broker time.Duration // how long a webhook waits for the broker
	// PublicURL is the address under which Meta and people reach the handler;
	// empty: the one they called.
	PublicURL string
}

// World is what the handler needs of its surroundings. The functions are
// called from many goroutines.
type World struct {
	Snapshot func() *directory.Snapshot
	Reveal   func(place string, s *configv1.Secret) (secret.Text, error)
	Publish  func(ctx context.Context, events []*inboundv1.Event) error // returns when all are on disk
	Verified func(account, fingerprint string)                          // the callback was, with the verify token of this fingerprint
	Heard    func(events []*inboundv1.Event)                            // signed ones were stored
	Signed   func(account, fingerprint string, previous bool)           // a webhook was, with the app secret of this fingerprint
	// Keep stores what a person asks, and gives its code when it is on disk.
	Keep func(ctx context.Context, request *privacyv1.Request, payload []byte) (code string, err error)
	// Find reads it again; fault.NotFound when there is none.
	Find func(ctx context.Context, code string) (*privacyv1.Request, error)
	// Deauthorized tells that somebody removed the app of an account.
	Deauthorized func(account string)

	Now      func() time.Time
	Log      *slog.Logger
	Registry prometheus.Registerer
	Tracer   trace.Tracer
}

// Handler serves GET and POST of /webhook/{account}, POST of /deletion/{account}
// and /deauthorize/{account}, and GET of /deletion/{code}.
type Handler struct {
	limits Limits
	world  World
	keys   keyring
	flight atomic.Int64
	states *rate.Limiter // of those who look how far a request is
	meters meters
	mux    *http.ServeMux
}

// New makes a handler and registers its metrics.
func New(limits Limits, world World) (*Handler, error) {
	h := &Handler{limits: limits, world: world, mux: http.NewServeMux(), states: rate.NewLimiter(20, 40)}
	var err error
	if h.meters, err = newMeters(world.Registry, &h.flight); err != nil {
		return nil, fault.Wrap(err, "register metrics of ingress")
	}
	h.mux.HandleFunc("GET /webhook/{account}", h.subscribe)
	h.mux.HandleFunc("POST /webhook/{account}", h.webhook)
	h.mux.HandleFunc("POST /deletion/{account}", h.person(privacyv1.Kind_KIND_DELETION))
	h.mux.HandleFunc("POST /deauthorize/{account}", h.person(privacyv1.Kind_KIND_DEAUTHORIZATION))
	h.mux.HandleFunc("GET /deletion/{code}", h.state)
	return h, nil
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	h.mux.ServeHTTP(w, r)
}

// subscribe proves to Meta that the callback URL is ours. The challenge comes
// back only as the digits it always is: anything else could be a page.
func (h *Handler) subscribe(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	id := r.PathValue("account")
	account, err := h.keys.account(h.world, id)
	switch challenge := query.Get("hub.challenge"); {
	case err != nil:
		h.refuse(w, r, err)
	case query.Get("hub.mode") != "subscribe":
		answer(w, http.StatusBadRequest)
	case account.verify.Empty() || !account.verify.Equal(query.Get("hub.verify_token")):
		answer(w, http.StatusForbidden)
	case !isChallenge(challenge):
		answer(w, http.StatusBadRequest)
	default:
		h.world.Verified(id, account.fingerprint)
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, challenge) // #nosec G705 -- digits, see above
	}
}

func isChallenge(s string) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

func (h *Handler) webhook(w http.ResponseWriter, r *http.Request) {
	start := h.world.Now()
	ctx, span := h.world.Tracer.Start(r.Context(), "receive webhook", trace.WithSpanKind(trace.SpanKindServer))
	defer span.End()
	status := http.StatusOK
	if err := h.take(w, r.WithContext(ctx), start); err != nil {
		status = h.refuse(w, r.WithContext(ctx), err)
		span.SetStatus(codes.Error, http.StatusText(status))
	} else {
		answer(w, status)
	}
	span.SetAttributes(attribute.Int("http.response.status_code", status))
	h.meters.seconds.WithLabelValues(strconv.Itoa(status)).Observe(h.world.Now().Sub(start).Seconds())
}

// take stores the events of one webhook; nil when all are on disk.
func (h *Handler) take(w http.ResponseWriter, r *http.Request, now time.Time) error {
	id := r.PathValue("account")
	account, err := h.keys.account(h.world, id)
	if err != nil {
		return err
	}
	body, release, err := h.read(w, r, h.limits.Body)
	defer release()
	if err != nil {
		return err
	}
	verdict := verify.Missing
	if signature := r.Header.Values("X-Hub-Signature-256"); len(signature) == 1 {
		verdict = verify.Signature(signature[0], body, account.signing)
	}
	h.meters.judged(id, account, verdict)
	if !verdict.Genuine() {
		return account.unsigned()
	}
	events := split.Body(id, now.UnixMilli(), body)
	if slices.ContainsFunc(events, func(e *inboundv1.Event) bool { return e.GetPsid() != subject.TestPSID }) {
		h.signed(id, account, verdict) // a test of our own proves nothing of Meta's secret
	}
	trace.SpanFromContext(r.Context()).SetAttributes(attribute.Int("messaging.batch.message_count", len(events)))
	ctx, cancel := context.WithTimeout(r.Context(), h.limits.Broker)
	defer cancel()
	if err := h.world.Publish(ctx, events); err != nil {
		return errors.Join(errBroker, err)
	}
	h.meters.count(events)
	h.world.Heard(events)
	return nil
}

// signed notes with which secret of an account Meta signs.
func (h *Handler) signed(id string, a account, verdict verify.Verdict) {
	if verdict == verify.Previous {
		h.world.Signed(id, a.previous, true)
		return
	}
	h.world.Signed(id, a.current, false)
}

// read takes a body of at most so many bytes within the budget. release gives the
// budget back; it is never nil.
func (h *Handler) read(w http.ResponseWriter, r *http.Request, most int64) (body []byte, release func(), err error) {
	release = func() {}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return nil, release, errEncoding
	}
	size := r.ContentLength
	if size > most {
		return nil, release, errTooLarge
	}
	if size < 0 {
		size = most
	}
	if h.flight.Add(size) > h.limits.Flight {
		h.flight.Add(-size)
		return nil, release, errBusy
	}
	release = func() { h.flight.Add(-size) }
	if r.ContentLength >= 0 {
		body = make([]byte, size)
		_, err = io.ReadFull(r.Body, body)
	} else {
		body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	}
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return nil, release, errTooLarge
	case err != nil:
		return nil, release, errBroken
	}
	return body, release, nil
}
