package session_test

import (
	"context"
	"encoding/base64"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/pkg/session"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// bucket is a bus.Bucket in memory.
type bucket struct {
	away      bool
	meanwhile func() // once, before the next write

	mu       sync.Mutex
	revision uint64
	entries  map[string]bus.Entry
	watchers []chan bus.Entry
}

func newBucket() *bucket { return &bucket{entries: map[string]bus.Entry{}} }

func (b *bucket) Get(_ context.Context, key string) (bus.Entry, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.entries[key]
	if b.away {
		return e, fault.New(fault.Unavailable, "BROKER_AWAY", "the broker is away")
	}
	if !ok {
		return e, fault.New(fault.NotFound, "", "no entry")
	}
	return e, nil
}

func (b *bucket) Write(_ context.Context, writes ...bus.Write) error {
	if f := b.meanwhile; f != nil {
		b.meanwhile = nil
		f()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range writes {
		if w.Revision != bus.AnyRevision && w.Revision != b.entries[w.Key].Revision {
			return fault.New(fault.Conflict, "", "changed meanwhile")
		}
		b.revision++
		e := bus.Entry{Key: w.Key, Value: w.Value, Revision: b.revision}
		if b.entries[w.Key] = e; w.Value == nil {
			delete(b.entries, w.Key)
		}
		for _, c := range b.watchers {
			c <- e // none has that much to catch up with
		}
	}
	return nil
}

func (b *bucket) Watch(ctx context.Context, ready func(), handle func(bus.Entry)) error {
	c := make(chan bus.Entry, 4096)
	b.mu.Lock()
	b.watchers = append(b.watchers, c)
	there := slices.Collect(maps.Values(b.entries))
	b.mu.Unlock()
	for _, e := range there {
		handle(e)
	}
	ready()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-c:
			handle(e)
		}
	}
}

func (b *bucket) keys() (keys []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for k := range b.entries {
		keys = append(keys, k)
	}
	return keys
}

// limits of the sessions of a world.
var limits = session.Limits{Idle: 30 * time.Minute, Absolute: 24 * time.Hour}

type world struct {
	bucket *bucket
	agents map[string]*configv1.Agent
	store  *session.Store
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{bucket: newBucket(), agents: map[string]*configv1.Agent{"mila": {Meta: &configv1.Meta{Id: "mila"}, Password: &configv1.Secret{}}, "orlin": {}}}
	w.store = w.process(t)
	return w
}

// process is one more process that knows the same sessions.
func (w *world) process(t *testing.T) *session.Store {
	t.Helper()
	return session.NewStore(w.bucket, sealer(t), func(id string) *configv1.Agent { return w.agents[id] }, limits, time.Now)
}

// sealer is the keyset of the deployment.
var sealer = func() func(*testing.T) *secret.Box {
	made := sync.OnceValues(secret.New)
	return func(t *testing.T) *secret.Box {
		t.Helper()
		box, err := made()
		if err != nil {
			t.Fatal(err)
		}
		return box
	}
}()

func (w *world) begin(t *testing.T) (secret.Text, session.Session) {
	t.Helper()
	ticket, s, err := w.store.Begin(t.Context(), "mila")
	if err != nil {
		t.Fatal(err)
	}
	return ticket, s
}

// reason is the machine word of a refusal; empty for none.
func reason(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Reason
	}
	return ""
}

