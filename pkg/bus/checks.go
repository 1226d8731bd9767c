package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/proto/subject"
)

// Check is one thing that doctor looks at.
type Check struct {
	Name, Detail, Remedy string
	Level                Level
}

// Level is how a check stands.
type Level int

// The levels.
const (
	Fine Level = iota
	Warning
	Failed
)

const monitorTimeout = 3 * time.Second

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

// checkDurability refuses brokers that acknowledge what is not on disk. What
// they say is found on their monitoring ports, or over the connection where
// the account may ask the system ($SYS.REQ.SERVER.PING.JSZ exported to it).
func (b *Bus) checkDurability(ctx context.Context) error {
	if b.broker != nil {
		return nil // started by us, with SyncAlways
	}
	brokers, err := b.askBrokers(ctx)
	if err != nil {
		return b.tolerate("DURABILITY_UNKNOWN", fmt.Sprintf("cannot tell whether the brokers write to disk before they acknowledge (%s)", err),
			"name the monitoring address of each in bus.monitor_url")
	}
	size, told := 1, map[string]bool{} // one may be named twice
	for _, j := range brokers {
		if !j.Config.SyncAlways {
			return b.tolerate("SYNC_NOT_ALWAYS", "a broker acknowledges before it has written to disk", "set jetstream { sync_interval: always } on every broker")
		}
		told[j.ID] = true
		if j.Meta != nil {
			size = max(size, j.Meta.Size)
		}
	}
	if len(told) < size {
		return b.tolerate("DURABILITY_UNKNOWN", fmt.Sprintf("only %d of %d brokers told whether they write to disk before they acknowledge", len(told), size),
			"name the monitoring address of each in bus.monitor_url")
	}
	return nil
}

func (b *Bus) askBrokers(ctx context.Context) ([]brokerJetStream, error) {
	if b.cfg.MonitorURL == "" {
		return b.askSystem()
	}
	var all []brokerJetStream
	for _, url := range strings.Split(b.cfg.MonitorURL, ",") {
		j, err := monitor(ctx, strings.TrimSuffix(strings.TrimSpace(url), "/")+"/jsz?config=1")
		if err != nil {
			return nil, err
		}
		all = append(all, j)
	}
	return all, nil
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
		return j, errors.New("no answer from the monitoring address")
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

// Checks looks at durability, replicas, lag of every stage, disk and dead letters.
func (b *Bus) Checks(ctx context.Context) []Check {
	if err := b.Ping(ctx); err != nil {
		return []Check{{Name: "broker", Level: Failed, Detail: err.Error(), Remedy: "start the broker, or correct its address"}}
	}
	return slices.Concat(b.checkWrites(ctx), b.checkSafety(), b.checkDisk(ctx), b.checkDead(ctx), b.checkLag(ctx))
}

// probe is a key of the checkpoints that no stage has.
const probe = "doctor"

// checkWrites stores something: a broker whose disk is full goes on answering.
func (b *Bus) checkWrites(ctx context.Context) []Check {
	ctx, cancel := context.WithTimeout(ctx, monitorTimeout)
	defer cancel()
	err := b.Bucket(subject.CheckpointBucket).Write(ctx, Write{Key: probe, Value: []byte("{}"), Revision: AnyRevision})
	if err != nil {
		return []Check{{Name: "broker", Level: Failed, Detail: "answers, but stores nothing: " + err.Error(),
			Remedy: "make room on its disk and start it anew, or raise max_file_store and reload it; the runbook says how"}}
	}
	return []Check{{Name: "broker", Detail: "answers and stores"}}
}

func (b *Bus) checkSafety() []Check {
	if len(b.unsafe) > 0 {
		return b.unsafe
	}
	return []Check{{Name: "durability", Detail: "every acknowledgement is on disk, in " + count(uint64(b.copies), "copy", "copies")}}
}

func (b *Bus) checkDisk(ctx context.Context) []Check {
	used, limit, err := b.stored(ctx)
	if err != nil {
		return []Check{{Name: "disk", Level: Warning, Detail: "the broker does not tell: " + brokerFault(err, "ask").Error()}}
	}
	c := Check{Name: "disk", Detail: mebibytes(used) + " used"}
	if limit > 0 {
		c.Detail += " of " + mebibytes(uint64(limit))
		if used > uint64(limit)/10*8 {
			c.Level, c.Remedy = Warning, "give the broker more room (max_file_store), or shorten what is kept: a full store refuses new events"
		}
	}
	return []Check{c}
}

// stored is what the fullest broker holds and may hold, in bytes; where the
// brokers do not tell, what the account holds, and its limit if it has one.
func (b *Bus) stored(ctx context.Context) (used uint64, limit int64, err error) {
	var brokers []brokerJetStream
	if b.broker != nil {
		own, err := b.broker.store()
		if err != nil {
			return 0, 0, err
		}
		brokers = append(brokers, own)
	} else {
		brokers, _ = b.askBrokers(ctx) // checkSafety says when they do not tell
	}
	for _, j := range brokers {
		if m := j.Config.MaxStore; m > 0 && (limit == 0 || float64(j.Store)/float64(m) > float64(used)/float64(limit)) {
			used, limit = j.Store, m
		}
	}
	if limit > 0 {
		return used, limit, nil
	}
	info, err := b.js.AccountInfo(ctx)
	if err != nil {
		return 0, 0, err
	}
	return info.Store, info.Limits.MaxStore, nil
}

func count(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// mebibytes says a size for people.
func mebibytes(n uint64) string {
	if n>>20 == 0 {
		return "less than 1 MiB"
	}
	return fmt.Sprintf("%d MiB", n>>20)
}

func (b *Bus) checkDead(ctx context.Context) []Check {
	info, err := b.streams[subject.DeadLetters].Info(ctx)
	if err != nil {
		return []Check{{Name: "dead letters", Level: Warning, Detail: brokerFault(err, "read them").Error()}}
	}
	if n := info.State.Msgs; n > 0 {
		return []Check{{Name: "dead letters", Level: Warning, Detail: "given up: " + count(n, "record", "records"), Remedy: "look at them: parleyctl dlq list"}}
	}
	return []Check{{Name: "dead letters", Detail: "none"}}
}

// checkLag compares the checkpoints of all stages with the ends of the streams.
func (b *Bus) checkLag(ctx context.Context) []Check {
	behind := map[string]uint64{}
	ends := map[string]uint64{}
	done, cancel := context.WithTimeout(ctx, monitorTimeout)
	defer cancel()
	var broken error
	err := b.Bucket(subject.CheckpointBucket).Watch(done, cancel, func(e Entry) {
		stage, stream, ok := strings.Cut(e.Key, ".")
		s := b.streams[stream]
		var c checkpoint
		if !ok || s == nil || json.Unmarshal(e.Value, &c) != nil {
			return
		}
		if _, known := ends[stream]; !known {
			info, err := s.Info(ctx)
			if err != nil {
				broken = err
				return
			}
			ends[stream] = info.State.LastSeq
		}
		behind[stage] += ends[stream] - min(c.Seq, ends[stream]) + uint64(len(c.Pending))
	})
	if broken != nil || !fault.Is(err, fault.Canceled) {
		return []Check{{Name: "lag", Level: Warning, Detail: "the checkpoints could not be read"}}
	}
	var checks []Check
	for stage, n := range behind {
		c := Check{Name: "lag of " + stage, Detail: fmt.Sprintf("%d records behind", n)}
		if n > 10000 {
			c.Level, c.Remedy = Warning, "start more processes of the stage, or see why it is slow"
		}
		checks = append(checks, c)
	}
	return checks
}
