package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"connectrpc.com/connect"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/proto/gen/parley/desk/v1/deskv1connect"
)

const (
	photoRounds = 100
	photoWarm   = 5
	photoPSID   = "9876543210987654"
	photoLimit  = time.Minute
	// photoRoom is what a small container has, in MB; the house is told to keep to the
	// nine tenths of it that it would take for itself there.
	photoRoom = 512
)

// photos follows a customer's picture of 5 MB, each another one, from the moment it
// is sent on the telephone until an agent's page has all of its bytes: webhook, copy
// from Meta, store, word on the stream, download. One picture at a time.
func photos(ctx context.Context, lab *Lab) ([]Finding, error) {
	dir, err := lab.folder("photos")
	if err != nil {
		return nil, err
	}
	meta, err := free()
	if err != nil {
		return nil, err
	}
	hook, err := free()
	if err != nil {
		return nil, err
	}
	h, err := lab.house(ctx, dir, "", "--sandbox.listen", meta, "--graph.url", "http://"+meta+"/graph", "--attachment.plain-hosts", meta,
		"--ingress.listen", hook, "--sandbox.callback", "http://"+hook+"/webhook/demo",
		"--memory", strconv.Itoa(photoRoom*1_000_000/10*9))
	if err != nil {
		return nil, err
	}
	defer h.stop(syscall.SIGKILL)
	if err := h.apply(strings.Replace(manifest(1, 10), "units: 1,", "units: 1, customerAttachments: true, autoAssign: true,", 1)); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	v, err := look(ctx, "http://"+h.desk)
	if err != nil {
		return nil, err
	}
	phone := "http://" + meta + "/sandbox"
	// The first word opens the conversation: a stream tells of those that are the
	// agent's alone.
	if _, err := ask(ctx, phone+"/customers/"+page+"/"+photoPSID+"/messages", []byte(`{"text":"Hello"}`)); err != nil {
		return nil, err
	}
	if err := v.until(ctx, func(e *deskv1.Event) bool { return e.GetConversation().GetAgent() == agent(0) }); err != nil {
		return nil, fmt.Errorf("the conversation: %w", err)
	}
	var took []time.Duration
	var size int
	before, err := h.resident()
	for round := 0; err == nil && round < photoWarm+photoRounds; round++ {
		var one time.Duration
		if one, size, err = v.photo(ctx, phone, uint64(round)); err == nil && round >= photoWarm {
			took = append(took, one)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, &h.said)
	}
	most, err := h.memory("VmHWM:")
	if err != nil {
		return nil, err
	}
	lab.Say("  %d pictures: p50 %v, p99 %v; the process grew from %s to %s MB", len(took), quantile(took, 50), quantile(took, 99), number(before), number(most))
	return []Finding{
		{fmt.Sprintf("a picture of %s MB, from the telephone to all of it at the desk, p99", number(float64(size)/(1<<20))),
			Bound{AtMost: 1000, Unit: " ms"}, millis(quantile(took, 99)),
			fmt.Sprintf("p50 %s ms of %d, one at a time", number(millis(quantile(took, 50))), len(took))},
		{fmt.Sprintf("%d of them, one process in a container of %d MB, resident memory at its most", photoWarm+photoRounds, photoRoom),
			Bound{AtMost: photoRoom, Unit: " MB"}, most, fmt.Sprintf("%s MB before them; Meta's part included", number(before))},
	}, nil
}

// viewer is an agent's page: its session, and what its stream tells.
type viewer struct {
	desk    string
	session *http.Client
	events  chan *deskv1.Event
	ended   chan error
}

