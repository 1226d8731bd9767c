package api

import (
	"slices"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
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

// TestWhoArrivesIsWhatTheyChoseOrAdministratorsSet is L75.
func TestWhoArrivesIsWhatTheyChoseOrAdministratorsSet(t *testing.T) {
	const (
		none      = distributionv1.Presence_PRESENCE_UNSPECIFIED
		available = distributionv1.Presence_PRESENCE_AVAILABLE
		busy      = distributionv1.Presence_PRESENCE_BUSY
		away      = distributionv1.Presence_PRESENCE_AWAY
		session   = distributionv1.Source_SOURCE_SESSION
		own       = distributionv1.Source_SOURCE_AGENT
	)
	d := directory.NewSnapshot(
		&configv1.Status{Meta: &configv1.Meta{Id: "lunch"}, Base: away},
		&configv1.Status{Meta: &configv1.Meta{Id: "old"}, Base: away, Inactive: true},
		&configv1.Agent{Meta: &configv1.Meta{Id: "ana"}},
		&configv1.Agent{Meta: &configv1.Meta{Id: "boris"}, DefaultPresence: busy},
		&configv1.Agent{Meta: &configv1.Meta{Id: "vera"}, DefaultStatus: "lunch"},
		&configv1.Agent{Meta: &configv1.Meta{Id: "galya"}, DefaultStatus: "old"},
	)
	for _, c := range []struct {
		agent  string
		chosen distributionv1.Presence
		status string
		want   wish
	}{
		{"ana", none, "", wish{available, "", session}},
		{"ana", away, "", wish{away, "", own}},
		{"ana", away, "lunch", wish{away, "lunch", own}},
		{"ana", away, "old", wish{available, "", session}},   // not to be chosen any more
		{"ana", busy, "lunch", wish{available, "", session}}, // it counts as something else now
		{"boris", none, "", wish{busy, "", session}},
		{"boris", away, "", wish{away, "", own}},
		{"vera", none, "", wish{away, "lunch", session}},
		{"galya", none, "", wish{available, "", session}},
	} {
		if got := wishOf(d, c.agent, c.chosen, c.status); got != c.want {
			t.Errorf("%s, who chose %v %q: got %v, want %v", c.agent, c.chosen, c.status, got, c.want)
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
