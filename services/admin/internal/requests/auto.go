package requests

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/erasure"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// again is how long after requests that could not be settled they are looked at
// once more.
const again = 10 * time.Second

// Clerk orders what people ask through Meta. It may run in several processes: an
// order of a request is made once.
type Clerk struct {
	Book *erasure.Book
	Log  Log
	Now  func() time.Time
	// Who asks Meta as whom our pages know a person whom the app of a channel account
	// knows.
	Who   func(ctx context.Context, account, user string) ([]subject.Thread, error)
	Delay time.Duration // for which an order can be stopped
	Diary *slog.Logger
}

// Run orders until ctx ends.
func (c *Clerk) Run(ctx context.Context) error {
	watching, stop := context.WithCancel(ctx)
	defer stop()
	news, ended := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		ended <- c.Book.Bucket.Watch(watching, nil, func(e bus.Entry) {
			if subject.IsRequest(e.Key) {
				select {
				case news <- struct{}{}:
				default:
				}
			}
		})
	}()
	retry := time.NewTimer(again)
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-ended:
			return err
		case <-news:
		case <-retry.C:
		}
		left, err := c.Pass(ctx)
		if err != nil {
			return err
		}
		if left {
			retry.Reset(again)
		}
	}
}

// Pass settles every request that is new, and tells whether some could not be.
func (c *Clerk) Pass(ctx context.Context) (left bool, _ error) {
	var fresh []string
	err := c.Book.Bucket.Each(ctx, func(e bus.Entry) {
		if r := decode(e); r.GetKind() == privacyv1.Kind_KIND_DELETION && r.GetState() == privacyv1.State_STATE_RECEIVED {
			fresh = append(fresh, r.GetCode())
		}
	})
	if err != nil {
		return true, fault.Wrap(err, "reading the requests")
	}
	for _, code := range fresh {
		if err := c.settle(ctx, code); err != nil && !fault.Is(err, fault.Conflict) {
			left = true
			c.Diary.WarnContext(ctx, "a request to delete data is not settled yet, trying again", slog.Any(key.Err, err))
		}
	}
	return left, nil
}

// settle orders the erasure of the person of a request.
func (c *Clerk) settle(ctx context.Context, code string) error {
	r, revision, err := c.Book.Request(ctx, code)
	if err != nil || r.GetState() != privacyv1.State_STATE_RECEIVED {
		return err
	}
	known, err := c.Who(ctx, r.GetAccount(), r.GetUser())
	switch fault.KindOf(err) {
	case fault.Unavailable, fault.Exhausted, fault.Timeout, fault.Canceled, fault.Internal:
		if err != nil {
			return err
		}
	}
	if err != nil || len(known) == 0 { // Meta does not say it, and will not
		r.State = privacyv1.State_STATE_UNKNOWN_PERSON
		return c.Book.PutRequest(ctx, r, revision)
	}
	e := &privacyv1.Erasure{Way: privacyv1.Way_WAY_REQUEST, By: "meta:" + r.GetAccount(), Request: code, Step: privacyv1.Step_STEP_DRAIN,
		OrderedMs: c.Now().UnixMilli(), StartsMs: c.Now().Add(c.Delay).UnixMilli()}
	for _, t := range known {
		_, commits, err := c.Log.Load(ctx, t)
		if err != nil {
			return err
		}
		if commits > 0 {
			e.Threads = append(e.Threads, &privacyv1.Target{Page: t.Page, Psid: t.PSID})
		}
	}
	if len(e.GetThreads()) == 0 { // who it is is known, and that there is nothing
		r.State, r.User = privacyv1.State_STATE_ERASED, ""
		return c.Book.PutRequest(ctx, r, revision)
	}
	if err := c.Log.Erasable(ctx); err != nil {
		return err
	}
	// The same request makes the same order, whoever is killed between the two writes.
	e.Id = uuid.NewSHA1(uuid.Nil, []byte("erasure\x00"+code)).String()
	if err := c.Book.Order(ctx, e); err != nil && !fault.Is(err, fault.Conflict) {
		return err
	}
	r.State, r.Erasure = privacyv1.State_STATE_ORDERED, e.GetId()
	return c.Book.PutRequest(ctx, r, revision)
}
