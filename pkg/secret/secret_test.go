package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

const canary = "canary-7f3a9c"

func newBox(t *testing.T) *secret.Box {
	t.Helper()
	b, err := secret.New()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestTextPrintsNowhere (SS4), whichever way it is printed.
func TestTextPrintsNowhere(t *testing.T) {
	text := secret.NewText(canary)
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
		fmt.Fprintf(&out, verb+"\n", text)
		fmt.Fprintf(&out, verb+"\n", &text)
		fmt.Fprintf(&out, verb+"\n", struct{ Token secret.Text }{text})
	}
	for _, h := range []slog.Handler{slog.NewJSONHandler(&out, nil), slog.NewTextHandler(&out, nil)} {
		slog.New(h).InfoContext(t.Context(), "seen", "token", text, "within", struct{ Token secret.Text }{text})
	}
	if err := json.NewEncoder(&out).Encode(map[string]any{"token": text, "keys": map[secret.Text]int{text: 1}}); err != nil {
		t.Fatal(err)
	}
	hex := fmt.Sprintf("%x", canary)
	if s := out.String(); strings.Contains(s, canary) || strings.Contains(strings.ToLower(s), hex) {
		t.Errorf("the value was printed:\n%s", s)
	}
	if text.Reveal() != canary || text.Empty() || !text.Equal(canary) || text.Equal(canary+"x") {
		t.Error("Reveal, Empty or Equal does not see the value")
	}
}

// TestSealedOpensOnlyAtItsPlace (SS1): what is sealed for one field opens for no other.
func TestSealedOpensOnlyAtItsPlace(t *testing.T) {
	box, other := newBox(t), newBox(t)
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringN(1, 300, -1).Draw(t, "value")
		place := rapid.StringMatching(`[a-z]+/[a-z0-9-]+#[a-z_]+`).Draw(t, "place")
		elsewhere := rapid.StringMatching(`[a-z]+/[a-z0-9-]+#[a-z_]+`).Filter(func(s string) bool { return s != place }).Draw(t, "elsewhere")

		s, err := box.Seal(place, value, 17)
		if err != nil {
			t.Fatal(err)
		}
		if s.GetValue() != "" || s.GetSetMs() != 17 || len(s.GetFingerprint()) != 12 {
			t.Fatalf("sealed as %v", s)
		}
		if len(value) > 8 && bytes.Contains(s.GetSealed(), []byte(value)) {
			t.Fatal("the ciphertext holds the value")
		}
		if got, err := box.Reveal(place, s); err != nil || got.Reveal() != value {
			t.Fatalf("revealed %q, %v", got.Reveal(), err)
		}
		if _, err := box.Reveal(elsewhere, s); !fault.Is(err, fault.Precondition) {
			t.Fatalf("opened at another place: %v", err)
		}
		if _, err := other.Reveal(place, s); !fault.Is(err, fault.Precondition) {
			t.Fatalf("opened with another keyset: %v", err)
		}
		s.Sealed[rapid.IntRange(0, len(s.GetSealed())-1).Draw(t, "at")] ^= 1
		if _, err := box.Reveal(place, s); err == nil {
			t.Fatal("opened although altered")
		}
	})
}

func TestNothingToSealOrReveal(t *testing.T) {
	box := newBox(t)
	if _, err := box.Seal("pages/shop#access_token", "", 1); !fault.Is(err, fault.Invalid) {
		t.Errorf("sealing nothing: %v", err)
	}
	for _, s := range []*configv1.Secret{nil, {}, {Fingerprint: "0123456789ab"}} {
		if _, err := box.Reveal("pages/shop#access_token", s); !fault.Is(err, fault.NotFound) {
			t.Errorf("revealing %v: %v", s, err)
		}
	}
}

func TestMACIsBoundToPurposeAndKeyset(t *testing.T) {
	a, b := newBox(t), newBox(t)
	mac := a.MAC("metadata", []byte("x"))
	if len(mac) != 32 || !bytes.Equal(mac, a.MAC("metadata", []byte("x"))) {
		t.Fatalf("not a stable MAC of 32 bytes: %x", mac)
	}
	for name, other := range map[string][]byte{
		"purpose": a.MAC("page token", []byte("x")), "data": a.MAC("metadata", []byte("y")), "keyset": b.MAC("metadata", []byte("x")),
	} {
		if bytes.Equal(mac, other) {
			t.Errorf("the MAC does not depend on the %s", name)
		}
	}
	if !a.Verify("metadata", []byte("x"), mac) || a.Verify("metadata", []byte("x"), nil) || a.Verify("metadata", []byte("x"), mac[:16]) {
		t.Error("Verify takes what is not the MAC, or refuses what is")
	}
	if a.Fingerprint("v") == b.Fingerprint("v") || a.Fingerprint("v") != a.Fingerprint("v") {
		t.Error("a fingerprint is not keyed, or not stable")
	}
}

func TestOpenKeepsTheKeyset(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "keyset.json")
	if _, err := secret.Open(path, false); !fault.Is(err, fault.NotFound) {
		t.Fatalf("opened a keyset that is not there: %v", err)
	}
	first, err := secret.Open(path, true)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	s, err := first.Seal("a/b#c", canary, 1)
	if err != nil {
		t.Fatal(err)
	}
	again, err := secret.Open(path, false)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Reveal("a/b#c", s); err != nil || got.Reveal() != canary {
		t.Errorf("after reopening: %v", err)
	}
	if !again.Verify("p", []byte("d"), first.MAC("p", []byte("d"))) {
		t.Error("the deriving key was not kept")
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, mode := range map[string]os.FileMode{"group may read": 0o640, "world may read": 0o604, "group may write": 0o620} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "keyset.json")
			if _, err := secret.Open(path, true); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
			_, err := secret.Open(path, true)
			if !fault.Is(err, fault.Precondition) || !strings.Contains(err.Error(), "chmod 600") {
				t.Errorf("opened a file of mode %v: %v", mode, err)
			}
		})
	}
	for name, content := range map[string]string{"empty": "", "other": `{"a":1}`, "halves": `{"seal":{},"derive":{}}`} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "keyset.json")
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := secret.Open(path, true); err == nil {
				t.Error("opened what is no keyset")
			}
		})
	}
}

func TestOpenTogetherAgrees(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keyset.json")
	macs := make([][]byte, 8)
	var wg sync.WaitGroup
	for i := range macs {
		wg.Go(func() {
			b, err := secret.Open(path, true)
			if err != nil {
				t.Error(err)
				return
			}
			macs[i] = b.MAC("p", nil)
		})
	}
	wg.Wait()
	for _, m := range macs {
		if !bytes.Equal(m, macs[0]) {
			t.Fatal("two processes made two keysets")
		}
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".keyset-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
