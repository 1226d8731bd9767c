// Package phone is the customer's side of the sandbox: a JSON API for tests and
// load, a live stream of the journal, and a page that looks like a telephone.
package phone

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parley-desk/parley/services/sandbox/internal/journal"
	"github.com/parley-desk/parley/services/sandbox/internal/script"
	"github.com/parley-desk/parley/services/sandbox/internal/world"
)

//go:embed page
var page embed.FS

// maxBody bounds a request, a bulk of messages included.
const maxBody = 8 << 20

// API is the customer's side.
type API struct {
	world  *world.World
	play   func(script.Script)
	verify func(ctx context.Context, token string) error
	media  string
	app    string
	albums Albums
}

// New makes the API of a world whose app has this id. play gets a new script;
// verify checks the callback as Meta does when a webhook is set up, with this
// verify token; empty is that of the settings.
func New(w *world.World, app string, albums Albums, play func(script.Script), verify func(ctx context.Context, token string) error) *API {
	return &API{world: w, app: app, media: albums.Media, play: play, verify: verify, albums: albums}
}

// Handler is the page under /phone and the API under /sandbox.
func (a *API) Handler() (http.Handler, error) {
	files, err := fs.Sub(page, "page")
	if err != nil {
		return nil, fmt.Errorf("open embedded page: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /phone/", http.StripPrefix("/phone/", safe(http.FileServerFS(files))))
	mux.Handle("GET /phone", http.RedirectHandler("/phone/", http.StatusPermanentRedirect))
	mux.Handle("GET /{$}", http.RedirectHandler("/phone/", http.StatusTemporaryRedirect))
	mux.HandleFunc("GET /media/{name}", serveMedia)
	mux.HandleFunc("GET /media/{album}/{name}", a.albums.serve)
	mux.HandleFunc("POST /sandbox/media", a.upload)
	mux.HandleFunc("GET /sandbox/pages", a.pages)
	mux.HandleFunc("GET /sandbox/customers", a.customers)
	mux.HandleFunc("GET /sandbox/customers/{page}/{psid}/messages", a.thread)
	mux.HandleFunc("POST /sandbox/customers/{page}/{psid}/messages", a.write)
	mux.HandleFunc("POST /sandbox/customers/{page}/{psid}/read", a.read)
	mux.HandleFunc("POST /sandbox/customers/{page}/{psid}/control", a.control)
	mux.HandleFunc("POST /sandbox/customers/{page}/{psid}/replies", a.reply)
	mux.HandleFunc("POST /sandbox/messages", a.writeMany)
	mux.HandleFunc("POST /sandbox/script", a.script)
	mux.HandleFunc("POST /sandbox/token", a.token)
	mux.HandleFunc("POST /sandbox/secret", a.resetSecret)
	mux.HandleFunc("POST /sandbox/verify", a.verifyCallback)
	mux.HandleFunc("GET /sandbox/journal", a.journal)
	mux.HandleFunc("GET /sandbox/events", a.events)
	mux.HandleFunc("GET /sandbox/new-psid", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"psid": world.NewPSID()})
	})
	return mux, nil
}

// safe allows the page its own files and nothing else.
func safe(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; "+
			"img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-cache")
		h.ServeHTTP(w, r)
	})
}

// Wrote is what a customer writes. Page and PSID come from the address in the
// single call and from here in the bulk call.
type Wrote struct {
	Page       string `json:"page,omitempty"`
	PSID       string `json:"psid,omitempty"`
	Name       string `json:"name,omitempty"` // of a new customer
	Text       string `json:"text,omitempty"`
	Attachment string `json:"attachment,omitempty"` // image, sticker, location, file, audio, video, postback
	// URL is the link of the attachment, as POST /sandbox/media gave it; the
	// sandbox's own picture when empty. Any other link is taken too: customers of
	// Meta cannot write links, but a test must see what becomes of them.
	URL string `json:"url,omitempty"`
	// QuickReply is the payload of the answer that the customer pressed; the text is
	// its title then.
	QuickReply string `json:"quick_reply,omitempty"`
	// SentMS is Meta's time of the message, milliseconds since 1970 UTC; 0 is
	// now. An old time tries the 24-hour window without waiting a day.
	SentMS int64 `json:"sent_ms,omitempty"`
	// Copies is how often the webhook comes; Meta does deliver twice. 0 is once.
	Copies int `json:"copies,omitempty"`
	// Lost messages have no webhook: it is gone, as after tries that all failed.
	Lost bool `json:"lost,omitempty"`
}

// copyDelay is how much later each copy comes: often behind newer messages.
const copyDelay = 150 * time.Millisecond

// errUnknownPage says that the settings have no such page.
var errUnknownPage = errors.New("the sandbox has no such page")

