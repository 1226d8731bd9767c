package clients_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/services/admin/internal/clients"
)

// bucket is one in memory, with the preconditions of the real one.
type bucket struct {
	mu   sync.Mutex
	all  map[string]bus.Entry
	next uint64
}

func (b *bucket) Get(_ context.Context, key string) (bus.Entry, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e, ok := b.all[key]; ok {
		return e, nil
	}
	return bus.Entry{}, fault.New(fault.NotFound, "", "no entry")
}

func (b *bucket) Write(_ context.Context, writes ...bus.Write) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range writes {
		if w.Revision != bus.AnyRevision && b.all[w.Key].Revision != w.Revision {
			return fault.New(fault.Conflict, "", "somebody was faster")
		}
		b.next++
		b.all[w.Key] = bus.Entry{Key: w.Key, Value: w.Value, Revision: b.next}
	}
	return nil
}

func (b *bucket) Watch(ctx context.Context, ready func(), handle func(bus.Entry)) error {
	b.mu.Lock()
	for _, e := range b.all {
		handle(e)
	}
	b.mu.Unlock()
	ready()
	<-ctx.Done()
	return context.Cause(ctx)
}

func (b *bucket) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all strings.Builder
	for key, e := range b.all {
		all.WriteString(key + string(e.Value))
	}
	return all.String()
}

func open(t testing.TB) (*clients.Store, *bucket) {
	t.Helper()
	box, err := secret.New()
	if err != nil {
		t.Fatal(err)
	}
	b := &bucket{all: map[string]bus.Entry{}}
	return &clients.Store{Bucket: b, Sealer: box, Now: time.Now}, b
}

func anybody(clients.Client) error { return nil }

func reason(err error) string {
	if f, ok := err.(*fault.Error); ok {
		return f.Reason
	}
	return fmt.Sprint(err)
}

// TestTokens: what opens, until when, and that nothing stored does.
func TestTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, b := open(t)
		ctx, from := t.Context(), netip.MustParseAddr("192.0.2.7")
		admit := func(token secret.Text, want string) {
			t.Helper()
			c, err := store.Admit(ctx, token, from)
			if got := reason(err); got != want && (want != "" || err != nil) {
				t.Errorf("%s, want %q", got, want)
			} else if want == "" && c.ID != "ci" {
				t.Errorf("it is %q", c.ID)
			}
		}
		_, first, err := store.Create(ctx, clients.Client{ID: "ci", Scopes: []string{"operator"}, LifeMS: time.Hour.Milliseconds()})
		if err != nil || !strings.HasPrefix(first.Reveal(), "parley-client.ci.") {
			t.Fatal(err)
		}
		if _, _, err := store.Create(ctx, clients.Client{ID: "ci"}); reason(err) != "ALREADY_EXISTS" || !fault.Is(err, fault.Conflict) {
			t.Errorf("a second one of that name: %v", err)
		}
		admit(first, "")
		for _, bad := range []string{"", "parley-client.ci", strings.TrimPrefix(first.Reveal(), clients.Prefix), first.Reveal() + "A", strings.Replace(first.Reveal(), ".ci.", ".cj.", 1),
			strings.ToUpper(first.Reveal()), first.Reveal()[:len(first.Reveal())-2], "parley-client.ci.AAAA.AAAA"} {
			admit(secret.NewText(bad), "TOKEN_UNKNOWN")
		}
		time.Sleep(50 * time.Minute)
		c, second, err := store.Rotate(ctx, "ci", time.Hour, anybody)
		if err != nil || len(c.Tokens) != 2 || c.Tokens[1].UsedMS == 0 {
			t.Fatalf("%v, %v", c, err)
		}
		admit(first, "")
		admit(second, "")
		time.Sleep(10 * time.Minute) // the first ends when it would have ended, although the overlap is longer
		admit(first, "TOKEN_EXPIRED")
		admit(second, "")
		_, third, err := store.Rotate(ctx, "ci", time.Minute, anybody)
		if err != nil {
			t.Fatal(err)
		}
		admit(first, "TOKEN_UNKNOWN")
		admit(second, "")
		time.Sleep(time.Minute)
		admit(second, "TOKEN_EXPIRED")
		admit(third, "")
		if _, _, err := store.Rotate(ctx, "ci", 0, func(clients.Client) error { return fault.New(fault.Denied, "NO", "no") }); reason(err) != "NO" {
			t.Errorf("who may not has a token: %v", err)
		}
		if c, err := store.Revoke(ctx, "ci"); err != nil || c.RevokedMS != time.Now().UnixMilli() {
			t.Errorf("%v, %v", c, err)
		}
		admit(third, "CLIENT_REVOKED")
		admit(first, "TOKEN_UNKNOWN")
		if _, _, err := store.Rotate(ctx, "ci", 0, anybody); reason(err) != "CLIENT_REVOKED" {
			t.Errorf("revoked, it has a new token: %v", err)
		}
		for _, token := range []secret.Text{first, second, third} {
			if secretPart := strings.Split(token.Reveal(), ".")[2]; strings.Contains(b.text(), secretPart) {
				t.Error("the bucket has a token")
			}
		}
		if all, err := store.List(ctx); err != nil || len(all) != 1 {
			t.Errorf("%v, %v", all, err)
		}
	})
}

