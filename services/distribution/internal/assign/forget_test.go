package assign_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/parley-desk/parley/pkg/keyspace/keyspacetest"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

// Of a thread that is over nothing stays in Redis; one that goes on stays, and so
// does whoever else waits. Doing it again is harmless.
func TestWhoIsErasedIsForgotten(t *testing.T) {
	keyspacetest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		d := open(t, rdb)
		over, _ := d.queued("canary-over")
		d.queued("canary-live")
		over.Phase = assign.Done
		d.apply(over)
		if !holdsKey(t, rdb, "canary-over") {
			t.Fatal("what is over is not remembered: the test proves nothing")
		}
		for range 2 {
			left, err := d.book.Forget(t.Context(), d.now, []string{"canary-over", "canary-live", "canary-unknown"})
			d.must(err)
			if !slices.Equal(left, []string{"canary-live"}) {
				t.Errorf("left: %v", left)
			}
		}
		if holdsKey(t, rdb, "canary-over") {
			t.Error("who was erased is in Redis")
		}
		if !holdsKey(t, rdb, "canary-live") {
			t.Error("who waits is forgotten")
		}
	})
}

// holdsKey looks through all of Redis that can name an item.
func holdsKey(t *testing.T, rdb redis.UniversalClient, item string) bool {
	t.Helper()
	keys, err := rdb.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		all := []string{key}
		switch rdb.Type(t.Context(), key).Val() {
		case "string":
			all = append(all, rdb.Get(t.Context(), key).Val())
		case "zset":
			all = append(all, rdb.ZRange(t.Context(), key, 0, -1).Val()...)
		case "set":
			all = append(all, rdb.SMembers(t.Context(), key).Val()...)
		case "hash":
			for field, value := range rdb.HGetAll(t.Context(), key).Val() {
				all = append(all, field, value)
			}
		}
		if strings.Contains(strings.Join(all, "\n"), item) {
			return true
		}
	}
	return false
}
