package graph_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/graph"
)

// key signs as a secret.Box does: one key, told apart by purpose.
type key string

func (k key) MAC(purpose string, data []byte) []byte {
	m := hmac.New(sha256.New, []byte(string(k)+purpose))
	_, _ = m.Write(data)
	return m.Sum(nil)
}

func TestMetadataComesBackAndCannotBeForged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := graph.Metadata{
			Intent:  rapid.StringMatching(`[0-9a-f-]{36}`).Draw(t, "intent"),
			Part:    rapid.IntRange(0, 99).Draw(t, "part"),
			Attempt: rapid.IntRange(1, 99).Draw(t, "attempt"),
		}
		s := graph.SignMetadata(key("ours"), m)
		if got, ok := graph.ParseMetadata(key("ours"), s); !ok || got != m {
			t.Fatalf("%q read as %+v, %t", s, got, ok)
		}
		if _, ok := graph.ParseMetadata(key("theirs"), s); ok {
			t.Fatal("another deployment's metadata was taken")
		}
		i := rapid.IntRange(0, len(s)-1).Draw(t, "changed")
		forged := []byte(s)
		forged[i] ^= 1
		if got, ok := graph.ParseMetadata(key("ours"), string(forged)); ok && got != m {
			t.Fatalf("%q was taken for ours, as %+v", forged, got)
		}
		if len(s) > 1000 {
			t.Fatalf("%d characters, Meta takes 1000", len(s))
		}
	})
}

func TestMetadataOfOthers(t *testing.T) {
	for _, s := range []string{"", "p1", "p1:::::", "DEVELOPER_DEFINED_METADATA", "p1:a:0:1:", "p1:a:-1:1:00", "p1:a:0:0:00", "p2:a:0:1:00", "p1:a:0:1:zz"} {
		if m, ok := graph.ParseMetadata(key("ours"), s); ok {
			t.Errorf("%q was taken for ours, as %+v", s, m)
		}
	}
}

// Whoever knows no key gets nothing taken for ours, and what our key signed is
// read as what it says or not at all.
func FuzzParseMetadata(f *testing.F) {
	for _, s := range []string{"", "p1::::", "p1:a:0:1", "p1:a:+0:01", "p1:a:0:1:00", "p1:a:-1:1", "p1:a:0:99999999999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if m, ok := graph.ParseMetadata(key("ours"), s); ok {
			t.Fatalf("%q was taken for ours, as %+v", s, m)
		}
		signed := s + ":" + hex.EncodeToString(key("ours").MAC("graph.metadata", []byte(s))[:8])
		if m, ok := graph.ParseMetadata(key("ours"), signed); ok && graph.SignMetadata(key("ours"), m) != signed {
			t.Fatalf("%q was read as %+v", signed, m)
		}
	})
}
