package bus_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/broker"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/fault"
	crmv1 "github.com/parley-desk/parley/proto/gen/parley/crm/v1"
	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// What erasing a person out of the log promises, and what the tests below hold:
//
//   - of the person no byte is left in what the streams hold, nor in the broker's
//     files where a record stood;
//   - of everybody else every byte is there, also what stood in one record with
//     something of the person's;
//   - no stage is handed anything twice, and dead letters of others can still be
//     handed back;
//   - it may be done again, from anywhere.

// vault is a bus whose broker's files can be searched.
type vault struct {
	*testing.T
	*bus.Bus
	dir string
}

func openVault(t *testing.T) *vault {
	t.Helper()
	v := &vault{T: t, dir: t.TempDir()}
	b, err := bus.Open(t.Context(), bus.Config{Embedded: true, DataDir: v.dir, Partitions: 1, Instance: "test"}, bus.Tools{Broker: broker.Start})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	v.Bus = b
	return v
}

// blocks tells in which streams a text stands, by what the broker has on disk.
func (v *vault) blocks(text string) (streams []string) {
	v.Helper()
	err := filepath.WalkDir(v.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".blk") {
			return nil
		}
		data, err := os.ReadFile(path)
		if err == nil && bytes.Contains(data, []byte(text)) {
			streams = append(streams, filepath.Base(filepath.Dir(filepath.Dir(path))))
		}
		return nil
	})
	if err != nil {
		v.Fatal(err)
	}
	return streams
}

func (v *vault) ok(err error) {
	v.Helper()
	if err != nil {
		v.Fatal(err)
	}
}

// must gives the traces, and takes a failure to find them as the test's.
func (v *vault) must(t bus.Traces, err error) bus.Traces { v.Helper(); v.ok(err); return t }

func TestOnePersonIsErasedFromTheLog(t *testing.T) {
	v := openVault(t)
	ivan, maria := customer(1), customer(2)
	w := &ward{ill: map[string]bool{"ivan-ill": true, "maria-ill": true}, inner: map[subject.Thread]int{}}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	follow(ctx, v.Bus, w)
	v.ok(v.PublishInbound(t.Context(), []*inboundv1.Event{event(1, "ivan-text"), event(2, "maria-text"), event(1, "ivan-ill"), event(2, "maria-ill")}))
	for _, c := range []struct {
		of   subject.Thread
		name string
	}{{ivan, "ivan"}, {maria, "maria"}} {
		for n := range 3 {
			_, _, err := v.Update(t.Context(), c.of, say(fmt.Sprintf("%s-mid-%d", c.name, n)))
			v.ok(err)
		}
		v.ok(v.Tell(t.Context(), subject.OfStranger(c.of), &crmv1.Event{Id: c.name + "-event", Page: c.of.Page, Psid: c.of.PSID}))
		v.ok(v.Tell(t.Context(), subject.OfContact("c0"), &crmv1.Event{Id: c.name + "-linked", Page: c.of.Page, Psid: c.of.PSID}))
	}
	await(t, "both letters", func() bool { return len(deadLetters(t, v.Bus)) == 2 })
	end, err := v.InboundEnd(t.Context(), ivan)
	v.ok(err)
	await(t, "the stage", func() bool {
		busy, err := v.InboundHandled(t.Context(), ivan, end)
		return err == nil && len(busy) == 0
	})
	_, revision, err := v.Load(t.Context(), ivan)
	v.ok(err)
	for _, text := range []string{"ivan-text", "ivan-mid-0", "ivan-event", "ivan-linked", "ivan-ill", ivan.PSID} {
		if len(v.blocks(text)) == 0 {
			t.Fatalf("the search does not find %s, which is there", text)
		}
	}

	find := func() []bus.Traces {
		return []bus.Traces{
			v.must(v.TracesOfThread(t.Context(), ivan, revision)),
			v.must(v.TracesOfInbound(t.Context(), 0, func(r bus.InboundRecord) bool { return r.Thread == ivan && r.Sequence <= end })),
			v.must(v.TracesOfEvents(t.Context(), func(e *crmv1.Event) bool { return e.GetPsid() == ivan.PSID })),
			v.must(v.TracesOfLetters(t.Context(), []subject.Thread{ivan}, nil, time.Time{})),
		}
	}
	was := find()
	for i, want := range []int{3, 1, 2, 1} {
		if was[i].Len() != want {
			t.Errorf("store %d has %d traces, not %d", i, was[i].Len(), want)
		}
	}
	for range 2 { // the second time is what somebody does who does not know of the first
		for _, traces := range was {
			v.ok(v.Erase(t.Context(), traces))
		}
	}
	for i, left := range find() {
		if left.Len() > 0 {
			t.Errorf("store %d still has %d traces", i, left.Len())
		}
	}
	for _, text := range []string{"ivan", ivan.PSID} {
		if at := v.blocks(text); len(at) > 0 {
			t.Errorf("%s stands in files of %v", text, at)
		}
	}
	for text, where := range map[string]string{"maria-text": "INBOUND", "maria-ill": "INBOUND", "maria-mid-2": "THREAD", "maria-event": "CRM", "maria-linked": "CRM"} {
		if at := v.blocks(text); len(at) == 0 || !strings.HasPrefix(at[0], where) && !strings.HasPrefix(at[len(at)-1], where) {
			t.Errorf("%s stands in %v, not in %s", text, at, where)
		}
	}

	// The letter of hers is handed back, though its record went with his.
	letter, _ := letterOf(t, v.Bus, "ward", "maria-ill")
	w.set("maria-ill", false)
	v.ok(v.RetryDeadLetter(t.Context(), letter, "mila"))
	if w.times("maria-text") != 1 || w.times("ivan-text") != 1 || w.times("maria-ill") != 1 {
		t.Errorf("handled: %v", w.seen)
	}

	// Who writes again is a new customer.
	s, again, err := v.Update(t.Context(), ivan, say("m9"))
	v.ok(err)
	if len(s.GetRecent()) != 1 || again <= revision {
		t.Errorf("the thread is not new: %v at %d", s, again)
	}
	later := v.must(v.TracesOfThread(t.Context(), ivan, revision))
	if later.Len() != 0 {
		t.Errorf("%d commits are of before", later.Len())
	}
}

