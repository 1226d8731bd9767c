package door_test

import (
	"context"
	"errors"
	"net/http"
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
	"github.com/parley-desk/parley/services/desk/internal/door"
)

// bucket keeps whatever is written.
type bucket struct {
	sync.Map
	session.Bucket
}

func (b *bucket) Get(_ context.Context, key string) (bus.Entry, error) {
	value, ok := b.Load(key)
	if !ok {
		return bus.Entry{}, fault.New(fault.NotFound, "", "no entry")
	}
	data, _ := value.([]byte)
	return bus.Entry{Key: key, Value: data}, nil
}

func (b *bucket) Write(_ context.Context, writes ...bus.Write) error {
	for _, w := range writes {
		b.Store(w.Key, w.Value)
	}
	return nil
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
	agents map[string]*configv1.Agent
	store  *session.Store
	door   *door.Door
}

func newWorld(t *testing.T) *world {
	t.Helper()
	box, err := secret.New()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{agents: map[string]*configv1.Agent{}}
	w.hire("mila")
	agent := func(id string) *configv1.Agent { return w.agents[id] }
	w.store = session.NewStore(&bucket{}, box, agent, session.Limits{Idle: time.Hour, Absolute: time.Hour}, time.Now)
	w.door = door.New(w.store, sealed{}, agent, time.Now)
	return w
}

func (w *world) hire(id string) {
	w.agents[id] = &configv1.Agent{Meta: &configv1.Meta{Id: id}, Password: &configv1.Secret{Sealed: []byte("agents/" + id + "#password " + cheap)}}
}

func TestEnter(t *testing.T) {
	w := newWorld(t)
	ticket, s, err := w.door.Enter(t.Context(), "mila", "parley-demo", "192.0.2.1")
	if err != nil || s.Agent != "mila" {
		t.Fatal(s, err)
	}
	again, _, err := w.door.Enter(t.Context(), "mila", "parley-demo", "192.0.2.1")
	if err != nil || again == ticket {
		t.Fatalf("the second sign-in gives the same ticket, or %v", err)
	}
	for _, ticket := range []secret.Text{ticket, again} {
		if found, _, err := w.store.Find(t.Context(), ticket); err != nil || found.Agent != "mila" {
			t.Errorf("the session is %v, %v", found, err)
		}
	}
}

// TestBarred: who may not sign in is told so, once it is sure who it is.
func TestBarred(t *testing.T) {
	w := newWorld(t)
	w.agents["mila"].Barred = true
	for password, want := range map[string]string{"parley-demo": "REVOKED", "guess": "WRONG_PASSWORD"} {
		_, _, err := w.door.Enter(t.Context(), "mila", password, "192.0.2.1")
		if f := new(fault.Error); !errors.As(err, &f) || f.Reason != want || f.Kind != fault.Unauthenticated {
			t.Errorf("%s: %v", password, err)
		}
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
		if _, _, err := w.store.Find(t.Context(), secret.NewText(id)); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("id %q: %v", id, err)
		}
	}
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

func TestCookie(t *testing.T) {
	for name, c := range map[string]struct {
		secure bool
		want   string
	}{
		"http":  {false, "parley=id; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax"},
		"https": {true, "__Host-parley=id; Path=/; Max-Age=86400; HttpOnly; Secure; SameSite=Lax"},
	} {
		t.Run(name, func(t *testing.T) {
			cookie := door.Cookie{Secure: c.secure, Age: 24 * time.Hour}
			if got := cookie.Set(secret.NewText("id")).String(); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if got := cookie.Clear().String(); !strings.Contains(got, "Max-Age=0") {
				t.Errorf("clearing: %s", got)
			}
			h := http.Header{"Cookie": {"other=1; " + cookie.Set(secret.NewText("id")).Name + "=abc"}}
			if got := cookie.Read(h).Reveal(); got != "abc" {
				t.Errorf("read %q", got)
			}
			if got := (door.Cookie{Secure: !c.secure}).Read(h).Reveal(); got != "" {
				t.Errorf("read %q from the other cookie", got)
			}
		})
	}
}
