package graphapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/parley-desk/parley/services/sandbox/internal/journal"
	"github.com/parley-desk/parley/services/sandbox/internal/script"
	"github.com/parley-desk/parley/services/sandbox/internal/world"
)

// Meta's limits of what is uploaded (saving-assets).
const (
	maxFile    = 25 << 20
	maxPicture = 8 << 20
)

// kinds are those of files in a message.
var kinds = []string{"image", "audio", "video", "file"}

// reference is the payload of a file in a message.
type reference struct {
	ID  any    `json:"attachment_id"` // a string or a number
	URL string `json:"url"`
}

func (r reference) id() string {
	if r.ID == nil {
		return ""
	}
	return fmt.Sprint(r.ID)
}

// media checks a file in a message.
func media(kind string, payload json.RawMessage) *graphError {
	var r reference
	if !slices.Contains(kinds, kind) || json.Unmarshal(payload, &r) != nil || (r.id() == "") == (r.URL == "") {
		return badRequest("An attachment is of type image, audio, video or file, and has either attachment_id or url")
	}
	return nil
}

// named finds the file that a message names by the id of its upload.
func named(s *world.State, r *journal.Record, req sendRequest) error {
	if req.Message.Attachment == nil || r.Template != nil {
		return nil
	}
	var ref reference
	_ = json.Unmarshal(req.Message.Attachment.Payload, &ref) // it was read when it came
	if ref.id() == "" {
		return nil
	}
	file, known := s.Files[ref.id()]
	if !known || file.Page != r.Page || file.Kind != r.Attachment {
		return &graphError{Status: 400, Code: 100, Subcode: 2018074, Message: "(#100) No attachment of this page has the given attachment_id"}
	}
	r.ID, r.URL = ref.id(), file.URL
	return nil
}

// takeFile is POST /{page}/message_attachments.
func (a *API) takeFile(c *call) {
	r := journal.Record{Kind: journal.FileUploaded, Page: c.page.ID, ID: world.NewPSID()}
	if e := a.readFile(c, &r); e != nil {
		refuse(c.w, e)
		return
	}
	o := a.player.Load().Choose(script.Call{Kind: "message_attachments", Page: r.Page})
	err := a.world.Commit(func(*world.State, time.Time) ([]journal.Record, error) {
		if !o.Delivered {
			return nil, nil
		}
		return []journal.Record{r}, nil
	})
	if err != nil {
		refuse(c.w, &graphError{Status: 500, Code: 1, Message: "The sandbox cannot write its journal"})
		return
	}
	a.play(c, o, map[string]any{"attachment_id": r.ID})
}

// readFile reads the form: the message says what the file is, and comes first.
func (a *API) readFile(c *call, r *journal.Record) *graphError {
	form, err := c.r.MultipartReader()
	if err != nil {
		return badRequest("A file comes as multipart/form-data")
	}
	for {
		part, err := form.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return badRequest("The parameter filedata is required")
		case err != nil:
			return badRequest("The form could not be read")
		}
		switch part.FormName() {
		case "message":
			if e := described(part, r); e != nil {
				return e
			}
		case "filedata":
			return a.keepFile(part, r)
		}
	}
}

func described(part io.Reader, r *journal.Record) *graphError {
	var m struct {
		Attachment struct {
			Type    string `json:"type"`
			Payload struct {
				Reusable bool `json:"is_reusable"`
			} `json:"payload"`
		} `json:"attachment"`
	}
	if json.NewDecoder(io.LimitReader(part, 64<<10)).Decode(&m) != nil || !slices.Contains(kinds, m.Attachment.Type) {
		return badRequest("The parameter message must say which attachment it is")
	}
	if !m.Attachment.Payload.Reusable {
		return badRequest("A file that is not sent with this call must be is_reusable")
	}
	r.Attachment = m.Attachment.Type
	return nil
}

func (a *API) keepFile(part *multipart.Part, r *journal.Record) *graphError {
	name, most := path.Base("/"+part.FileName()), int64(maxFile)
	if r.Attachment == "image" {
		most = maxPicture
	}
	kind, _, _ := strings.Cut(part.Header.Get("Content-Type"), "/")
	switch {
	case r.Attachment == "":
		return badRequest("The parameter message is required before filedata")
	case r.Attachment != "file" && kind != r.Attachment:
		return &graphError{Status: 400, Code: 100, Subcode: 2018047, Message: "(#100) The type of the file is not that of the attachment"}
	case name == "/" || strings.HasPrefix(name, "."):
		name = "file"
	}
	link, err := a.set.Keep(name, &limited{from: part, left: most})
	switch {
	case errors.Is(err, errTooLarge):
		return &graphError{Status: 400, Code: 100, Subcode: 2018109, Message: "(#100) The attachment is larger than allowed"}
	case err != nil:
		return badRequest("The file could not be read")
	}
	r.URL = link
	return nil
}

var errTooLarge = errors.New("the file is too large")

// limited fails when more comes than may.
type limited struct {
	from io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.from.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}
