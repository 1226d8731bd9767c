package history_test

import (
	"fmt"
	"testing"

	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/admin/internal/history"
)

// A base of more resources than a record can list does without the list; what
// there was is kept all the same.
func TestABaseThatIsTooLongToList(t *testing.T) {
	for n, listed := range map[int]int{0: 0, 1000: 1000, 9000: 0} {
		var all []directory.Resource
		for i := range n {
			all = append(all, &configv1.Agent{Meta: &configv1.Meta{Id: fmt.Sprintf("a%0*d", 62, i)}}) // as long as an id may be
		}
		changes, contents, err := history.Found(directory.NewSnapshot(all...))
		if err != nil || len(changes) != listed || len(contents) != n {
			t.Errorf("of %d resources %d are listed and %d kept, want %d and %d: %v", n, len(changes), len(contents), listed, n, err)
		}
	}
}
