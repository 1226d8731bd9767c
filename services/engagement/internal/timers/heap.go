package timers

import "container/heap"

// ordered is the heap of a shelf, the earliest first, as container/heap wants
// it. Its entries know their places.
type ordered Shelf

func (o *ordered) shelf() *Shelf { return (*Shelf)(o) }
func (o *ordered) Len() int      { return len(o.heap) }

func (o *ordered) Less(a, b int) bool {
	return o.shelf().entry(o.heap[a]).due < o.shelf().entry(o.heap[b]).due
}

func (o *ordered) Swap(a, b int) {
	o.heap[a], o.heap[b] = o.heap[b], o.heap[a]
	o.shelf().entry(o.heap[a]).at, o.shelf().entry(o.heap[b]).at = int32(a), int32(b)
}

// Push takes the number of an entry.
func (o *ordered) Push(x any) {
	i := x.(int32)
	o.shelf().entry(i).at = int32(len(o.heap))
	o.heap = append(o.heap, i)
}

// Pop gives one.
func (o *ordered) Pop() any {
	i := o.heap[len(o.heap)-1]
	o.heap = o.heap[:len(o.heap)-1]
	o.shelf().entry(i).at = none
	return i
}

// enheap puts an entry into the heap, or where it belongs there by now.
func (h *Shelf) enheap(i int32) {
	if e := h.entry(i); e.at != none {
		heap.Fix((*ordered)(h), int(e.at))
	} else {
		heap.Push((*ordered)(h), i)
	}
	if h.heap[0] == i {
		select {
		case h.news <- struct{}{}:
		default:
		}
	}
}

// unheap takes an entry out of the heap.
func (h *Shelf) unheap(i int32) {
	if at := h.entry(i).at; at != none {
		heap.Remove((*ordered)(h), int(at))
	}
}
