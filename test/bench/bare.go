package bench

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"

	"github.com/parley-desk/parley/pkg/bus/bustest"
)

var sender = regexp.MustCompile(`"sender":\{"id":"(\d+)"`)

// ServeBare is the baseline of path: a webhook is published, read, published
// again and read again, and the customer's id comes out on GET /stream.
func ServeBare(l net.Listener, dir string) error {
	out := make(chan string, 1024)
	ctx := context.Background()
	pipe, err := bustest.OpenPipeline(ctx, dir, func(id string, _ []byte) { out <- id })
	if err != nil {
		return err
	}
	defer pipe.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /webhook/demo", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		id := sender.FindSubmatch(body)
		if err != nil || id == nil || pipe.Publish(ctx, string(id[1]), body) != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Length", "0")
	})
	mux.HandleFunc("GET /stream", func(w http.ResponseWriter, r *http.Request) {
		flush := http.NewResponseController(w)
		for err := flush.Flush(); err == nil; err = flush.Flush() {
			select {
			case id := <-out:
				_, _ = fmt.Fprintln(w, id)
			case <-r.Context().Done():
				return
			}
		}
	})
	return http.Serve(l, mux)
}
