package bus

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	monitorTimeout = 3 * time.Second
	// untoldEvery is how often brokers are asked again that were down.
	untoldEvery = 15 * time.Second
)

var errSilent = errors.New("no answer from the monitoring address")

// brokerJetStream is what a broker tells about itself in /jsz?config=1 and on
// $SYS.REQ.SERVER.PING.JSZ.
type brokerJetStream struct {
	ID     string `json:"server_id"`
	Store  uint64 `json:"storage"` // bytes
	Config struct {
		SyncAlways bool  `json:"sync_always"`
		MaxStore   int64 `json:"max_storage"` // bytes
	} `json:"config"`
	Meta *struct {
		Size int `json:"cluster_size"`
	} `json:"meta_cluster"`
}

// testimony is what brokers say of how they write.
type testimony struct {
	syncs  map[string]bool // by broker: whether it writes to disk before it acknowledges
	size   int             // of their cluster, as far as any of them knows
	silent int             // were asked, and do not answer
	doubt  error           // why one of those was not believed; nil: nothing was heard
}

func (t testimony) forgetful() bool {
	for _, syncs := range t.syncs {
		if !syncs {
			return true
		}
	}
	return false
}

// enough tells whether those who spoke can be built on: all others are known to
// be down, and they are a minority. What is down acknowledges nothing.
func (t testimony) enough() bool { return t.untold() <= t.silent && 2*len(t.syncs) > t.size }

func (t testimony) untold() int { return t.size - len(t.syncs) }

// checkDurability refuses brokers that acknowledge what is not on disk. What
// they say is found on their monitoring ports, or over the connection where
// the account may ask the system ($SYS.REQ.SERVER.PING.JSZ exported to it). A
// minority that is down is asked again later: the house must start without it.
func (b *Bus) checkDurability(ctx context.Context) error {
	if b.broker != nil {
		return nil // started by us, with SyncAlways
	}
	t, err := b.testify(ctx)
	for deadline := time.Now().Add(patience); err == nil && !t.forgetful() && !t.enough() && t.silent > 0 && t.doubt == nil && time.Now().Before(deadline); t, err = b.testify(ctx) {
		b.log.DebugContext(ctx, "waiting for brokers to tell how they write")
		pause(ctx, 500*time.Millisecond)
	}
	if err != nil {
		return b.tolerate("DURABILITY_UNKNOWN", fmt.Sprintf("cannot tell whether the brokers write to disk before they acknowledge (%s)", err),
			"name the monitoring address of each in bus.monitor_url")
	}
	if err := b.judge(t); err != nil || t.untold() == 0 {
		return err
	}
	ctx, leave := b.enter(b.life)
	go func() {
		defer leave()
		for pause(ctx, untoldEvery); ctx.Err() == nil && !b.askAgain(ctx); pause(ctx, untoldEvery) {
		}
	}()
	return nil
}

// judge refuses what cannot be built on, and remembers who is still to tell.
func (b *Bus) judge(t testimony) error {
	switch {
	case t.forgetful():
		return b.tolerate("SYNC_NOT_ALWAYS", "a broker acknowledges before it has written to disk", "set jetstream { sync_interval: always } on every broker")
	case !t.enough() && t.doubt != nil:
		return b.tolerate("DURABILITY_UNKNOWN", fmt.Sprintf("only %d of %d brokers told whether they write to disk before they acknowledge, and not all are who they say (%v)", len(t.syncs), t.size, t.doubt),
			"name in bus.ca who signs their certificates, and in bus.monitor_url the hosts that these hold for")
	case !t.enough():
		return b.tolerate("DURABILITY_UNKNOWN", fmt.Sprintf("only %d of %d brokers told whether they write to disk before they acknowledge", len(t.syncs), t.size),
			"start those that are down, and name the monitoring address of each in bus.monitor_url")
	}
	b.safety.Lock()
	defer b.safety.Unlock()
	b.untold = t.untold()
	return nil
}

// askAgain tells whether all brokers have told by now. One that comes up and
// forgets cannot be refused any more; it is reported like one that was allowed.
func (b *Bus) askAgain(ctx context.Context) bool {
	t, err := b.testify(ctx)
	switch {
	case err != nil:
		return false
	case t.forgetful():
		b.unsafely("a broker that was down acknowledges, now that it is up, before it has written to disk", "set jetstream { sync_interval: always } on every broker")
		b.log.ErrorContext(ctx, "a broker does not write to disk before it acknowledges")
		return true
	}
	b.safety.Lock()
	defer b.safety.Unlock()
	b.untold = t.untold()
	return b.untold == 0
}

func (b *Bus) testify(ctx context.Context) (testimony, error) {
	brokers, t, err := b.askBrokers(ctx)
	for _, j := range brokers { // one may be named twice
		t.syncs[j.ID] = j.Config.SyncAlways
	}
	t.size = len(t.syncs) + t.silent
	for _, j := range brokers {
		if j.Meta != nil {
			t.size = max(t.size, j.Meta.Size)
		}
	}
	if b.cfg.MonitorURL == "" {
		t.silent = t.untold() // the system has passed the question on to all
	}
	return t, err
}

// askBrokers gives what each says, and a testimony of those who say nothing.
func (b *Bus) askBrokers(ctx context.Context) (brokers []brokerJetStream, t testimony, err error) {
	t.syncs = map[string]bool{}
	if b.cfg.MonitorURL == "" {
		brokers, err = b.askSystem()
		return brokers, t, err
	}
	trust, err := b.cfg.Door.authorities()
	if err != nil {
		return nil, t, err
	}
	// Each is asked once.
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: trust, MinVersion: tls.VersionTLS12}}
	for _, url := range strings.Split(b.cfg.MonitorURL, ",") {
		j, err := monitor(ctx, transport, strings.TrimSuffix(strings.TrimSpace(url), "/")+"/jsz?config=1")
		switch unproven := new(tls.CertificateVerificationError); {
		case errors.As(err, &unproven):
			t.doubt = unproven
			t.silent++
		case errors.Is(err, errSilent):
			t.silent++
		case err != nil:
			return nil, t, err
		default:
			brokers = append(brokers, j)
		}
	}
	return brokers, t, nil
}

func monitor(ctx context.Context, transport http.RoundTripper, url string) (j brokerJetStream, err error) {
	ctx, cancel := context.WithTimeout(ctx, monitorTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return j, errors.New("the monitoring address is no URL")
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return j, errors.Join(errSilent, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return j, fmt.Errorf("the monitoring address answers %s", resp.Status)
	}
	return j, json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&j)
}

// askSystem collects the answers of all brokers that come within half a second.
func (b *Bus) askSystem() ([]brokerJetStream, error) {
	inbox := b.nc.NewInbox()
	sub, err := b.nc.SubscribeSync(inbox)
	if err != nil {
		return nil, err
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := b.nc.PublishRequest("$SYS.REQ.SERVER.PING.JSZ", inbox, []byte(`{"config":true}`)); err != nil {
		return nil, err
	}
	var all []brokerJetStream
	for deadline := time.Now().Add(500 * time.Millisecond); ; {
		m, err := sub.NextMsg(time.Until(deadline))
		var answer struct {
			Data brokerJetStream `json:"data"`
		}
		switch {
		case errors.Is(err, nats.ErrNoResponders) || err != nil && len(all) == 0:
			return nil, errors.New("the account may not ask the system")
		case err != nil:
			return all, nil
		}
		if err := json.Unmarshal(m.Data, &answer); err != nil {
			return nil, err
		}
		all = append(all, answer.Data)
	}
}
