package bench

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"syscall"
	"time"

	crowd "github.com/parley-desk/parley/test/flood"
)

const (
	slowOf  = 500             // slow connections of each listener
	honest  = 800             // webhooks, and calls of an agent
	asecond = 40              // of each sort: a sign-in may make 50
	callers = 8               // who make them, of each sort
	gathers = 2 * time.Minute // until the crowd is there
	// floodRoom is the memory, in MB, of the container that the house is run as in.
	floodRoom = 512
)

// flood measures what honest callers wait, and what memory a house takes at most, while
// a crowd that means harm is at the webhook and at the desk.
func flood(ctx context.Context, lab *Lab) ([]Finding, error) {
	dir, err := lab.folder("flood")
	if err != nil {
		return nil, err
	}
	cert, key, trust, err := crowd.Certificate(dir)
	if err != nil {
		return nil, err
	}
	h, err := lab.house(ctx, dir, "", "--ingress.tls.cert", cert, "--ingress.tls.key", key, "--memory", strconv.Itoa(floodRoom*1_000_000/10*9))
	if err != nil {
		return nil, err
	}
	defer h.stop(syscall.SIGKILL)
	if err := h.apply(manifest(1, 3)); err != nil {
		return nil, err
	}
	calls := crowd.Honest{Hook: "https://" + h.hook + "/webhook/demo", Desk: "http://" + h.desk, TLS: trust, Secret: secret, Page: page,
		Agent: agent(0), Password: password, Callers: callers, Calls: honest, Rate: asecond}
	quiet, err := calls.Run(ctx)
	if err != nil {
		return nil, fmt.Errorf("without a flood: %w", err)
	}
	lab.Say("  without a flood: webhooks p99 %v, calls of an agent p99 %v", quantile(quiet.Hook, 99), quantile(quiet.Desk, 99))
	flooding, end := context.WithCancel(ctx)
	var told crowd.Tally
	var attack sync.WaitGroup
	attack.Go(func() {
		crowd.Flood{Slow: slowOf, Resets: 2, Heavy: 3, Targets: []crowd.Target{{Addr: h.hook, Path: "/webhook/demo", TLS: trust},
			{Addr: h.desk, Path: "/parley.desk.v1.SessionService/SignIn"}}}.Run(flooding, &told)
	})
	defer attack.Wait()
	defer end()
	if err := h.await(ctx, gathers, "the flood", func() bool { return told.Dialled.Load() >= 2*slowOf && told.Resets.Load() > 0 }); err != nil {
		return nil, err
	}
	got, err := calls.Run(ctx)
	if err != nil {
		return nil, fmt.Errorf("in the flood: %w", err)
	}
	peak, err := h.memory("VmHWM:")
	if err != nil {
		return nil, err
	}
	figures := fmt.Sprintf("%s slow connections held, %s requests reset, %d bodies refused and %d cut off; all of %s honest calls answered", thousands(int(told.Held.Load())),
		thousands(int(told.Resets.Load())), told.Refused.Load(), told.Cut.Load(), thousands(2*honest))
	lab.Say("  %s", figures)
	waits := func(what string, in, out float64) Finding {
		return Finding{"in a flood, " + what + ", p99", Bound{AtMost: 2, Unit: " s"}, in, fmt.Sprintf("without one %.0f ms; %s", 1000*out, figures)}
	}
	return []Finding{
		waits("webhooks", quantile(got.Hook, 99).Seconds(), quantile(quiet.Hook, 99).Seconds()),
		waits("calls of an agent", quantile(got.Desk, 99).Seconds(), quantile(quiet.Desk, 99).Seconds()),
		{fmt.Sprintf("in a flood, one process in a container of %d MB, resident memory at its most", floodRoom), Bound{AtMost: floodRoom, Unit: " MB"}, peak, "the whole house, and the sandbox"},
	}, nil
}
