package offering_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/keyspace/keyspacetest"
)

// TestManyCommitsAtOnceAreAllInTheBook follows commits of many threads from many
// goroutines, before and after the book is lost.
func TestManyCommitsAtOnceAreAllInTheBook(t *testing.T) {
	keyspacetest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		const crowd = 300
		o := open(t, rdb, crowd, "mila")
		follow := func(first int) {
			var all sync.WaitGroup
			for n := range crowd / 2 {
				rec := o.routed(customer(first + n))
				all.Go(func() {
					if err := o.Follow(t.Context(), rec); err != nil {
						t.Errorf("follow: %v", err)
					}
				})
			}
			all.Wait()
		}
		follow(0)
		o.must(rdb.FlushAll(t.Context()).Err())
		follow(crowd)
		var records []bus.Record
		for rec := range o.log.States(t.Context()) {
			records = append(records, rec)
		}
		for _, rec := range records {
			await(t, fmt.Sprint("an offer of ", rec.Thread.PSID), func() bool {
				o.must(o.Tick(t.Context())) // what was loaded is matched by a timer
				return o.offer(rec.Thread) != nil
			})
		}
		await(t, "the units to be taken", func() bool { return o.used("mila") == crowd })
	})
}
