package client_test

import (
	"fmt"
	"testing"

	client "github.com/parley-desk/parley/docs/clients/go"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/admin/admintest"
)

func TestJoinLosesNobody(t *testing.T) {
	conn := admintest.Start(t).Dial(t)
	config := adminv1.NewConfigServiceClient(conn)
	manifest := &adminv1.ApplyRequest{Resources: []*adminv1.Resource{
		{Kind: &adminv1.Resource_Queue{Queue: &configv1.Queue{Meta: &configv1.Meta{Id: "front"}}}},
	}}
	const agents = 6
	for i := range agents {
		manifest.Resources = append(manifest.Resources, &adminv1.Resource{Kind: &adminv1.Resource_Agent{
			Agent: &configv1.Agent{Meta: &configv1.Meta{Id: fmt.Sprintf("agent-%d", i)}}}})
	}
	if _, err := config.Apply(t.Context(), manifest); err != nil {
		t.Fatal(err)
	}
	joined := make(chan error, agents)
	for i := range agents {
		go func() { joined <- client.Join(t.Context(), conn, "front", fmt.Sprintf("agent-%d", i)) }()
	}
	for range agents {
		if err := <-joined; err != nil {
			t.Error(err)
		}
	}
	q, err := config.GetQueue(t.Context(), &adminv1.GetQueueRequest{Id: "front"})
	if err != nil || len(q.GetAgents()) != agents {
		t.Errorf("the queue has %v, %v", q.GetAgents(), err)
	}
	if err := client.Join(t.Context(), conn, "front", "nobody"); err == nil {
		t.Error("an unknown agent joined")
	}
}