func follow(ctx context.Context, b *bus.Bus, w *ward) {
	go func() { _ = b.FollowInbound(ctx, "ward", w.event) }()
}

func TestAStageThatIsBehindIsNamed(t *testing.T) {
	v := openVault(t)
	v.ok(v.PublishInbound(t.Context(), []*inboundv1.Event{event(1, "slow")}))
	end, err := v.InboundEnd(t.Context(), customer(1))
	v.ok(err)
	if busy, err := v.InboundHandled(t.Context(), customer(1), end); err != nil || len(busy) > 0 {
		t.Fatalf("nobody runs, yet %v, %v", busy, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	let := make(chan struct{})
	go func() {
		_ = v.FollowInbound(ctx, "slow", func(ctx context.Context, _ bus.InboundRecord) error {
			select {
			case <-let:
			case <-ctx.Done():
			}
			return nil
		})
	}()
	named := func() bool {
		busy, err := v.InboundHandled(t.Context(), customer(1), end)
		return err == nil && len(busy) == 1 && busy[0] == "slow"
	}
	await(t, "the stage to be named", named)
	close(let)
	await(t, "the stage to be through", func() bool {
		busy, err := v.InboundHandled(t.Context(), customer(1), end)
		return err == nil && len(busy) == 0
	})
}

func TestKeysAreErased(t *testing.T) {
	v := openVault(t)
	k := v.Bucket(subject.ContactBucket)
	v.ok(k.Write(t.Context(), bus.Write{Key: "c.his", Value: []byte("ivan's telephone")}, bus.Write{Key: "c.hers", Value: []byte("maria's telephone")}))
	for range 2 {
		v.ok(k.EraseKeys(t.Context(), "c.his"))
	}
	if _, err := k.Get(t.Context(), "c.his"); !fault.Is(err, fault.NotFound) {
		t.Errorf("his: %v", err)
	}
	if at := v.blocks("ivan's telephone"); len(at) > 0 {
		t.Errorf("it stands in files of %v", at)
	}
	if keys, err := k.Keys(t.Context(), "c"); err != nil || len(keys) != 1 || len(v.blocks("maria's telephone")) == 0 {
		t.Errorf("hers: %v, %v", keys, err)
	}
}

func TestEveryStreamLetsRecordsGo(t *testing.T) {
	v := openVault(t)
	v.ok(v.Erasable(t.Context()))
}

// A stream of an earlier release keeps everything for ever: whoever erases is told so
// before anything is done, and doctor says it.
func TestAStreamThatKeepsIsNamed(t *testing.T) {
	r := bustest.Broker(t)
	nc, err := nats.Connect(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: subject.Crm, Subjects: []string{subject.CrmAll}, Storage: jetstream.FileStorage,
		Discard: jetstream.DiscardNew, AllowDirect: true, AllowAtomicPublish: true, DenyDelete: true}); err != nil {
		t.Fatal(err)
	}
	b := r.Open(t, "test")
	if err := b.Erasable(t.Context()); !fault.Is(err, fault.Precondition) || !strings.Contains(err.Error(), "CRM") {
		t.Errorf("it says %v", err)
	}
	if !slices.ContainsFunc(b.Checks(t.Context()), func(c bus.Check) bool { return c.Name == "erasing" && c.Level == bus.Warning && c.Remedy != "" }) {
		t.Error("doctor does not say it")
	}
}
