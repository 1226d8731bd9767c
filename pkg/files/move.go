package files

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/parley-desk/parley/proto/subject"
)

// Moving is a store that took the place of another one: new files go there, and
// those that are in the other one are read, and removed, where they are. In tells
// by a key whether an object is in the new one.
func Moving(to, from Store, in func(key string) bool) Store { return moving{to, from, in} }

// Apart tells whether new files of a store go elsewhere than to the log's own broker.
func Apart(s Store) bool {
	_, is := s.(moving)
	return is
}

type moving struct {
	Store
	from Store
	in   func(string) bool
}

func (m moving) of(o Object) Store {
	if m.in(o.Key) {
		return m.Store
	}
	return m.from
}

func (m moving) Append(ctx context.Context, o Object, part []byte) (Object, error) {
	return m.of(o).Append(ctx, o, part)
}

func (m moving) Measure(ctx context.Context, o Object) (Object, error) {
	return m.of(o).Measure(ctx, o)
}

func (m moving) Settle(ctx context.Context, o Object) error { return m.of(o).Settle(ctx, o) }

func (m moving) Open(ctx context.Context, o Object) io.ReadSeeker { return m.of(o).Open(ctx, o) }

func (m moving) Remove(ctx context.Context, o Object) error { return m.of(o).Remove(ctx, o) }

func (m moving) Drop(ctx context.Context, t subject.Thread, name string) error {
	return errors.Join(m.Store.Drop(ctx, t, name), m.from.Drop(ctx, t, name))
}

func (m moving) Older(ctx context.Context, before time.Time) ([]string, time.Time, error) {
	old, oldest, err := m.Store.Older(ctx, before)
	if err != nil || len(old) == AtOnce {
		return old, oldest, err
	}
	more, other, err := m.from.Older(ctx, before)
	if other.IsZero() || !oldest.IsZero() && oldest.Before(other) {
		other = oldest
	}
	more = append(old, more...)
	return more[:min(len(more), AtOnce)], other, err
}

func (m moving) Erase(ctx context.Context, t subject.Thread) error {
	return errors.Join(m.Store.Erase(ctx, t), m.from.Erase(ctx, t))
}
