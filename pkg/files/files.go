// Package files is the object store as the house sees it: it takes files as
// streams, in one pass, and gives them back from any place in them.
//
// An object belongs to a thread and can be found by it, so that erasing a
// person finds all of theirs. Its key has a random part: who knows the thread
// and the message still cannot name it.
package files

import (
	"context"
	"io"
	"time"

	"github.com/parley-desk/parley/proto/subject"
)

// Object is a file as it was stored.
type Object struct {
	Key  string // where it is
	Size int64
}

// PartSize is how much is appended at a time to an object that is made part by
// part.
const PartSize = 128 << 10

// AtOnce is how many old objects are found at a time.
const AtOnce = 10_000

// Store keeps files. Implementations hold no more of a file in memory than a
// few chunks, however long it is.
type Store interface {
	// Put stores what r gives. When it fails, nothing of it is left that anybody
	// could read. name is what the file is known by in its thread: small letters
	// and digits, and dots between the parts of it. Two Puts of one name make two
	// objects.
	Put(ctx context.Context, t subject.Thread, name string, r io.Reader) (Object, error)
	// Begin names an object of a thread that is made part by part, and stores
	// nothing.
	Begin(t subject.Thread, name string) (Object, error)
	// Append adds a part to an object that was begun; o has the size that it has
	// by now, and the answer the new one. Every part but the last has PartSize
	// bytes. fault.Conflict says that the object has another size.
	Append(ctx context.Context, o Object, part []byte) (Object, error)
	// Measure gives an object that was begun the size that it has by now.
	Measure(ctx context.Context, o Object) (Object, error)
	// Settle says that o is the one object under its name that counts: older
	// ones, left by those who died while copying, are removed.
	Settle(ctx context.Context, o Object) error
	// Open reads an object. A part that is not there any more is a
	// fault.NotFound when it is read.
	Open(ctx context.Context, o Object) io.ReadSeeker
	// Remove takes an object away; one that is not there already is.
	Remove(ctx context.Context, o Object) error
	// Drop takes away all objects of a thread whose name is, or begins with, these
	// whole parts.
	Drop(ctx context.Context, t subject.Thread, name string) error
	// Older gives the keys of objects that were begun before a time, AtOnce at
	// most, and when the oldest of the others was begun: zero when there is none,
	// or there was no looking that far.
	Older(ctx context.Context, before time.Time) (old []string, oldest time.Time, _ error)
	// Erase takes away all files of a thread.
	Erase(ctx context.Context, t subject.Thread) error
}