// TestAddresses: a client that is bound to networks comes from those alone, and never
// by the socket.
func TestAddresses(t *testing.T) {
	store, _ := open(t)
	_, token, err := store.Create(t.Context(), clients.Client{ID: "ci", Scopes: []string{"crm"}, LifeMS: time.Hour.Milliseconds(), Addresses: []string{"192.0.2.0/24", "2001:db8::7"}})
	if err != nil {
		t.Fatal(err)
	}
	for from, want := range map[string]bool{"192.0.2.200": true, "::ffff:192.0.2.1": true, "192.0.3.1": false, "2001:db8::7": true, "2001:db8::8": false, "": false} {
		a, _ := netip.ParseAddr(from)
		_, err := store.Admit(t.Context(), token, a)
		if (err == nil) != want || !want && reason(err) != "CLIENT_ADDRESS" {
			t.Errorf("from %q: %v", from, err)
		}
	}
}

// TestUseIsNotedNowAndThen, and a note never takes back that a client was revoked.
func TestUseIsNotedNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, b := open(t)
		_, token, err := store.Create(t.Context(), clients.Client{ID: "ci", LifeMS: time.Hour.Milliseconds()})
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			if _, err := store.Admit(t.Context(), token, netip.Addr{}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if b.next != 3 {
			t.Errorf("a hundred calls within 100 s wrote %d times, with its making", b.next)
		}
		all, _ := store.List(t.Context())
		if len(all) != 1 || len(all[0].Tokens) != 1 || time.Now().UnixMilli()-all[0].Tokens[0].UsedMS > (41*time.Second).Milliseconds() {
			t.Errorf("noted is %v", all)
		}
		// A use that was read before the end is noted after it: it loses.
		racing := &clients.Store{Bucket: &late{b, func() { _, _ = store.Revoke(context.Background(), "ci") }}, Sealer: store.Sealer, Now: func() time.Time { return time.Now().Add(30 * time.Minute) }}
		if _, err := racing.Admit(t.Context(), token, netip.Addr{}); err != nil {
			t.Errorf("it was not revoked yet: %v", err)
		}
		if _, err := store.Admit(t.Context(), token, netip.Addr{}); reason(err) != "CLIENT_REVOKED" {
			t.Errorf("the note took it back: %v", err)
		}
	})
}

// late has something happen between what is read and what is written.
type late struct {
	clients.Bucket
	meanwhile func()
}

func (l *late) Write(ctx context.Context, writes ...bus.Write) error {
	l.meanwhile()
	return l.Bucket.Write(ctx, writes...)
}

