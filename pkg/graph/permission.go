package graph

import (
	"sync"
	"time"
)

// refusedFor is how long a page that does not grant a permission is not asked
// for it again: its administrators may add it any day.
const refusedFor = time.Hour

// permission remembers which pages grant what a request may ask for besides.
type permission struct {
	mu    sync.Mutex
	pages map[string]time.Time // when to ask again; zero: it is granted
}

func (p *permission) granted(page string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	again, known := p.pages[page]
	return known && again.IsZero()
}

// worthAsking is false for a while after a refusal.
func (p *permission) worthAsking(page string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return now.After(p.pages[page])
}

func (p *permission) grant(page string)                 { p.set(page, time.Time{}) }
func (p *permission) refuse(page string, now time.Time) { p.set(page, now.Add(refusedFor)) }

func (p *permission) set(page string, again time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pages == nil {
		p.pages = map[string]time.Time{}
	}
	p.pages[page] = again
}

// forget has the page asked again as if for the first time.
func (p *permission) forget(page string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.pages, page)
}
