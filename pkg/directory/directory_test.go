package directory_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// feed is a bucket whose entries the test sends itself.
type feed struct{ entries chan bus.Entry }

func (f feed) Watch(ctx context.Context, ready func(), handle func(bus.Entry)) error {
	for {
		select {
		case e := <-f.entries:
			if e.Key == "" {
				ready()
				continue
			}
			handle(e)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (f feed) send(entries ...bus.Entry) {
	for _, e := range entries {
		f.entries <- e
	}
}

var allThere bus.Entry

func marker(revision uint64) bus.Entry {
	return bus.Entry{Key: directory.Marker, Value: []byte("x"), Revision: revision}
}

func entry(t *testing.T, r directory.Resource) bus.Entry {
	t.Helper()
	value, err := directory.Encode(r)
	if err != nil {
		t.Fatal(err)
	}
	return bus.Entry{Key: directory.Key(r), Value: value}
}

func queue(id string, agents ...string) *configv1.Queue {
	return &configv1.Queue{Meta: &configv1.Meta{Id: id}, Agents: agents}
}

func agent(id string) *configv1.Agent { return &configv1.Agent{Meta: &configv1.Meta{Id: id}} }

// following runs test with a directory that reads f, in a bubble of its own.
func following(t *testing.T, test func(t *testing.T, d *directory.Directory, f feed)) {
	synctest.Test(t, func(t *testing.T) {
		f := feed{make(chan bus.Entry)}
		d := directory.Follow(f)
		ended := make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { ended <- d.Run(ctx) }()
		test(t, d, f)
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run ended with %v", err)
		}
	})
}

func TestNothingShowsBeforeAllIsThere(t *testing.T) {
	following(t, func(t *testing.T, d *directory.Directory, f feed) {
		f.send(entry(t, agent("mila")), marker(7))
		time.Sleep(time.Minute)
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := d.Wait(short); err == nil || len(d.Now().Agents) != 0 {
			t.Fatal("showed a part of what is there")
		}
		f.send(allThere)
		if err := d.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s := d.Now(); s.Agents["mila"] == nil || s.Revision != 7 {
			t.Errorf("first snapshot: %+v", s)
		}
	})
}

func TestChangeIsNeverHalf(t *testing.T) {
	following(t, func(t *testing.T, d *directory.Directory, f feed) {
		f.send(allThere)
		if err := d.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		changed := d.Changed()
		f.send(entry(t, agent("mila")))
		time.Sleep(200 * time.Millisecond)
		f.send(entry(t, queue("front", "mila")))
		time.Sleep(200 * time.Millisecond)
		select {
		case <-changed:
			t.Fatal("showed a change without its marker")
		default:
		}
		f.send(marker(9))
		start := time.Now()
		<-changed
		if took := time.Since(start); took > time.Second {
			t.Errorf("took %v", took)
		}
		if s := d.Now(); len(s.Agents) != 1 || len(s.Queues) != 1 || s.Revision != 9 {
			t.Errorf("after the change: %+v", s)
		}
	})
}

func TestBurstMakesOneSnapshot(t *testing.T) {
	following(t, func(t *testing.T, d *directory.Directory, f feed) {
		f.send(allThere)
		if err := d.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		changed := d.Changed()
		for i := range uint64(100) {
			f.send(entry(t, agent("mila")), marker(i+1))
		}
		<-changed
		next := d.Changed()
		time.Sleep(time.Minute)
		select {
		case <-next:
			t.Error("the burst made more than one snapshot")
		default:
		}
		if d.Now().Revision != 100 {
			t.Errorf("revision %d", d.Now().Revision)
		}
	})
}

// L12: however fast changes come, they count within a second, not within minutes.
func TestEndlessChangesAreShownInTime(t *testing.T) {
	following(t, func(t *testing.T, d *directory.Directory, f feed) {
		f.send(allThere)
		if err := d.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		changed := d.Changed()
		for i := range uint64(200) {
			f.send(entry(t, agent("mila")), marker(i+1))
			time.Sleep(5 * time.Millisecond)
		}
		select {
		case <-changed:
		default:
			t.Error("a second of changes showed nothing")
		}
	})
}

func TestChangeWithoutMarkerCountsLater(t *testing.T) {
	following(t, func(t *testing.T, d *directory.Directory, f feed) {
		f.send(allThere)
		if err := d.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		changed, start := d.Changed(), time.Now()
		f.send(entry(t, agent("mila")))
		<-changed
		if took := time.Since(start); d.Now().Agents["mila"] == nil || took > time.Second {
			t.Errorf("after %v: %+v", took, d.Now())
		}
	})
}

func TestDeletedAndDamaged(t *testing.T) {
	following(t, func(t *testing.T, d *directory.Directory, f feed) {
		f.send(entry(t, agent("mila")), entry(t, agent("orlin")), marker(1), allThere)
		f.send(
			bus.Entry{Key: "agents.mila"},
			bus.Entry{Key: "agents.orlin", Value: []byte("\xff\xff")},
			bus.Entry{Key: "queues.front", Value: entry(t, queue("back")).Value},
			bus.Entry{Key: "parrots.polly", Value: []byte("of a newer build")},
		)
		changed := d.Changed()
		f.send(marker(2))
		<-changed
		s := d.Now()
		if s.Agents["mila"] != nil || s.Agents["orlin"] == nil || len(s.Queues) != 0 {
			t.Errorf("snapshot: %+v", s)
		}
		if len(s.Unreadable) != 2 || s.Unreadable[0] != "agents.orlin" || s.Unreadable[1] != "queues.front" {
			t.Errorf("unreadable: %v", s.Unreadable)
		}
	})
}

func TestFixed(t *testing.T) {
	s := directory.NewSnapshot(agent("mila"), queue("front"))
	d := directory.Fixed(s)
	if err := d.Wait(t.Context()); err != nil || d.Now() != s {
		t.Errorf("a fixed directory does not show its snapshot: %v", err)
	}
}

func TestSnapshotFindsAndOrders(t *testing.T) {
	page := func(id, meta string) *configv1.Page {
		return &configv1.Page{Meta: &configv1.Meta{Id: id}, PageId: meta}
	}
	s := directory.NewSnapshot(page("b", "1"), page("a", "1"), queue("q"), agent("z"), agent("y"),
		&configv1.Workstream{Meta: &configv1.Meta{Id: "w"}}, &configv1.ChannelAccount{Meta: &configv1.Meta{Id: "c"}})
	if s.PagesByMeta["1"].GetMeta().GetId() != "a" {
		t.Error("of two pages with one page id, the first by id counts")
	}
	var order string
	for r := range s.All() {
		order += directory.Key(r) + " "
		if got, ok := s.Find(directory.Kind(r), r.GetMeta().GetId()); !ok || got != r {
			t.Errorf("%s is not found", directory.Key(r))
		}
	}
	if want := "agents.y agents.z queues.q workstreams.w channelAccounts.c pages.a pages.b "; order != want {
		t.Errorf("order %q, want %q", order, want)
	}
	if r, ok := s.Find(directory.Agents, "nobody"); ok || r != nil {
		t.Error("found what is not there")
	}
	if got := directory.Place(s.Pages["a"], "access_token"); got != "pages/a#access_token" {
		t.Errorf("place %q", got)
	}
}

// S31, L2: a page may have the tag otherwise than its workstream.
func TestTagOfAPage(t *testing.T) {
	for _, c := range []struct {
		page      configv1.Switch
		stream    bool
		want      bool
		connected string
	}{
		{configv1.Switch_SWITCH_UNSPECIFIED, true, true, "w"},
		{configv1.Switch_SWITCH_UNSPECIFIED, false, false, "w"},
		{configv1.Switch_SWITCH_ON, false, true, "w"},
		{configv1.Switch_SWITCH_OFF, true, false, "w"},
		{configv1.Switch_SWITCH_UNSPECIFIED, true, false, ""},
	} {
		p := &configv1.Page{Meta: &configv1.Meta{Id: "p"}, Workstream: c.connected, MessageTag: c.page}
		s := directory.NewSnapshot(p, &configv1.Workstream{Meta: &configv1.Meta{Id: "w"}, MessageTag: c.stream})
		if got := s.Tagged(p); got != c.want {
			t.Errorf("%+v: %t", c, got)
		}
		p.PageId = "10"
		s = directory.NewSnapshot(p, s.Workstreams["w"])
		if got := s.TagOf("10"); (got == nil) != (c.connected == "") || got != nil && *got != c.want || s.TagOf("11") != nil {
			t.Errorf("%+v: by Meta's id %v", c, got)
		}
	}
}
