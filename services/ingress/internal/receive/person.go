package receive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/parley-desk/parley/pkg/fault"
	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
	"github.com/parley-desk/parley/services/ingress/internal/verify"
)

const (
	// maxForm is how long the form with a signed request may be; Meta's are a few
	// hundred bytes.
	maxForm = 64 << 10
	// maxUser is how long Meta's id of a person may be.
	maxUser = 64
	// oldest and ahead bound when a request was signed, against replays (SD1).
	oldest = 24 * time.Hour
	ahead  = 5 * time.Minute
)

var (
	errForm  = &refusal{status: http.StatusBadRequest, reason: "signed request"}
	errStale = &refusal{status: http.StatusBadRequest, reason: "issued long ago or ahead"}
	errOften = &refusal{status: http.StatusTooManyRequests, reason: "states asked for", retry: "1"}
	errCode  = &refusal{status: http.StatusNotFound, reason: "unknown code"}
)

// person takes a signed request of a kind that Meta passes on for a person, and
// answers when it is on disk.
func (h *Handler) person(kind privacyv1.Kind) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		code, err := h.keep(w, r, kind)
		switch {
		case err != nil:
			h.refuse(w, r, err)
		case kind == privacyv1.Kind_KIND_DEAUTHORIZATION:
			h.world.Deauthorized(r.PathValue("account"))
			answer(w, http.StatusOK)
		default:
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(map[string]string{"url": h.public(r) + "/deletion/" + code, "confirmation_code": code})
		}
	}
}

// public is the address under which the caller reaches ingress.
func (h *Handler) public(r *http.Request) string {
	if h.limits.PublicURL != "" {
		return strings.TrimRight(h.limits.PublicURL, "/")
	}
	return "https://" + r.Host // Meta calls nothing but HTTPS
}

func (h *Handler) keep(w http.ResponseWriter, r *http.Request, kind privacyv1.Kind) (code string, err error) {
	id := r.PathValue("account")
	account, err := h.keys.account(h.world, id)
	if err != nil {
		return "", err
	}
	body, release, err := h.read(w, r, min(maxForm, h.limits.Body))
	defer release()
	if err != nil {
		return "", err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return "", errForm
	}
	var payload []byte
	verdict := verify.Missing
	if signed := form["signed_request"]; len(signed) == 1 {
		payload, verdict = verify.SignedRequest(signed[0], account.signing)
	}
	h.meters.judged(id, account, verdict)
	if !verdict.Genuine() {
		return "", account.unsigned()
	}
	h.signed(id, account, verdict)
	request, err := readRequest(payload, h.world.Now())
	if err != nil {
		return "", err
	}
	request.Kind, request.Account = kind, id
	ctx, cancel := context.WithTimeout(r.Context(), h.limits.Broker)
	defer cancel()
	code, err = h.world.Keep(ctx, request, payload)
	if err != nil {
		return "", errors.Join(errBroker, err)
	}
	h.meters.persons.WithLabelValues(strings.ToLower(strings.TrimPrefix(kind.String(), "KIND_"))).Inc()
	return code, nil
}

// readRequest reads the payload of a genuine request.
func readRequest(payload []byte, now time.Time) (*privacyv1.Request, error) {
	var said struct {
		Algorithm string          `json:"algorithm"`
		User      json.RawMessage `json:"user_id"`
		Issued    int64           `json:"issued_at"`
	}
	if json.Unmarshal(payload, &said) != nil || said.Algorithm != "HMAC-SHA256" {
		return nil, errForm
	}
	user := strings.Trim(string(said.User), `"`) // a number in some versions
	if user == "" || len(user) > maxUser || strings.Trim(user, "0123456789") != "" {
		return nil, errForm
	}
	issued := time.Unix(said.Issued, 0)
	if now.Sub(issued) > oldest || issued.Sub(now) > ahead {
		return nil, errStale
	}
	return &privacyv1.Request{User: user, IssuedMs: issued.UnixMilli(), ReceivedMs: now.UnixMilli(), State: privacyv1.State_STATE_RECEIVED}, nil
}

// page is what a person sees of a request: nothing but how far it is.
const page = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">
<title>Data request</title>
<p>%s
<p lang="bg">%s
</html>
`

// told is how far a request is, in English and Bulgarian; each takes the day of
// the request.
var told = map[privacyv1.State][2]string{
	privacyv1.State_STATE_RECEIVED:       {"Your request of %s was received. It is kept and will be carried out.", "Вашето искане от %s е получено. То е записано и ще бъде изпълнено."},
	privacyv1.State_STATE_UNKNOWN_PERSON: {"Your request of %s was received. Meta does not tell us who you are on our page, so a person looks into it.", "Вашето искане от %s е получено. Meta не ни казва кой сте на нашата страница и затова го разглежда човек."},
	privacyv1.State_STATE_ORDERED:        {"Your request of %s will be carried out soon.", "Вашето искане от %s ще бъде изпълнено скоро."},
	privacyv1.State_STATE_ERASING:        {"Your request of %s is being carried out: your data is being erased.", "Вашето искане от %s се изпълнява: данните Ви се изтриват."},
	privacyv1.State_STATE_ERASED:         {"Your request of %s was carried out: your data is erased.", "Вашето искане от %s е изпълнено: данните Ви са изтрити."},
	privacyv1.State_STATE_HELD:           {"Your request of %s is kept. The law obliges us to keep your data for now; it will be carried out when that is over.", "Вашето искане от %s е записано. Засега законът ни задължава да пазим данните Ви; то ще бъде изпълнено, когато това отпадне."},
	privacyv1.State_STATE_STOPPED:        {"Your request of %s was stopped by us before anything was erased. Please write to us about it.", "Вашето искане от %s беше спряно от нас, преди да е изтрито нещо. Моля, пишете ни за него."},
}

// state shows a person how far a request is. The code is all that is needed, and
// all that there is: nothing of the person is shown.
func (h *Handler) state(w http.ResponseWriter, r *http.Request) {
	if !h.states.AllowN(h.world.Now(), 1) {
		h.refuse(w, r, errOften)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), h.limits.Broker)
	defer cancel()
	request, err := h.world.Find(ctx, r.PathValue("code"))
	switch {
	case fault.Is(err, fault.NotFound), err == nil && request.GetKind() != privacyv1.Kind_KIND_DELETION:
		h.refuse(w, r, errCode)
		return
	case err != nil:
		h.refuse(w, r, errors.Join(errBroker, err))
		return
	}
	head := w.Header()
	head.Set("Content-Type", "text/html; charset=utf-8")
	head.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	head.Set("X-Robots-Tag", "noindex")
	head.Set("Cache-Control", "no-store")
	head.Set("Referrer-Policy", "no-referrer")
	day, words := time.UnixMilli(request.GetReceivedMs()).UTC().Format("2006-01-02"), told[request.GetState()]
	if words[0] == "" {
		words = told[privacyv1.State_STATE_RECEIVED] // of a later release
	}
	_, _ = fmt.Fprintf(w, page, fmt.Sprintf(words[0], day), fmt.Sprintf(words[1], day))
}
