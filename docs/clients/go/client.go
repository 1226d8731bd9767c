// Package client shows how a program uses the admin API.
package client

import (
	"context"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
)

// Join adds an agent to a queue. It changes nothing else of the queue, also
// when others change it at the same time: the etag makes the server refuse
// what was prepared on an older version, and Join then starts again.
func Join(ctx context.Context, conn grpc.ClientConnInterface, queue, agent string) error {
	config := adminv1.NewConfigServiceClient(conn)
	for {
		q, err := config.GetQueue(ctx, &adminv1.GetQueueRequest{Id: queue})
		if err != nil || slices.Contains(q.GetAgents(), agent) {
			return err
		}
		q.Agents = append(q.Agents, agent) // q carries its etag
		_, err = config.UpdateQueue(ctx, &adminv1.UpdateQueueRequest{Queue: q})
		if status.Code(err) != codes.Aborted {
			return err
		}
	}
}
