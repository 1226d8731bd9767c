// Package trial goes the way of a webhook with an event of its own: to the
// callback URL from where admin runs, through whatever stands before ingress,
// into the log. It tells at which step the way ends.
//
// The event is of a customer whom Meta never makes, so it opens nothing and
// counts nowhere.
package trial

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// Names of the steps, in their order.
const (
	Reach     = "reach"
	Signature = "signature"
	House     = "house"
)

const (
	callLimit = 10 * time.Second // as long as Meta waits, and as long again
	logLimit  = 10 * time.Second // from the answer to the thread
	lookAgain = 50 * time.Millisecond
)

// Log is the part of bus.Bus that the event is looked for in.
type Log interface {
	Load(ctx context.Context, t subject.Thread) (*threadv1.State, uint64, error)
	History(ctx context.Context, t subject.Thread, after uint64) iter.Seq2[bus.Record, error]
}

// Service is the part of ProvisionService that tests. All fields must be set;
// WebhookURL may be empty.
type Service struct {
	Directory  *directory.Directory
	Box        *secret.Box
	Log        Log
	Now        func() time.Time
	WebhookURL string
}

// TestPage goes the way once.
func (s *Service) TestPage(ctx context.Context, req *adminv1.TestPageRequest) (*adminv1.TestPageResponse, error) {
	world := s.Directory.Now()
	page := world.Pages[req.GetPage()]
	if page == nil {
		page = world.PagesByMeta[req.GetPage()]
	}
	if page == nil {
		return nil, fault.New(fault.NotFound, "PAGE_UNKNOWN", "there is no page %q; `parleyctl get pages` lists them", req.GetPage())
	}
	way := &way{Service: s, page: page, account: world.Accounts[page.GetAccount()], nonce: rand.Text()}
	resp := &adminv1.TestPageResponse{Page: page.GetMeta().GetId()}
	failed := ""
	for _, step := range []struct {
		name string
		do   func(context.Context) (f found, remedy string)
	}{{Reach, way.reach}, {Signature, way.sign}, {House, way.arrive}} {
		c, f := &adminv1.PageCheck{Name: step.name, Verdict: adminv1.Verdict_VERDICT_UNKNOWN}, say("NOT_TRIED", "not tried, for %s failed", failed)
		if failed == "" {
			c.RanMs, c.Verdict = s.Now().UnixMilli(), adminv1.Verdict_VERDICT_PASSED
			if f, c.Remedy = step.do(ctx); c.GetRemedy() != "" {
				c.Verdict, c.Harm, failed = adminv1.Verdict_VERDICT_FAILED, adminv1.Harm_HARM_STOPS, step.name
			}
		}
		c.Found, c.Reason, c.Values = f.text, f.reason, f.values
		resp.Steps = append(resp.Steps, c)
	}
	return resp, ctx.Err()
}

// found is what was found: a word for programs, and its sentence with the values in it.
type found struct {
	reason, text string
	values       []string
}

// say is a finding whose sentence is a format of values.
func say(reason, format string, values ...any) found {
	f := found{reason: reason, text: fmt.Sprintf(format, values...)}
	for _, v := range values {
		f.values = append(f.values, fmt.Sprint(v))
	}
	return f
}

// way is one test.
type way struct {
	*Service
	page     *configv1.Page
	account  *configv1.ChannelAccount
	nonce    string
	revision uint64 // of the thread before
}

func (w *way) thread() subject.Thread {
	return subject.Thread{Page: w.page.GetPageId(), PSID: subject.TestPSID}
}

func (w *way) url() string {
	return strings.TrimRight(w.WebhookURL, "/") + "/webhook/" + url.PathEscape(w.page.GetAccount())
}

