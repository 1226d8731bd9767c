package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/broker"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// burden is what one process of outbound has to send: so many texts in each of
// so many conversations, spread over pages, to a Meta that takes its time.
type burden struct {
	words         string
	conversations int
	pages         int // Meta takes 300 texts a second of each
	each          int
	answer        time.Duration
	wanted        float64 // texts a second
	rounds        int
}

// sends measures outbound: two commits and a POST for every text, both commits on
// disk, the texts of one customer strictly in order.
func sends(ctx context.Context, lab *Lab) ([]Finding, error) {
	redis, url, err := lab.redis(ctx)
	if err != nil {
		return nil, err
	}
	defer redis.stop(syscall.SIGKILL)
	var found []Finding
	for _, b := range []burden{
		{"texts to a Meta that answers after 100 ms, 1,000 conversations of a page", 1000, 1, 5, 100 * time.Millisecond, 250, 2},
		{"texts to a Meta that answers at once, 4,000 conversations of 20 pages", 4000, 20, 5, 0, 3000, 3},
	} {
		f, err := lab.unburden(ctx, b, url)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", b.words, err)
		}
		found = append(found, f)
	}
	return found, nil
}

// unburden has a process send a burden several times.
func (l *Lab) unburden(ctx context.Context, b burden, redis string) (Finding, error) {
	none := Finding{}
	dir, err := l.folder("sends")
	if err != nil {
		return none, err
	}
	meta, addr, err := l.baseline(ctx, "answer", b.answer.String())
	if err != nil {
		return none, err
	}
	defer meta.stop(syscall.SIGKILL)
	if err := l.furnish(ctx, dir, addr, b); err != nil {
		return none, err
	}
	var rates, costs, floors []float64
	for n := range b.rounds {
		if err := request(ctx, dir, b, n); err != nil {
			return none, err
		}
		got, err := l.drain(ctx, dir, addr, redis, b)
		if err != nil {
			return none, err
		}
		floor, err := l.loop(ctx, addr, b)
		if err != nil {
			return none, err
		}
		l.Say("  %s: %.0f/s; one takes %.0f µs of a processor, of a loop of POSTs %.0f", b.words, got.rate, got.cost, floor)
		rates, costs, floors = append(rates, got.rate), append(costs, got.cost), append(floors, floor)
	}
	return Finding{b.words, Bound{AtLeast: b.wanted, Unit: "/s"}, median(rates),
		fmt.Sprintf("in order; one takes %.0f µs of a processor, the broker in the process included, a bare loop of POSTs %.0f", median(costs), median(floors))}, nil
}

// furnish sets up the pages in the configuration that lies in dir.
func (l *Lab) furnish(ctx context.Context, dir, meta string, b burden) error {
	h, err := l.house(ctx, dir, "admin", "--graph.url", "http://"+meta)
	if err != nil {
		return err
	}
	defer h.stop(syscall.SIGTERM)
	var more strings.Builder
	for n := range b.pages {
		fmt.Fprintf(&more, "---\napiVersion: parley.dev/v1\nkind: Page\nmetadata: {name: shop-%d, displayName: Shop}\nspec: {pageId: %s, account: demo, workstream: facebook, accessToken: {value: demo-page-token-%d}}\n",
			n, branch(n), n)
	}
	return h.apply(manifest(1, 1) + more.String())
}

func branch(n int) string { return strconv.Itoa(7_000_000 + n) }

// request has agents ask for the texts of a round, as the desk does.
func request(ctx context.Context, dir string, b burden, round int) (err error) {
	log, err := bus.Open(ctx, bus.Config{Embedded: true, DataDir: filepath.Join(dir, "data", "nats"), Partitions: 4}, bus.Tools{Broker: broker.Start})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close(context.WithoutCancel(ctx))) }()
	var next atomic.Int64
	var writers sync.WaitGroup
	failed := make(chan error, 256)
	for range cap(failed) {
		writers.Go(func() {
			for n := int(next.Add(1)) - 1; n < b.conversations; n = int(next.Add(1)) - 1 {
				t := subject.Thread{Page: branch(n % b.pages), PSID: customer(n)}
				_, _, err := log.Update(ctx, t, func(*threadv1.State, uint64) ([]*threadv1.Fact, error) { return asked(n, round, b.each), nil })
				if err != nil {
					failed <- err
					return
				}
			}
		})
	}
	writers.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// asked are the facts of a customer's word and an agent's texts, numbered through
