package bus

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/proto/subject"
)

// Check is one thing that doctor looks at.
type Check struct {
	Name, Detail, Remedy string
	Values               []string // that stand in Detail: resources, sizes, counts
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

// Checks looks at durability, replicas, the way to the brokers, lag of every stage, disk and dead letters.
func (b *Bus) Checks(ctx context.Context) []Check {
	if err := b.Ping(ctx); err != nil {
		return []Check{{Name: "broker", Level: Failed, Detail: err.Error(), Remedy: "start the broker, or correct its address"}}
	}
	return slices.Concat(b.checkWrites(ctx), b.checkSafety(), b.checkDoor(ctx), b.checkDisk(ctx), b.checkDead(ctx), b.checkErasing(ctx), b.checkLag(ctx))
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
	b.safety.Lock()
	defer b.safety.Unlock()
	if len(b.unsafe) > 0 {
		return slices.Clone(b.unsafe)
	}
	if b.untold > 0 {
		return []Check{{Name: "durability", Level: Warning, Detail: count(uint64(b.untold), "broker", "brokers") + " did not tell yet whether it writes to disk before it acknowledges",
			Remedy: "start what is down; it is asked again every " + untoldEvery.String()}}
	}
	return []Check{{Name: "durability", Detail: "every acknowledgement is on disk, in " + count(uint64(b.copies), "copy", "copies"), Values: []string{strconv.Itoa(b.copies)}}}
}

// checkErasing says when persons could not be erased.
func (b *Bus) checkErasing(ctx context.Context) []Check {
	err := b.Erasable(ctx)
	if !fault.Is(err, fault.Precondition) {
		return nil // that the broker does not answer is said elsewhere
	}
	return []Check{{Name: "erasing", Level: Warning, Detail: "nobody can be erased: a stream was made so that nothing can be taken out of it",
		Remedy: "make it anew with deny_delete off, as docs/operations.md says"}}
}

func (b *Bus) checkDisk(ctx context.Context) []Check {
	used, limit, err := b.stored(ctx)
	if err != nil {
		return []Check{{Name: "disk", Level: Warning, Detail: "the broker does not tell: " + brokerFault(err, "ask").Error()}}
	}
	c := Check{Name: "disk", Detail: mebibytes(used) + " used", Values: []string{mebibytes(used)}}
	if limit > 0 {
		c.Values = append(c.Values, mebibytes(uint64(limit)))
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
		own := brokerJetStream{}
		if own.Store, own.Config.MaxStore, err = b.broker.Store(); err != nil {
			return 0, 0, err
		}
		brokers = append(brokers, own)
	} else {
		brokers, _, _ = b.askBrokers(ctx) // checkSafety says when they do not tell
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
		return "< 1 MiB"
	}
	return fmt.Sprintf("%d MiB", n>>20)
}

func (b *Bus) checkDead(ctx context.Context) []Check {
	info, err := b.streams[subject.DeadLetters].Info(ctx, jetstream.WithSubjectFilter(subject.SettledAll))
	if err != nil {
		return []Check{{Name: "dead letters", Level: Warning, Detail: brokerFault(err, "read them").Error()}}
	}
	settled := uint64(len(info.State.Subjects)) // each with a letter of its own
	if n := info.State.Msgs - min(2*settled, info.State.Msgs); n > 0 {
		return []Check{{Name: "dead letters", Level: Warning, Detail: "given up: " + count(n, "record", "records"), Values: []string{strconv.FormatUint(n, 10)}, Remedy: "look at them: parleyctl dlq list; when the cause is mended: parleyctl dlq retry"}}
	}
	return []Check{{Name: "dead letters", Detail: "none"}}
}
