package bus

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/files"
	"github.com/parley-desk/parley/proto/subject"
)

// chunkSize is how much of a file one message of FILES holds. A reader of a
// range asks for the chunks in it, so a smaller one is asked for more often and
// a larger one for nothing.
const chunkSize = files.PartSize

// fileStore keeps files in the stream FILES, a message a chunk, each on a
// subject of its own: a place in a file is found by counting, and the files of a
// person go with one purge. It is not the broker's own object store, which knows
// chunks by their order only and objects by the hash of their name.
type fileStore struct{ bus *Bus }

// Files is the object store in the log's own broker.
func (b *Bus) Files() files.Store { return fileStore{b} }

// Put stores a chunk when the one before it is on disk: one chunk is all that
// waits in memory, here and at the broker.
func (f fileStore) Put(ctx context.Context, t subject.Thread, name string, r io.Reader) (files.Object, error) {
	o, err := f.Begin(t, name)
	if err != nil {
		return files.Object{}, err
	}
	chunk := make([]byte, chunkSize)
	for i := int64(0); ; i++ {
		n, err := io.ReadFull(r, chunk)
		last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err == nil || last && n > 0 {
			err = f.store(ctx, subject.File(o.Key, i), chunk[:n])
			o.Size += int64(n)
		} else if last {
			return o, nil
		}
		if err != nil {
			// What is left when this fails too is nobody's, and goes when the file is
			// copied again or its thread is erased.
			_ = f.Remove(context.WithoutCancel(ctx), o)
			return files.Object{}, err
		}
		if last {
			return o, nil
		}
	}
}

func (f fileStore) store(ctx context.Context, at string, data []byte) error {
	_, err := retryAway(ctx, func(ctx context.Context) (*jetstream.PubAck, error) {
		// A chunk whose answer was lost is stored twice: readers take the last.
		return f.bus.js.PublishMsg(ctx, &nats.Msg{Subject: at, Data: data})
	})
	return brokerFault(err, "store a chunk of a file")
}

// Begin makes up the key of an object.
func (fileStore) Begin(t subject.Thread, name string) (files.Object, error) {
	if err := files.ValidName(name); err != nil {
		return files.Object{}, err
	}
	return files.Object{Key: t.Key() + "." + name + "." + strings.ToLower(rand.Text())}, nil
}

// Append stores a chunk unless there is one in its place: of two that append at
// once, one is told so.
func (f fileStore) Append(ctx context.Context, o files.Object, part []byte) (files.Object, error) {
	if len(part) == 0 || len(part) > chunkSize || o.Size%chunkSize != 0 {
		return o, fault.New(fault.Invalid, "FILE_PART", "a part of %d bytes cannot follow %d: all but the last have %d", len(part), o.Size, chunkSize)
	}
	at, id := subject.File(o.Key, o.Size/chunkSize), nuid.Next()
	_, err := retryAway(ctx, func(ctx context.Context) (*jetstream.PubAck, error) {
		return f.bus.js.PublishMsg(ctx, &nats.Msg{Subject: at, Data: part, Header: nats.Header{headerExpected: {"0"}, headerCommitID: {id}}})
	})
	if raced(err) {
		// Perhaps by its own first try, whose answer was lost.
		last, lost := retryAway(ctx, func(ctx context.Context) (stored, error) {
			return f.bus.getLeader(ctx, subject.Files, lookup{Last: at})
		})
		if lost == nil && last.header.Get(headerCommitID) == id {
			err = nil
		}
	}
	if err != nil {
		return o, brokerFault(err, "store a chunk of a file")
	}
	o.Size += int64(len(part))
	return o, nil
}

// Measure finds the last chunk, and counts.
func (f fileStore) Measure(ctx context.Context, o files.Object) (files.Object, error) {
	last, err := retryAway(ctx, func(ctx context.Context) (stored, error) {
		return f.bus.askLeader(ctx, subject.Files, lookup{Last: subject.FileAll(o.Key)})
	})
	if absent(err) {
		return files.Object{Key: o.Key}, nil
	}
	if err != nil {
		return o, brokerFault(err, "measure a file")
	}
	chunk, err := strconv.ParseInt(last.subject[strings.LastIndexByte(last.subject, '.')+1:], 10, 64)
	if err != nil {
		return o, fault.Wrap(err, "read the number of a chunk")
	}
	return files.Object{Key: o.Key, Size: chunk*chunkSize + int64(len(last.data))}, nil
}

