package api

import (
	"slices"
	"testing"
	"time"

	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
)

// TestWishIsForWhoIsGone: what is wished for holds only where no presence is.
func TestWishIsForWhoIsGone(t *testing.T) {
	const (
		none      = distributionv1.Presence_PRESENCE_UNSPECIFIED
		available = distributionv1.Presence_PRESENCE_AVAILABLE
		offline   = distributionv1.Presence_PRESENCE_OFFLINE
	)
	for n := range distributionv1.Presence_name {
		now := distributionv1.Presence(n)
		if got, want := restores(now, available), now == none || now == offline; got != want {
			t.Errorf("%v gives way to a wish: %v", now, got)
		}
		if restores(offline, now) != (now != none && now != offline) {
			t.Errorf("offline gives way to %v: %v", now, restores(offline, now))
		}
	}
}

// TestOldHeartbeatIsNotTold sets a presence while a heartbeat is on its way.
func TestOldHeartbeatIsNotTold(t *testing.T) {
	var (
		s    settled
		told []string
		at   = time.UnixMilli(1_764_000_000_000)
	)
	tell := func(what string) func() { return func() { told = append(told, what) } }
	s.heard("mila", at, tell("first heartbeat"))
	s.set("mila", at.Add(2*time.Second), tell("set"))
	s.heard("mila", at.Add(time.Second), tell("heartbeat asked before"))
	s.heard("orlin", at.Add(time.Second), tell("heartbeat of another"))
	s.heard("mila", at.Add(3*time.Second), tell("heartbeat asked after"))
	if want := []string{"first heartbeat", "set", "heartbeat of another", "heartbeat asked after"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}
