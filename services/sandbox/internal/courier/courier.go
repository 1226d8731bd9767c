// Package courier brings webhook events to the callback as Meta does: signed,
// several entries in a POST when several wait, in order within a thread, and
// again and again until the callback answers 200.
//
// A thread has at most one POST on the way, so its order holds by itself;
// different threads go at the same time. What was taken is noted without waiting
// for the disk: a crash makes the courier bring it once more, never lose it.
package courier

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/parley-desk/parley/pkg/telemetry/key"
	"github.com/parley-desk/parley/services/sandbox/internal/journal"
	"github.com/parley-desk/parley/services/sandbox/internal/world"
)

// Settings say where to and how.
type Settings struct {
	Callback string
	Secret   string        // app secret until it is reset
	Batch    int           // most events in a POST
	Parallel int           // most POSTs at a time
	Answer   time.Duration // an answer after this is none; Meta says 5 s
	RetryMax time.Duration // longest wait between two attempts
	GiveUp   time.Duration // failing this long unsubscribes the pages; 0: never
}

// Courier brings the events of a world. Run it once.
type Courier struct {
	set    Settings
	world  *world.World
	client *http.Client
	log    *slog.Logger
}

// New makes a courier.
func New(set Settings, w *world.World, log *slog.Logger) *Courier {
	transport := &http.Transport{MaxIdleConnsPerHost: set.Parallel, IdleConnTimeout: time.Minute}
	return &Courier{set: set, world: w, log: log, client: &http.Client{
		Transport:     transport,
		Timeout:       set.Answer,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// batch is what one POST brings.
type batch struct {
	events  []world.Queued
	pages   []string // page of each event
	threads []world.Thread
}

// Run blocks until ctx ends and returns nil then; POSTs on the way are given up then and brought
// again by the next run.
func (c *Courier) Run(ctx context.Context) error {
	defer c.client.CloseIdleConnections()
	var posts sync.WaitGroup
	defer posts.Wait()
	busy := map[world.Thread]bool{}
	done := make(chan []world.Thread)
	for flying := 0; ; {
		changed := c.world.Changed()
		b, next := batch{}, idle
		if flying < c.set.Parallel {
			b, next = c.pick(busy)
		}
		if len(b.events) > 0 {
			flying++
			for _, t := range b.threads {
				busy[t] = true
			}
			posts.Go(func() {
				c.deliver(ctx, b)
				select {
				case done <- b.threads:
				case <-ctx.Done():
				}
			})
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-time.After(next):
		case threads := <-done:
			flying--
			for _, t := range threads {
				delete(busy, t)
			}
		}
	}
}

// idle is how long the courier sleeps when nothing is due; every record wakes it.
const idle = time.Minute

// pick takes the due events of threads that are not busy, and says how long
// until the next is due.
func (c *Courier) pick(busy map[world.Thread]bool) (b batch, next time.Duration) {
	now := c.world.Now().UnixMilli()
	next = idle
	c.world.View(func(s *world.State) {
		for t := range s.Waiting {
			if busy[t] {
				continue
			}
			if len(b.events) == c.set.Batch {
				return
			}
			before := len(b.events)
			for _, q := range s.People[t].Queue {
				if q.DueMS > now {
					next = min(next, time.Duration(q.DueMS-now)*time.Millisecond)
					break
				}
				if len(b.events) == c.set.Batch {
					break
				}
				b.events, b.pages = append(b.events, q), append(b.pages, t.Page)
			}
			if len(b.events) > before {
				b.threads = append(b.threads, t)
			}
		}
	})
	return b, next
}

// deliver brings a batch, however often it takes; the body never changes.
func (c *Courier) deliver(ctx context.Context, b batch) {
	if err := c.world.Sync(); err != nil {
		c.log.ErrorContext(ctx, "journal cannot be written", slog.Any(key.Err, err))
		return
	}
	entries := make([]entry, len(b.events))
	for i, q := range b.events {
		entries[i] = entry{ID: b.pages[i], Time: c.world.Now().UnixMilli(), Messaging: []json.RawMessage{q.Item}}
	}
	doc, err := body(entries)
	if err != nil {
		c.log.ErrorContext(ctx, "webhook cannot be encoded", slog.Any(key.Err, err))
		return
	}
	began := time.Now()
	for attempt := 1; ; attempt++ {
		if c.attempt(ctx, b, doc, attempt) || ctx.Err() != nil {
			return
		}
		if c.set.GiveUp > 0 && time.Since(began) >= c.set.GiveUp {
			c.unsubscribe(ctx, b)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(Wait(attempt, c.set.RetryMax)):
		}
	}
}

// Wait is the pause after the failed attempt n: three follow almost at once,
// then it doubles.
func Wait(n int, most time.Duration) time.Duration {
	if n <= 3 {
		return min(most, 50*time.Millisecond)
	}
	return min(most, 500*time.Millisecond<<min(n-4, 12))
}

// attempt POSTs once and notes the answer; it says whether it was 200.
func (c *Courier) attempt(ctx context.Context, b batch, doc []byte, n int) bool {
	began := time.Now()
	status, err := c.post(ctx, doc)
	if ctx.Err() != nil {
		return false
	}
	post := &journal.Post{Attempt: n, Status: status, Threads: b.threads, TookMS: time.Since(began).Milliseconds()}
	for _, q := range b.events {
		post.Events = append(post.Events, q.ID)
	}
	if err != nil {
		post.Error = err.Error()
	}
	err = c.world.Note(func(*world.State, time.Time) ([]journal.Record, error) {
		return []journal.Record{{Kind: journal.WebhookSent, Post: post}}, nil
	})
	if err != nil {
		c.log.ErrorContext(ctx, "journal cannot be written", slog.Any(key.Err, err))
	}
	return status == http.StatusOK
}

func (c *Courier) post(ctx context.Context, doc []byte) (int, error) {
	secret := c.set.Secret
	c.world.View(func(s *world.State) { secret = cmp.Or(s.AppSecret, secret) })
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.set.Callback, bytes.NewReader(doc))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "parley-sandbox")
	req.Header.Set("X-Hub-Signature-256", Sign(secret, doc))
	resp, err := c.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()                                        //nolint:errcheck // only read from
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16)) // so that the connection is used again
	return resp.StatusCode, err
}

// unsubscribe is what Meta does with pages whose callback fails for an hour.
func (c *Courier) unsubscribe(ctx context.Context, b batch) {
	err := c.world.Commit(func(s *world.State, _ time.Time) ([]journal.Record, error) {
		var out []journal.Record
		seen := map[string]bool{}
		for _, page := range b.pages {
			if s.Subscribed[page] != nil && !seen[page] {
				seen[page] = true
				out = append(out, journal.Record{Kind: journal.PageUnsubscribed, Page: page, Text: "callback failed too long"})
			}
		}
		return out, nil
	})
	c.log.WarnContext(ctx, "pages unsubscribed because the callback failed too long", slog.Any(key.Err, err))
}
