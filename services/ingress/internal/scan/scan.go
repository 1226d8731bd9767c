// Package scan reads JSON in place: one pass, no copies, no tree. A reader
// walks down into the objects and arrays that matter and hands out everything
// else as slices of the input, byte for byte.
//
// It accepts exactly what encoding/json calls valid, down to a depth; a fuzz
// test holds the two against each other.
package scan

import "errors"

// What can be wrong with the input.
var (
	// ErrSyntax says that the input is not JSON.
	ErrSyntax = errors.New("not valid JSON")
	// ErrDepth says that the input is nested deeper than the reader allows.
	ErrDepth = errors.New("nested too deep")
)

// Reader stands before, inside or behind one JSON value.
type Reader struct {
	data []byte
	at   int
	room int // levels that may still be opened
}

// New reads data, refusing to open more than depth objects and arrays inside
// each other.
func New(data []byte, depth int) *Reader { return &Reader{data: data, room: depth} }

// Kind is the first byte of the next value: '{', '[', '"', '-', a digit, 't',
// 'f' or 'n' where the input is valid; 0 at its end.
func (r *Reader) Kind() byte {
	r.space()
	if r.at == len(r.data) {
		return 0
	}
	return r.data[r.at]
}

// Skip passes the next value, checking it, and returns its bytes.
func (r *Reader) Skip() ([]byte, error) {
	return r.Span(r.skip)
}

// Span passes the next value by way of read, which must consume exactly that
// value, and returns its bytes.
func (r *Reader) Span(read func() error) ([]byte, error) {
	r.space()
	start := r.at
	if err := read(); err != nil {
		return nil, err
	}
	return r.data[start:r.at:r.at], nil
}

// Object passes the next value, an object. For each member it calls member
// with the key as it is written, escapes and all; member must consume the value.
func (r *Reader) Object(member func(key []byte) error) error {
	return r.list('{', '}', func() error {
		key, err := r.Span(r.text)
		if err != nil {
			return err
		}
		if r.Kind() != ':' {
			return ErrSyntax
		}
		r.at++
		return member(key[1 : len(key)-1])
	})
}

// Array passes the next value, an array, calling element before each element;
// element must consume it.
func (r *Reader) Array(element func() error) error {
	return r.list('[', ']', element)
}

// End checks that nothing follows.
func (r *Reader) End() error {
	if r.Kind() != 0 || r.at != len(r.data) {
		return ErrSyntax
	}
	return nil
}

func (r *Reader) list(open, end byte, item func() error) error {
	if r.Kind() != open {
		return ErrSyntax
	}
	if r.room == 0 {
		return ErrDepth
	}
	r.room--
	defer func() { r.room++ }()
	r.at++
	if r.Kind() == end {
		r.at++
		return nil
	}
	for {
		if err := item(); err != nil {
			return err
		}
		switch r.Kind() {
		case ',':
			r.at++
		case end:
			r.at++
			return nil
		default:
			return ErrSyntax
		}
	}
}

func (r *Reader) skip() error {
	switch c := r.Kind(); {
	case c == '{':
		return r.Object(func([]byte) error { return r.skip() })
	case c == '[':
		return r.Array(r.skip)
	case c == '"':
		return r.text()
	case c == 't':
		return r.word("true")
	case c == 'f':
		return r.word("false")
	case c == 'n':
		return r.word("null")
	case c == '-' || digit(c):
		return r.number()
	}
	return ErrSyntax
}

func (r *Reader) space() {
	for r.at < len(r.data) {
		switch r.data[r.at] {
		case ' ', '\t', '\r', '\n':
			r.at++
		default:
			return
		}
	}
}

func (r *Reader) word(w string) error {
	end := r.at + len(w)
	if end > len(r.data) || string(r.data[r.at:end]) != w {
		return ErrSyntax
	}
	r.at = end
	return nil
}

func (r *Reader) text() error {
	if r.Kind() != '"' {
		return ErrSyntax
	}
	data := r.data
	for i := r.at + 1; i < len(data); i++ {
		c := data[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		switch c {
		case '"':
			r.at = i + 1
			return nil
		case '\\':
			n := escape(data[i+1:])
			if n == 0 {
				return ErrSyntax
			}
			i += n
		default:
			return ErrSyntax
		}
	}
	return ErrSyntax
}

// escape is how many bytes an escape takes behind its backslash; 0 when it is none.
func escape(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	switch b[0] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 1
	case 'u':
		if len(b) < 5 {
			return 0
		}
		for _, c := range b[1:5] {
			if !digit(c) && (c|0x20 < 'a' || c|0x20 > 'f') {
				return 0
			}
		}
		return 5
	}
	return 0
}

func (r *Reader) number() error {
	if r.data[r.at] == '-' {
		r.at++
	}
	whole := r.at
	if !r.digits() || r.data[whole] == '0' && r.at-whole > 1 {
		return ErrSyntax
	}
	if r.at < len(r.data) && r.data[r.at] == '.' {
		r.at++
		if !r.digits() {
			return ErrSyntax
		}
	}
	if r.at < len(r.data) && r.data[r.at]|0x20 == 'e' {
		r.at++
		if r.at < len(r.data) && (r.data[r.at] == '+' || r.data[r.at] == '-') {
			r.at++
		}
		if !r.digits() {
			return ErrSyntax
		}
	}
	return nil
}

// digits passes digits and tells whether there was one.
func (r *Reader) digits() bool {
	from := r.at
	for r.at < len(r.data) && digit(r.data[r.at]) {
		r.at++
	}
	return r.at > from
}

func digit(c byte) bool { return c >= '0' && c <= '9' }
