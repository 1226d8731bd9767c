package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"syscall"
	"time"

	"connectrpc.com/connect"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/proto/gen/parley/desk/v1/deskv1connect"
)

const (
	photoSize   = 5 << 20
	photoRounds = 12
)

// photos follows a picture of 5 MB from the customer's message to its last byte at
// an agent's desk: filed, copied from Meta's servers into the store, told, asked
// for by the page and read.
func photos(ctx context.Context, lab *Lab) ([]Finding, error) {
	redis, store, err := lab.redis(ctx)
	if err != nil {
		return nil, err
	}
	defer redis.stop(syscall.SIGKILL)
	meta, err := serveMeta()
	if err != nil {
		return nil, err
	}
	defer func() { _ = meta.close() }()
	shelf, err := serveFile(append([]byte("\xff\xd8\xff\xe0"), noise(photoSize-4)...))
	if err != nil {
		return nil, err
	}
	defer func() { _ = shelf.Close() }()
	dir, err := lab.folder("photos")
	if err != nil {
		return nil, err
	}
	h, err := lab.house(ctx, dir, "ingress,classification,distribution,outbound,attachment,desk,admin", "--redis.url", store,
		"--graph.url", "http://"+meta.addr, "--attachment.plain-hosts", shelf.Addr)
	if err != nil {
		return nil, err
	}
	defer h.stop(syscall.SIGTERM)
	if err := h.apply(manifest(1, 10)); err != nil {
		return nil, err
	}
	took, err := see(ctx, h, "http://"+shelf.Addr+"/photo.jpg")
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, &h.said)
	}
	return []Finding{{"a picture of 5 MB from the customer's message to its last byte at the desk, p50", Bound{AtMost: 1000, Unit: " ms"}, millis(median(took)),
		fmt.Sprintf("of %d, one after the other; the slowest %.0f ms", len(took), millis(quantile(took, 100)))}}, nil
}

func noise(n int) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{}).Read(data)
	return data
}

// serveFile stands in for Meta's servers: it has one file, under every name.
func serveFile(data []byte) (*http.Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	srv := &http.Server{Addr: l.Addr().String(), ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "photo.jpg", time.Time{}, bytes.NewReader(data))
	})}
	go func() { _ = srv.Serve(l) }()
	return srv, nil
}

// see has a customer send a picture again and again, and an agent look at each.
func see(ctx context.Context, h *house, link string) (took []time.Duration, _ error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	desk, session := "http://"+h.desk, &http.Client{Jar: jar, Transport: &http.Transport{}}
	api := deskv1connect.NewDeskServiceClient(session, desk)
	if _, err := deskv1connect.NewSessionServiceClient(session, desk).SignIn(ctx, connect.NewRequest(&deskv1.SignInRequest{Agent: agent(0), Password: password})); err != nil {
		return nil, err
	}
	stream, err := api.Events(ctx, connect.NewRequest(&deskv1.EventsRequest{}))
	if err != nil {
		return nil, err
	}
	defer func() { _ = stream.Close() }()
	if err := available(ctx, api); err != nil {
		return nil, err
	}
	hook, err := dial(ctx, h.hook)
	if err != nil {
		return nil, err
	}
	defer func() { _ = hook.conn.Close() }()
	if err := hook.call(webhook(h.hook, item(customer(1), 1))); err != nil {
		return nil, err
	}
	var sent time.Time
	send := func() error {
		sent = time.Now()
		return hook.call(webhook(h.hook, photo(customer(1), len(took), link)))
	}
	seen := map[string]bool{}
	for len(took) < photoRounds && stream.Receive() {
		if c := stream.Msg().GetConversation(); c.GetOffer() != nil && sent.IsZero() {
			_, err = api.AcceptOffer(ctx, connect.NewRequest(&deskv1.AcceptOfferRequest{Ref: c.GetRef(), Fence: c.GetOffer().GetFence()}))
			err = errors.Join(err, send())
		}
		change := stream.Msg().GetTimeline()
		if files := change.GetItem().GetFiles(); err == nil && len(files) > 0 && files[0].GetStatus() == deskv1.FileStatus_FILE_STATUS_HERE && !seen[change.GetItem().GetId()] {
			seen[change.GetItem().GetId()] = true
			if err = look(session, desk, change.GetRef(), change.GetItem().GetId()); err == nil {
				took = append(took, time.Since(sent))
				err = send()
			}
		}
		if err != nil {
			return nil, err
		}
	}
	if len(took) < photoRounds {
		return nil, errors.Join(fmt.Errorf("%d of %d pictures came", len(took), photoRounds), stream.Err())
	}
	return took, nil
}

// look reads a file as the agent's browser does.
func look(session *http.Client, desk string, ref *deskv1.ConversationRef, item string) error {
	resp, err := session.Get(desk + "/files?" + url.Values{"page": {ref.GetPage()}, "psid": {ref.GetPsid()}, "conversation": {ref.GetConversation()},
		"item": {item}, "index": {"0"}}.Encode())
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	n, err := io.Copy(io.Discard, resp.Body)
	if err == nil && (resp.StatusCode != http.StatusOK || n != photoSize) {
		err = fmt.Errorf("the desk answers %d with %d bytes", resp.StatusCode, n)
	}
	return err
}

// photo is a message of nothing but a picture.
func photo(psid string, n int, link string) []byte {
	return fmt.Appendf(nil, `{"sender":{"id":%q},"recipient":{"id":%q},"timestamp":%d,"message":{"mid":"m_photo-%s","attachments":[{"type":"image","payload":{"url":%q}}]}}`,
		psid, page, time.Now().UnixMilli(), strconv.Itoa(n), link)
}
