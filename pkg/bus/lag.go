package bus

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/proto/subject"
)

// Lag is how far a stage is behind the end of a stream.
type Lag struct {
	Stage, Stream string
	Partition     int // -1: the stream is in one piece
	Behind        uint64
	Oldest        time.Time // when the oldest record it has not handled was stored; zero: there is none
}

// Lags compares the checkpoints of all stages with the ends of the streams, by
// stage and stream. A checkpoint is up to two seconds old, and so is the answer.
func (b *Bus) Lags(ctx context.Context) ([]Lag, error) {
	marks, err := b.checkpoints(ctx)
	if err != nil {
		return nil, err
	}
	places := map[string]int{}
	for p := range b.cfg.Partitions {
		places[subject.InboundStream(p)], places[subject.ThreadStream(p)] = p, p
	}
	ends := map[string]uint64{}
	var lags []Lag
	for of, c := range marks {
		end, known := ends[of.stream]
		if !known {
			info, err := b.streams[of.stream].Info(ctx)
			if err != nil {
				return nil, brokerFault(err, "read how long %s is", of.stream)
			}
			end = info.State.LastSeq
			ends[of.stream] = end
		}
		l := Lag{Stage: of.stage, Stream: of.stream, Partition: -1, Behind: end - min(c.Seq, end) + uint64(len(c.Pending))}
		if p, ok := places[of.stream]; ok {
			l.Partition = p
		}
		if l.Behind > 0 {
			if l.Oldest, err = b.oldest(ctx, of.stream, c); err != nil {
				return nil, err
			}
		}
		lags = append(lags, l)
	}
	slices.SortFunc(lags, func(x, y Lag) int {
		return cmp.Or(strings.Compare(x.Stage, y.Stage), strings.Compare(x.Stream, y.Stream))
	})
	return lags, nil
}

// course is a stage's way through a stream.
type course struct{ stage, stream string }

// checkpoints are those of all stages.
func (b *Bus) checkpoints(ctx context.Context) (map[course]checkpoint, error) {
	marks := map[course]checkpoint{}
	done, cancel := context.WithTimeout(ctx, monitorTimeout)
	defer cancel()
	err := b.Bucket(subject.CheckpointBucket).Watch(done, cancel, func(e Entry) {
		stage, stream, ok := strings.Cut(e.Key, ".")
		var c checkpoint
		if ok && b.streams[stream] != nil && json.Unmarshal(e.Value, &c) == nil {
			marks[course{stage, stream}] = c
		}
	})
	if !fault.Is(err, fault.Canceled) {
		return nil, &fault.Error{Kind: fault.Unavailable, Reason: "BROKER_AWAY", Message: "the checkpoints could not be read", Cause: err}
	}
	return marks, nil
}

// oldest is when the first record was stored that a checkpoint leaves open; zero
// when it is there no more.
func (b *Bus) oldest(ctx context.Context, stream string, c checkpoint) (time.Time, error) {
	first := c.Seq + 1
	if len(c.Pending) > 0 {
		first = min(first, slices.Min(c.Pending))
	}
	m, err := retryAway(ctx, func(ctx context.Context) (*jetstream.RawStreamMsg, error) {
		return b.streams[stream].GetMsg(ctx, first, jetstream.WithGetMsgSubject(">"))
	})
	if absent(err) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, brokerFault(err, "read the oldest record of %s", stream)
	}
	return m.Time, nil
}

// checkLag says of every stage how many records it is behind.
func (b *Bus) checkLag(ctx context.Context) []Check {
	lags, err := b.Lags(ctx)
	if err != nil {
		return []Check{{Name: "lag", Level: Warning, Detail: err.Error()}}
	}
	var checks []Check
	for i := 0; i < len(lags); {
		stage, behind := lags[i].Stage, uint64(0)
		for ; i < len(lags) && lags[i].Stage == stage; i++ {
			behind += lags[i].Behind
		}
		c := Check{Name: "lag of " + stage, Detail: fmt.Sprintf("%d records behind", behind)}
		if behind > 10000 {
			c.Level, c.Remedy = Warning, "start more processes of the stage, or see why it is slow: parleyctl lag"
		}
		checks = append(checks, c)
	}
	return checks
}