// Settle purges what stands under the same name before o.
func (f fileStore) Settle(ctx context.Context, o files.Object) error {
	first, err := retryAway(ctx, func(ctx context.Context) (stored, error) {
		return f.bus.getLeader(ctx, subject.Files, lookup{Next: subject.FileAll(o.Key), Seq: 1})
	})
	if err != nil {
		return brokerFault(err, "find a file")
	}
	name := o.Key[:strings.LastIndexByte(o.Key, '.')]
	return f.purge(ctx, jetstream.WithPurgeSubject(subject.FileAll(name)), jetstream.WithPurgeSequence(first.seq))
}

func (f fileStore) Remove(ctx context.Context, o files.Object) error {
	return f.purge(ctx, jetstream.WithPurgeSubject(subject.FileAll(o.Key)))
}

func (f fileStore) Drop(ctx context.Context, t subject.Thread, name string) error {
	if err := files.ValidName(name); err != nil {
		return err
	}
	return f.purge(ctx, jetstream.WithPurgeSubject(subject.FileAll(t.Key()+"."+name)))
}

// Older reads the stream from its begin, where the oldest are, without what is in
// the chunks.
func (f fileStore) Older(ctx context.Context, before time.Time) (old []string, oldest time.Time, _ error) {
	ctx, leave := f.bus.enter(ctx)
	defer leave()
	ctx, done := context.WithCancelCause(ctx)
	defer done(nil)
	seen := map[string]struct{}{}
	err := f.bus.follow(ctx, source{stream: subject.Files, bare: true}, func() { done(errComplete) }, func(m stored, _ uint64) error {
		key, ok := subject.ParseFile(m.subject)
		_, known := seen[key]
		switch {
		case !ok || known:
			return nil
		case !m.at.Before(before):
			oldest = m.at
			return errComplete
		case len(old) == files.AtOnce:
			return errComplete
		}
		seen[key] = struct{}{}
		old = append(old, key)
		return nil
	})
	if errors.Is(err, errComplete) || errors.Is(context.Cause(ctx), errComplete) {
		err = nil
	}
	return old, oldest, brokerFault(err, "look for old files")
}

// Erase overwrites every chunk, which a purge alone does not.
func (f fileStore) Erase(ctx context.Context, t subject.Thread) error {
	found, err := f.bus.tracesUnder(ctx, subject.Files, subject.FilesOf(t), math.MaxUint64)
	if err != nil {
		return err
	}
	if err := f.bus.Erase(ctx, found); err != nil {
		return err
	}
	return f.purge(ctx, jetstream.WithPurgeSubject(subject.FilesOf(t)))
}

func (f fileStore) purge(ctx context.Context, opts ...jetstream.StreamPurgeOpt) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := retryAway(ctx, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, f.bus.streams[subject.Files].Purge(ctx, opts...)
	})
	return brokerFault(err, "remove files")
}

// Open reads an object chunk by chunk.
func (f fileStore) Open(ctx context.Context, o files.Object) io.ReadSeeker {
	return files.Parts(o, func(n int64) ([]byte, error) {
		m, err := retryAway(ctx, func(ctx context.Context) (stored, error) {
			return f.bus.getLeader(ctx, subject.Files, lookup{Last: subject.File(o.Key, n)})
		})
		return m.data, brokerFault(err, "read a file")
	})
}

// FileOwners are the threads that have files in the broker.
func (b *Bus) FileOwners(ctx context.Context) ([]subject.Thread, error) {
	info, err := retryAway(ctx, func(ctx context.Context) (*jetstream.StreamInfo, error) {
		return b.streams[subject.Files].Info(ctx, jetstream.WithSubjectFilter(subject.FilesAll))
	})
	if err != nil {
		return nil, brokerFault(err, "look whose files there are")
	}
	owners := map[subject.Thread]bool{}
	for on := range info.State.Subjects {
		key, _ := subject.ParseFile(on)
		t, err := subject.ThreadOfFile(key)
		if err != nil {
			return nil, fault.Wrap(err, "read whose a file is")
		}
		owners[t] = true
	}
	return slices.Collect(maps.Keys(owners)), nil
}