func TestBeginAndEnd(t *testing.T) {
	w := newWorld(t)
	ticket, s := w.begin(t)
	handle, _, _ := strings.Cut(ticket.Reveal(), ".")
	if keys := w.bucket.keys(); len(keys) != 1 || keys[0] != s.Key || strings.Contains(keys[0]+string(w.bucket.entries[keys[0]].Value), handle) {
		t.Fatalf("the bucket shows the ticket, or holds something else: %q", keys)
	}
	if found, fresh, err := w.store.Find(t.Context(), ticket); err != nil || found.Agent != "mila" || !fresh.Empty() {
		t.Fatalf("found is %v, to be replaced by %q, %v", found, fresh.Reveal(), err)
	}
	again, _ := w.begin(t)
	for range 2 { // ending twice is no error
		if err := w.store.End(t.Context(), ticket); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := w.store.Find(t.Context(), ticket); reason(err) != "SIGNED_OUT" {
		t.Errorf("a session that ended is found: %v", err)
	}
	if _, _, err := w.store.Find(t.Context(), again); err != nil {
		t.Errorf("the other session ended with it: %v", err)
	}
}

// TestForgedTickets: what was not made here is told from nothing, and asks the broker
// nothing.
func TestForgedTickets(t *testing.T) {
	w := newWorld(t)
	ticket, _ := w.begin(t)
	parts := strings.Split(ticket.Reveal(), ".")
	other, _ := w.begin(t)
	foreign := strings.Split(other.Reveal(), ".")
	strange, err := secret.New()
	if err != nil {
		t.Fatal(err)
	}
	w.bucket.away = true
	for _, forged := range []string{"x", ".", "..", parts[0], parts[0] + ".1", parts[0] + ".2." + parts[2], parts[0] + ".1." + foreign[2], foreign[0] + ".1." + parts[2],
		parts[0] + ".01." + parts[2], parts[0] + ".1." + parts[2][:len(parts[2])-1], parts[0] + ".1.", ticket.Reveal() + "A", strings.Repeat("A", 4096),
		parts[0] + ".1." + base64.RawURLEncoding.EncodeToString(strange.MAC("desk.session", []byte(parts[0]+".1")))} {
		if _, _, err := w.store.Find(t.Context(), secret.NewText(forged)); reason(err) != "SIGNED_OUT" {
			t.Errorf("%q: %v", forged, err)
		}
		if err := w.store.End(t.Context(), secret.NewText(forged)); err != nil {
			t.Errorf("signing out with %q: %v", forged, err)
		}
	}
	if _, _, err := w.store.Find(t.Context(), secret.Text{}); reason(err) != "NOT_SIGNED_IN" {
		t.Error(err)
	}
	if _, _, err := w.store.Find(t.Context(), ticket); !fault.Is(err, fault.Unavailable) {
		t.Errorf("the genuine one, with the broker away: %v", err)
	}
}

// TestLifetime walks sessions through the hours: requests and open streams keep one,
// but not for ever.
func TestLifetime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ticket, s := w.begin(t)
		const step = 27 * time.Minute // a note of its use may be two minutes old
		use := func() string {
			_, fresh, err := w.store.Find(t.Context(), ticket)
			if !fresh.Empty() {
				ticket = fresh
			}
			return reason(err)
		}
		stream := func() string {
			end, err := w.store.Keep(t.Context(), s.Key)
			if err != nil {
				t.Fatal(err)
			}
			return string(end)
		}
		for passed := step; passed < limits.Absolute; passed += step {
			time.Sleep(step)
			if passed/step%2 == 0 && use() != "" || passed/step%2 == 1 && stream() != "" {
				t.Fatalf("in use, it ended after %v", passed)
			}
		}
		time.Sleep(time.Until(s.Created.Add(limits.Absolute)) - time.Millisecond)
		if use() != "" {
			t.Fatal("ended before its time")
		}
		time.Sleep(2 * time.Millisecond)
		if use() != "EXPIRED" || stream() != string(session.Expired) {
			t.Fatal("outlived its absolute time")
		}
		ticket, s = w.begin(t)
		time.Sleep(limits.Idle - time.Millisecond)
		if _, end, err := w.store.Look(t.Context(), s.Key); end != "" || err != nil {
			t.Fatalf("ended before its idle time: %q, %v", end, err)
		}
		time.Sleep(time.Millisecond) // and having been looked at is no use
		if use() != "EXPIRED" || stream() != string(session.Expired) {
			t.Fatal("outlived its idle time")
		}
	})
}

