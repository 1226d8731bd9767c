package bus

import (
	"context"
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
	for deadline := time.Now().Add(patience); err == nil && !t.forgetful() && !t.enough() && t.silent > 0 && time.Now().Before(deadline); t, err = b.testify(ctx) {
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
	brokers, silent, err := b.askBrokers(ctx)
	t := testimony{syncs: map[string]bool{}, silent: silent}
	for _, j := range brokers { // one may be named twice
		t.syncs[j.ID] = j.Config.SyncAlways
	}
	t.size = len(t.syncs) + silent
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

// askBrokers gives what each says, and how many do not answer.
func (b *Bus) askBrokers(ctx context.Context) (brokers []brokerJetStream, silent int, err error) {
	if b.cfg.MonitorURL == "" {
		brokers, err = b.askSystem()
		return brokers, 0, err
	}
	for _, url := range strings.Split(b.cfg.MonitorURL, ",") {
		switch j, err := monitor(ctx, strings.TrimSuffix(strings.TrimSpace(url), "/")+"/jsz?config=1"); {
		case errors.Is(err, errSilent):
			silent++
		case err != nil:
			return nil, 0, err
		default:
			brokers = append(brokers, j)
		}
	}
	return brokers, silent, nil
}

func monitor(ctx context.Context, url string) (j brokerJetStream, err error) {
	ctx, cancel := context.WithTimeout(ctx, monitorTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return j, errors.New("the monitoring address is no URL")
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // asked once
	resp, err := client.Do(req)
	if err != nil {
		return j, errSilent
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
