package admin_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/parley-desk/parley/pkg/bus"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	"github.com/parley-desk/parley/services/admin/admintest"
)

// Distribution is told which queue, and by whom; of a queue that is not there it
// is told nothing.
func TestAQueueIsPaused(t *testing.T) {
	s := admintest.Start(t)
	asked := make(chan *distributionv1.PauseQueueRequest, 2)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- bus.Serve(ctx, s.Bus, "distribution.pause", func(_ context.Context, r *distributionv1.PauseQueueRequest) (*distributionv1.PauseQueueResponse, error) {
			asked <- r
			if !r.GetPause() {
				return &distributionv1.PauseQueueResponse{}, nil
			}
			return &distributionv1.PauseQueueResponse{By: r.GetBy(), SinceMs: 7}, nil
		})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("the stand-in for distribution: %v", err)
		}
	})
	if _, err := adminv1.NewConfigServiceClient(s.Dial(t)).CreateQueue(t.Context(), &adminv1.CreateQueueRequest{Queue: &configv1.Queue{Meta: meta("front")}}); err != nil {
		t.Fatal(err)
	}
	c := adminv1.NewQueueServiceClient(s.Dial(t))
	for _, pause := range []bool{true, false} {
		got, err := c.PauseQueue(t.Context(), &adminv1.PauseQueueRequest{Queue: "front", Pause: pause})
		for status.Code(err) == codes.Unavailable { // the stand-in is not there yet
			got, err = c.PauseQueue(t.Context(), &adminv1.PauseQueueRequest{Queue: "front", Pause: pause})
		}
		if err != nil || (got.GetBy() != "") != pause {
			t.Fatalf("pause %v: %v, %v", pause, got, err)
		}
		r := <-asked
		if r.GetQueue() != "front" || r.GetPause() != pause || !strings.HasPrefix(r.GetBy(), "local:") {
			t.Errorf("distribution was asked %v", r)
		}
	}
	if _, err := c.PauseQueue(t.Context(), &adminv1.PauseQueueRequest{Queue: "nowhere", Pause: true}); status.Code(err) != codes.NotFound {
		t.Errorf("a queue that is not there: %v", err)
	}
}
