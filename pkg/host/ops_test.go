package host_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-desk/parley/pkg/host"
)

// slow is a metric that takes until somebody lets it go.
type slow struct {
	desc  *prometheus.Desc
	begun chan struct{}
	gone  chan struct{}
}

func (s slow) Describe(out chan<- *prometheus.Desc) { out <- s.desc }

func (s slow) Collect(out chan<- prometheus.Metric) {
	s.begun <- struct{}{}
	<-s.gone
	out <- prometheus.MustNewConstMetric(s.desc, prometheus.GaugeValue, 1)
}

// TestProbesAreAnsweredUnderAFloodOfScrapes: scrapes that take for ever, many more of
// them, and connections that say nothing keep nobody from a probe; scrapes beyond their
// bound are answered at once (P13).
func TestProbesAreAnsweredUnderAFloodOfScrapes(t *testing.T) {
	const asked, silent = 60, 100
	ctx, cancel := context.WithCancel(t.Context())
	address, started := make(chan string, 1), make(chan struct{})
	s := slow{prometheus.NewDesc("test_slow", "Slow.", nil, nil), make(chan struct{}, asked), make(chan struct{})}
	p := process(t, stage("one", func(d host.Deps) (host.Service, error) {
		d.Registry.MustRegister(s)
		return work(untilAsked), nil
	}))
	p.Heard = func(_ string, a net.Addr) { address <- a.String() }
	p.Started = func() { close(started) }
	done := make(chan error, 1)
	go func() { done <- host.Run(ctx, p) }()
	at := <-address
	<-started
	get := func(path string) int {
		resp, err := http.Get("http://" + at + path)
		if err != nil {
			t.Error(err)
			return 0
		}
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode
	}
	for range silent {
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	codes, scrapes := make(chan int, asked), sync.WaitGroup{}
	for range asked {
		scrapes.Go(func() { codes <- get("/metrics") })
	}
	shed := 0
	for range asked - 4 { // the others wait for their metric
		if <-codes == http.StatusServiceUnavailable {
			shed++
		}
	}
	if shed != asked-4 {
		t.Errorf("%d of %d were answered 503 at once", shed, asked-4)
	}
	for range 20 {
		if code := get("/readyz"); code != http.StatusOK {
			t.Errorf("readyz says %d while scrapes are in work", code)
		}
	}
	close(s.gone)
	scrapes.Wait()
	for range 4 {
		if code := <-codes; code != http.StatusOK {
			t.Errorf("a scrape within the bound got %d", code)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
