package upload

import (
	"context"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/telemetry/key"
)

const (
	// sweeping is how often is looked for uploads that have lapsed.
	sweeping = time.Minute
	// margin is how much longer a lapsed upload is left alone: a message may just
	// be on its way into the log.
	margin = 5 * time.Minute
)

// Run follows the bucket and removes what has lapsed, until ctx ends. All
// processes do: whoever comes second finds nothing left.
func (s *Store) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	swept := make(chan struct{})
	go func() {
		defer close(swept)
		s.sweep(ctx)
	}()
	err := s.Bucket.Watch(ctx, func() {}, s.follow)
	cancel()
	<-swept
	return err
}

func (s *Store) follow(e bus.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = map[string]Upload{}
	}
	if u, ok := decode(e); ok {
		s.known[e.Key] = u
		return
	}
	delete(s.known, e.Key)
}

func (s *Store) sweep(ctx context.Context) {
	tick := time.NewTicker(sweeping)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, u := range s.lapsed() {
			if err := s.remove(ctx, u); err != nil && ctx.Err() == nil {
				s.Report.WarnContext(ctx, "a lapsed upload is removed later", key.Err, err)
			}
		}
	}
}

func (s *Store) lapsed() []Upload {
	s.mu.Lock()
	defer s.mu.Unlock()
	var old []Upload
	for _, u := range s.known {
		if s.Now().Sub(u.Began) >= s.Limits.Age+margin {
			old = append(old, u)
		}
	}
	return old
}

// remove takes away what has lapsed. A process that died after it had sent a
// message leaves an upload whose file is the thread's: only the log knows.
func (s *Store) remove(ctx context.Context, u Upload) error {
	for record, err := range s.Log.History(ctx, u.Thread, 0) {
		if err != nil {
			return err
		}
		for _, fact := range record.Commit.GetFacts() {
			for _, file := range fact.GetSendRequested().GetFiles() {
				if file.GetObject() == u.Object.Key {
					return s.Done(ctx, u)
				}
			}
		}
	}
	return s.Drop(ctx, u)
}
