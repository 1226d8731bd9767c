package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
	"time"

	"github.com/parley-desk/parley/pkg/telemetry/key"
)

// Media is a file that Meta has.
type Media struct {
	Kind string // image, audio, video or file
	ID   string // Meta's attachment id, of the page that uploaded it
}

// File is a file to upload. Body gives its content once.
type File struct {
	Kind string // image, audio, video or file
	Type string // media type
	Name string // for people
	Size int64
	Body io.Reader
}

// form is a body that is not JSON, and how long it is.
type form struct {
	kind   string
	body   io.Reader
	length int64
}

// Upload gives Meta a file that messages of the page can name, and the id by
// which they do. No customer sees anything of it, so it may be repeated: what is
// not known to have worked is Later. It ends with ctx, and holds no more of the
// file than passes through.
func (c *Client) Upload(ctx context.Context, page Page, f File) (id string, _ Outcome) {
	start := time.Now()
	body, err := formOf(f)
	if err != nil {
		return "", Outcome{Class: Refused, Reason: ReasonInvalidRequest}
	}
	a := c.do(ctx, page, call{operation: "upload", method: http.MethodPost, path: []string{page.ID, "message_attachments"}, form: body})
	var answer struct {
		ID reference `json:"attachment_id"`
	}
	out := readOutcome(a, page.ID, &answer)
	switch {
	case out.Class == Sent && answer.ID == "":
		out = Outcome{Class: Later, Reason: ReasonUnreadable}
	case out.Class == Uncertain:
		out.Class = Later
	}
	out.Usage = usageOf(a.header, page.ID)
	c.seconds.WithLabelValues("upload", out.Class.String()).Observe(time.Since(start).Seconds())
	if out.Class != Sent {
		c.log.LogAttrs(ctx, slog.LevelWarn, "upload of a file did not succeed",
			slog.String(key.Page, page.ID), slog.String(key.Class, out.Class.String()), slog.String(key.Reason, out.Reason), slog.Int(key.HTTPStatus, a.status),
			slog.Int(key.MetaCode, out.Code), slog.Int(key.MetaSubcode, out.Subcode), slog.String(key.MetaTrace, out.Trace))
	}
	return string(answer.ID), out
}

// MediaGone tells whether Meta does not know the attachment id of a send, or not
// any more: another upload helps.
func (o Outcome) MediaGone() bool { return o.Code == 100 && o.Subcode == 2018074 }

// formOf is a file as Meta's page "Saving assets" wants it: as long as it says,
// and never all in memory.
func formOf(f File) (*form, error) {
	message := struct {
		Attachment attachment `json:"attachment"`
	}{attachment{Type: f.Kind, Payload: payload{Reusable: true}}}
	encoded, err := json.Marshal(message)
	if err != nil {
		return nil, err
	}
	var around bytes.Buffer
	w := multipart.NewWriter(&around)
	if err := w.WriteField("message", string(encoded)); err != nil {
		return nil, err
	}
	_, err = w.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {fmt.Sprintf(`form-data; name="filedata"; filename="%s"`, quoted.Replace(f.Name))},
		"Content-Type":        {f.Type},
	})
	if err != nil {
		return nil, err
	}
	head := bytes.Clone(around.Bytes())
	around.Reset()
	if err := w.Close(); err != nil {
		return nil, err
	}
	return &form{kind: w.FormDataContentType(), length: int64(len(head)+around.Len()) + f.Size,
		body: io.MultiReader(bytes.NewReader(head), f.Body, &around)}, nil
}

// quoted keeps a name inside its quotes, as browsers do.
var quoted = strings.NewReplacer(`"`, "%22", "\r", "%0D", "\n", "%0A")

// reference is an id that Meta writes as a string or as a number.
type reference string

func (r *reference) UnmarshalJSON(b []byte) error {
	if id := strings.Trim(string(b), `"`); id != "null" && len(id) <= 128 {
		*r = reference(id)
	}
	return nil
}
