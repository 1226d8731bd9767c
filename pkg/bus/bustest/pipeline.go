package bustest

import (
	"context"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Pipeline is the least that two durable hops can cost: a publish, a reader
// that publishes again, and a reader, on an embedded broker that writes to disk
// before it acknowledges, as the bus's own does. It knows no threads, no order
// and no failures; benchmarks compare the house with it.
type Pipeline struct {
	nc   *nats.Conn
	js   jetstream.JetStream
	out  func(id string, body []byte)
	work sync.WaitGroup
	stop []func() // the readers
	end  func()   // of the broker
}

// pipelinePartitions is as many streams a hop as an embedded deployment has.
const pipelinePartitions = 4

// OpenPipeline starts the broker in dir; out gets what has come through.
func OpenPipeline(ctx context.Context, dir string, out func(id string, body []byte)) (*Pipeline, error) {
	s, err := server.NewServer(&server.Options{ServerName: "pipeline", DontListen: true, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: dir, SyncAlways: true})
	if err != nil {
		return nil, err
	}
	s.Start()
	p := &Pipeline{end: func() { stop(s) }, out: out}
	if !s.ReadyForConnections(30 * time.Second) {
		return nil, fmt.Errorf("the broker was not ready within 30 s")
	}
	if p.nc, err = nats.Connect("", nats.InProcessServer(s)); err != nil {
		return nil, err
	}
	if p.js, err = jetstream.New(p.nc); err != nil {
		return nil, err
	}
	for n := range pipelinePartitions {
		if err := p.hop(ctx, "first", n, func(id string, body []byte) { _ = p.publish(ctx, "second", id, body) }); err != nil {
			return nil, err
		}
		if err := p.hop(ctx, "second", n, p.out); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// hop makes one stream and its reader.
func (p *Pipeline) hop(ctx context.Context, name string, n int, handle func(id string, body []byte)) error {
	stream := fmt.Sprintf("%s_%d", name, n)
	s, err := p.js.CreateStream(ctx, jetstream.StreamConfig{Name: stream, Subjects: []string{fmt.Sprintf("%s.%d.>", name, n)},
		Storage: jetstream.FileStorage, AllowDirect: true})
	if err != nil {
		return err
	}
	c, err := s.CreateConsumer(ctx, jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true})
	if err != nil {
		return err
	}
	skip := len(fmt.Sprintf("%s.%d.", name, n))
	reading, err := c.Consume(func(m jetstream.Msg) {
		p.work.Go(func() { handle(m.Subject()[skip:], m.Data()) })
	})
	if err != nil {
		return err
	}
	p.stop = append(p.stop, reading.Stop)
	return nil
}

// Publish puts body in at the beginning; it returns when it is on disk.
func (p *Pipeline) Publish(ctx context.Context, id string, body []byte) error {
	return p.publish(ctx, "first", id, body)
}

func (p *Pipeline) publish(ctx context.Context, name, id string, body []byte) error {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	_, err := p.js.Publish(ctx, fmt.Sprintf("%s.%d.%s", name, h.Sum32()%pipelinePartitions, id), body)
	return err
}

// Close stops the readers and the broker.
func (p *Pipeline) Close() {
	for _, stop := range p.stop {
		stop()
	}
	p.work.Wait()
	p.nc.Close()
	p.end()
}
