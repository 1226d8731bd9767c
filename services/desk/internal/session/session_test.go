package session_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/desk/internal/session"
)

// bucket is a bus.Bucket in memory.
type bucket struct {
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
	if !ok {
		return e, fault.New(fault.NotFound, "", "no entry")
	}
	return e, nil
}

func (b *bucket) Write(_ context.Context, writes ...bus.Write) error {
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
			c <- e
		}
	}
	return nil
}

func (b *bucket) Watch(ctx context.Context, ready func(), handle func(bus.Entry)) error {
	c := make(chan bus.Entry, 64)
	b.mu.Lock()
	b.watchers = append(b.watchers, c)
	for _, e := range b.entries {
		c <- e
	}
	b.mu.Unlock()
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

// sealed opens the password of an agent, sealed as its place and the hash.
type sealed struct{}

func (sealed) Reveal(place string, s *configv1.Secret) (secret.Text, error) {
	hash, mine := strings.CutPrefix(string(s.GetSealed()), place+" ")
	if !mine {
		return secret.Text{}, fault.New(fault.Internal, "", "sealed for another place than %q", place)
	}
	return secret.NewText(hash), nil
}

// cheap is a hash of "parley-demo" that costs next to nothing to check.
const cheap = "$argon2id$v=19$m=8,t=1,p=1$cGFybGV5LXRlc3Qtc2FsdA$DuzOjWNRMSny9LDduC3/TeiLuzkKvrq3xZoCK4zfIGw"

type world struct {
	bucket *bucket
	agents map[string]*configv1.Agent
	store  *session.Store
	door   *session.Door
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{bucket: newBucket(), agents: map[string]*configv1.Agent{}}
	w.hire("mila")
	w.store = session.NewStore(w.bucket, func(id string) *configv1.Agent { return w.agents[id] }, time.Now)
	w.door = session.NewDoor(w.store, sealed{})
	return w
}

func (w *world) hire(id string) {
	w.agents[id] = &configv1.Agent{Meta: &configv1.Meta{Id: id}, Password: &configv1.Secret{Sealed: []byte("agents/" + id + "#password " + cheap)}}
}

func TestSignInAndOut(t *testing.T) {
	w := newWorld(t)
	id, s, err := w.door.Enter(t.Context(), "mila", "parley-demo", "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	if keys := w.bucket.keys(); len(keys) != 1 || strings.Contains(keys[0], id) || keys[0] != s.Key {
		t.Fatalf("the bucket shows the id, or holds something else: %q", keys)
	}
	if found, err := w.store.Find(t.Context(), id); err != nil || found.Agent != "mila" {
		t.Fatalf("session not found: %v, %v", found, err)
	}
	again, _, err := w.door.Enter(t.Context(), "mila", "parley-demo", "192.0.2.1")
	if err != nil || again == id {
		t.Fatalf("the second sign-in gives the same id, or %v", err)
	}
	if err := w.store.End(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if err := w.store.End(t.Context(), id); err != nil {
		t.Errorf("ending twice: %v", err)
	}
	if _, err := w.store.Find(t.Context(), id); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("a session that ended is found: %v", err)
	}
	if _, err := w.store.Find(t.Context(), again); err != nil {
		t.Errorf("the other session ended with it: %v", err)
	}
}

func TestStrangers(t *testing.T) {
	w := newWorld(t)
	w.agents["orlin"] = &configv1.Agent{Meta: &configv1.Meta{Id: "orlin"}} // has no password
	for _, c := range []struct{ agent, password string }{
		{"mila", "parley-Demo"}, {"mila", ""}, {"nobody", "parley-demo"}, {"orlin", ""}, {"", ""},
	} {
		_, _, err := w.door.Enter(t.Context(), c.agent, c.password, "192.0.2.1")
		if !fault.Is(err, fault.Unauthenticated) || err.Error() != "no agent has this name and password" {
			t.Errorf("agent %q: %v", c.agent, err)
		}
	}
	for _, id := range []string{"", "x", strings.Repeat("A", 22)} {
		if _, err := w.store.Find(t.Context(), id); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("id %q: %v", id, err)
		}
	}
}

// TestLifetime walks a session through the hours.
func TestLifetime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		found := func(id string) bool {
			_, err := w.store.Find(t.Context(), id)
			return err == nil
		}
		id, _, _ := w.store.Begin(t.Context(), "mila")
		time.Sleep(session.Idle - time.Second)
		if !found(id) {
			t.Fatal("ended before its idle time")
		}
		time.Sleep(session.Idle - time.Second) // in use between: still one second to go
		if !found(id) {
			t.Fatal("use did not keep it")
		}
		time.Sleep(3 * time.Second)
		if found(id) {
			t.Fatal("outlived its absolute time")
		}
		idle, s, _ := w.store.Begin(t.Context(), "mila")
		time.Sleep(session.Idle)
		if _, end, err := w.store.Look(t.Context(), s.Key); end != session.Expired || err != nil || found(idle) {
			t.Fatalf("outlived its idle time: %q, %v", end, err)
		}
	})
}

func TestRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		_, s, _ := w.store.Begin(t.Context(), "mila")
		time.Sleep(time.Minute)
		w.agents["mila"].Password.SetMs = time.Now().UnixMilli()
		if _, end, _ := w.store.Look(t.Context(), s.Key); end != session.Renewed {
			t.Errorf("after a new password: %q", end)
		}
		time.Sleep(time.Minute)
		if _, s, _ = w.store.Begin(t.Context(), "mila"); s.Over(time.Now(), w.agents["mila"]) != "" {
			t.Error("a sign-in with the new password is revoked")
		}
		delete(w.agents, "mila")
		if _, end, _ := w.store.Look(t.Context(), s.Key); end != session.Revoked {
			t.Errorf("after the agent was removed: %q", end)
		}
	})
}

// TestEndedAndSwept: signing out in one process ends the streams in another,
// and sessions that expired leave the bucket.
func TestEndedAndSwept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		other := session.NewStore(w.bucket, func(id string) *configv1.Agent { return w.agents[id] }, time.Now)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- other.Run(ctx) }()
		id, s, _ := w.store.Begin(t.Context(), "mila")
		synctest.Wait()
		ended, stop := other.Ended(s.Key)
		defer stop()
		select {
		case <-ended:
			t.Fatal("ended before anybody signed out")
		default:
		}
		if err := w.store.End(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		select {
		case <-ended:
		default:
			t.Fatal("the stream was not told")
		}
		_, _, _ = w.store.Begin(t.Context(), "mila")
		time.Sleep(session.Idle + 15*time.Minute)
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

// TestThrottle: a guesser is stopped, waiting gives one try, and an office
// that signs in rightly is never stopped.
func TestThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		enter := func(agent, password, address string) error {
			_, _, err := w.door.Enter(t.Context(), agent, password, address)
			return err
		}
		for range 10 {
			if err := enter("mila", "guess", "192.0.2.1"); !fault.Is(err, fault.Unauthenticated) {
				t.Fatal(err)
			}
		}
		err := enter("mila", "parley-demo", "192.0.2.2")
		var f *fault.Error
		if !fault.Is(err, fault.Exhausted) || !asFault(err, &f) || f.RetryAfter <= 0 || f.RetryAfter > 10*time.Second {
			t.Fatalf("the eleventh try: %v", err)
		}
		time.Sleep(f.RetryAfter)
		if err := enter("mila", "parley-demo", "192.0.2.2"); err != nil {
			t.Fatalf("after waiting: %v", err)
		}
		for i := range 51 { // no account is tried twice, but the address is known for failing
			name := strings.Repeat("n", i+1)
			w.hire(name)
			err = enter(name, "guess", "192.0.2.3")
		}
		if !fault.Is(err, fault.Exhausted) {
			t.Errorf("an address that tries many names: %v", err)
		}
		time.Sleep(time.Hour)
		for range 60 {
			if err := enter("mila", "parley-demo", "192.0.2.4"); err != nil {
				t.Fatalf("signing in rightly: %v", err)
			}
		}
	})
}

func asFault(err error, to **fault.Error) bool {
	f, ok := err.(*fault.Error)
	*to = f
	return ok
}

func TestThrottleKeepsItsRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := session.NewThrottle(1, time.Second, 2)
		for _, key := range []string{"a", "b", "c"} {
			if th.Take(key, time.Now()) != 0 {
				t.Errorf("%s is throttled for another's failures", key)
			}
		}
		if th.Take("c", time.Now()) == 0 {
			t.Error("c has two tries")
		}
		th.Give("c")
		if th.Take("c", time.Now()) != 0 {
			t.Error("c has no try back")
		}
	})
}

func TestCookie(t *testing.T) {
	for name, c := range map[string]struct {
		secure bool
		want   string
	}{
		"http":  {false, "parley=id; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax"},
		"https": {true, "__Host-parley=id; Path=/; Max-Age=86400; HttpOnly; Secure; SameSite=Lax"},
	} {
		t.Run(name, func(t *testing.T) {
			cookie := session.Cookie{Secure: c.secure}
			if got := cookie.Set("id").String(); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if got := cookie.Clear().String(); !strings.Contains(got, "Max-Age=0") {
				t.Errorf("clearing: %s", got)
			}
			h := http.Header{"Cookie": {"other=1; " + cookie.Set("id").Name + "=abc"}}
			if got := cookie.Read(h); got != "abc" {
				t.Errorf("read %q", got)
			}
			if got := (session.Cookie{Secure: !c.secure}).Read(h); got != "" {
				t.Errorf("read %q from the other cookie", got)
			}
		})
	}
}
