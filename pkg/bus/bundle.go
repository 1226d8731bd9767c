package bus

import (
	"context"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// maxEvents bounds a bundle: whoever needs one event again fetches all of it.
const maxEvents = 256

// eventsField is the number of Bundle.events.
const eventsField protowire.Number = 1

// appendEvent adds an event to the encoding of a bundle: two encoded bundles
// one after the other are one.
func appendEvent(bundle []byte, e *inboundv1.Event) ([]byte, error) {
	bundle = protowire.AppendTag(bundle, eventsField, protowire.BytesType)
	bundle = protowire.AppendVarint(bundle, uint64(proto.Size(e)))
	return proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(bundle, e)
}

// unbundle splits a record of INBOUND into its events, each in the lane of its
// thread. What is no bundle, or no event in it, is one part without an event. What
// is left of a record of which somebody was erased was handled there: it has no
// parts.
func unbundle(m stored) []stored {
	if m.header.Get(headerRest) != "" {
		return nil
	}
	return events(m)
}

// events are the parts of a record of INBOUND.
func events(m stored) []stored {
	bodies := encodedEvents(m.data)
	if bodies == nil {
		return whole(m)
	}
	parts := make([]stored, len(bodies))
	for i, body := range bodies {
		parts[i] = partOf(m, i, body)
	}
	return parts
}

// unbundleOne gives one of the parts that unbundle gives.
func unbundleOne(m stored, part int) stored {
	events := encodedEvents(m.data)
	if events == nil {
		return m
	}
	return partOf(m, part, events[part])
}

// encodedEvents finds the events in an encoded bundle; nil when it is none.
func encodedEvents(bundle []byte) [][]byte {
	var events [][]byte
	for len(bundle) > 0 {
		field, kind, n := protowire.ConsumeTag(bundle)
		if n < 0 || field != eventsField || kind != protowire.BytesType {
			return nil
		}
		body, size := protowire.ConsumeBytes(bundle[n:])
		if size < 0 {
			return nil
		}
		events, bundle = append(events, body), bundle[n+size:]
	}
	return events
}

func partOf(m stored, i int, body []byte) stored {
	part := stored{stream: m.stream, subject: m.subject, seq: m.seq, at: m.at, data: body, part: i, rest: m.header.Get(headerRest)}
	if e := (&inboundv1.Event{}); proto.Unmarshal(body, e) == nil {
		part.event, part.header = e, traceOf(e)
		part.subject += "." + threadOf(e).Key()
	}
	return part
}

func threadOf(e *inboundv1.Event) subject.Thread {
	return subject.Thread{Page: e.GetPage(), PSID: e.GetPsid()}
}

// traceOf gives the trace of an event as a header has it.
func traceOf(e *inboundv1.Event) nats.Header {
	if e.GetTraceparent() == "" {
		return nil
	}
	return nats.Header{"traceparent": {e.GetTraceparent()}, "tracestate": {e.GetTracestate()}}
}

// parcel is what one call has for one partition: a bundle that may become a
// part of a larger one.
type parcel struct {
	body   []byte
	events int
	done   chan struct{}
	err    error // valid when done is closed
}

// collector stores parcels in one partition of INBOUND by group commit: one
// bundle is under way at a time, and whatever comes meanwhile goes out as the
// next. So a synced write is paid once for all who wait for it, and parcels are
// stored in the order they came.
type collector struct {
	bus     *Bus
	subject string

	mu     sync.Mutex
	queue  []*parcel
	flying bool // a goroutine looks after the queue
}

func newCollector(b *Bus, partition int) *collector {
	return &collector{bus: b, subject: subject.Inbound(partition)}
}

// submit queues p; p.done is closed when its fate is known as far as it can be.
func (c *collector) submit(p *parcel) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue = append(c.queue, p)
	if !c.flying {
		c.flying = true
		go c.fly()
	}
}

func (c *collector) fly() {
	for flight := c.take(); flight != nil; flight = c.take() {
		err := c.send(flight)
		for _, p := range flight {
			p.err = err
			close(p.done)
		}
	}
}

// take gives the next parcels that fit into one bundle; a large one goes alone.
func (c *collector) take() []*parcel {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		c.flying = false
		return nil
	}
	n, size, events := 0, 0, 0
	for _, p := range c.queue {
		size, events = size+len(p.body), events+p.events
		if n > 0 && (events > maxEvents || size > c.bus.roomOfBundle()) {
			break
		}
		n++
	}
	flight := c.queue[:n:n]
	c.queue = c.queue[n:]
	return flight
}

// roomOfBundle bounds what is put together, well below what the broker takes. A
// single event may be larger.
func (b *Bus) roomOfBundle() int { return int(b.nc.MaxPayload() / 4) }

func (c *collector) send(flight []*parcel) error {
	body, events := flight[0].body, flight[0].events
	if len(flight) > 1 {
		body = nil
		for _, p := range flight[1:] {
			events += p.events
		}
		for _, p := range flight {
			body = append(body, p.body...)
		}
	}
	c.bus.metrics.batch.Observe(float64(events))
	_, err := c.bus.js.PublishMsg(context.Background(), &nats.Msg{Subject: c.subject, Data: body}, jetstream.WithRetryAttempts(0))
	return err
}
