package assign_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/parley-desk/parley/pkg/keyspace/keyspacetest"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

// TestADayOutlivesRedis loads a book from the log: of a profile that counts by
// the day is taken what its agent got today, and has or had, and nothing else.
func TestADayOutlivesRedis(t *testing.T) {
	keyspacetest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		d := &desk{t: t, now: time.UnixMilli(1_764_000_000_000)}
		dawn := d.now.Add(-8 * time.Hour).UnixMilli()
		var items []assign.Item
		had := func(key string, phase assign.Phase, assigned int64) {
			items = append(items, assign.Item{Key: key, Conversation: key, Revision: uint64(len(items) + 1), Phase: phase, Queue: "front", Agent: "ana",
				Class: assign.Class{Presences: "AB", Profiles: []string{"daily", "plain"}}, AssignedMS: assigned})
		}
		had("1.over", assign.Done, dawn)
		had("1.has", assign.Active, dawn+1)
		had("1.yesterday", assign.Done, dawn-1)
		had("1.still", assign.Active, dawn-1)
		had("1.never", assign.Done, 0)
		var err error
		d.book, err = assign.NewBook(rdb, assign.Config{Group: "g", Lease: time.Hour, Grace: time.Hour})
		d.must(err)
		_, err = d.book.Rebuild(t.Context(), d.now, assign.World{
			Queues: []assign.Queue{{ID: "front", Method: assign.LeastActive}},
			Agents: []assign.Agent{{ID: "ana", Queues: []string{"front"}, DawnMS: dawn, DayMS: dawn + 86_400_000,
				Profiles: []assign.Limit{{Profile: "daily", Limit: 9, Daily: true}, {Profile: "plain", Limit: 9}}}},
			Items: func(yield func(assign.Item, error) bool) {
				for _, i := range items {
					if !yield(i, nil) {
						return
					}
				}
			}})
		d.must(err)
		stands, err := d.book.Roster(t.Context(), d.now, []string{"ana"})
		d.must(err)
		for _, l := range stands[0].Profiles {
			if l.Used != 2 {
				t.Errorf("of %s %d are taken, want 2", l.Profile, l.Used)
			}
		}
	})
}
