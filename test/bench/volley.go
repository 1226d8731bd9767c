package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// volley is many callers, each with a connection of its own, who send their
// next request when the last is answered. It speaks just enough HTTP: callers
// share the machine with who is measured, and what they need is taken from it.
type volley struct {
	on      *process
	addr    string
	callers int
	length  time.Duration
	posts   [][]byte // whole requests, sent in turn
}

// tally is what came of a volley.
type tally struct {
	answered int
	took     time.Duration
	spent    time.Duration   // of the processors, by the one who answers
	each     []time.Duration // from the first byte sent to the last one read
}

// rate is answers a second.
func (t tally) rate() float64 { return float64(t.answered) / t.took.Seconds() }

// cost is what one answer takes of a processor, in microseconds.
func (t tally) cost() float64 { return float64(t.spent.Microseconds()) / float64(t.answered) }

func (v volley) fire(ctx context.Context) (tally, error) {
	calls := make([]*caller, v.callers)
	for i := range calls {
		c, err := dial(ctx, v.addr)
		if err != nil {
			return tally{}, err
		}
		defer func() { _ = c.conn.Close() }()
		calls[i] = c
	}
	var next atomic.Int64
	var all sync.WaitGroup
	before, began := v.on.processor(), time.Now()
	end := began.Add(v.length)
	for _, c := range calls {
		all.Go(func() {
			for c.err == nil && time.Now().Before(end) && ctx.Err() == nil {
				c.err = c.call(v.posts[int(next.Add(1))%len(v.posts)])
			}
		})
	}
	all.Wait()
	t := tally{took: time.Since(began), spent: v.on.processor() - before}
	errs := []error{ctx.Err()}
	for _, c := range calls {
		t.each = append(t.each, c.took...)
		errs = append(errs, c.err)
	}
	t.answered = len(t.each)
	return t, errors.Join(errs...)
}

// caller is one connection.
type caller struct {
	conn net.Conn
	in   *bufio.Reader
	took []time.Duration
	err  error
}

func dial(ctx context.Context, addr string) (*caller, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &caller{conn: conn, in: bufio.NewReaderSize(conn, 1024), took: make([]time.Duration, 0, 4096)}, nil
}

// call sends one request and reads an answer, which must be 200 and empty.
func (c *caller) call(post []byte) error {
	began := time.Now()
	if _, err := c.conn.Write(post); err != nil {
		return err
	}
	status, err := c.in.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 200 ")) {
		return fmt.Errorf("answered %q", bytes.TrimSpace(status))
	}
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) == 2 {
			c.took = append(c.took, time.Since(began))
			return nil
		}
	}
}

// webhooks makes n signed requests of so many events each, all of them of
// different customers, each about 700 bytes long as Meta's are.
func webhooks(addr string, n, events int) [][]byte {
	posts := make([][]byte, n)
	for i := range posts {
		var items [][]byte
		for k := range events {
			items = append(items, item(customer(i*events+k), i))
		}
		posts[i] = webhook(addr, items...)
	}
	return posts
}

func webhook(addr string, items ...[]byte) []byte {
	return post(addr, slices.Concat([]byte(`{"object":"page","entry":[{"id":"`+page+`","time":1760000000456,"messaging":[`),
		bytes.Join(items, []byte(",")), []byte(`]}]}`)))
}

const page = "1020304050607080"

func customer(n int) string { return fmt.Sprint(7_400_000_000_000_000 + n) }

var filler = bytes.Repeat([]byte(`\u0437`), 40)

func item(psid string, n int) []byte {
	return fmt.Appendf(nil, `{"sender":{"id":%q},"recipient":{"id":%q},"timestamp":%d,"message":{"mid":"m_KXGKDUpO6xbVdAmZFBVpzU1AhKVJdAIUnUH4cwkvb_K3iZsWhowDRyJ_Dcow%s-%d","text":"Здравейте, къде е поръчката ми? %s"}}`,
		psid, page, time.Now().UnixMilli(), psid, n, filler)
}

func post(addr string, body []byte) []byte {
	return fmt.Appendf(nil, "POST /webhook/demo HTTP/1.1\r\nHost: %s\r\nUser-Agent: facebookexternalua\r\nContent-Type: application/json\r\n"+
		"X-Hub-Signature-256: %s\r\nContent-Length: %d\r\n\r\n%s", addr, signature(body), len(body), body)
}