// look signs an agent in who is given conversations.
func look(ctx context.Context, desk string) (*viewer, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	v := &viewer{desk: desk, session: &http.Client{Jar: jar, Transport: &http.Transport{}}, events: make(chan *deskv1.Event), ended: make(chan error, 1)}
	door, api := deskv1connect.NewSessionServiceClient(v.session, desk), deskv1connect.NewDeskServiceClient(v.session, desk)
	if _, err := door.SignIn(ctx, connect.NewRequest(&deskv1.SignInRequest{Agent: agent(0), Password: password})); err != nil {
		return nil, fmt.Errorf("sign in: %w", err)
	}
	stream, err := api.Events(ctx, connect.NewRequest(&deskv1.EventsRequest{}))
	if err != nil {
		return nil, err
	}
	go func() {
		defer func() { _ = stream.Close() }()
		for stream.Receive() {
			select {
			case v.events <- stream.Msg():
			case <-ctx.Done():
				return
			}
		}
		v.ended <- errors.Join(errors.New("the stream ended"), stream.Err())
	}()
	return v, available(ctx, api)
}

// until reads the stream until something that is waited for is told.
func (v *viewer) until(ctx context.Context, holds func(*deskv1.Event) bool) error {
	for late := time.After(photoLimit); ; {
		select {
		case e := <-v.events:
			if holds(e) {
				return nil
			}
		case err := <-v.ended:
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-late:
			return fmt.Errorf("not told within %s", photoLimit)
		}
	}
}

// photo sends a picture and gives how long it took to the desk, and its bytes.
func (v *viewer) photo(ctx context.Context, phone string, seed uint64) (took time.Duration, size int, err error) {
	picture, err := noise(seed)
	if err != nil {
		return 0, 0, err
	}
	message, err := ask(ctx, phone+"/media?name=photo.png", picture)
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	if _, err := ask(ctx, phone+"/customers/"+page+"/"+photoPSID+"/messages", message); err != nil {
		return 0, 0, err
	}
	var seen *deskv1.TimelineChange
	err = v.until(ctx, func(e *deskv1.Event) bool {
		c := e.GetTimeline()
		files := c.GetItem().GetFiles()
		// The one before may be told of again.
		if len(files) == 1 && files[0].GetStatus() == deskv1.FileStatus_FILE_STATUS_HERE && c.GetItem().GetAtMs() >= began.UnixMilli() {
			seen = c
		}
		return seen != nil || len(files) == 1 && files[0].GetStatus() == deskv1.FileStatus_FILE_STATUS_LOST
	})
	if err != nil {
		return 0, 0, fmt.Errorf("the picture: %w", err)
	}
	if seen == nil {
		return 0, 0, errors.New("the picture was not copied")
	}
	ref := seen.GetRef()
	got, err := v.read(ctx, "/files?"+url.Values{"page": {ref.GetPage()}, "psid": {ref.GetPsid()}, "conversation": {ref.GetConversation()},
		"item": {seen.GetItem().GetId()}, "index": {"0"}}.Encode())
	took = time.Since(began)
	if err == nil && !bytes.Equal(got, picture) {
		err = fmt.Errorf("the desk shows %d bytes that are not the picture's %d", len(got), len(picture))
	}
	return took, len(picture), err
}

func (v *viewer) read(ctx context.Context, path string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, v.desk+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	return answer(v.session.Do(r))
}

// ask posts to the telephone and gives the answer.
func ask(ctx context.Context, address string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	got, err := answer(http.DefaultClient.Do(r))
	if err == nil && !json.Valid(got) {
		err = fmt.Errorf("the sandbox answers %q", got)
	}
	return got, err
}

func answer(r *http.Response, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Body.Close() }()
	body, err := io.ReadAll(r.Body)
	if err == nil && r.StatusCode >= 300 {
		err = fmt.Errorf("%s: %s", r.Status, body)
	}
	return body, err
}

// noise is a picture that nothing makes smaller, of a little less than 5 MB, the
// largest that is taken unless somebody says otherwise (L14).
func noise(seed uint64) ([]byte, error) {
	picture := image.NewNRGBA(image.Rect(0, 0, 1300, 1340))
	random := rand.New(rand.NewPCG(seed, 1))
	for i := 0; i+4 <= len(picture.Pix); i += 4 {
		n := random.Uint32()
		picture.Pix[i], picture.Pix[i+1], picture.Pix[i+2], picture.Pix[i+3] = byte(n), byte(n>>8), byte(n>>16), 255
	}
	var out bytes.Buffer
	err := (&png.Encoder{CompressionLevel: png.NoCompression}).Encode(&out, picture)
	return out.Bytes(), err
}
