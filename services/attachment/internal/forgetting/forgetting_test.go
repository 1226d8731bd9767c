package forgetting_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/prototext"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/files"
	"github.com/parley-desk/parley/pkg/secret"
	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// everywhere is where somebody is of whom there is something in every store.
var everywhere = []string{"CONTACT", "CRM", "DEADLETTER", "FILES", "INBOUND_0", "THREAD_0", "UPLOAD"}

// whereOf is where a person is, partitions taken together.
func (h *house) whereOf(p *somebody) (all []string) {
	for _, text := range []string{p.name, p.thread.PSID, p.contact} {
		for _, place := range h.places(text) {
			if i := strings.LastIndex(place, "_0"); i > 0 {
				place = place[:i+2]
			}
			all = append(all, place)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// whole fails the test unless everything of somebody is there.
func (h *house) whole(p *somebody) {
	h.Helper()
	if at := h.whereOf(p); !slices.Equal(at, everywhere) {
		h.Errorf("%s is in %v, not in %v", p.name, at, everywhere)
	}
	if _, err := h.Bucket(subject.MediaBucket).Get(h.Context(), files.MediaKey(h.box, p.thread.Page, "image", p.name)); err != nil {
		h.Errorf("the id at Meta of a file of %s: %v", p.name, err)
	}
}

// gone fails the test unless nothing is left of somebody.
func (h *house) gone(p *somebody) {
	h.Helper()
	if left := h.whereOf(p); len(left) > 0 {
		h.Errorf("%s is left in %v", p.name, left)
	}
	if _, err := h.Bucket(subject.MediaBucket).Get(h.Context(), files.MediaKey(h.box, p.thread.Page, "image", p.name)); !fault.Is(err, fault.NotFound) {
		h.Errorf("the id at Meta of a file of %s: %v", p.name, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.forgotten[p.thread.Key()] {
		h.Errorf("distribution was not told to forget %s", p.name)
	}
}

// TestOneIsErasedAndTheOtherIsWhole (SD4): of the one no byte is left in any stream, of
// the other none is missing.
func TestOneIsErasedAndTheOtherIsWhole(t *testing.T) {
	h := open(t)
	both := h.people("canary-ivan", "canary-maria")
	ivan, maria := both[0], both[1]
	h.whole(ivan)
	h.whole(maria)
	id := h.order(ivan)
	if at := h.places(ivan.thread.PSID); slices.Contains(at, "PRIVACY") {
		t.Error("the order names the person in the clear")
	}
	h.finish()
	h.gone(ivan)
	h.whole(maria)
	c, err := h.book().Certificate(t.Context(), id)
	h.ok(err)
	if !h.book().Genuine(c) || c.GetDoneMs() == 0 || c.GetBy() != "local:petar" {
		t.Errorf("the certificate is %v", c)
	}
	if text := prototext.Format(c); strings.Contains(text, ivan.thread.PSID) || strings.Contains(text, ivan.contact) {
		t.Errorf("the certificate names the person: %s", text)
	}
	if want := []string{h.book().OfThread(ivan.thread), h.book().OfContact(ivan.contact)}; !slices.Equal(c.GetFingerprints(), want) {
		t.Errorf("it is of %v", c.GetFingerprints())
	}
	counts := map[string]uint64{}
	for _, n := range c.GetCounts() {
		counts[n.GetStore()] = n.GetItems()
	}
	for store, want := range map[string]uint64{"THREAD": 3, "INBOUND": 1, "FILES": 2, "UPLOAD": 1, "MEDIA": 1, "CRM": 2, "DEADLETTER": 1, "CONTACT": 1} {
		if counts[store] != want {
			t.Errorf("%d out of %s, not %d", counts[store], store, want)
		}
	}
	c.Counts[0].Items++
	if h.book().Genuine(c) {
		t.Error("a certificate that was altered is genuine")
	}
}

// TestItIsKilledAnywhere ends the process before and after each of its changes.
func TestItIsKilledAnywhere(t *testing.T) {
	h := open(t)
	const most = 60
	names := []string{"canary-maria"}
	for n := range most {
		names = append(names, fmt.Sprintf("canary-ivan-%03d", n))
	}
	all := h.people(names...)
	killed := 0
	for n := range most {
		p := all[1+n]
		h.order(p)
		h.fuse = &fuse{left: n / 2, after: n%2 == 1}
		_, _ = h.worker().Pass(t.Context())
		blown := h.fuse.blown
		h.fuse = &fuse{left: -1}
		h.finish() // by another process
		h.gone(p)
		if !blown {
			break
		}
		killed++
	}
	h.whole(all[0])
	if killed < 20 || killed == most {
		t.Errorf("it was killed at %d places; they do not cover the work", killed)
	}
}

func TestItWaitsForWhoeverIsAtWork(t *testing.T) {
	h := open(t)
	p := h.people("canary-ivan")[0]
	let := make(chan struct{})
	h.background(func(ctx context.Context) error {
		return h.FollowThreads(ctx, "slow", func(ctx context.Context, _ bus.Record) error {
			select {
			case <-let:
			case <-ctx.Done():
			}
			return nil
		})
	})
	h.await("the stage", func() bool {
		behind, err := h.ThreadHandled(t.Context(), p.thread, 1)
		return err == nil && len(behind) == 1
	})
	id := h.order(p)
	w := h.worker()
	left, err := w.Pass(t.Context())
	h.ok(err)
	e, _, err := h.book().Get(t.Context(), id)
	h.ok(err)
	if !left || e.GetStep() != privacyv1.Step_STEP_SETTLE || !strings.Contains(e.GetWaits(), "slow") {
		t.Fatalf("it is at %v and waits %q", e.GetStep(), e.GetWaits())
	}
	if len(h.places(p.name)) == 0 {
		t.Error("something was erased under the hands of a stage")
	}
	close(let)
	h.finish()
	h.gone(p)
}

// TestWhoWritesAgainIsNew holds that what comes after the threads are closed stays.
func TestWhoWritesAgainIsNew(t *testing.T) {
	h := open(t)
	p := h.people("canary-ivan")[0]
	h.order(p)
	h.mu.Lock()
	h.refuses = fault.New(fault.Unavailable, "AWAY", "distribution is away")
	h.mu.Unlock()
	left, err := h.worker().Pass(t.Context())
	if h.ok(err); !left {
		t.Fatal("it is done without distribution")
	}
	h.says(p, &threadv1.MessageReceived{Mid: "m-new", Text: "somebody new"}, &threadv1.ConversationOpened{Id: "c-new", Workstream: "w", Units: 1, OfferSeconds: 60})
	h.mu.Lock()
	h.refuses = nil
	h.mu.Unlock()
	h.finish()
	s, _, err := h.Load(t.Context(), p.thread)
	h.ok(err)
	if s.GetConversation().GetId() != "c-new" || s.GetConversations() != 1 || s.GetCustomer() != nil || s.GetContact() != nil {
		t.Errorf("the thread is %v", s)
	}
	if at := h.places(p.name); len(at) > 0 {
		t.Errorf("of before is left in %v", at)
	}
	if at := h.places("somebody new"); len(at) != 1 {
		t.Errorf("of the new one is in %v", at)
	}
}

// TestWhoIsHeldStays (SD4): a hold says why, and nothing goes while it lasts.
func TestWhoIsHeldStays(t *testing.T) {
	h := open(t)
	p := h.people("canary-ivan")[0]
	hold := &privacyv1.Hold{Contact: p.contact, Reason: "case 7", By: "local:petar", SinceMs: 1}
	h.ok(h.book().Hold(t.Context(), hold))
	id := h.order(p)
	left, err := h.worker().Pass(t.Context())
	if h.ok(err); !left {
		t.Fatal("who is held was erased")
	}
	e, _, err := h.book().Get(t.Context(), id)
	if h.ok(err); !strings.Contains(e.GetWaits(), "case 7") {
		t.Errorf("it waits %q", e.GetWaits())
	}
	if at := h.whereOf(p); !slices.Equal(slices.DeleteFunc(at, func(place string) bool { return place == "PRIVACY" }), everywhere) {
		t.Errorf("who is held is in %v", at) // in PRIVACY as somebody who is held
	}
	h.ok(h.book().Release(t.Context(), hold))
	h.finish()
	h.gone(p)
}

// TestAHoldComesTooLate holds that whoever holds is told when it has begun.
func TestAHoldComesTooLate(t *testing.T) {
	h := open(t)
	p := h.people("canary-ivan")[0]
	id := h.order(p)
	h.mu.Lock()
	h.refuses = fault.New(fault.Unavailable, "AWAY", "distribution is away")
	h.mu.Unlock()
	_, err := h.worker().Pass(t.Context())
	h.ok(err)
	if err := h.book().Hold(t.Context(), &privacyv1.Hold{Page: p.thread.Page, Psid: p.thread.PSID}); !fault.Is(err, fault.Conflict) {
		t.Errorf("a hold of somebody half erased: %v", err)
	}
	e, _, err := h.book().Get(t.Context(), id)
	if h.ok(err); e.GetStep() != privacyv1.Step_STEP_BOOK || !strings.Contains(e.GetWaits(), "distribution is away") {
		t.Errorf("it is at %v and waits %q", e.GetStep(), e.GetWaits())
	}
}

func TestItBeginsWhenItIsTime(t *testing.T) {
	h := open(t)
	p := h.people("canary-ivan")[0]
	e := &privacyv1.Erasure{Id: "later", OrderedMs: 1, StartsMs: h.now.Add(time.Hour).UnixMilli(), Step: privacyv1.Step_STEP_DRAIN,
		Threads: []*privacyv1.Target{{Page: p.thread.Page, Psid: p.thread.PSID}}, Contacts: []string{p.contact}}
	h.ok(h.book().Order(t.Context(), e))
	left, err := h.worker().Pass(t.Context())
	if h.ok(err); !left {
		t.Fatal("it began at once")
	}
	h.whole(p)
	h.now = h.now.Add(time.Hour)
	h.finish()
	h.gone(p)
}

// TestTheCommitThatErasesStays for as long as desks may need to read it.
func TestTheCommitThatErasesStays(t *testing.T) {
	h := open(t)
	p := h.people("canary-ivan")[0]
	h.order(p)
	w := h.worker()
	w.Rest = time.Minute
	_, err := w.Pass(t.Context())
	h.ok(err)
	found, err := h.TracesOfThread(t.Context(), p.thread, ^uint64(0))
	if h.ok(err); found.Len() != 1 {
		t.Fatalf("%d commits are there, not the one", found.Len())
	}
	h.now = h.now.Add(time.Minute)
	h.finish()
	h.gone(p)
}

// TestADamagedOrderKeepsNobodyWaiting holds that an order that does not open says so,
// and that others are carried out.
func TestADamagedOrderKeepsNobodyWaiting(t *testing.T) {
	h := open(t)
	p := h.people("canary-ivan")[0]
	own := h.box
	other, err := secret.New()
	h.ok(err)
	h.box = other
	h.order(&somebody{thread: subject.Thread{Page: "1", PSID: "2"}})
	h.box = own
	h.order(p)
	left, err := h.worker().Pass(t.Context())
	h.ok(err)
	h.gone(p)
	page, err := h.book().Read(t.Context())
	if h.ok(err); !left || len(page.Open) != 1 || !strings.Contains(page.Open[0].GetWaits(), "keyset") {
		t.Errorf("what is left: %v", page.Open)
	}
}