// TestRotation: the ticket is replaced while it is in use; the one before is taken for
// a minute more, and an answer that was lost locks nobody out.
func TestRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		first, s := w.begin(t)
		find := func(ticket secret.Text) (secret.Text, string) {
			_, fresh, err := w.store.Find(t.Context(), ticket)
			return fresh, reason(err)
		}
		time.Sleep(session.Rotate - time.Millisecond)
		if fresh, why := find(first); !fresh.Empty() || why != "" {
			t.Fatalf("replaced too early, or %q", why)
		}
		time.Sleep(time.Millisecond)
		second, _ := find(first)
		again, why := find(first) // the first answer was lost
		if second.Empty() || again != second || why != "" {
			t.Fatalf("after its time: %q, then %q, %q", second.Reveal(), again.Reveal(), why)
		}
		time.Sleep(10 * time.Minute)
		if _, why := find(first); why != "" {
			t.Fatalf("nobody used the new one, and the old one is not taken: %q", why)
		}
		if fresh, why := find(second); !fresh.Empty() || why != "" {
			t.Fatalf("the new one is to be replaced at once, or %q", why)
		}
		time.Sleep(session.Overlap)
		if fresh, why := find(first); !fresh.Empty() || why != "" {
			t.Fatalf("a request on its way with the old one: %q; it is given a ticket: %t", why, !fresh.Empty())
		}
		if found, _, _ := w.store.Look(t.Context(), s.Key); found.Turn != 2 || found.Key != s.Key {
			t.Errorf("the session is %v", found)
		}
		time.Sleep(session.Rotate)
		third, _ := find(second)
		if _, why := find(third); why != "" || third == second || third == first {
			t.Errorf("the third: %q", why)
		}
	})
}

// TestACopyEndsTheSession: whichever of agent and thief comes second with a ticket that
// was replaced, and from whichever process the session is then gone for both.
func TestACopyEndsTheSession(t *testing.T) {
	for _, back := range []int{1, 2} { // how many tickets ago it was copied
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			copied, s := w.begin(t)
			genuine := copied
			for range back {
				time.Sleep(session.Rotate)
				_, fresh, err := w.store.Find(t.Context(), genuine)
				if err != nil {
					t.Fatal(err)
				}
				if _, _, err = w.store.Find(t.Context(), fresh); err != nil {
					t.Fatal(err)
				}
				genuine = fresh
			}
			time.Sleep(session.Overlap + time.Millisecond)
			elsewhere := w.process(t)
			if found, _, err := elsewhere.Find(t.Context(), copied); reason(err) != "COPIED" || found.Agent != "mila" || found.Ended != "" {
				t.Fatalf("a copy gives %v, %v", found, err)
			}
			for _, ticket := range []secret.Text{genuine, copied} {
				if found, _, err := w.store.Find(t.Context(), ticket); reason(err) != "COPIED" || found.Ended != session.Copied {
					t.Errorf("after a copy was shown: %v, %v", found, err)
				}
			}
			if end, err := w.store.Keep(t.Context(), s.Key); end != session.Copied || err != nil {
				t.Errorf("its streams end with %q, %v", end, err)
			}
		})
	}
}

// TestAtOnce: many requests at once lose no session, and the ticket turns once.
func TestAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ticket, s := w.begin(t)
		time.Sleep(session.Rotate)
		_, fresh, err := w.store.Find(t.Context(), ticket)
		if err != nil {
			t.Fatal(err)
		}
		var running sync.WaitGroup
		for i := range 40 {
			running.Go(func() {
				if _, _, err := w.store.Find(t.Context(), []secret.Text{ticket, fresh}[i%2]); err != nil {
					t.Error(err)
				}
			})
		}
		running.Wait()
		if found, end, _ := w.store.Look(t.Context(), s.Key); found.Turn != 2 || end != "" {
			t.Errorf("the session is %v, %q", found, end)
		}
	})
}

func TestRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		_, s := w.begin(t)
		time.Sleep(time.Minute)
		w.agents["mila"].Password.SetMs = time.Now().UnixMilli()
		if _, end, _ := w.store.Look(t.Context(), s.Key); end != session.Renewed {
			t.Errorf("after a new password: %q", end)
		}
		time.Sleep(time.Minute)
		_, s = w.begin(t)
		if s.Over(time.Now(), w.agents["mila"]) != "" {
			t.Error("a sign-in with the new password is revoked")
		}
		w.agents["mila"].Barred = true
		if _, end, _ := w.store.Look(t.Context(), s.Key); end != session.Revoked {
			t.Errorf("after the agent was barred: %q", end)
		}
		delete(w.agents, "mila")
		if _, end, _ := w.store.Look(t.Context(), s.Key); end != session.Revoked {
			t.Errorf("after the agent was removed: %q", end)
		}
	})
}

