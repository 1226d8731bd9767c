package webtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Uploads is how the house takes files. Set it first.
type Uploads struct {
	Tear    int    // pieces of which only half comes before the line breaks
	Refuse  string // reason with which a file that is whole is refused
	Unsure  int    // looks at whole files that fail
	taken   map[string]*taken
	Removed int      // uploads that were given up
	Sent    []string // ids that went with messages
}

type taken struct {
	name string
	size int64
	data []byte
}

// Taken are the contents of the uploads with these ids, in the order of the ids.
func (h *House) Taken(ids ...string) (all []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range ids {
		if u := h.Uploads.taken[id]; u != nil {
			all = append(all, string(u.data))
		}
	}
	return all
}

// Tear has the line break with so many more pieces.
func (h *House) Tear(pieces int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.Uploads.Tear = pieces
}

func (h *House) mountUploads(mux *http.ServeMux) {
	mux.HandleFunc("POST /uploads", func(w http.ResponseWriter, r *http.Request) {
		var b struct {
			Name string
			Size int64
		}
		if err := json.NewDecoder(r.Body).Decode(&b); err != nil {
			http.Error(w, "{}", http.StatusBadRequest)
			return
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.Uploads.taken == nil {
			h.Uploads.taken = map[string]*taken{}
		}
		id := fmt.Sprintf("u%d", len(h.Uploads.taken)+1)
		h.Uploads.taken[id] = &taken{name: b.Name, size: b.Size}
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(map[string]string{"id": id}) // a browser that went away
	})
	mux.HandleFunc("HEAD /uploads/{id}", func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		defer h.mu.Unlock()
		w.Header().Set("Upload-Offset", strconv.Itoa(len(h.Uploads.taken[r.PathValue("id")].data)))
	})
	mux.HandleFunc("DELETE /uploads/{id}", func(w http.ResponseWriter, _ *http.Request) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.Uploads.Removed++
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("PATCH /uploads/{id}", h.grow)
}

// enclose shows files in a message.
func (h *House) enclose(item *deskv1.TimelineItem, ids []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range ids {
		u := h.Uploads.taken[id]
		item.Attachments = append(item.Attachments, &threadv1.Attachment{Type: "image"})
		item.Files = append(item.Files, &deskv1.File{Status: deskv1.FileStatus_FILE_STATUS_HERE, ContentType: "image/png", Size: u.size, Name: u.name, Width: 640, Height: 480})
		h.Uploads.Sent = append(h.Uploads.Sent, id)
	}
}

// errTorn breaks the line in the middle of a piece.
var errTorn = errors.New("the line is torn")

func (h *House) grow(w http.ResponseWriter, r *http.Request) {
	piece, err := io.ReadAll(r.Body)
	h.mu.Lock()
	u := h.Uploads.taken[r.PathValue("id")]
	if h.Uploads.Tear > 0 && len(piece) > 1 {
		h.Uploads.Tear--
		piece, err = piece[:len(piece)/2], errTorn
	}
	at, _ := strconv.Atoi(r.Header.Get("Upload-Offset"))
	moved := at != len(u.data)
	if !moved {
		u.data = append(u.data, piece...)
	}
	have, whole := len(u.data), int64(len(u.data)) == u.size
	unsure := whole && h.Uploads.Unsure > 0
	if unsure {
		h.Uploads.Unsure--
	}
	refuse := h.Uploads.Refuse
	h.mu.Unlock()
	if err != nil {
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = conn.Close()
		}
		return
	}
	w.Header().Set("Upload-Offset", strconv.Itoa(have))
	switch {
	case moved:
		w.WriteHeader(http.StatusConflict)
	case unsure:
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"reason":"SCAN_FAILED"}`)
	case whole && refuse != "":
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"reason": refuse})
	case whole:
		_ = json.NewEncoder(w).Encode(map[string]any{"kind": "image", "name": u.name})
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}