func (a *API) write(w http.ResponseWriter, r *http.Request) {
	var m Wrote
	if !decode(w, r, &m) {
		return
	}
	m.Page, m.PSID = r.PathValue("page"), r.PathValue("psid")
	a.commit(w, []Wrote{m})
}

func (a *API) writeMany(w http.ResponseWriter, r *http.Request) {
	var ms []Wrote
	if decode(w, r, &ms) {
		a.commit(w, ms)
	}
}

// commit answers when the messages are on disk: from then on their webhooks
// will be sent, whatever happens to the process.
func (a *API) commit(w http.ResponseWriter, ms []Wrote) {
	for _, m := range ms {
		if err := m.check(); err != nil {
			answer(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
			return
		}
	}
	var mids []string
	err := a.world.Commit(func(s *world.State, now time.Time) ([]journal.Record, error) {
		return a.records(s, now, ms, &mids)
	})
	switch {
	case errors.Is(err, errUnknownPage):
		answer(w, http.StatusNotFound, map[string]string{"error": err.Error()})
	case err != nil:
		answer(w, http.StatusInternalServerError, map[string]string{"error": err.Error()})
	default:
		answer(w, http.StatusOK, map[string]any{"mids": mids})
	}
}

// check refuses what no telephone could send.
func (m Wrote) check() error {
	kinds := []string{"", "image", "sticker", "location", "file", "audio", "video", "postback"}
	switch {
	case strings.Trim(m.PSID, "0123456789") != "" || len(m.PSID) < 5 || len(m.PSID) > 20:
		return errors.New("psid must be 5 to 20 digits")
	case m.Text == "" && m.Attachment == "":
		return errors.New("text or attachment must be given")
	case !slices.Contains(kinds, m.Attachment):
		return fmt.Errorf("attachment is %q; it must be one of%s", m.Attachment, strings.Join(kinds, " "))
	case m.Copies < 0 || m.Copies > 10:
		return errors.New("copies must be 0 to 10")
	}
	return nil
}

func (a *API) records(s *world.State, now time.Time, ms []Wrote, mids *[]string) ([]journal.Record, error) {
	*mids = nil
	var out []journal.Record
	known := map[world.Thread]bool{}
	for _, m := range ms {
		t := world.Thread{Page: m.Page, PSID: m.PSID}
		if s.Pages[m.Page] == nil {
			return nil, errUnknownPage
		}
		p := s.People[t]
		if !known[t] && (p == nil || p.Name == "" && m.Name != "") {
			out = append(out, journal.Record{Kind: journal.CustomerCreated, Page: m.Page, PSID: m.PSID, Name: m.Name})
		}
		known[t] = true
		r := journal.Record{Kind: journal.CustomerWrote, Page: m.Page, PSID: m.PSID, MID: world.NewMID(),
			Text: m.Text, Attachment: m.Attachment, URL: m.URL, QuickReply: m.QuickReply, SentMS: m.SentMS}
		if r.SentMS == 0 {
			r.SentMS = now.UnixMilli()
		}
		for i := range copies(m) {
			due := now.Add(time.Duration(i) * copyDelay).UnixMilli()
			r.Events = append(r.Events, world.MessageEvent(r, a.media, due, p != nil && p.Owner != ""))
		}
		*mids = append(*mids, r.MID)
		out = append(out, r)
	}
	return out, nil
}

// copies is how often the webhook of a message comes.
func copies(m Wrote) int {
	if m.Lost {
		return 0
	}
	return max(1, m.Copies)
}

// read marks everything that the page wrote as read. Reading the same twice
// causes one webhook.
func (a *API) read(w http.ResponseWriter, r *http.Request) {
	t := world.Thread{Page: r.PathValue("page"), PSID: r.PathValue("psid")}
	err := a.world.Commit(func(s *world.State, now time.Time) ([]journal.Record, error) {
		p := s.People[t]
		if p == nil {
			return nil, nil
		}
		last := int64(0)
		for _, m := range p.Messages {
			if m.FromPage {
				last = max(last, m.SentMS)
			}
		}
		if last <= p.ReadMS {
			return nil, nil
		}
		rec := journal.Record{Kind: journal.CustomerRead, Page: t.Page, PSID: t.PSID, WatermarkMS: last}
		read := world.ReadEvent(rec, now.UnixMilli())
		if p.Owner != "" {
			read = world.Standby(read)
		}
		rec.Events = []journal.Event{read}
		return []journal.Record{rec}, nil
	})
	if err != nil {
		answer(w, http.StatusInternalServerError, map[string]string{"error": err.Error()})
		return
	}
	answer(w, http.StatusOK, map[string]any{})
}

// script replaces what the Graph API plays; an empty list of rules ends it.
func (a *API) script(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var s script.Script
	if err == nil {
		s, err = script.Parse(raw)
	}
	if err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	err = a.world.Commit(func(*world.State, time.Time) ([]journal.Record, error) {
		return []journal.Record{{Kind: journal.Scripted, Rules: raw}}, nil
	})
	if err != nil {
		answer(w, http.StatusInternalServerError, map[string]string{"error": err.Error()})
		return
	}
	a.play(s)
	answer(w, http.StatusOK, map[string]int{"rules": len(s.Rules)})
}

// token makes a token what the test says, from now on.
func (a *API) token(w http.ResponseWriter, r *http.Request) {
	var t journal.Token
	if !decode(w, r, &t) {
		return
	}
	if t.Value == "" {
		answer(w, http.StatusBadRequest, map[string]string{"error": "value is missing: which token?"})
		return
	}
	err := a.world.Commit(func(s *world.State, _ time.Time) ([]journal.Record, error) {
		if known := s.Token(t.Value); t.Page == "" && known != nil {
			t.Page = known.Page
		}
		return []journal.Record{{Kind: journal.TokenDescribed, Token: &t}}, nil
	})
	if err != nil {
		answer(w, http.StatusInternalServerError, map[string]string{"error": err.Error()})
		return
	}
	answer(w, http.StatusOK, map[string]string{"page": t.Page})
}

// resetSecret gives the app a new secret, as App settings do at Meta: what is
// sent from then on is signed with it.
func (a *API) resetSecret(w http.ResponseWriter, r *http.Request) {
	var reset struct{ Value string }
	if !decode(w, r, &reset) {
		return
	}
	if reset.Value == "" {
		answer(w, http.StatusBadRequest, map[string]string{"error": "value is missing: which secret?"})
		return
	}
	err := a.world.Commit(func(*world.State, time.Time) ([]journal.Record, error) {
		return []journal.Record{{Kind: journal.SecretReset, Text: reset.Value}}, nil
	})
	if err != nil {
		answer(w, http.StatusInternalServerError, map[string]string{"error": err.Error()})
		return
	}
	answer(w, http.StatusOK, map[string]bool{"success": true})
}

// verifyCallback verifies the callback, with the verify token that is entered
// or, without a body, that of the settings.
func (a *API) verifyCallback(w http.ResponseWriter, r *http.Request) {
	var entered struct {
		VerifyToken string `json:"verify_token"`
	}
	if r.ContentLength != 0 && !decode(w, r, &entered) {
		return
	}
	if err := a.verify(r.Context(), entered.VerifyToken); err != nil {
		answer(w, http.StatusBadGateway, map[string]string{"error": err.Error()})
		return
	}
	answer(w, http.StatusOK, map[string]any{"verified": true})
}

// journal is the whole journal, one record a line.
func (a *API) journal(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	a.world.Journal().CopyTo(w) //nolint:errcheck // a short answer has no last newline, the reader sees it
}

// events is a stream of server-sent events, a record each, of one thread when
// page and psid are given. A client that comes again with Last-Event-ID misses
// nothing of the newest few thousand records.
func (a *API) events(w http.ResponseWriter, r *http.Request) {
	pageID, psid := r.FormValue("page"), r.FormValue("psid")
	var seq uint64
	if last, err := strconv.ParseUint(r.Header.Get("Last-Event-ID"), 10, 64); err == nil {
		seq = last
	} else {
		a.world.View(func(s *world.State) { seq = s.Seq })
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	out := http.NewResponseController(w)
	for {
		changed := a.world.Changed()
		for _, rec := range a.world.Since(seq) {
			seq = rec.Seq
			if concerns(rec, pageID, psid) {
				line, err := json.Marshal(rec)
				if err != nil {
					return
				}
				fmt.Fprintf(w, "id: %d\ndata: %s\n\n", rec.Seq, line) //nolint:errcheck // Flush tells
			}
		}
		if out.Flush() != nil {
			return
		}
		select {
		case <-changed:
		case <-time.After(15 * time.Second):
			fmt.Fprint(w, ": still here\n\n") //nolint:errcheck // Flush tells
		case <-r.Context().Done():
			return
		}
	}
}

// concerns tells whether a record is about a thread; everything is when no
// thread is asked for.
func concerns(r journal.Record, pageID, psid string) bool {
	if psid == "" {
		return pageID == "" || r.Page == pageID
	}
	t := world.Thread{Page: pageID, PSID: psid}
	return r.Page == pageID && r.PSID == psid || r.Post != nil && slices.Contains(r.Post.Threads, t)
}

func decode(w http.ResponseWriter, r *http.Request, into any) bool {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return false
	}
	return true
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) //nolint:errcheck // the caller went away
}
