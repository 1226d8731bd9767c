package secret_test

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// pair is a keyset file as two processes have it open.
func pair(t *testing.T) (path string, one, two *secret.Box) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "keyset.json")
	for _, b := range []**secret.Box{&one, &two} {
		var err error
		if *b, err = secret.Open(path, true); err != nil {
			t.Fatal(err)
		}
	}
	return path, one, two
}

func seal(t *testing.T, b *secret.Box, place string) *configv1.Secret {
	t.Helper()
	s, err := b.Seal(place, canary, 1)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func opens(b *secret.Box, place string, s *configv1.Secret) bool {
	text, err := b.Reveal(place, s)
	return err == nil && text.Equal(canary)
}

func primary(t *testing.T, b *secret.Box) uint32 {
	t.Helper()
	keys, err := b.Keys()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		if k.Primary {
			return k.ID
		}
	}
	t.Fatalf("no key of %v is primary", keys)
	return 0
}

// Every process over the file goes on without being told, and what was sealed
// before opens until its key is retired.
func TestRotation(t *testing.T) {
	const place = "pages/shop#access_token"
	path, one, two := pair(t)
	old := seal(t, two, place)
	first := primary(t, one)
	mac := one.MAC("p", []byte("d"))
	if err := one.Rotate(); err != nil {
		t.Fatal(err)
	}
	second := primary(t, one)
	if second == first || primary(t, two) != second {
		t.Errorf("keys %d, %d and in the other process %d", first, second, primary(t, two))
	}
	for _, s := range []*configv1.Secret{seal(t, one, place), seal(t, two, place)} {
		if secret.KeyOf(s.GetSealed()) != second || s.GetFingerprint() != old.GetFingerprint() {
			t.Errorf("sealed with %d as %s, want %d and %s", secret.KeyOf(s.GetSealed()), s.GetFingerprint(), second, old.GetFingerprint())
		}
		for name, b := range map[string]*secret.Box{"here": one, "there": two} {
			if !opens(b, place, s) || !opens(b, place, old) {
				t.Errorf("a secret does not open %s", name)
			}
		}
	}
	if secret.KeyOf(old.GetSealed()) != first || !one.Verify("p", []byte("d"), mac) || !two.Verify("p", []byte("d"), mac) {
		t.Error("what was made before the rotation is not good any more")
	}
	if err := two.Retire(first); err != nil {
		t.Fatal(err)
	}
	later, err := secret.Open(path, false)
	if err != nil {
		t.Fatal(err)
	}
	if opens(later, place, old) || opens(two, place, old) {
		t.Error("a retired key opens")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v", info.Mode(), err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".keyset-*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A process that did not look at the file since opens what another sealed with
// a key that it does not know.
func TestANewKeyIsTakenWhenItIsNeeded(t *testing.T) {
	_, one, two := pair(t)
	for range 3 {
		if err := one.Rotate(); err != nil {
			t.Fatal(err)
		}
		if s := seal(t, one, "a/b#c"); !opens(two, "a/b#c", s) {
			t.Fatal("the other process does not open it")
		}
	}
}

func TestTwoProcessesRotateAtOnce(t *testing.T) {
	path, one, two := pair(t)
	var wg sync.WaitGroup
	for _, b := range []*secret.Box{one, two} {
		wg.Go(func() {
			for range 5 {
				if err := b.Rotate(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	b, err := secret.Open(path, false)
	if err != nil {
		t.Fatal(err)
	}
	if keys, err := b.Keys(); err != nil || len(keys) != 11 {
		t.Errorf("there are %d keys, want 11: %v", len(keys), err)
	}
}

func TestRetireRefuses(t *testing.T) {
	b := newBox(t)
	if err := b.Retire(primary(t, b)); !fault.Is(err, fault.Precondition) {
		t.Errorf("the primary key: %v", err)
	}
	if err := b.Retire(1); !fault.Is(err, fault.NotFound) {
		t.Errorf("a key that there is not: %v", err)
	}
}

// Nothing is sealed with a key that a restart would not find again.
func TestNothingIsSealedWithoutItsFile(t *testing.T) {
	path, one, _ := pair(t)
	before := seal(t, one, "a/b#c")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := one.Seal("a/b#c", canary, 1); !fault.Is(err, fault.NotFound) {
		t.Errorf("sealed: %v", err)
	}
	if err := one.Rotate(); !fault.Is(err, fault.NotFound) {
		t.Errorf("rotated: %v", err)
	}
	if !opens(one, "a/b#c", before) {
		t.Error("what was sealed does not open any more")
	}
	if err := os.WriteFile(path, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := one.Seal("a/b#c", canary, 1); err == nil {
		t.Error("sealed over a file that others can read")
	}
}

// A ciphertext that is moved to another resource, or to another field, does not
// open there.
func TestAMovedCiphertextDoesNotOpen(t *testing.T) {
	b := newBox(t)
	places := []string{"pages/shop#access_token", "pages/outlet#access_token", "channelAccounts/shop#access_token",
		"channelAccounts/demo#app_secret", "channelAccounts/demo#previous_secret", "channelAccounts/demo#verify_token", "agents/shop#password"}
	for _, from := range places {
		s := seal(t, b, from)
		for _, to := range places {
			if got := opens(b, to, s); got != (from == to) {
				t.Errorf("sealed for %s, opened as %s: %v", from, to, got)
			}
		}
		s.Sealed = bytes.Clone(s.GetSealed())
		s.Sealed[len(s.Sealed)-1] ^= 1
		if opens(b, from, s) {
			t.Error("an altered ciphertext opens")
		}
	}
}
