// Package kin knows which threads are of the same contact. It is an index over
// the states of threads: it keeps nothing of a thread whose customer is nobody
// known, and nothing that the log does not say.
package kin

import (
	"slices"
	"sync"

	"github.com/parley-desk/parley/pkg/contact"
	"github.com/parley-desk/parley/proto/subject"
)

// Index is the index. Its methods may be called from any goroutine; the states of
// one thread come in the order of the log.
type Index struct {
	mu      sync.RWMutex
	threads map[contact.ID][]subject.Thread
	linked  map[subject.Thread]contact.ID
}

// New is an index in which nobody is known.
func New() *Index {
	return &Index{threads: map[contact.ID][]subject.Thread{}, linked: map[subject.Thread]contact.ID{}}
}

// Put takes which contact the customer of a thread is, by id; empty for nobody.
func (x *Index) Put(t subject.Thread, id string) {
	now, err := contact.ParseID(id)
	known := err == nil
	x.mu.RLock()
	was, had := x.linked[t]
	x.mu.RUnlock()
	if had == known && was == now {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if had {
		x.drop(was, t)
	}
	if known {
		x.linked[t] = now
		x.threads[now] = append(x.threads[now], t)
	}
}

func (x *Index) drop(id contact.ID, t subject.Thread) {
	delete(x.linked, t)
	rest := slices.DeleteFunc(x.threads[id], func(other subject.Thread) bool { return other == t })
	if x.threads[id] = rest; len(rest) == 0 {
		delete(x.threads, id)
	}
}

// Threads are up to most threads of contacts, those that were linked last first.
func (x *Index) Threads(most int, ids ...string) (all []subject.Thread) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, id := range ids {
		parsed, err := contact.ParseID(id)
		if err != nil {
			continue
		}
		for _, t := range slices.Backward(x.threads[parsed]) {
			if len(all) == most {
				return all
			}
			all = append(all, t)
		}
	}
	return all
}

// Size is how many threads have a contact, and how many contacts have threads.
func (x *Index) Size() (threads, contacts int) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.linked), len(x.threads)
}