// TestEndAll: an administrator ends the sessions of one agent, or one of them; a use
// that is on its way brings none back.
func TestEndAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		one, first := w.begin(t)
		two, _ := w.begin(t)
		_, foreign, err := w.store.Begin(t.Context(), "orlin")
		if err != nil {
			t.Fatal(err)
		}
		control := w.process(t)
		if all, err := control.List(t.Context(), ""); len(all) != 3 || err != nil {
			t.Fatalf("%d sessions live, %v", len(all), err)
		}
		if n, err := control.EndAll(t.Context(), "mila", foreign.Key, session.Dismissed); n != 0 || err != nil {
			t.Errorf("as mila's, %d of another agent ended, %v", n, err)
		}
		if n, err := control.EndAll(t.Context(), "mila", first.Key, session.Dismissed); n != 1 || err != nil {
			t.Errorf("%d ended, %v", n, err)
		}
		if _, _, err := w.store.Find(t.Context(), one); reason(err) != "ENDED" {
			t.Errorf("the one that was ended: %v", err)
		}
		if _, _, err := w.store.Find(t.Context(), two); err != nil {
			t.Errorf("the other: %v", err)
		}
		time.Sleep(5 * time.Minute)
		w.bucket.meanwhile = func() { // between reading a session and noting its use
			if n, err := control.EndAll(t.Context(), "mila", "", session.Dismissed); n != 1 || err != nil {
				t.Errorf("%d ended, %v", n, err)
			}
		}
		if _, _, err := w.store.Find(t.Context(), two); reason(err) != "ENDED" {
			t.Errorf("used while it was ended: %v", err)
		}
		if end, _ := w.store.Keep(t.Context(), foreign.Key); end != "" {
			t.Errorf("orlin's ended with them: %q", end)
		}
		three, _ := w.begin(t)
		time.Sleep(5 * time.Minute)
		w.bucket.meanwhile = func() { // between listing a session and ending it
			if _, _, err := w.store.Find(t.Context(), three); err != nil {
				t.Errorf("used before it was ended: %v", err)
			}
		}
		if n, err := control.EndAll(t.Context(), "mila", "", session.Dismissed); n != 1 || err != nil {
			t.Errorf("ended while it was used: %d, %v", n, err)
		}
		if _, _, err := w.store.Find(t.Context(), three); reason(err) != "ENDED" {
			t.Errorf("ended while it was used: %v", err)
		}
		if left, _ := control.List(t.Context(), "mila"); len(left) != 0 {
			t.Errorf("left are %v", left)
		}
	})
}

// TestEndedAndSwept: signing out in one process ends the streams in another,
// and sessions that expired leave the bucket.
func TestEndedAndSwept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		other := w.process(t)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- other.Run(ctx) }()
		ticket, s := w.begin(t)
		synctest.Wait()
		ended, stop := other.Ended(s.Key)
		defer stop()
		select {
		case <-ended:
			t.Fatal("ended before anybody signed out")
		default:
		}
		if err := w.store.End(t.Context(), ticket); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		select {
		case <-ended:
		default:
			t.Fatal("the stream was not told")
		}
		_, dismissed := w.begin(t)
		synctest.Wait()
		ended, stop = other.Ended(dismissed.Key)
		defer stop()
		if n, err := w.store.EndAll(t.Context(), "mila", "", session.Dismissed); n != 1 || err != nil {
			t.Fatalf("%d ended, %v", n, err)
		}
		synctest.Wait()
		select {
		case <-ended:
		default:
			t.Fatal("the stream was not told of the administrator")
		}
		if _, end, _ := other.Look(t.Context(), dismissed.Key); end != session.Dismissed {
			t.Errorf("why is told as %q", end)
		}
		w.begin(t)
		time.Sleep(limits.Idle + 25*time.Minute)
		synctest.Wait()
		if keys := w.bucket.keys(); len(keys) != 0 {
			t.Errorf("expired sessions stay: %q", keys)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
