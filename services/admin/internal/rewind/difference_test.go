package rewind

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/admin/internal/change"
)

// Differences lead from any state to any other, and between two alike there are
// none, whenever they were written and however their secrets are sealed.
func TestDifferencesLeadThere(t *testing.T) {
	state := rapid.Custom(func(t *rapid.T) *directory.Snapshot {
		var all []directory.Resource
		for _, id := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 3, rapid.ID[string]).Draw(t, "ids") {
			meta := &configv1.Meta{Id: id, UpdatedMs: rapid.Int64Range(0, 9).Draw(t, "at")}
			password := &configv1.Secret{Fingerprint: rapid.SampledFrom([]string{"f", "g"}).Draw(t, "fingerprint"), SetMs: meta.GetUpdatedMs(), Sealed: []byte{byte(meta.GetUpdatedMs())}}
			all = append(all, &configv1.Agent{Meta: meta, Capacity: rapid.Int32Range(0, 1).Draw(t, "capacity"), Password: password}, &configv1.Queue{Meta: meta, Agents: []string{id}})
		}
		return directory.NewSnapshot(all...)
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := state.Draw(t, "a"), state.Draw(t, "b")
		gone := map[string]bool{}
		var all []directory.Resource
		for _, d := range differences(a, b) {
			if d.after != nil {
				all = append(all, d.after)
				gone[directory.Key(d.after)] = true
				continue
			}
			gone[directory.Key(d.before)] = true
		}
		for r := range a.All() {
			if !gone[directory.Key(r)] {
				all = append(all, r)
			}
		}
		there := directory.NewSnapshot(all...)
		if got, want := settings(there), settings(b); got != want {
			t.Fatalf("they lead to %s, not to %s", got, want)
		}
		if left := differences(there, b); len(left) > 0 {
			t.Fatalf("%d differences are left: %v", len(left), left)
		}
	})
}

// settings are what a state of agents and queues holds.
func settings(s *directory.Snapshot) string {
	var b strings.Builder
	for r := range s.All() {
		b.WriteString(directory.Key(r))
		if a, ok := r.(*configv1.Agent); ok {
			fmt.Fprintf(&b, " %d %s", a.GetCapacity(), a.GetPassword().GetFingerprint())
		}
		b.WriteString("; ")
	}
	return b.String()
}

func TestRemarksOnSecrets(t *testing.T) {
	was := func(fingerprint string) *configv1.Secret { return &configv1.Secret{Fingerprint: fingerprint} }
	meta := &configv1.Meta{Id: "x"}
	once := &configv1.ChannelAccount{Meta: meta, AppSecret: was("a"), PreviousSecret: was("p"), VerifyToken: was("v")}
	for name, c := range map[string]struct {
		once, before, now directory.Resource
		want              []string
	}{
		"as they were":         {once, once, once, nil},
		"another app secret":   {once, once, &configv1.ChannelAccount{Meta: meta, AppSecret: was("b"), VerifyToken: was("v")}, []string{"#app_secret stays the one set at"}},
		"it came back":         {once, nil, &configv1.ChannelAccount{Meta: meta, VerifyToken: was("w")}, []string{"#app_secret did not come back", "#verify_token was made anew"}},
		"it never had any":     {&configv1.Page{Meta: meta}, nil, &configv1.Page{Meta: meta}, nil},
		"a page without token": {&configv1.Page{Meta: meta, AccessToken: was("a")}, nil, &configv1.Page{Meta: meta}, []string{"pages/x#access_token did not come back: set it with `parleyctl page token set x`, then run `parleyctl channel subscribe x`"}},
	} {
		got := remarks(c.once, change.Outcome{Before: c.before, Resource: c.now})
		if len(got) != len(c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
			continue
		}
		for i, want := range c.want {
			if !strings.Contains(got[i], want) {
				t.Errorf("%s: %q, want %q", name, got[i], want)
			}
		}
	}
}
