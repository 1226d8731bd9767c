package contact

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
)

// ID is the id of a contact, packed.
type ID [16]byte

// row is a contact as the index has it.
type row struct {
	terms    string // as termsOf gives them
	whole    string // the contact, packed; empty when it is too long to keep
	id       ID
	revision uint64
	active   bool // stands for itself and is in use
	merged   bool
}

// entry is one term of one contact: text at..at+size of the terms of its row.
type entry struct {
	row      uint32
	at, size uint16
}

// index keeps the terms of all contacts in order, in blocks, so that a change
// moves a few hundred entries and not millions. An entry takes eight bytes: its
// text is that of its row.
type index struct {
	rows   []row
	free   []uint32
	byID   map[ID]uint32
	blocks [][]entry
}

const (
	indexed   = "apw" // classes of terms that searches begin with, in order
	blockSize = 512   // entries; a full block is split
	// mostVisited bounds how many contacts one search looks at. Two beginnings
	// that each match many contacts and hardly any together take longest.
	mostVisited = 50_000
)

func newIndex() *index { return &index{byID: map[ID]uint32{}} }

func (x *index) text(e entry) string { return x.rows[e.row].terms[e.at : e.at+e.size] }

// compare orders entries by text, then by row.
func (x *index) compare(a, b entry) int {
	return cmp.Or(strings.Compare(x.text(a), x.text(b)), cmp.Compare(a.row, b.row))
}

// entries are those of the terms of a row that searches begin with.
func (x *index) entries(n uint32, yield func(entry)) {
	terms, at := x.rows[n].terms, 0
	for at < len(terms) {
		size := strings.Index(terms[at:], separator)
		if size < 0 || at+size > 1<<16-1 {
			return
		}
		if strings.IndexByte(indexed, terms[at]) >= 0 {
			yield(entry{n, uint16(at), uint16(size)})
		}
		at += size + len(separator)
	}
}

// keyed is an entry with the bytes of its text that decide nearly every
// comparison, so that sorting seldom looks at rows.
type keyed struct {
	first, second uint64
	entry
}

func (x *index) keyed(e entry) keyed {
	var head [2 * keyWord]byte
	copy(head[:], x.text(e)[1:]) // the class is that of all
	return keyed{binary.BigEndian.Uint64(head[:keyWord]), binary.BigEndian.Uint64(head[keyWord:]), e}
}

const keyWord = 8

func (x *index) compareKeyed(a, b keyed) int {
	if c := cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.second, b.second)); c != 0 {
		return c
	}
	if max(a.size, b.size) <= 1+2*keyWord && a.size == b.size {
		return cmp.Compare(a.row, b.row)
	}
	return x.compare(a.entry, b.entry)
}

// load fills an empty index with rows, one class of terms after the other.
func (x *index) load(rows []row) {
	x.rows = rows
	x.byID = make(map[ID]uint32, len(rows))
	for n := range rows {
		x.byID[rows[n].id] = uint32(n)
	}
	for _, class := range []byte(indexed) {
		all := make([]keyed, 0, 2*len(rows))
		for n := range rows {
			x.entries(uint32(n), func(e entry) {
				if rows[n].terms[e.at] == class {
					all = append(all, x.keyed(e))
				}
			})
		}
		slices.SortFunc(all, x.compareKeyed)
		for chunk := range slices.Chunk(all, blockSize*3/4) {
			block := make([]entry, len(chunk), blockSize)
			for i, k := range chunk {
				block[i] = k.entry
			}
			x.blocks = append(x.blocks, block)
		}
	}
}

// put adds a contact or replaces it; older readings change nothing.
func (x *index) put(r row) {
	if n, known := x.byID[r.id]; known {
		if x.rows[n].revision >= r.revision {
			return
		}
		if x.rows[n].terms == r.terms {
			x.rows[n] = r
			return
		}
		x.remove(r.id)
	}
	var n uint32
	if last := len(x.free) - 1; last >= 0 {
		n, x.free = x.free[last], x.free[:last]
		x.rows[n] = r
	} else {
		n = uint32(len(x.rows))
		x.rows = append(x.rows, r)
	}
	x.byID[r.id] = n
	x.entries(n, x.insert)
}

// remove forgets a contact.
func (x *index) remove(id ID) {
	n, known := x.byID[id]
	if !known {
		return
	}
	x.entries(n, x.delete)
	delete(x.byID, id)
	x.rows[n] = row{}
	x.free = append(x.free, n)
}

