package receive

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/telemetry/key"
)

// refusal is an answer other than 200.
type refusal struct {
	status int
	reason string // for logs
	retry  string // Retry-After, seconds; empty when coming back is no use
}

func (r *refusal) Error() string { return r.reason }

var (
	errUnknown  = &refusal{status: http.StatusUnauthorized, reason: "unknown account"}
	errSealed   = &refusal{status: http.StatusServiceUnavailable, reason: "secrets cannot be opened", retry: "60"}
	errEncoding = &refusal{status: http.StatusUnsupportedMediaType, reason: "content encoding"}
	errTooLarge = &refusal{status: http.StatusRequestEntityTooLarge, reason: "body too large"}
	errBusy     = &refusal{status: http.StatusServiceUnavailable, reason: "bodies in flight", retry: "1"}
	errBroken   = &refusal{status: http.StatusBadRequest, reason: "body broke off"}
	errUnsigned = &refusal{status: http.StatusUnauthorized, reason: "signature"}
	errBroker   = &refusal{status: http.StatusServiceUnavailable, reason: "broker", retry: "5"}
)

// refuse answers err and returns the status. A broker that is away is ours to
// repair, so it is logged; what strangers send is only counted.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, err error) int {
	why := &refusal{status: http.StatusInternalServerError, reason: "internal"}
	_ = errors.As(err, &why)
	if errors.Is(err, errBroker) {
		h.world.Log.ErrorContext(r.Context(), "what Meta sent is not stored; it will come again",
			slog.String(key.Kind, fault.KindOf(err).String()), slog.Any(key.Err, err))
	}
	h.meters.refused.WithLabelValues(why.reason).Inc()
	if why.retry != "" {
		w.Header().Set("Retry-After", why.retry)
	}
	answer(w, why.status)
	return why.status
}

// answer gives a status and nothing else: the body says no more than the
// status, whatever was wrong, and repeats nothing of the request.
func answer(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(status)
}
