package sim_test

import (
	"context"
	"iter"
	"sync"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// story is one thread in the log: its commits in order, and the state after the
// last of them, which is never changed and so handed out as it is.
type story struct {
	mu      sync.Mutex
	commits []*threadv1.Commit
	state   *threadv1.State
}

// journal is the log of all threads, with the precondition of the real one.
type journal struct {
	threads map[subject.Thread]*story // fixed from the start
	follow  func(bus.Record)
}

func (j *journal) load(t subject.Thread) (*threadv1.State, uint64) {
	s := j.threads[t]
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.commits) == 0 {
		return thread.New(t.Page, t.PSID), 0
	}
	return s.state, uint64(len(s.commits))
}

// store appends c if the thread still is at base.
func (j *journal) store(t subject.Thread, base uint64, c *threadv1.Commit) bool {
	s := j.threads[t]
	s.mu.Lock()
	if uint64(len(s.commits)) != base {
		s.mu.Unlock()
		return false
	}
	s.state = c.GetState()
	s.commits = append(s.commits, &threadv1.Commit{Facts: c.GetFacts(), AtMs: c.GetAtMs()})
	s.mu.Unlock()
	if j.follow != nil {
		j.follow(bus.Record{Thread: t, Revision: base + 1, Commit: c})
	}
	return true
}

// update is bus.Update; around is called before the commit is stored and after.
func (j *journal) update(t subject.Thread, around func(), decide func(*threadv1.State, uint64) ([]*threadv1.Fact, error)) (*threadv1.State, uint64, error) {
	for {
		state, base := j.load(t)
		facts, err := decide(state, base)
		if err != nil || len(facts) == 0 {
			return state, base, err
		}
		c, err := thread.Extend(state, base, time.Now(), "sim", facts...)
		if err != nil {
			return nil, 0, err
		}
		around()
		if j.store(t, base, c) {
			around()
			return c.GetState(), base + 1, nil
		}
	}
}

// say commits what another stage decides.
func (j *journal) say(t subject.Thread, decide func(*threadv1.State) []*threadv1.Fact) error {
	_, _, err := j.update(t, func() {}, func(s *threadv1.State, _ uint64) ([]*threadv1.Fact, error) { return decide(s), nil })
	return err
}

func (j *journal) history(t subject.Thread, after uint64) iter.Seq2[bus.Record, error] {
	return func(yield func(bus.Record, error) bool) {
		s := j.threads[t]
		s.mu.Lock()
		commits := s.commits
		s.mu.Unlock()
		for i := after; i < uint64(len(commits)); i++ {
			if !yield(bus.Record{Thread: t, Revision: i + 1, Commit: commits[i]}, nil) {
				return
			}
		}
	}
}

// wire is the log and Meta as one process sees them: every use may be its last.
type wire struct {
	*process
	log  *journal
	meta *meta
}

func (w wire) Load(_ context.Context, t subject.Thread) (*threadv1.State, uint64, error) {
	w.live()
	s, r := w.log.load(t)
	return s, r, nil
}

func (w wire) Update(_ context.Context, t subject.Thread, decide func(*threadv1.State, uint64) ([]*threadv1.Fact, error)) (*threadv1.State, uint64, error) {
	return w.log.update(t, w.live, decide)
}

func (w wire) History(_ context.Context, t subject.Thread, after uint64) iter.Seq2[bus.Record, error] {
	w.live()
	return w.log.history(t, after)
}
