package mask

import (
	"sync"
	"sync/atomic"

	"github.com/parley-desk/parley/pkg/directory"
)

// Book keeps the compiled rules of a snapshot of the directory, because to compile
// them for every text takes longer than to use them. The zero value is ready.
type Book struct{ edition atomic.Pointer[edition] }

type edition struct {
	world *directory.Snapshot
	pages sync.Map // Both by Meta's page id
}

// Of gives the rules for the page with Meta's id: those of its workstream.
func (b *Book) Of(world *directory.Snapshot, page string) Both {
	e := b.edition.Load()
	if e == nil || e.world != world {
		e = &edition{world: world}
		b.edition.Store(e)
	}
	if known, ok := e.pages.Load(page); ok {
		return known.(Both)
	}
	both := Compile(world.Workstreams[world.PagesByMeta[page].GetWorkstream()].GetMasks())
	e.pages.Store(page, both)
	return both
}
