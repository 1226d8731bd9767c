package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/files"
	"github.com/parley-desk/parley/pkg/rights"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	authv1 "github.com/parley-desk/parley/proto/gen/parley/auth/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/internal/timeline"
	"github.com/parley-desk/parley/services/desk/internal/transcript"
)

const (
	// ticketAge is how long a signed address of a file is good for.
	ticketAge = 5 * time.Minute
	// ticketUse binds the signature to this use of the keyset.
	ticketUse = "desk.file"
	// sealed is what a file may do in a browser, if one should take it for a
	// page: nothing at all.
	sealed = "sandbox; default-src 'none'; frame-ancestors 'none'"
)

// Signer signs addresses of files.
type Signer interface {
	MAC(purpose string, data []byte) []byte
	Verify(purpose string, data, mac []byte) bool
}

// ticket is what a signed address lets its holder read, and who that is.
type ticket struct {
	Object  string `json:"o"`
	Size    int64  `json:"s"`
	Type    string `json:"t"`
	Name    string `json:"n"`
	Hash    string `json:"h"`
	Shown   bool   `json:"i"`
	Session string `json:"k"` // key of the session it was made for
	Until   int64  `json:"u"` // ms since 1970 UTC
}

// mountFiles adds the way to files: an address that stays the same, which asks
// whether the agent may read the conversation, leads to one that is signed, good
// for some minutes and for nobody else.
func (s *Server) mountFiles(mux *http.ServeMux) {
	mux.HandleFunc("GET /files", s.filed(s.openFile))
	mux.HandleFunc("GET /files/{ticket}", s.filed(s.giveFile))
}

// filed lets those through who may read conversations and ask from our own page, and
// says nothing more than a status about what goes wrong.
func (s *Server) filed(next func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", sealed)
		err := s.admitted(authv1.Permission_PERMISSION_CONVERSATION_READ, next)(w, r)
		if err == nil {
			return
		}
		status := http.StatusServiceUnavailable
		switch fault.KindOf(err) {
		case fault.Unauthenticated:
			status = http.StatusUnauthorized
		case fault.Denied:
			status = http.StatusForbidden
		case fault.NotFound, fault.Invalid:
			status = http.StatusNotFound
		default:
			s.Log.WarnContext(r.Context(), "a file could not be given", key.Err, err)
		}
		http.Error(w, http.StatusText(status), status)
	}
}

// admitted is what files have in place of the guard of methods.
func (s *Server) admitted(need rights.Permission, next func(http.ResponseWriter, *http.Request) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		if r.Header.Get("Sec-Fetch-Site") == "cross-site" {
			return fault.New(fault.Denied, "NO_ROLE", "another site asks")
		}
		c := &caller{address: s.Address(r), conn: http.NewResponseController(w)}
		if err := s.identify(r.Context(), c, need, "files", r.Header); err != nil {
			return err
		}
		return next(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, c)))
	}
}

// openFile sends an agent who has the conversation to the signed address.
func (s *Server) openFile(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	ref := &deskv1.ConversationRef{Page: q.Get("page"), Psid: q.Get("psid"), Conversation: q.Get("conversation")}
	index, err := strconv.ParseInt(q.Get("index"), 10, 32)
	var c check
	c.ref(ref)
	c.id("item", q.Get("item"))
	c.that(err == nil && index >= 0, "index", "must be a number from 0")
	if err := c.err(); err != nil {
		return err
	}
	found := callerOf(r.Context()).session
	kept, err := s.kept(r.Context(), ref, pastOf(q), q.Get("item"), int32(index))
	if err != nil {
		return err
	}
	signed, err := s.sign(ticket{Object: kept.GetObject(), Size: kept.GetSize(), Type: kept.GetContentType(), Name: kept.GetName(),
		Hash: kept.GetSha256(), Shown: timeline.Shown(kept), Session: found.Key, Until: s.Now().Add(ticketAge).UnixMilli()})
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/files/"+url.PathEscape(signed), http.StatusSeeOther)
	return nil
}

// pastOf is the earlier conversation that an address names besides the one that the
// agent has; nil when it names none.
func pastOf(q url.Values) *deskv1.ConversationRef {
	if !q.Has("earlier") {
		return nil
	}
	return &deskv1.ConversationRef{Page: q.Get("earlier_page"), Psid: q.Get("earlier_psid"), Conversation: q.Get("earlier")}
}

// kept is a file of a conversation, or of an earlier one, that the caller may read.
func (s *Server) kept(ctx context.Context, ref, past *deskv1.ConversationRef, item string, index int32) (kept *threadv1.AttachmentKept, err error) {
	at := threadOf(ref)
	if past == nil {
		_, _, err = s.load(ctx, ref, false)
	} else {
		at, err = s.earlier(ctx, ref, past)
	}
	if err != nil {
		return nil, err
	}
	err = s.Shelf.Read(ctx, at, transcript.Newest, func(t *timeline.Timeline) {
		if past == nil || t.Find(item).GetConversation() == past.GetConversation() {
			kept = t.File(item, index)
		}
	})
	if err == nil && kept == nil {
		err = errForeign()
	}
	return kept, err
}

// giveFile gives the file that an address was signed for, or a part of it.
func (s *Server) giveFile(w http.ResponseWriter, r *http.Request) error {
	t, genuine := s.read(r.PathValue("ticket"))
	c := callerOf(r.Context())
	if !genuine || t.Session != c.session.Key || s.Now().UnixMilli() >= t.Until {
		return errForeign()
	}
	how := "attachment"
	if t.Shown {
		how = "inline"
	}
	h := w.Header()
	h.Set("Content-Type", t.Type)
	h.Set("Content-Disposition", mime.FormatMediaType(how, map[string]string{"filename": t.Name}))
	h.Set("ETag", strconv.Quote(t.Hash))
	http.ServeContent(w, r, "", time.Time{}, &unhurried{s.Files.Open(r.Context(), files.Object{Key: t.Object, Size: t.Size}), c.conn})
	return nil
}

// unhurried gives a browser time for each part of a file, however many there are.
type unhurried struct {
	io.ReadSeeker
	conn *http.ResponseController
}

func (u *unhurried) Read(p []byte) (int, error) {
	_ = u.conn.SetWriteDeadline(time.Now().Add(stall)) // where there are no deadlines, none is missed
	return u.ReadSeeker.Read(p)
}

func (s *Server) sign(t ticket) (string, error) {
	data, err := json.Marshal(t)
	if err != nil {
		return "", fmt.Errorf("write the address of a file: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(data) + "." + base64.RawURLEncoding.EncodeToString(s.Signer.MAC(ticketUse, data)), nil
}

func (s *Server) read(signed string) (t ticket, genuine bool) {
	first, second, _ := strings.Cut(signed, ".")
	data, err := base64.RawURLEncoding.DecodeString(first)
	if err != nil {
		return t, false
	}
	mac, err := base64.RawURLEncoding.DecodeString(second)
	if err != nil || !s.Signer.Verify(ticketUse, data, mac) {
		return t, false
	}
	return t, json.Unmarshal(data, &t) == nil
}
