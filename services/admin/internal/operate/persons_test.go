package operate

import (
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
)

func TestALateErasureIsNamed(t *testing.T) {
	now := time.Now()
	order := func(ordered, starts time.Duration) *privacyv1.Erasure {
		return &privacyv1.Erasure{OrderedMs: now.Add(ordered).UnixMilli(), StartsMs: now.Add(starts).UnixMilli(), Waits: "for somebody"}
	}
	for name, c := range map[string]struct {
		open []*privacyv1.Erasure
		want bus.Level
	}{
		"none":                        {nil, bus.Fine},
		"one at work":                 {[]*privacyv1.Erasure{order(-time.Minute, -time.Minute)}, bus.Fine},
		"one that may not begin yet":  {[]*privacyv1.Erasure{order(-48*time.Hour, time.Hour)}, bus.Fine},
		"one that takes hours":        {[]*privacyv1.Erasure{order(-time.Minute, -time.Minute), order(-2*time.Hour, -2*time.Hour)}, bus.Warning},
		"one later than was promised": {[]*privacyv1.Erasure{order(-25*time.Hour, -25*time.Hour)}, bus.Failed},
	} {
		if got := erasures(c.open, now); got.Level != c.want || (got.Remedy == "") != (c.want == bus.Fine) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestCertificatesInTheLogAloneAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		done []*privacyv1.Erasure
		want bus.Level
	}{
		"nobody was erased":   {nil, bus.Fine},
		"everybody is known":  {[]*privacyv1.Erasure{{Shelved: true}}, bus.Fine},
		"kept long enough":    {[]*privacyv1.Erasure{{Way: privacyv1.Way_WAY_RETENTION}}, bus.Fine},
		"one would come back": {[]*privacyv1.Erasure{{Shelved: true}, {}}, bus.Warning},
	} {
		if got := certificates(c.done); got.Level != c.want || (got.Remedy == "") != (c.want == bus.Fine) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestRetentionThatFallsBehindIsNamed(t *testing.T) {
	now := time.Now()
	ago := func(days int) int64 { return now.Add(-time.Duration(days) * 24 * time.Hour).UnixMilli() }
	ends := &directory.Snapshot{Workstreams: map[string]*configv1.Workstream{"w": {RetentionDays: 30}}}
	seen := func(at int64, oldest int, due int64) *privacyv1.Retention {
		return &privacyv1.Retention{AtMs: at, Kept: []*privacyv1.Kept{{Workstream: "w", Days: 30, OldestMs: ago(oldest), Due: due}}}
	}
	for name, c := range map[string]struct {
		world *directory.Snapshot
		seen  *privacyv1.Retention
		want  bus.Level
	}{
		"everything for ever":             {&directory.Snapshot{}, nil, bus.Fine},
		"nobody ever looked":              {ends, nil, bus.Warning},
		"nobody looked lately":            {ends, seen(ago(3), 30, 0), bus.Warning},
		"nothing is due":                  {ends, seen(ago(0), 400, 0), bus.Fine}, // open, or held
		"what is due was so since today":  {ends, seen(ago(0), 31, 4), bus.Fine},
		"what is due was so since a week": {ends, seen(ago(0), 37, 4), bus.Warning},
	} {
		if got := retention(c.world, c.seen, now); got.Level != c.want || (got.Remedy == "") != (c.want == bus.Fine) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
