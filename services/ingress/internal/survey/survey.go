// Package survey serves the page on which a customer answers a survey (L113). The
// link to it is all that is needed to answer once, and it shows nothing of anybody.
package survey

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/mask"
	"github.com/parley-desk/parley/pkg/survey"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	"github.com/parley-desk/parley/pkg/thread"
	"github.com/parley-desk/parley/pkg/wording"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

const (
	// longest is how many characters of a few words are kept.
	longest = 2000
	// maxForm is how many bytes the form may have: every character escaped.
	maxForm = 64 << 10
)

// Threads is the part of bus.Bus that answering needs.
type Threads interface {
	Load(ctx context.Context, t subject.Thread) (*threadv1.State, uint64, error)
	Update(ctx context.Context, t subject.Thread, decide func(*threadv1.State, uint64) ([]*threadv1.Fact, error)) (*threadv1.State, uint64, error)
}

// Handler serves GET and POST of /survey/{token}. All fields but the unexported are
// needed.
type Handler struct {
	Threads  Threads
	Snapshot func() *directory.Snapshot
	Open     func(token string) (survey.Link, error)
	Now      func() time.Time
	Wait     time.Duration // for the broker
	Log      *slog.Logger

	masks   mask.Book
	pace    *rate.Limiter
	answers *prometheus.CounterVec
	mux     *http.ServeMux
}

// Serve makes the handler ready and registers its metric.
func (h *Handler) Serve(registry prometheus.Registerer) (http.Handler, error) {
	h.pace = rate.NewLimiter(100, 200)
	h.answers = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "parley_ingress_survey_pages_total",
		Help: "Pages of surveys that were asked for, by what they showed: form, thanks, used, expired, unknown, incomplete or unavailable.",
	}, []string{"page"})
	h.mux = http.NewServeMux()
	h.mux.HandleFunc("GET /survey/{token}", h.show)
	h.mux.HandleFunc("POST /survey/{token}", h.take)
	return h.mux, fault.Wrap(registry.Register(h.answers), "register the metric of surveys")
}

// errLater is that an answer cannot be taken now.
var errLater = errors.New("too many at once")

// find gives the thread that a token leads to.
func (h *Handler) find(ctx context.Context, token string) (survey.Link, *threadv1.State, error) {
	link, err := h.Open(token)
	switch {
	case err != nil:
		return link, nil, err
	case !h.pace.AllowN(h.Now(), 1): // only who holds a link gets as far as the broker
		return link, nil, errLater
	}
	s, _, err := h.Threads.Load(ctx, subject.Thread{Page: link.Page, PSID: link.PSID})
	return link, s, err
}

func (h *Handler) show(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), h.Wait)
	defer cancel()
	link, s, err := h.find(ctx, r.PathValue("token"))
	if err == nil {
		err = thread.SurveyLink(s, h.Now(), link.Conversation)
	}
	if err != nil {
		h.refuse(w, r, s, err)
		return
	}
	h.write(w, http.StatusOK, "form", h.form(s))
}

// take takes an answer. A form that is sent again finds its answer there and is
// told so.
func (h *Handler) take(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), h.Wait)
	defer cancel()
	link, s, err := h.find(ctx, r.PathValue("token"))
	if err == nil {
		err = thread.SurveyLink(s, h.Now(), link.Conversation)
	}
	if err != nil {
		h.refuse(w, r, s, err)
		return
	}
	values := form(w, r)
	text := clean(values.Get("comment"))
	rating, err := strconv.ParseInt(values.Get("rating"), 10, 32)
	view := h.form(s)
	if err != nil || !slices.Contains(view.Ratings, int32(rating)) {
		view.Wrong, view.Text = view.Missing, text
		h.write(w, http.StatusUnprocessableEntity, "incomplete", view)
		return
	}
	if view.Comment == "" {
		text = ""
	}
	text = h.masks.Of(h.Snapshot(), link.Page).Customer.Hide(text)
	s, _, err = h.Threads.Update(ctx, subject.Thread{Page: link.Page, PSID: link.PSID}, func(now *threadv1.State, _ uint64) ([]*threadv1.Fact, error) {
		s = now
		return thread.RateByLink(now, h.Now(), link.Conversation, int32(rating), text)
	})
	if err != nil {
		h.refuse(w, r, s, err)
		return
	}
	view.Say = h.words(s).Thanks
	h.write(w, http.StatusOK, "thanks", view)
}

