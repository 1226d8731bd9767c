package bus_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// Whatever stands on a subject of ours, a follower survives it, what is none of
// ours goes to DEADLETTER and what comes after it is handled.
func FuzzForeignMessages(f *testing.F) {
	broker := bustest.Broker(f)
	b := broker.Open(f, "one")
	nc, err := nats.Connect(broker.URL)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(nc.Close)
	var seen tally
	ctx, cancel := context.WithCancel(context.Background())
	threads, inbound := make(chan struct{}), make(chan struct{})
	go func() { defer close(threads); _ = b.FollowThreads(ctx, "stage", seen.commit) }()
	go func() {
		defer close(inbound)
		_ = b.FollowInbound(ctx, "stage", func(_ context.Context, r bus.InboundRecord) error {
			seen.add(r.Thread, string(r.Event.GetRaw()))
			return nil
		})
	}()
	f.Cleanup(func() { cancel(); <-threads; <-inbound })
	for _, s := range []string{"", "\x00", "hello", "\x0a\x02\x08\x01", "\x12\x00", strings.Repeat("\xff", 300)} {
		f.Add([]byte(s), "thread.0.1.2")
		f.Add([]byte(s), "thread.1.x")
		f.Add([]byte(s), subject.Log(customer(5), 4))
		f.Add([]byte(s), subject.Inbound(3))
	}
	serial := 0
	f.Fuzz(func(t *testing.T, body []byte, on string) {
		ours := strings.HasPrefix(on, "thread.") || strings.HasPrefix(on, "inbound.")
		if !ours || strings.ContainsAny(on, "*> \t\r\n") || strings.Contains(on, "..") || strings.HasSuffix(on, ".") {
			t.Skip("no subject of a stream of ours")
		}
		before := seen.n()
		if _, err := nc.Request(on, body, time.Second); err != nil {
			t.Skip("the broker does not take it")
		}
		await(t, "its dead letter, or that it is an event", func() bool {
			for d, err := range b.DeadLetters(t.Context()) {
				return err == nil && strings.HasPrefix(d.Subject, on) && (bytes.Equal(d.Data, body) || strings.HasPrefix(on, "inbound.") && bytes.Contains(body, d.Data)) ||
					strings.HasPrefix(on, "inbound.") && seen.n() > before
			}
			return strings.HasPrefix(on, "inbound.") && seen.n() > before
		})
		serial++
		before = seen.n()
		var events []*inboundv1.Event
		for p := range 8 {
			update(t, b, customer(1000*serial+p), "x")
			events = append(events, event(1000*serial+p, "x"))
		}
		if err := b.PublishInbound(t.Context(), events); err != nil {
			t.Fatal(err)
		}
		await(t, "what came after", func() bool { return seen.n() >= before+16 })
	})
}
