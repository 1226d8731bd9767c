package notice

import (
	"context"
	"log/slog"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	provisionv1 "github.com/parley-desk/parley/proto/gen/parley/provision/v1"
	"github.com/parley-desk/parley/proto/subject"
)

const (
	// missed is how long nobody writes that ingress is there before that is an
	// absence: less is a process that is replaced, and Meta tries again as long.
	missed = 3 * time.Minute
	// joined is how soon after an absence another one is taken as one with it.
	joined = time.Hour
)

// Pulse writes every minute, until ctx ends and then once more, that ingress is
// there and can store events. Whoever finds that nobody wrote it for a while
// writes down that absence: Meta gives up on a webhook after some tries, so
// messages may have been missed.
func (b *Book) Pulse(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			b.beat(context.WithoutCancel(ctx))
			return nil
		case <-timer.C:
			timer.Reset(spacing)
			if !b.beat(ctx) {
				timer.Reset(rest)
			}
		}
	}
}

// beat writes one sign of life.
func (b *Book) beat(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		entry, err := b.bucket.Get(ctx, subject.AliveKey)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return b.faint(ctx, err)
		}
		before := &provisionv1.Alive{}
		if proto.Unmarshal(entry.Value, before) != nil {
			before = &provisionv1.Alive{} // damaged: as if it were the first
		}
		err = b.put(ctx, subject.AliveKey, alive(before, b.now().UnixMilli()), entry.Revision)
		if err == nil || !fault.Is(err, fault.Conflict) || ctx.Err() != nil {
			return b.faint(ctx, err)
		}
	}
}

func (b *Book) faint(ctx context.Context, err error) bool {
	if err != nil {
		b.log.WarnContext(ctx, "that ingress is there is not written yet, trying again", slog.Any(key.Err, err))
	}
	return err == nil
}

// alive is what is written at a time of this process's clock. The latest of all
// clocks counts, so that one that is behind makes no absence.
func alive(before *provisionv1.Alive, nowMS int64) *provisionv1.Alive {
	next := &provisionv1.Alive{LastMs: max(nowMS, before.GetLastMs()), GapFromMs: before.GetGapFromMs(), GapToMs: before.GetGapToMs()}
	if before.GetLastMs() == 0 || nowMS-before.GetLastMs() <= missed.Milliseconds() {
		return next
	}
	if before.GetGapToMs() == 0 || nowMS-before.GetGapToMs() > joined.Milliseconds() {
		next.GapFromMs = before.GetLastMs()
	}
	next.GapToMs = nowMS
	return next
}
