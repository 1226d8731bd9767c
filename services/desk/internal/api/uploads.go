package api

import (
	"context"
	"encoding/json"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	"github.com/parley-desk/parley/pkg/thread"
	authv1 "github.com/parley-desk/parley/proto/gen/parley/auth/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/internal/upload"
)

const (
	// offsetHeader says how much of an upload is stored, as in tus.
	offsetHeader = "Upload-Offset"
	// maxFiles is how many files go with one message.
	maxFiles = 10
	// maxFileName is how long a name may be, in bytes.
	maxFileName = 255
)

// mountUploads adds the way of files from agents: POST begins an upload, HEAD
// tells how much of it is stored, PATCH goes on from there, DELETE gives it up.
func (s *Server) mountUploads(mux *http.ServeMux) {
	mux.HandleFunc("POST /uploads", s.uploaded(s.beginUpload))
	mux.HandleFunc("HEAD /uploads/{id}", s.uploaded(s.tellUpload))
	mux.HandleFunc("PATCH /uploads/{id}", s.uploaded(s.growUpload))
	mux.HandleFunc("DELETE /uploads/{id}", s.uploaded(s.dropUpload))
}

// uploaded lets those through who may write to customers, and says what goes wrong in a machine
// word and for people.
func (s *Server) uploaded(next func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := s.admitted(authv1.Permission_PERMISSION_CONVERSATION_HANDLE, next)(w, r)
		if err == nil {
			return
		}
		f := told(err)
		status := statusOf(f.Kind)
		if status >= http.StatusInternalServerError {
			s.Log.WarnContext(r.Context(), "a file could not be taken", key.Err, err)
		}
		s.Meter.refused(f.Reason)
		answer(w, status, map[string]string{"reason": f.Reason, "message": f.Message})
	}
}

func statusOf(k fault.Kind) int {
	switch k {
	case fault.Unauthenticated:
		return http.StatusUnauthorized
	case fault.Denied, fault.Precondition:
		return http.StatusForbidden
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Invalid:
		return http.StatusBadRequest
	case fault.Conflict:
		return http.StatusConflict
	case fault.Exhausted:
		return http.StatusTooManyRequests
	}
	return http.StatusServiceUnavailable
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller went away: nothing to do about it
}

// begun is the body of POST /uploads.
type begun struct {
	Page         string `json:"page"`
	PSID         string `json:"psid"`
	Conversation string `json:"conversation"`
	Name         string `json:"name"`
	Size         int64  `json:"size"`
}

// beginUpload makes room for a file of somebody who has the conversation. What
// can be told from its name and size is told before a byte of it comes.
func (s *Server) beginUpload(w http.ResponseWriter, r *http.Request) error {
	var b begun
	in := json.NewDecoder(http.MaxBytesReader(w, r.Body, 16<<10))
	in.DisallowUnknownFields()
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" || in.Decode(&b) != nil {
		return fault.New(fault.Invalid, "BAD_REQUEST", "the body must be JSON with page, psid, conversation, name and size")
	}
	ref := &deskv1.ConversationRef{Page: b.Page, Psid: b.PSID, Conversation: b.Conversation}
	var c check
	c.ref(ref)
	c.that(b.Name != "" && len(b.Name) <= maxFileName && utf8.ValidString(b.Name), "name", "must have 1 to %d bytes of UTF-8", maxFileName)
	c.that(b.Size >= 0, "size", "must not be negative")
	if err := c.err(); err != nil {
		return err
	}
	policy, err := s.policy(b.Page)
	if err != nil {
		return err
	}
	who := callerOf(r.Context()).session
	if _, _, err := s.load(r.Context(), ref, false); err != nil {
		return err
	}
	switch {
	case b.Size == 0:
		return fault.New(fault.Invalid, "EMPTY", "the file is empty")
	case b.Size > policy.Most("file"):
		return upload.TooLarge(policy.Most("file"))
	case !policy.Takes(strings.ToLower(strings.TrimPrefix(path.Ext(b.Name), "."))):
		return fault.New(fault.Invalid, "TYPE_NOT_ALLOWED", "files of this sort are not sent")
	}
	u, err := s.Uploads.Begin(r.Context(), upload.Upload{Agent: who.Agent, Session: who.Key, Thread: threadOf(ref),
		Conversation: b.Conversation, Name: b.Name, Size: b.Size})
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/uploads/"+u.ID)
	w.Header().Set(offsetHeader, "0")
	answer(w, http.StatusCreated, map[string]string{"id": u.ID})
	return nil
}

