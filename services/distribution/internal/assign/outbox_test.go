package assign_test

import (
	"reflect"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/parley-desk/parley/pkg/keyspace/keyspacetest"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

// TestWhatChoseAnAgentIsTold is what a proposal tells for those who ask why: how
// many could have taken the item and who came first, and the rules, whatever
// they are called, where rules chose (L60).
func TestWhatChoseAnAgentIsTold(t *testing.T) {
	keyspacetest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		d := open(t, rdb)
		d.signIn("ana")
		told := func(i assign.Item) []any {
			p := d.proposal(i.Key)
			return []any{p.Agent, p.Method, p.Ready, p.First, p.Rule, p.Bucket}
		}
		served, _ := d.apply(itemOf(1, caller{at: d.now.UnixMilli(), queue: "front"}))
		want := []any{"ana", "active", int32(1), []string{"ana"}, "", ""}
		if got := told(served); !reflect.DeepEqual(got, want) {
			t.Errorf("told %q, want %q", got, want)
		}
		d.must(d.book.SetQueue(t.Context(), d.now, assign.Queue{ID: "front", Revision: 1, Method: assign.Custom, Classes: []assign.Class{plain(1)}}))
		d.signIn("boris")
		ruled, _ := d.apply(itemOf(2, caller{at: d.now.UnixMilli(), queue: "front"}))
		status, err := d.book.Status(t.Context())
		d.must(err)
		all, err := d.book.Members(t.Context(), status.Epoch, []string{"boris"})
		d.must(err)
		got, _, err := d.book.Reserve(t.Context(), d.now, assign.Reservation{Item: ruled.Key, Conversation: ruled.Conversation, Revision: ruled.Revision,
			Agent: "boris", Version: all[0].Version, Ready: 2, First: []string{"boris", "vera"}, Rule: "whom/near | far", Bucket: "first/gold | silver"})
		d.must(err)
		want = []any{"boris", "custom", int32(2), []string{"boris", "vera"}, "whom/near | far", "first/gold | silver"}
		if told := told(ruled); got != assign.ReservedIt || !reflect.DeepEqual(told, want) {
			t.Errorf("%s and told %q, want %q", got, told, want)
		}
	})
}