func (x *index) insert(e entry) {
	if len(x.blocks) == 0 {
		x.blocks = append(x.blocks, append(make([]entry, 0, blockSize), e))
		return
	}
	b := x.block(func(first entry) bool { return x.compare(first, e) > 0 })
	block := x.blocks[b]
	at, _ := slices.BinarySearchFunc(block, e, x.compare)
	if len(block) < blockSize {
		x.blocks[b] = slices.Insert(block, at, e)
		return
	}
	upper := append(make([]entry, 0, blockSize), block[blockSize/2:]...)
	x.blocks[b] = block[:blockSize/2]
	x.blocks = slices.Insert(x.blocks, b+1, upper)
	x.insert(e)
}

func (x *index) delete(e entry) {
	b := x.block(func(first entry) bool { return x.compare(first, e) > 0 })
	if b >= len(x.blocks) {
		return
	}
	at, found := slices.BinarySearchFunc(x.blocks[b], e, x.compare)
	if !found {
		return
	}
	x.blocks[b] = slices.Delete(x.blocks[b], at, at+1)
	if len(x.blocks[b]) == 0 {
		x.blocks = slices.Delete(x.blocks, b, b+1)
	}
}

// block is the last block whose first entry is not after what is looked for.
func (x *index) block(after func(first entry) bool) int {
	lo, hi := 0, len(x.blocks)
	for lo < hi {
		if mid := (lo + hi) / 2; after(x.blocks[mid][0]) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return max(lo-1, 0)
}

// place is where an entry stands.
type place struct{ block, at int }

// from is the place of the first entry whose text is not below s.
func (x *index) from(s string) place {
	if len(x.blocks) == 0 {
		return place{}
	}
	b := x.block(func(first entry) bool { return x.text(first) >= s })
	at, _ := slices.BinarySearchFunc(x.blocks[b], s, func(e entry, s string) int {
		if x.text(e) < s {
			return -1
		}
		return 1
	})
	return place{b, at}
}

// count tells about how many entries begin so.
func (x *index) count(beginning string) int {
	lo, hi := x.from(beginning), x.from(beginning+"\xff")
	if lo.block == hi.block {
		return hi.at - lo.at
	}
	return (hi.block-lo.block)*blockSize*3/4 + hi.at - lo.at
}

// each yields the entries that begin so, in order, until yield is false.
func (x *index) each(beginning string, yield func(entry) bool) {
	p := x.from(beginning)
	for b := p.block; b < len(x.blocks); b, p.at = b+1, 0 {
		for _, e := range x.blocks[b][p.at:] {
			if !strings.HasPrefix(x.text(e), beginning) || !yield(e) {
				return
			}
		}
	}
}

// driver is the part of q that the fewest contacts match: of each of its
// alternatives the beginning that the fewest terms have.
func (x *index) driver(q Query) []string {
	var best []string
	fewest := -1
	for _, p := range q.parts {
		var rarest []string
		sum := 0
		for _, all := range p {
			b := slices.MinFunc(all, func(a, b string) int { return cmp.Compare(x.count(a), x.count(b)) })
			rarest, sum = append(rarest, b), sum+x.count(b)
		}
		if fewest < 0 || sum < fewest {
			best, fewest = rarest, sum
		}
	}
	return best
}

// search gives up to limit contacts that match, in order of the term that
// matched, and whether there are more or may be.
func (x *index) search(q Query, limit int, inactive bool) (found []ID, more bool) {
	visited, seen := 0, map[uint32]bool{}
	for _, beginning := range x.driver(q) {
		x.each(beginning, func(e entry) bool {
			visited++
			r := &x.rows[e.row]
			if more = visited > mostVisited; more {
				return false
			}
			if !inactive && !r.active && !r.merged || seen[e.row] || !q.matches(r.terms) {
				return true
			}
			if more = len(found) == limit; more {
				return false
			}
			seen[e.row] = true
			found = append(found, r.id)
			return true
		})
		if more {
			break
		}
	}
	return found, more
}

// identify gives the contacts in use that have one term of each of needs, at most
// limit. It begins with the one of starts that the fewest have; whoever is meant
// has all of them. When so many have it that not all can be looked at, it gives
// nobody.
func (x *index) identify(starts []string, needs [][]string, limit int) []ID {
	if len(starts) == 0 {
		return nil
	}
	start := slices.MinFunc(starts, func(a, b string) int { return cmp.Compare(x.count(a), x.count(b)) })
	var found []ID
	visited := 0
	x.each(start, func(e entry) bool {
		r := &x.rows[e.row]
		if visited++; x.text(e) != start || visited > mostVisited {
			return false // longer ones come after the one itself
		}
		if r.active && hasAll(r.terms, needs) {
			found = append(found, r.id)
		}
		return len(found) < limit
	})
	if visited > mostVisited {
		return nil
	}
	return found
}
