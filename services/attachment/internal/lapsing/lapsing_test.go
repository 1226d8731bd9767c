package lapsing_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/files"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/attachment/internal/lapsing"
)

var (
	ivan  = subject.Thread{Page: "10", PSID: "70"}
	maria = subject.Thread{Page: "10", PSID: "71"}
)

type house struct {
	*testing.T
	*bus.Bus
	job      *lapsing.Job
	registry *prometheus.Registry
	late     time.Duration // by which the job's clock is later
}

func open(t *testing.T) *house {
	t.Helper()
	h := &house{T: t, Bus: bustest.Open(t), registry: prometheus.NewRegistry()}
	now := func() time.Time { return time.Now().Add(h.late) }
	h.job = &lapsing.Job{Threads: h.Bus, Files: h.Files(), Keep: 24 * time.Hour, Now: now,
		Meter: lapsing.NewMeter(h.registry, now), Log: slog.New(slog.DiscardHandler)}
	return h
}

func (h *house) put(of subject.Thread, name string) files.Object {
	h.Helper()
	o, err := h.Files().Put(h.Context(), of, name, strings.NewReader("a file of "+name))
	if err != nil {
		h.Fatal(err)
	}
	return o
}

func (h *house) here(o files.Object) bool {
	h.Helper()
	got, err := h.Files().Measure(h.Context(), files.Object{Key: o.Key})
	if err != nil {
		h.Fatal(err)
	}
	return got.Size > 0
}

func (h *house) say(of subject.Thread, facts ...*threadv1.Fact) {
	h.Helper()
	if _, _, err := h.Update(h.Context(), of, func(*threadv1.State, uint64) ([]*threadv1.Fact, error) { return facts, nil }); err != nil {
		h.Fatal(err)
	}
}

// gets has a thread have a message with files, each at its index.
func (h *house) gets(of subject.Thread, mid string, objects ...files.Object) {
	h.Helper()
	received := &threadv1.MessageReceived{Mid: mid}
	facts := []*threadv1.Fact{thread.Of(received)}
	facts[0].EventKey = "k:" + mid
	for i, o := range objects {
		received.Attachments = append(received.Attachments, &threadv1.Attachment{Type: "image", Url: "https://a"})
		facts = append(facts, thread.Of(&threadv1.AttachmentKept{Message: mid, Index: int32(i), Object: o.Key, Size: o.Size}))
	}
	h.say(of, facts...)
}

// sends is an agent's message with a file.
func (h *house) sends(of subject.Thread, id string, o files.Object) {
	h.Helper()
	h.say(of, thread.Of(&threadv1.ConversationOpened{Id: "c", Workstream: "w", Units: 1, OfferSeconds: 60}),
		thread.Of(&threadv1.ConversationRouted{Queue: "front"}), thread.Of(&threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_PICKED}),
		thread.Of(&threadv1.SendRequested{Id: id, ClientId: id, Agent: "mila", Parts: []string{"a"}, Human: true,
			Files: []*threadv1.SentFile{{Object: o.Key, Size: o.Size, Kind: "image"}}}))
}

// lapsed are the objects of which a thread says that they lapsed, in order, each
// as often as it says so.
func (h *house) lapsed(of subject.Thread) (all []string) {
	h.Helper()
	for r, err := range h.History(h.Context(), of, 0) {
		if err != nil {
			h.Fatal(err)
		}
		for _, f := range r.Commit.GetFacts() {
			all = append(all, f.GetFilesLapsed().GetObjects()...)
		}
	}
	slices.Sort(all)
	return all
}

func (h *house) sweep() {
	h.Helper()
	if err := h.job.Sweep(h.Context()); err != nil {
		h.Fatal(err)
	}
}

func sorted(all ...files.Object) (keys []string) {
	for _, o := range all {
		keys = append(keys, o.Key)
	}
	slices.Sort(keys)
	return keys
}

// TestOldFilesGo, those of customers, those of agents and what nobody knows of;
// threads say of theirs that they go, once.
func TestOldFilesGo(t *testing.T) {
	h := open(t)
	one, two, sent, stray, hers := h.put(ivan, "a"), h.put(ivan, "b"), h.put(ivan, "out"), h.put(ivan, "stray"), h.put(maria, "a")
	h.gets(ivan, "m", one, two)
	h.sends(ivan, "s", sent)
	h.gets(maria, "n", hers)
	h.sweep()
	if !h.here(one) || !h.here(stray) || len(h.lapsed(ivan)) > 0 {
		t.Fatal("files of today have gone")
	}
	h.late = 25 * time.Hour
	if age := h.gauge("parley_attachment_oldest_file_seconds"); age < 25*3600 || age > 25*3600+60 {
		t.Errorf("the oldest file is %v s old", age)
	}
	for range 2 {
		h.sweep()
	}
	for _, o := range []files.Object{one, two, sent, stray, hers} {
		if h.here(o) {
			t.Errorf("%s is still there", o.Key)
		}
	}
	if got := h.lapsed(ivan); !slices.Equal(got, sorted(one, two, sent)) {
		t.Errorf("of his lapsed %v", got)
	}
	if got := h.lapsed(maria); !slices.Equal(got, sorted(hers)) {
		t.Errorf("of hers lapsed %v", got)
	}
	if age := h.gauge("parley_attachment_oldest_file_seconds"); age != 0 {
		t.Errorf("of nothing the oldest is %v s old", age)
	}
	if n := h.gauge("parley_attachment_lapsed_total"); n != 5 {
		t.Errorf("%v files were taken away", n)
	}
}

func (h *house) gauge(name string) float64 {
	h.Helper()
	all, err := h.registry.Gather()
	if err != nil {
		h.Fatal(err)
	}
	for _, family := range all {
		if family.GetName() == name {
			m := family.GetMetric()[0]
			return m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	h.Fatalf("no metric %s", name)
	return 0
}

// TestFilesAreKeptForEver where nobody says for how long.
func TestFilesAreKeptForEver(t *testing.T) {
	h := open(t)
	one := h.put(ivan, "a")
	h.gets(ivan, "m", one)
	h.job.Keep, h.late = 0, 10_000*24*time.Hour
	h.sweep()
	if !h.here(one) || len(h.lapsed(ivan)) > 0 {
		t.Error("a file has gone")
	}
	if age := h.gauge("parley_attachment_oldest_file_seconds"); age < 9_999*24*3600 {
		t.Errorf("the oldest file is %v s old", age)
	}
}

// dying is a store in front of which the process dies.
type dying struct{ files.Store }

func (dying) Remove(context.Context, files.Object) error { return errors.New("killed") }

// TestADeadJobIsGoneOnWith: the file goes, and its thread says so once.
func TestADeadJobIsGoneOnWith(t *testing.T) {
	h := open(t)
	one := h.put(ivan, "a")
	h.gets(ivan, "m", one)
	h.late = 25 * time.Hour
	dead := *h.job
	dead.Files = dying{h.Files()}
	if err := dead.Sweep(t.Context()); err == nil || !h.here(one) {
		t.Fatalf("it did not die (%v)", err)
	}
	h.sweep()
	if h.here(one) || !slices.Equal(h.lapsed(ivan), sorted(one)) {
		t.Errorf("there: %v, lapsed %v", h.here(one), h.lapsed(ivan))
	}
}
