package sandbox_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/parley-desk/parley/pkg/graph"
	sealed "github.com/parley-desk/parley/pkg/secret"
)

// TestPagesSendFiles by the house's own client: a file is uploaded, named in
// messages as often as wanted, and shown on the telephone; what Meta would refuse
// is refused with Meta's numbers.
func TestPagesSendFiles(t *testing.T) {
	t.Parallel()
	in := newIngress(t)
	m := start(t, config(t, in))
	m.write(psid, "Имате ли снимка?")
	client, err := graph.New(graph.Config{BaseURL: m.url + "/graph"}, slog.New(slog.DiscardHandler), prometheus.NewRegistry(), noop.NewTracerProvider().Tracer(""))
	if err != nil {
		t.Fatal(err)
	}
	shop := graph.Page{ID: page, AppSecret: sealed.NewText(secret), Token: sealed.NewText(token), Version: "v26.0"}
	upload := func(kind, mime, name string, data []byte) (string, graph.Outcome) {
		return client.Upload(t.Context(), shop, graph.File{Kind: kind, Type: mime, Name: name, Size: int64(len(data)), Body: bytes.NewReader(data)})
	}
	photo := []byte("\x89PNG a picture")
	id, out := upload("image", "image/png", `сни"мка.png`, photo)
	if out.Class != graph.Sent || id == "" {
		t.Fatalf("the upload is %+v with id %q", out, id)
	}
	send := func(media graph.Media) graph.Outcome {
		return client.Send(t.Context(), shop, graph.Message{PSID: psid, MessagingType: "RESPONSE", Metadata: "p1:x", Media: media})
	}
	for range 2 {
		if out := send(graph.Media{Kind: "image", ID: id}); out.Class != graph.Sent {
			t.Fatalf("the send is %+v", out)
		}
	}
	await(t, "the echoes", func() bool { return len(in.taken(isEcho)) == 2 })
	var thread struct {
		Messages []struct{ Attachment, URL string }
	}
	shown, err := http.Get(m.url + "/sandbox/customers/" + page + "/" + psid + "/messages")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = shown.Body.Close() }()
	if err := json.NewDecoder(shown.Body).Decode(&thread); err != nil {
		t.Fatal(err)
	}
	last := thread.Messages[len(thread.Messages)-1]
	if len(thread.Messages) != 3 || last.Attachment != "image" {
		t.Fatalf("the telephone shows %+v", thread.Messages)
	}
	if at, _ := url.PathUnescape(last.URL); !strings.Contains(at, `сни%22мка.png`) {
		t.Errorf("the file is at %s", at)
	}
	r, err := http.Get(last.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	if got, err := io.ReadAll(r.Body); err != nil || !bytes.Equal(got, photo) {
		t.Errorf("%d bytes of it come back (%v)", len(got), err)
	}

	for name, c := range map[string]struct {
		got     graph.Outcome
		subcode int
	}{
		"no such id":         {send(graph.Media{Kind: "image", ID: "1"}), 2018074},
		"of another kind":    {send(graph.Media{Kind: "video", ID: id}), 2018074},
		"too large":          {second(upload("image", "image/png", "a.png", make([]byte, 8<<20+1))), 2018109},
		"not what it claims": {second(upload("image", "application/pdf", "a.pdf", photo)), 2018047},
	} {
		if c.got.Class != graph.Refused || c.got.Code != 100 || c.got.Subcode != c.subcode || c.got.Reason != graph.ReasonMediaRefused {
			t.Errorf("%s: %+v", name, c.got)
		}
	}
	m.script(`{"rules": [{"match": {"call": "message_attachments"}, "do": "server_error"}]}`)
	if _, out := upload("file", "application/pdf", "a.pdf", photo); out.Class != graph.Later || out.Reason != graph.ReasonServerError {
		t.Errorf("an upload of which nothing is known is %+v", out)
	}
}

func second(_ string, out graph.Outcome) graph.Outcome { return out }