// reach asks the callback to verify itself with a token that is none: ingress
// says no in a way of its own.
func (w *way) reach(ctx context.Context) (f found, remedy string) {
	if w.WebhookURL == "" {
		return say("NO_ADDRESS", "the setting admin.webhook_url does not say under which address Meta reaches ingress"), "set it, such as https://hooks.example.com"
	}
	query := url.Values{"hub.mode": {"subscribe"}, "hub.challenge": {"1"}, "hub.verify_token": {"parley-test " + w.nonce}}
	status, err := w.call(ctx, http.MethodGet, w.url()+"?"+query.Encode(), nil, "")
	switch {
	case err != nil:
		return say("NOT_REACHED", "%s cannot be reached: %s", w.url(), err.Error()), "see to DNS, the certificate, the proxy and the firewall; is ingress up?"
	case status == http.StatusNotFound:
		return say("NOT_FOUND_THERE", "%s answers 404", w.url()), "the proxy does not pass the path on to ingress, or ingress does not know the account yet"
	case status != http.StatusForbidden:
		return say("ANSWERED_BY_ANOTHER", "%s answers %d where ingress says 403", w.url(), status), "something else answers there; have the proxy pass /webhook/ on to ingress"
	}
	return say("REACHED", "ingress answers at %s", w.url()), ""
}

// sign posts a signed event.
func (w *way) sign(ctx context.Context) (f found, remedy string) {
	text, err := w.Box.Reveal(directory.Place(w.account, "app_secret"), w.account.GetAppSecret())
	if err != nil || text.Empty() {
		return say("NOTHING_TO_SIGN_WITH", "there is no app secret to sign with"), "set app_secret of account " + w.page.GetAccount()
	}
	if _, w.revision, err = w.Log.Load(ctx, w.thread()); err != nil {
		return say("LOG_AWAY", "the log cannot be read"), "see `parleyctl doctor`"
	}
	now := w.Now().UnixMilli()
	body, err := json.Marshal(map[string]any{"object": "page", "entry": []any{map[string]any{"id": w.page.GetPageId(), "time": now,
		"messaging": []any{map[string]any{"sender": map[string]string{"id": subject.TestPSID}, "recipient": map[string]string{"id": w.page.GetPageId()},
			"timestamp": now, "parley_test": map[string]string{"ref": w.nonce}}}}}})
	if err != nil {
		return say("NOT_ENCODED", "the event cannot be encoded"), "report this"
	}
	mac := hmac.New(sha256.New, []byte(text.Reveal()))
	_, _ = mac.Write(body)
	status, err := w.call(ctx, http.MethodPost, w.url(), body, "sha256="+hex.EncodeToString(mac.Sum(nil)))
	switch {
	case err != nil:
		return say("NO_ANSWER", "no answer to a signed event: %s", err.Error()), "is ingress up?"
	case status == http.StatusUnauthorized:
		return say("SIGNATURE_REFUSED", "ingress does not take the signature"), "the proxy may change bodies: it must pass them on as they are, uncompressed"
	case status != http.StatusOK:
		return say("EVENT_REFUSED", "ingress answers %d to a signed event", status), "see the log of ingress, and `parleyctl doctor`"
	}
	return say("EVENT_TAKEN", "ingress took a signed event"), ""
}

// arrive waits for the event in its thread.
func (w *way) arrive(ctx context.Context) (f found, remedy string) {
	ctx, cancel := context.WithTimeout(ctx, logLimit)
	defer cancel()
	began := w.Now()
	for {
		for rec, err := range w.Log.History(ctx, w.thread(), w.revision) {
			if err != nil {
				break // it is read again until time is up
			}
			for _, f := range rec.Commit.GetFacts() {
				if strings.Contains(f.GetEventKept().GetSummary(), w.nonce) {
					return say("ARRIVED", "it was in its thread %d ms after ingress took it", w.Now().Sub(began).Milliseconds()), ""
				}
			}
		}
		timer := time.NewTimer(lookAgain)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return say("NOT_ARRIVED", "it is not in its thread after %v", logLimit), "is classification up? see `parleyctl doctor`"
		}
	}
}

// call makes one request and gives the status. It follows no redirect: Meta does
// not either.
func (w *way) call(ctx context.Context, method, to string, body []byte, signature string) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, to, bytes.NewReader(body))
	if err != nil {
		return 0, errors.New("it is no address")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "parley-test")
	if signature != "" {
		req.Header.Set("X-Hub-Signature-256", signature)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err // without the address, which has been said, and its query
		}
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16))
	return resp.StatusCode, err
}