// policy is what agents may send from a page, if anything.
func (s *Server) policy(page string) (directory.FilePolicy, error) {
	world := s.Directory.Now()
	policy := world.AgentFiles(world.PagesByMeta[page])
	if !policy.On {
		return policy, fault.New(fault.Precondition, "FILES_OFF", "agents may not send files from this page; an administrator turns it on by agent_attachments")
	}
	return policy, nil
}

// tellUpload says how much of a file is stored.
func (s *Server) tellUpload(w http.ResponseWriter, r *http.Request) error {
	u, err := s.Uploads.Find(r.Context(), r.PathValue("id"), callerOf(r.Context()).session.Key)
	if err != nil {
		return err
	}
	at, err := s.Uploads.Offset(r.Context(), u)
	if err != nil {
		return err
	}
	w.Header().Set(offsetHeader, strconv.FormatInt(at, 10))
	w.Header().Set("Upload-Length", strconv.FormatInt(u.Size, 10))
	return nil
}

// growUpload stores what comes, and looks at a file that is whole: then the answer
// says what it is.
func (s *Server) growUpload(w http.ResponseWriter, r *http.Request) error {
	c := callerOf(r.Context())
	u, err := s.Uploads.Find(r.Context(), r.PathValue("id"), c.session.Key)
	if err != nil {
		return err
	}
	offset, err := strconv.ParseInt(r.Header.Get(offsetHeader), 10, 64)
	if err != nil || offset < 0 {
		return fault.New(fault.Invalid, "BAD_REQUEST", "the header %s must say where the bytes belong", offsetHeader)
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/offset+octet-stream" {
		return fault.New(fault.Invalid, "BAD_REQUEST", "the content type must be application/offset+octet-stream")
	}
	policy, err := s.policy(u.Thread.Page)
	if err != nil {
		return err
	}
	at, err := s.Uploads.Grow(r.Context(), u, offset, r.Body, func() {
		_ = c.conn.SetReadDeadline(time.Now().Add(stall)) // where there are no deadlines, none is missed
		_ = c.conn.SetWriteDeadline(time.Now().Add(2 * stall))
	})
	w.Header().Set(offsetHeader, strconv.FormatInt(at, 10))
	if err != nil {
		return err
	}
	if at < u.Size {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	_ = c.conn.SetReadDeadline(time.Time{}) // nothing more is read, and looking takes what it takes
	_ = c.conn.SetWriteDeadline(time.Now().Add(s.Looking + 2*stall))
	ctx, cancel := context.WithTimeout(r.Context(), s.Looking+stall)
	defer cancel()
	if u, err = s.Uploads.Finish(ctx, u, policy); err != nil {
		return err
	}
	s.Meter.taken(u.Size)
	answer(w, http.StatusOK, map[string]any{"id": u.ID, "kind": u.Sent.GetKind(), "name": u.Sent.GetName(), "size": u.Size,
		"width": u.Sent.GetWidth(), "height": u.Sent.GetHeight()})
	return nil
}

// dropUpload removes a file that is not to be sent.
func (s *Server) dropUpload(w http.ResponseWriter, r *http.Request) error {
	u, err := s.Uploads.Find(r.Context(), r.PathValue("id"), callerOf(r.Context()).session.Key)
	if err == nil {
		err = s.Uploads.Drop(r.Context(), u)
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// enclosed are the files that a message names: whole, looked at, and uploaded by
// the same session for the same conversation.
func (s *Server) enclosed(ctx context.Context, m *deskv1.SendMessageRequest) ([]upload.Upload, error) {
	if len(m.GetFiles()) == 0 {
		return nil, nil
	}
	if _, err := s.policy(m.GetRef().GetPage()); err != nil {
		return nil, err
	}
	var all []upload.Upload
	for _, id := range m.GetFiles() {
		u, err := s.Uploads.Find(ctx, id, callerOf(ctx).session.Key)
		switch {
		case err != nil:
			return nil, err
		case u.Thread != threadOf(m.GetRef()) || u.Conversation != m.GetRef().GetConversation() || u.Sent == nil:
			return nil, fault.New(fault.NotFound, "NO_SUCH_UPLOAD", "a file is not whole, or was uploaded for another conversation")
		}
		all = append(all, u)
	}
	return all, nil
}

// parts are those of a message: its files, each under its name, then its text.
func parts(text string, template *threadv1.Template, files []upload.Upload) (parts []string, sent []*threadv1.SentFile) {
	for _, u := range files {
		parts, sent = append(parts, u.Sent.GetName()), append(sent, u.Sent)
	}
	switch {
	case template != nil:
		parts = append(parts, inWords(template))
	case text != "":
		parts = append(parts, thread.Split(text)...)
	}
	return parts, sent
}
