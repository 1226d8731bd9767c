package scenario_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	"github.com/parley-desk/parley/test/load"
)

// TestMissedMessagesComeBackApart: the pages lose their subscription and every
// ingress is away while a crowd writes. They come back, the processes that
// fetch and file die over it one by one, and all that was written is filed once,
// in order, marked, and answered.
func TestMissedMessagesComeBackApart(t *testing.T) {
	h := apart(t)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	h.apply(world(staffed))
	h.awaitAgents(staffed)
	h.at("/sandbox/verify", map[string]any{})
	agents, staff := make([]*load.Agent, staffed), sync.WaitGroup{}
	work, goHome := context.WithCancel(ctx)
	defer goHome()
	for i := range agents {
		agents[i] = &load.Agent{Desk: h.desks[i%len(h.desks)], Name: fmt.Sprintf("agent-%d", i+1), Password: "parley-demo", End: true}
		staff.Go(func() {
			if err := agents[i].Run(work); err != nil {
				t.Errorf("agent %d: %v", i+1, err)
			}
		})
	}
	plan := load.Plan{Sandbox: h.sandbox, Pages: pageIDs(), Conversations: 10, Messages: 1, Rate: 20, Seed: 1}
	heard := h.crowd(ctx, plan)
	h.running("page-1", "verify")
	h.running("page-2", "verify")

	h.unsubscribe()
	h.stage("ingress", func(p *process) { p.signal(t, syscall.SIGKILL) })
	plan.Conversations, plan.Messages, plan.Seed = *conversations, 2, 2
	missed := h.crowd(ctx, plan)
	h.stage("ingress", func(p *process) { p.start(t) })
	h.awaitReady()
	if _, recovered := h.received(); recovered != 0 {
		t.Fatalf("%d messages were fetched before anything was known to be amiss", recovered)
	}
	h.running("page-1", "subscribe")
	h.running("page-2", "subscribe")
	for _, stage := range []string{"admin", "classification"} {
		h.stage(stage, func(p *process) {
			p.signal(t, syscall.SIGKILL)
			p.start(t)
		})
	}
	h.awaitReady()
	h.repaired(missed)
	h.settle(ctx, agents)
	goHome()
	staff.Wait()
	h.compare(agents)
	if all, recovered := h.received(); all != heard+missed || recovered != missed {
		t.Errorf("%d messages are in the log, %d of them fetched; %d were written, %d of them while nobody heard", all, recovered, heard+missed, missed)
	}
}

// crowd writes by a plan and tells how many messages that were.
func (h *house) crowd(ctx context.Context, plan load.Plan) int {
	h.t.Helper()
	c := load.NewCrowd(plan)
	if err := c.Run(ctx); err != nil {
		h.t.Fatalf("the crowd: %v\n%s", err, h.logs())
	}
	return int(c.Written())
}

// stage does something to every process of a stage.
func (h *house) stage(name string, act func(*process)) {
	for _, p := range h.processes {
		if strings.HasPrefix(p.name, name+"-") {
			act(p)
		}
	}
}

// running asks about a page, in a way of parleyctl channel, until it runs.
func (h *house) running(page, verb string) {
	h.t.Helper()
	var err error
	await(h.t, time.Minute, page+" runs", func() bool {
		_, err = h.try("channel", verb, page)
		return err == nil
	}, func() string { return fmt.Sprintln(err) + h.logs() })
}

// unsubscribe has Meta send no more events of any page, as somebody may do it
// there: the house is not asked.
func (h *house) unsubscribe() {
	h.t.Helper()
	for _, p := range pages {
		parts := strings.SplitN(p, ":", 3)
		mac := hmac.New(sha256.New, []byte("demo-app-secret-0123456789abcdef"))
		mac.Write([]byte(parts[1]))
		req, err := http.NewRequestWithContext(h.t.Context(), http.MethodDelete, h.sandbox+"/graph/v26.0/"+parts[0]+
			"/subscribed_apps?access_token="+parts[1]+"&appsecret_proof="+hex.EncodeToString(mac.Sum(nil)), nil)
		if err != nil {
			h.t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			h.t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			h.t.Fatalf("unsubscribing %s: %s", parts[0], resp.Status)
		}
	}
}

// repaired waits until the repair of every page has ended, and so many messages
// that were fetched are in the log.
func (h *house) repaired(messages int) {
	h.t.Helper()
	said := ""
	await(h.t, 90*time.Second, "the missed messages are fetched", func() bool {
		raw, err := h.try("channel", "repair", "-o", "json")
		said = string(raw)
		var resp adminv1.ListRepairsResponse
		if err != nil || protojson.Unmarshal(raw, &resp) != nil {
			return false
		}
		for _, r := range resp.GetRepairs() {
			if r.GetRun() != nil || r.GetLast() == nil || r.GetLast().GetTrouble() != "" {
				return false
			}
		}
		_, recovered := h.received()
		return recovered >= messages
	}, func() string { return said + h.logs() })
}

// received counts the customers' messages in the log, and those of them that
// were fetched.
func (h *house) received() (all, recovered int) {
	h.t.Helper()
	var exported []*adminv1.ExportTranscriptResponse
	await(h.t, time.Minute, "the log is exported", func() bool {
		var err error
		exported, err = h.export()
		return err == nil
	}, h.logs)
	for _, c := range exported {
		for _, f := range c.GetCommit().GetFacts() {
			if f.GetMessageReceived() == nil {
				continue
			}
			all++
			if f.GetRecovered() {
				recovered++
			}
		}
	}
	return all, recovered
}
