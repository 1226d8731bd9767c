package scenario_test

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	"github.com/parley-desk/parley/services/sandbox"
	"github.com/parley-desk/parley/test/check"
	"github.com/parley-desk/parley/test/load"
)

// A page's token dies while customers write and agents answer, a process of
// outbound dies after it, and a new token comes. Every reply arrives once, none
// is shown as failed, and Meta was not asked about each. What that process was
// about to ask of Meta for a page that works, nobody can know of (P5): its agents
// are asked, and no customer has it.
func TestATokenDiesInTheMiddleOfTraffic(t *testing.T) {
	h := apart(t)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	h.apply(world(staffed))
	h.awaitAgents(staffed)
	crowd := load.NewCrowd(load.Plan{Sandbox: h.sandbox, Pages: pageIDs(), Conversations: *conversations, Messages: 3, Rate: 10, Reads: true, Seed: 1})
	agents, staff := make([]*load.Agent, staffed), sync.WaitGroup{}
	work, goHome := context.WithCancel(ctx)
	for i := range agents {
		agents[i] = &load.Agent{Desk: h.desks[i%len(h.desks)], Name: fmt.Sprintf("agent-%d", i+1), Password: "parley-demo", End: true}
		staff.Go(func() {
			if err := agents[i].Run(work); err != nil {
				t.Errorf("agent %d: %v", i+1, err)
			}
		})
	}
	written := make(chan error, 1)
	go func() { written <- crowd.Run(ctx) }()

	shop, old := pageIDs()[0], "demo-page-token-shop"
	await(t, time.Minute, "replies reach customers of the page", func() bool { return h.delivered(shop) > 3 }, h.logs)
	h.at("/sandbox/token", map[string]any{"value": old, "page": shop, "dead": true, "subcode": 460})
	await(t, time.Minute, "admin knows that the page is disconnected", func() bool {
		said, _ := h.try("channel", "health", "page-1") // its code is 1 while the page does not run
		return strings.Contains(string(said), "DISCONNECTED") && strings.Contains(string(said), "new password")
	}, h.logs)
	await(t, time.Minute, "replies wait for the page", func() bool { return h.parked(shop) > 1 }, h.logs)
	for _, p := range h.processes {
		if p.name == "outbound-1" {
			p.signal(t, syscall.SIGKILL)
			p.start(t)
		}
	}
	h.awaitReady()
	before := h.deadCalls()
	await(t, time.Minute, "more replies wait for it", func() bool { return h.parked(shop) >= staffed }, h.logs)
	// None at all when admin happened to ask Meta before the first send.
	if after := h.deadCalls(); before > 3*staffed || after > before {
		t.Errorf("%d calls with a dead token, %d of them when that was known", after, after-before)
	}

	h.at("/sandbox/token", map[string]any{"value": "another-page-token", "page": shop})
	h.apply(strings.ReplaceAll(world(staffed), old, "another-page-token"))
	began := time.Now()
	await(t, time.Minute, "nothing waits for the page", func() bool { return h.parked(shop) == 0 }, h.logs)
	t.Logf("%d calls with a dead token; all had left %s after the new one", h.deadCalls(), time.Since(began).Round(10*time.Millisecond))
	if err := <-written; err != nil {
		t.Fatalf("the crowd: %v\n%s", err, h.logs())
	}
	h.settle(ctx, agents)
	goHome()
	staff.Wait()
	saw, left := h.compare(agents).Counts, h.cutOff()
	if failed := saw["parts shown as failed"]; failed > 0 {
		t.Errorf("agents were shown %d replies that failed", failed)
	}
	if has, asked := saw["messages delivered"], saw["replies asked for"]; has+left != asked {
		t.Errorf("customers have %d of %d replies, %d were cut off by the kill", has, asked, left)
	}
}

// cutOff is how many parts were left to their agents because the process that
// had them was killed. It fails the test where one was left for another reason.
func (h *house) cutOff() (n int) {
	h.t.Helper()
	exported, err := h.export()
	if err != nil {
		h.t.Fatal(err)
	}
	slices.SortFunc(exported, func(a, b *adminv1.ExportTranscriptResponse) int { return cmp.Compare(a.GetRevision(), b.GetRevision()) })
	why := map[string]string{}
	for _, c := range exported {
		for _, f := range c.GetCommit().GetFacts() {
			if u := f.GetSendUncertain(); u != nil {
				why[u.GetId()] = u.GetReason()
			}
			if u := f.GetSendUnconfirmed(); u != nil {
				n++
				if why[u.GetId()] != "CRASH" {
					h.t.Errorf("%s is left to its agent for %q", u.GetId(), why[u.GetId()])
				}
			}
		}
	}
	return n
}

// delivered is how many messages of a page customers have got.
func (h *house) delivered(page string) (n int) {
	h.t.Helper()
	resp, err := http.Get(h.sandbox + "/sandbox/journal")
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	journal, err := check.ReadJournal(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, r := range journal {
		if r.Kind == sandbox.SendReceived && r.Page == page && r.Send.Delivered {
			n++
		}
	}
	return n
}

// deadCalls is how often Meta was asked to send with a token that was dead: an
// attempt, and after it that the page is disconnected.
func (h *house) deadCalls() (n int) {
	h.t.Helper()
	var exported []*adminv1.ExportTranscriptResponse
	await(h.t, time.Minute, "the log is exported", func() bool {
		var err error
		exported, err = h.export()
		return err == nil
	}, h.logs)
	slices.SortFunc(exported, func(a, b *adminv1.ExportTranscriptResponse) int { return cmp.Compare(a.GetRevision(), b.GetRevision()) })
	attempted := map[string]bool{}
	for _, c := range exported {
		for _, f := range c.GetCommit().GetFacts() {
			if a := f.GetSendAttempted(); a != nil {
				attempted[a.GetId()] = true
			}
			if d := f.GetSendDeferred(); d.GetDisconnected() && attempted[d.GetId()] {
				n++
				attempted[d.GetId()] = false
			}
			if ok := f.GetSendSucceeded(); ok != nil {
				attempted[ok.GetId()] = false
			}
		}
	}
	return n
}

// parked is how many threads of a page have a reply that waits for it.
func (h *house) parked(page string) (n int) {
	h.t.Helper()
	exported, err := h.export()
	if err != nil {
		return -1
	}
	for thread, s := range last(exported) {
		if sends := s.GetSends(); strings.HasPrefix(thread, page+"/") && len(sends) > 0 && sends[0].GetDisconnected() {
			n++
		}
	}
	return n
}
