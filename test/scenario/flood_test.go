package scenario_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/host/hosttest"
	"github.com/parley-desk/parley/test/flood"
)

// TestHonestTrafficGoesOnInAFlood: a thousand slow connections, floods of resets, bodies
// that are too long and bombs come to the webhook and to the desk. Every honest webhook
// is taken and every call of an agent answered, nothing that is too much is, and the
// process that watches is answered as well (P13, SI7).
func TestHonestTrafficGoesOnInAFlood(t *testing.T) {
	const slow = 500 // of each listener
	cert, key, trust, err := flood.Certificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	hook := hosttest.Free(t)
	h := together(t, "--ingress.listen", hook, "--ingress.tls.cert", cert, "--ingress.tls.key", key)
	h.apply(world(1))
	h.awaitAgents(1)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	var told flood.Tally
	desk := strings.TrimPrefix(h.desks[0], "http://")
	ended := make(chan struct{})
	flooding, end := context.WithCancel(ctx)
	go func() {
		defer close(ended)
		flood.Flood{Slow: slow, Resets: 2, Heavy: 3, Targets: []flood.Target{{Addr: hook, Path: "/webhook/demo", TLS: trust},
			{Addr: desk, Path: "/parley.desk.v1.SessionService/SignIn"}}}.Run(flooding, &told)
	}()
	await(t, 2*time.Minute, "the flood", func() bool {
		return told.Dialled.Load() >= 2*slow && told.Held.Load() > slow && told.Resets.Load() >= 5000 && told.Refused.Load()+told.Cut.Load() >= 6
	}, told.String)
	_, err = flood.Honest{Hook: "https://" + hook + "/webhook/demo", Desk: "http://" + desk, TLS: trust, Secret: "demo-app-secret-0123456789abcdef", Page: pageIDs()[0],
		Agent: "agent-1", Password: "parley-demo", Callers: 4, Calls: 300, Rate: 40}.Run(ctx)
	if err != nil {
		t.Errorf("not every honest call was answered: %v", err)
	}
	h.awaitReady()
	t.Log(told.String())
	if told.Taken.Load() > 0 {
		t.Errorf("%d requests that are too much were taken", told.Taken.Load())
	}
	end()
	<-ended
}
