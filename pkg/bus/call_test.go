package bus_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// The messages of these calls: a customer is asked for, a customer comes back.
type answer = func(context.Context, *threadv1.Customer) (*threadv1.Customer, error)

func serve(t *testing.T, b *bus.Bus, method string, f answer) {
	t.Helper()
	background(t, func(ctx context.Context) error { return bus.Serve(ctx, b, method, f) })
	await(t, "the method to be served", func() bool {
		return !fault.Is(b.Call(t.Context(), method, &threadv1.Customer{Name: "?"}, &threadv1.Customer{}), fault.Unavailable)
	})
}

func TestCallIsAnswered(t *testing.T) {
	b := bustest.Open(t)
	serve(t, b, "test.echo", func(ctx context.Context, c *threadv1.Customer) (*threadv1.Customer, error) {
		if d, ok := ctx.Deadline(); !ok || time.Until(d) < 10*time.Second { // usual are five
			return nil, fault.New(fault.Internal, "", "the caller's deadline did not come along")
		}
		return &threadv1.Customer{Name: c.GetName() + "!"}, nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	var got threadv1.Customer
	if err := b.Call(ctx, "test.echo", &threadv1.Customer{Name: "Мила"}, &got); err != nil || got.GetName() != "Мила!" {
		t.Fatalf("got %q, %v", got.GetName(), err)
	}
}

func TestFaultsCross(t *testing.T) {
	b := bustest.Open(t)
	var give atomic.Pointer[error]
	serve(t, b, "test.fail", func(_ context.Context, c *threadv1.Customer) (*threadv1.Customer, error) {
		if c.GetName() == "?" {
			return c, nil
		}
		if *give.Load() == nil {
			panic("a bug")
		}
		return nil, *give.Load()
	})
	call := func(err error) error {
		give.Store(&err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		return b.Call(ctx, "test.fail", &threadv1.Customer{}, &threadv1.Customer{})
	}
	for kind := fault.Internal; kind <= fault.Canceled; kind++ {
		want := &fault.Error{Kind: kind, Reason: "WHY", Message: "опашката „front“\nе пълна", RetryAfter: 1500 * time.Millisecond,
			Violations: []fault.Violation{{Field: "queue.agents[2]", Description: "няма такъв агент"}}}
		var got *fault.Error
		if err := call(&fault.Error{Kind: kind, Reason: want.Reason, Message: want.Message, RetryAfter: want.RetryAfter,
			Violations: want.Violations, Cause: errors.New("secret")}); !errors.As(err, &got) || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %#v, want %#v", kind, err, want)
		}
	}
	want := &thread.Refusal{Reason: "WRONG_PHASE", Phase: threadv1.Phase_PHASE_ACTIVE, Allowed: []string{"send", "end"}}
	var refusal *thread.Refusal
	if err := call(want); !errors.As(err, &refusal) || !reflect.DeepEqual(refusal, want) {
		t.Errorf("refusal: got %#v, want %#v", err, want)
	}
	if err := call(errors.New("secret")); !fault.Is(err, fault.Internal) || err.Error() == "secret" {
		t.Errorf("an error without a kind: got %v", err)
	}
	if err := call(nil); !fault.Is(err, fault.Internal) {
		t.Errorf("a panic: got %v", err)
	}
}

func TestCallNobodyServes(t *testing.T) {
	b := bustest.Open(t)
	if err := b.Call(t.Context(), "test.nothing", &threadv1.Customer{}, &threadv1.Customer{}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v, want unavailable", err)
	}
}

func TestCallThatTakesTooLong(t *testing.T) {
	b := bustest.Open(t)
	serve(t, b, "test.slow", func(ctx context.Context, c *threadv1.Customer) (*threadv1.Customer, error) {
		if c.GetName() == "slow" {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return c, nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := b.Call(ctx, "test.slow", &threadv1.Customer{Name: "slow"}, &threadv1.Customer{}); !fault.Is(err, fault.Timeout) {
		t.Errorf("got %v, want timeout", err)
	}
}

// One of all processes leads; when it ends another one does, and work that
// returns is run again.
func TestOneLeads(t *testing.T) {
	broker := bustest.Broker(t)
	var leading, runs atomic.Int64
	lead := func(b *bus.Bus) func(context.Context) error {
		return func(ctx context.Context) error {
			return b.Lead(ctx, "relay", func(ctx context.Context) error {
				if leading.Add(1) > 1 {
					t.Error("two lead at a time")
				}
				defer leading.Add(-1)
				if runs.Add(1)%2 == 1 {
					return fmt.Errorf("try again")
				}
				<-ctx.Done()
				return nil
			})
		}
	}
	stop := background(t, lead(broker.Open(t, "one")))
	await(t, "the first to lead", func() bool { return runs.Load() == 2 })
	background(t, lead(broker.Open(t, "two")))
	stop()
	await(t, "the second to lead", func() bool { return runs.Load() == 4 })
}
