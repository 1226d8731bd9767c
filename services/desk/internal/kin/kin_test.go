package kin_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/desk/internal/kin"
)

// TestIndexIsTheLinks: whatever is linked, linked anew and taken back, each contact
// has the threads that are linked to it, those linked last first.
func TestIndexIsTheLinks(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		x := kin.New()
		ids := []string{"", "no id", uuid.NewString(), uuid.NewString(), uuid.NewString()}
		var order []subject.Thread
		now := map[subject.Thread]string{}
		for range rapid.IntRange(1, 50).Draw(rt, "steps") {
			th := subject.Thread{Page: "p", PSID: fmt.Sprint(rapid.IntRange(1, 6).Draw(rt, "thread"))}
			id := rapid.SampledFrom(ids).Draw(rt, "contact")
			x.Put(th, id)
			if now[th] != id {
				order = append(slices.DeleteFunc(order, func(o subject.Thread) bool { return o == th }), th)
			}
			now[th] = id
		}
		linked, contacts := 0, 0
		for _, id := range ids[2:] {
			var want []subject.Thread
			for _, th := range slices.Backward(order) {
				if now[th] == id {
					want = append(want, th)
				}
			}
			if got := x.Threads(100, id); !slices.Equal(got, want) {
				rt.Fatalf("%v, not %v", got, want)
			}
			if linked += len(want); len(want) > 0 {
				contacts++
			}
		}
		if n, m := x.Size(); n != linked || m != contacts {
			rt.Fatalf("%d threads of %d contacts, not %d of %d", n, m, linked, contacts)
		}
		if got := x.Threads(1, ids[2:]...); len(got) != min(linked, 1) {
			rt.Fatalf("%d of at most one", len(got))
		}
	})
}
