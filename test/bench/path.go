package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"sync"
	"syscall"
	"time"

	"connectrpc.com/connect"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/proto/gen/parley/desk/v1/deskv1connect"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
)

const (
	pathRate   = 500 // messages a second
	pathCalm   = 200 // of a busy contact centre
	pathRounds = 3
	pathRound  = 4 * time.Second
	pathAgents = 40
	pathRoom   = 1000 // conversations one agent may be offered: nobody accepts
)

// path follows a customer's first message from the webhook to the offer on an
// agent's stream: stored, filed, routed with the customer's name, offered, told.
// Each message is a new customer's, for others lead to no offer.
func path(ctx context.Context, lab *Lab) ([]Finding, error) {
	bare, err := lab.bare(ctx)
	if err != nil {
		return nil, err
	}
	defer bare.close()
	redis, url, err := lab.redis(ctx)
	if err != nil {
		return nil, err
	}
	defer redis.stop(syscall.SIGKILL)
	var found []Finding
	for _, c := range []struct {
		words string
		flags []string
	}{{"", []string{"--redis.url", url}}, {", Redis embedded", nil}} {
		house, err := lab.floor(ctx, c.flags...)
		if err != nil {
			return nil, err
		}
		_, calm, err := lab.race(ctx, bare.flow, house.flow, pathCalm)
		var p50, p99 ratios
		if err == nil {
			p50, p99, err = lab.race(ctx, bare.flow, house.flow, pathRate)
		}
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, &house.said)
		}
		house.close()
		if err != nil {
			return nil, err
		}
		name := fmt.Sprintf("webhook to offer, %d new customers a second%s, ", pathRate, c.words)
		found = append(found,
			Finding{fmt.Sprintf("webhook to offer, %d new customers a second%s, p99", pathCalm, c.words),
				Bound{AtMost: 50, Unit: " ms"}, median(calm.ours), calm.of()},
			Finding{name + "p50 to a bare pipeline's", Bound{AtMost: 3, Unit: "×"}, median(p50.ratios), p50.of()},
			Finding{name + "p99 to a bare pipeline's", Bound{AtMost: 5, Unit: "×"}, median(p99.ratios), p99.of()})
	}
	return found, nil
}

// ratios are one quantile of both, round by round, in milliseconds.
type ratios struct{ ours, theirs, ratios []float64 }

func (r *ratios) add(ours, theirs time.Duration) {
	r.ours, r.theirs = append(r.ours, millis(ours)), append(r.theirs, millis(theirs))
	r.ratios = append(r.ratios, float64(ours)/float64(theirs))
}

func (r *ratios) of() string {
	return number(median(r.ours)) + " ms of " + number(median(r.theirs)) + " ms"
}

// race has the same flow through the baseline and through the house, in turn.
func (l *Lab) race(ctx context.Context, bare, house *flow, rate int) (p50, p99 ratios, err error) {
	for n := range pathRounds + 1 {
		length := pathRound
		if n == 0 {
			length = time.Second
		}
		base, err := bare.run(ctx, rate, length)
		if err != nil {
			return p50, p99, fmt.Errorf("the bare pipeline: %w", err)
		}
		got, err := house.run(ctx, rate, length)
		if err != nil {
			return p50, p99, fmt.Errorf("the house: %w", err)
		}
		l.Say("  %d/s: p50 %v of %v, p99 %v of %v", rate, quantile(got, 50), quantile(base, 50), quantile(got, 99), quantile(base, 99))
		if n > 0 {
			p50.add(quantile(got, 50), quantile(base, 50))
			p99.add(quantile(got, 99), quantile(base, 99))
		}
	}
	return p50, p99, nil
}

// runner is a process under a flow of webhooks, with somebody who watches what
// comes out.
type runner struct {
	*process
	flow  *flow
	close func()
}

// bare starts the baseline of path, with a reader of its stream.
func (l *Lab) bare(ctx context.Context) (*runner, error) {
	dir, err := l.folder("bare")
	if err != nil {
		return nil, err
	}
	p, addr, err := l.baseline(ctx, "bare", dir)
	if err != nil {
		return nil, err
	}
	seen := newArrivals()
	stop, err := watchBare(addr, seen)
	if err != nil {
		p.stop(syscall.SIGKILL)
		return nil, err
	}
	f, err := newFlow(ctx, addr, seen)
	return &runner{p, f, func() { stop(); p.stop(syscall.SIGKILL) }}, err
}

