// Package queues is QueueService: it pauses queues and has them go on, as
// supervisors do at their desk.
package queues

import (
	"context"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/rights"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	authv1 "github.com/parley-desk/parley/proto/gen/parley/auth/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	"google.golang.org/protobuf/proto"
)

// Service implements QueueService. All fields must be set.
type Service struct {
	adminv1.UnsafeQueueServiceServer
	Directory *directory.Directory
	Call      func(ctx context.Context, method string, req, resp proto.Message) error // of the bus
	Caller    func(context.Context, *directory.Snapshot) rights.Who
}

// PauseQueue has distribution pause a queue or go on with it. Who calls is kept
// as who paused it. A queue that is out of the caller's reach is told as not there.
func (s *Service) PauseQueue(ctx context.Context, req *adminv1.PauseQueueRequest) (*adminv1.PauseQueueResponse, error) {
	world := s.Directory.Now()
	who := s.Caller(ctx, world)
	if world.Queues[req.GetQueue()] == nil || !who.Beyond(authv1.Permission_PERMISSION_QUEUE_PAUSE, rights.Object{Queues: []string{req.GetQueue()}}) {
		return nil, fault.New(fault.NotFound, "NO_SUCH_QUEUE", "there is no queue %q; `parleyctl get queues` lists them", req.GetQueue())
	}
	resp := &distributionv1.PauseQueueResponse{}
	err := s.Call(ctx, "distribution.pause", &distributionv1.PauseQueueRequest{Queue: req.GetQueue(), Pause: req.GetPause(), By: who.Name}, resp)
	if err != nil {
		return nil, fault.Wrap(err, "pausing the queue")
	}
	return &adminv1.PauseQueueResponse{By: resp.GetBy(), SinceMs: resp.GetSinceMs()}, nil
}
