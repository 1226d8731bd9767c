// Package load is a crowd for a running house: customers who write through the
// sandbox, and agents who work through the desk's API as a person does through
// its page. Every customer message is in the sandbox's journal, every reply
// quotes the message it answers, so package check can tell afterwards whether
// anything went wrong on the way.
package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-desk/parley/services/sandbox"
)

// Plan says what customers write.
type Plan struct {
	Sandbox       string   // base URL
	Pages         []string // page ids, in turn; the same people have the same number on each
	Conversations int      // how many customers
	Messages      int      // of each customer
	Duplicates    float64  // share of messages whose webhook comes twice, 0 to 1
	Batch         int      // messages in one write, of as many customers; 0 is 1
	Rate          float64  // messages a second; 0 is as fast as the sandbox takes them
	Reads         bool     // customers look at what they were answered before they write again
	Seed          uint64   // other seeds are other customers
}

// Crowd writes by a plan.
type Crowd struct {
	plan    Plan
	client  *http.Client
	written atomic.Int64
}

// parallel bounds writes on the way, so that a sandbox that hangs cannot eat
// the memory of an open loop.
const parallel = 64

// NewCrowd makes a crowd.
func NewCrowd(p Plan) *Crowd {
	p.Batch = max(1, p.Batch)
	return &Crowd{plan: p, client: &http.Client{
		Timeout:   30 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: parallel},
	}}
}

// Written is how many messages the sandbox has acknowledged.
func (c *Crowd) Written() int64 { return c.written.Load() }

// Run writes everything and returns when all of it is acknowledged. The loop is
// open: a message leaves when its time has come, however slow the answers are.
func (c *Crowd) Run(ctx context.Context) error {
	total := c.plan.Conversations * c.plan.Messages
	slots := make(chan struct{}, parallel)
	var posts sync.WaitGroup
	defer posts.Wait()
	began := time.Now()
	for first := 0; first < total; first += c.plan.Batch {
		if err := until(ctx, began, c.due(first)); err != nil {
			return err
		}
		var bulk []sandbox.Message
		for i := first; i < min(first+c.plan.Batch, total); i++ {
			bulk = append(bulk, c.message(i))
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		posts.Go(func() {
			if c.plan.Reads {
				c.look(ctx, bulk)
			}
			c.write(ctx, bulk)
			<-slots
		})
	}
	posts.Wait()
	return ctx.Err()
}

// due is when message i leaves, counted from the beginning.
func (c *Crowd) due(i int) time.Duration {
	if c.plan.Rate <= 0 {
		return 0
	}
	return time.Duration(float64(i) / c.plan.Rate * float64(time.Second))
}

func until(ctx context.Context, began time.Time, due time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Until(began.Add(due))):
		return nil
	}
}

// message is the i-th of the plan: customers take turns.
func (c *Crowd) message(i int) sandbox.Message {
	customer, turn := i%c.plan.Conversations, i/c.plan.Conversations
	m := sandbox.Message{
		Page: c.plan.Pages[customer%len(c.plan.Pages)], PSID: c.psid(customer / len(c.plan.Pages)), Name: fmt.Sprintf("Клиент %d", customer+1),
		Text: fmt.Sprintf("Въпрос %d от клиент %d 👋", turn+1, customer+1),
	}
	if chance(c.plan.Seed, i) < c.plan.Duplicates {
		m.Copies = 2
	}
	return m
}

// psid is a customer's id: the same for the same seed, so a run can be repeated
// on the same people.
func (c *Crowd) psid(customer int) string {
	return fmt.Sprint(10_000_000_000_000_000 + c.plan.Seed%1_000_000*10_000_000_000 + uint64(customer))
}

func chance(seed uint64, i int) float64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %d", seed, i) //nolint:errcheck // never fails
	x := h.Sum64()
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9 // FNV alone leaves the high bits alike
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return float64((x^x>>31)>>11) / (1 << 53)
}

// write repeats until the sandbox acknowledges: customers do not lose patience
// with a sandbox that is being restarted.
func (c *Crowd) write(ctx context.Context, bulk []sandbox.Message) {
	for pause := 50 * time.Millisecond; ctx.Err() == nil; pause = min(2*pause, 2*time.Second) {
		if err := c.post(ctx, "/sandbox/messages", bulk); err == nil {
			c.written.Add(int64(len(bulk)))
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// look lets customers see what stands in their threads. A sandbox that is being
// restarted shows nothing, and they look again the next time.
func (c *Crowd) look(ctx context.Context, bulk []sandbox.Message) {
	for _, m := range bulk {
		_ = c.post(ctx, "/sandbox/customers/"+m.Page+"/"+m.PSID+"/read", struct{}{})
	}
}

func (c *Crowd) post(ctx context.Context, path string, body any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.plan.Sandbox+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // only read from
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the sandbox answered %s", resp.Status)
	}
	return nil
}

// Waiting is how many webhook events the house has not taken yet.
func Waiting(ctx context.Context, sandboxURL string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, sandboxURL+"/sandbox/pages", nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close() //nolint:errcheck // only read from
	var pages []struct{ Waiting int }
	if err := json.NewDecoder(resp.Body).Decode(&pages); err != nil {
		return 0, err
	}
	sum := 0
	for _, p := range pages {
		sum += p.Waiting
	}
	return sum, nil
}