// watchBare notes what comes out of the bare pipeline until it is stopped.
func watchBare(addr string, seen *arrivals) (stop func(), err error) {
	resp, err := http.Get("http://" + addr + "/stream")
	if err != nil {
		return nil, err
	}
	go func() {
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			seen.see(lines.Text(), time.Now())
		}
	}()
	return func() { _ = resp.Body.Close() }, nil
}

// floor starts a house with agents at their desks.
func (l *Lab) floor(ctx context.Context, more ...string) (*runner, error) {
	meta, err := serveMeta()
	if err != nil {
		return nil, err
	}
	dir, err := l.folder("path")
	if err != nil {
		return nil, err
	}
	h, err := l.house(ctx, dir, "ingress,classification,distribution,outbound,desk,admin", append(more, "--graph.url", "http://"+meta.addr)...)
	if err != nil {
		return nil, errors.Join(err, meta.close())
	}
	ctx, cancel := context.WithCancel(ctx)
	var desks sync.WaitGroup
	r := &runner{process: h.process, close: func() {
		cancel()
		desks.Wait()
		h.stop(syscall.SIGTERM)
		_ = meta.close()
	}}
	if err := h.apply(manifest(pathAgents, pathRoom)); err != nil {
		r.close()
		return nil, err
	}
	seen := newArrivals()
	open := make(chan error, pathAgents)
	for n := range pathAgents {
		desks.Go(func() { attend(ctx, "http://"+h.desk, agent(n), seen, open) })
	}
	for range pathAgents {
		err = errors.Join(err, <-open)
	}
	if err == nil {
		r.flow, err = newFlow(ctx, h.hook, seen)
	}
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// attend is an agent at the desk whose page shows offers and who takes none; open
// gets one value, when the stream is there.
func attend(ctx context.Context, desk, name string, seen *arrivals, open chan<- error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		open <- err
		return
	}
	session := &http.Client{Jar: jar, Transport: &http.Transport{}}
	door, api := deskv1connect.NewSessionServiceClient(session, desk), deskv1connect.NewDeskServiceClient(session, desk)
	if _, err := door.SignIn(ctx, connect.NewRequest(&deskv1.SignInRequest{Agent: name, Password: password})); err != nil {
		open <- fmt.Errorf("sign in %s: %w", name, err)
		return
	}
	stream, err := api.Events(ctx, connect.NewRequest(&deskv1.EventsRequest{}))
	if err == nil {
		defer func() { _ = stream.Close() }()
		err = available(ctx, api)
	}
	open <- err
	var page sync.WaitGroup
	defer page.Wait()
	for shown := map[int64]bool{}; err == nil && stream.Receive(); {
		c := stream.Msg().GetConversation()
		fence := c.GetOffer().GetFence()
		if c.GetOffer() == nil || shown[fence] {
			continue
		}
		shown[fence] = true
		seen.see(c.GetRef().GetPsid(), time.Now())
		page.Go(func() {
			_, _ = api.ShowOffer(ctx, connect.NewRequest(&deskv1.ShowOfferRequest{Ref: c.GetRef(), Fence: fence}))
		})
	}
}

// available makes an agent ready for offers, as soon as distribution knows of
// agents who were created a moment ago.
func available(ctx context.Context, api deskv1connect.DeskServiceClient) error {
	for late := time.After(10 * time.Second); ; {
		_, err := api.SetPresence(ctx, connect.NewRequest(&deskv1.SetPresenceRequest{Presence: distributionv1.Presence_PRESENCE_AVAILABLE}))
		if connect.CodeOf(err) != connect.CodeNotFound {
			return err
		}
		select {
		case <-late:
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// meta answers what the house asks Meta about a customer.
type meta struct {
	addr  string
	close func() error
}

func serveMeta() (*meta, error) {
	addr, err := free()
	if err != nil {
		return nil, err
	}
	srv := &http.Server{Addr: addr, ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		person := map[string]any{"first_name": "Мария", "last_name": "Иванова", "locale": "bg_BG", "timezone": 2}
		answer := map[string]any{}
		for field := range strings.SplitSeq(r.URL.Query().Get("fields"), ",") {
			if value, has := person[field]; has {
				answer[field] = value
			}
		}
		_ = json.NewEncoder(w).Encode(answer)
	})}
	go func() { _ = srv.ListenAndServe() }()
	return &meta{addr, srv.Close}, nil
}
