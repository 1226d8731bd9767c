package directory_test

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// A marker says which version the resources are of. One that was written before
// versions had numbers, or is damaged, orders changes all the same.
func TestSnapshotNamesItsVersion(t *testing.T) {
	record := &configv1.ConfigVersion{Number: 7, AtMs: 1, By: "local:mila",
		Changes: []*configv1.ConfigChange{{Key: "agents.mila", Action: configv1.ConfigAction_CONFIG_ACTION_CREATED, After: []byte("x")}}}
	value, err := directory.EncodeVersion(record)
	if err != nil {
		t.Fatal(err)
	}
	following(t, func(t *testing.T, d *directory.Directory, f feed) {
		f.send(allThere)
		if err := d.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s := d.Now(); s.Version != 0 || s.Record != nil {
			t.Errorf("nothing has the version %d", s.Version)
		}
		for i, marker := range []struct {
			value   []byte
			version uint64
		}{{value, 7}, {[]byte("1700000000000"), 0}, {value, 7}, {[]byte{}, 0}, {value, 7}, {nil, 0}, {value, 7}, {value[:len(value)-1], 0}} {
			revision := uint64(i + 1)
			changed := d.Changed()
			f.send(entry(t, agent("mila")), bus.Entry{Key: directory.Marker, Value: marker.value, Revision: revision})
			<-changed
			s := d.Now()
			if s.Version != marker.version || s.Revision != revision || marker.version != 0 && !proto.Equal(s.Record, record) {
				t.Errorf("after the marker %q: version %d, revision %d, record %v", marker.value, s.Version, s.Revision, s.Record)
			}
		}
	})
}

// No time of a change, as old markers hold it, reads as a version.
func TestOldMarkersAreNoVersions(t *testing.T) {
	for ms := int64(0); ms < 2_000_000_000_000; ms += 19_999_999 {
		if v := directory.DecodeVersion(fmt.Append(nil, ms)); v != nil {
			t.Fatalf("%d reads as %v", ms, v)
		}
	}
}