// all rounds.
func asked(n, round, each int) []*threadv1.Fact {
	var facts []*threadv1.Fact
	if round == 0 {
		id := fmt.Sprintf("0192f0c1-0000-7000-8000-%012d", n)
		said := thread.Of(&threadv1.MessageReceived{Mid: "m_" + id, Text: "Здравейте, къде е поръчката ми?", SentMs: time.Now().UnixMilli()})
		said.EventKey = "m_" + id
		facts = append(facts, said, thread.Of(&threadv1.ConversationOpened{Id: id, Workstream: "facebook", Units: 1, OfferSeconds: 60}),
			thread.Of(&threadv1.ConversationRouted{Queue: "front"}), thread.Of(&threadv1.AgentAssigned{Agent: agent(0), Cause: threadv1.Cause_CAUSE_PICKED}))
	}
	for i := range each {
		number := round*each + i
		id := fmt.Sprintf("0192f0c2-0000-7000-%04d-%012d", number, n)
		facts = append(facts, thread.Of(&threadv1.SendRequested{Id: id, ClientId: id, Agent: agent(0), Human: true, Parts: []string{text(number)}}))
	}
	return facts
}

// text is one that Meta's stand-in can tell the order by.
func text(number int) string {
	return fmt.Sprintf("%d. Пратката тръгна тази сутрин и ще бъде при вас утре до обяд.", number)
}

type drained struct{ rate, cost float64 }

// drain starts outbound over what was asked for and waits until Meta has it all.
func (l *Lab) drain(ctx context.Context, dir, meta, redis string, b burden) (d drained, err error) {
	if _, err := tallied(meta, true); err != nil {
		return d, err
	}
	h, err := l.house(ctx, dir, "outbound", "--graph.url", "http://"+meta, "--redis.url", redis)
	if err != nil {
		return d, err
	}
	defer h.stop(syscall.SIGTERM)
	began := h.processor()
	var got answers
	err = h.await(ctx, 3*time.Minute, "everything is sent", func() bool {
		time.Sleep(50 * time.Millisecond)
		got, err = tallied(meta, false)
		return err != nil || got.Taken >= b.conversations*b.each
	})
	if err != nil {
		return d, fmt.Errorf("%w (%d of %d sent)", err, got.Taken, b.conversations*b.each)
	}
	if got.Disorder > 0 || got.Taken != b.conversations*b.each {
		return d, fmt.Errorf("%d of %d texts, %d out of order", got.Taken, b.conversations*b.each, got.Disorder)
	}
	took := h.processor() - began
	return drained{got.Rate, float64(took.Microseconds()) / float64(got.Taken)}, nil
}

// loop sends as many texts by nothing but POSTs, as many at once as the answer's
// time asks for, and gives what one takes of a processor.
func (l *Lab) loop(ctx context.Context, meta string, b burden) (float64, error) {
	callers := max(32, int(b.wanted*b.answer.Seconds())*2)
	n := b.conversations * b.each
	p, err := l.run(l.self, "loop", meta, strconv.Itoa(callers), strconv.Itoa(n))
	if err != nil {
		return 0, err
	}
	select {
	case <-p.end:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if state := p.cmd.ProcessState; state.Success() {
		return float64((state.UserTime() + state.SystemTime()).Microseconds()) / float64(n), nil
	}
	return 0, fmt.Errorf("the loop of POSTs failed\n%s", &p.said)
}

// tallied asks Meta's stand-in what it was sent, and has it forget that.
func tallied(addr string, forget bool) (a answers, err error) {
	method := http.MethodGet
	if forget {
		method = http.MethodDelete
	}
	req, err := http.NewRequest(method, "http://"+addr+"/answers", nil)
	if err != nil {
		return a, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return a, err
	}
	defer func() { _ = resp.Body.Close() }()
	return a, json.NewDecoder(resp.Body).Decode(&a)
}