// TestTurning goes through any order of turns, waits and revocations: never more than
// two are let in, always the newest until its end, and none after the end.
func TestTurning(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		store, _ := open(t)
		now := time.Now()
		store.Now = func() time.Time { return now }
		life := time.Duration(rapid.IntRange(1, 100).Draw(r, "life")) * time.Minute
		_, token, err := store.Create(t.Context(), clients.Client{ID: "ci", LifeMS: life.Milliseconds()})
		if err != nil {
			r.Fatal(err)
		}
		all, until, made, revoked := []secret.Text{token}, []time.Time{now.Add(life)}, now, false
		for range rapid.IntRange(1, 12).Draw(r, "steps") {
			switch rapid.IntRange(0, 8).Draw(r, "step") {
			case 0:
				if _, err := store.Revoke(t.Context(), "ci"); err != nil {
					r.Fatal(err)
				}
				revoked = true
			case 1, 2, 3, 4:
				now = now.Add(time.Duration(rapid.IntRange(0, 40).Draw(r, "wait")) * time.Minute)
			default:
				overlap := time.Duration(rapid.IntRange(0, 60).Draw(r, "overlap")) * time.Minute
				_, token, err := store.Rotate(t.Context(), "ci", overlap, anybody)
				if revoked != (err != nil) {
					r.Fatal(revoked, err)
				}
				if err != nil {
					continue
				}
				for i := range until {
					end := now
					if i == len(until)-1 {
						end = end.Add(overlap)
					}
					if end.Before(until[i]) {
						until[i] = end
					}
				}
				all, until, made = append(all, token), append(until, now.Add(life)), now
			}
			in := 0
			for i, token := range all {
				_, err := store.Admit(t.Context(), token, netip.Addr{})
				if want := !revoked && now.Before(until[i]); want != (err == nil) {
					r.Fatalf("token %d of %d, made %v: %v", i, len(all), made, err)
				}
				if err == nil {
					in++
				}
			}
			if in > 2 {
				r.Fatalf("%d tokens are good", in)
			}
		}
	})
}

// TestExamine is what doctor says.
func TestExamine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, _ := open(t)
		line := func() (text string) {
			for _, c := range store.Examine(t.Context()) {
				text += fmt.Sprintf("%v %s", c.Level, c.Detail)
			}
			return text
		}
		if got := line(); got != "" {
			t.Errorf("without clients: %s", got)
		}
		for _, id := range []string{"ci", "crm"} {
			if _, _, err := store.Create(t.Context(), clients.Client{ID: id, LifeMS: (20 * 24 * time.Hour).Milliseconds()}); err != nil {
				t.Fatal(err)
			}
		}
		if got := line(); got != fmt.Sprintf("%v the tokens of 2 API clients are good for 14 days and more", bus.Fine) {
			t.Errorf("all well: %s", got)
		}
		time.Sleep(7 * 24 * time.Hour)
		if got := line(); !strings.HasPrefix(got, fmt.Sprint(bus.Warning)) || !strings.HasSuffix(got, ": ci, crm") {
			t.Errorf("it ends soon: %s", got)
		}
		if _, err := store.Revoke(t.Context(), "ci"); err != nil {
			t.Fatal(err)
		}
		if got := line(); !strings.HasSuffix(got, ": crm") {
			t.Errorf("nobody turns what was revoked: %s", got)
		}
	})
}

// TestScopes: a client has what its words say and nothing else.
func TestScopes(t *testing.T) {
	c := clients.Client{Scopes: []string{"contact.read", "operator", "nonsense", "seat.use"}}
	var names []string
	for _, p := range c.Permissions() {
		names = append(names, p.String())
	}
	slices.Sort(names)
	if got := strings.ToLower(strings.ReplaceAll(strings.Join(names, " "), "PERMISSION_", "")); got != "config_read contact_read letter_settle operate_read" {
		t.Errorf("it may %s", got)
	}
}