// form reads a form; one that is none is empty.
func form(w http.ResponseWriter, r *http.Request) url.Values {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return url.Values{}
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return url.Values{}
	}
	return r.PostForm
}

// clean is a text as it may be kept: UTF-8, without control characters, not too
// long.
func clean(text string) string {
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\r\n", "\n"), "")
	text = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' {
			return -1
		}
		return r
	}, text))
	if utf8.RuneCountInString(text) > longest {
		text = string([]rune(text)[:longest])
	}
	return text
}

// refuse shows why there is no form, or no answer was taken.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, s *threadv1.State, err error) {
	language := s.GetSurvey().GetAsked().GetLanguage()
	if s == nil {
		language = preferred(r)
	}
	view := view{labels: labelsIn(base(language)), Language: shown(language)}
	refused := new(thread.Refusal)
	switch {
	case errors.As(err, &refused) && refused.Reason == thread.SurveyUsed:
		view.Say = view.Used
		h.write(w, http.StatusOK, "used", view)
	case errors.As(err, &refused):
		view.Say = view.Expired
		h.write(w, http.StatusGone, "expired", view)
	case fault.Is(err, fault.NotFound):
		view.Say = view.Unknown
		h.write(w, http.StatusNotFound, "unknown", view)
	default:
		if !errors.Is(err, errLater) {
			h.Log.WarnContext(r.Context(), "a survey cannot be answered now", slog.Any(key.Err, err))
		}
		view.Say = view.Later
		w.Header().Set("Retry-After", "60")
		h.write(w, http.StatusServiceUnavailable, "unavailable", view)
	}
}

// form is the page of a survey that waits for its answer.
func (h *Handler) form(s *threadv1.State) view {
	asked, words := s.GetSurvey().GetAsked(), h.words(s)
	view := view{labels: labelsIn(base(words.Language)), Language: shown(words.Language), Question: words.Question, Highest: asked.GetHighest(), Longest: longest}
	for n := asked.GetLowest(); n <= asked.GetHighest(); n++ {
		view.Ratings = append(view.Ratings, n)
	}
	if asked.GetComment() {
		view.Comment = words.Comment
	}
	return view
}

// words are those of the survey of s, filled in.
func (h *Handler) words(s *threadv1.State) survey.Words {
	world, asked := h.Snapshot(), s.GetSurvey().GetAsked()
	words := survey.In(survey.Of(world.PagesByMeta[s.GetPage()], world.Workstreams[asked.GetWorkstream()], asked.GetBot()), asked.GetLanguage())
	values := wording.Values{Agent: world.Agents[asked.GetAgent()].GetMeta().GetDisplayName(), Queue: world.Queues[asked.GetQueue()].GetMeta().GetDisplayName()}
	if thread.Surveyed(s) {
		values.Variables = s.GetConversation().GetVariables()
	}
	for _, text := range []*string{&words.Question, &words.Comment, &words.Thanks} {
		*text = wording.Fill(*text, values)
	}
	return words
}

// policy lets the page have its one style, and send its form to where it came from.
var policy = func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
}()

func (h *Handler) write(w http.ResponseWriter, status int, what string, v view) {
	h.answers.WithLabelValues(what).Inc()
	var out bytes.Buffer
	if err := page.Execute(&out, v); err != nil {
		h.Log.Error("the page of a survey cannot be drawn", slog.Any(key.Err, err))
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	head := w.Header()
	head.Set("Content-Type", "text/html; charset=utf-8")
	head.Set("Content-Security-Policy", policy)
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("X-Robots-Tag", "noindex")
	head.Set("Cache-Control", "no-store")
	head.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(status)
	_, _ = out.WriteTo(w)
}

// preferred is the language of the browser, as far as the page speaks it.
func preferred(r *http.Request) string {
	if strings.HasPrefix(strings.ToLower(r.Header.Get("Accept-Language")), "bg") {
		return "bg"
	}
	return "en"
}

func base(tag string) string {
	b, _, _ := strings.Cut(tag, "-")
	return strings.ToLower(b)
}

// shown is what the page says its language is.
func shown(language string) string {
	if language == "" {
		return "en"
	}
	return language
}
