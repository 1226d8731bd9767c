package engagement

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/rules"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/engagement/internal/say"
)

// messages names the readers of the log that answer its commits.
const messages = "messages"

// threads is the part of the bus that speaking needs; *bus.Bus is one.
type threads interface {
	Update(ctx context.Context, t subject.Thread, decide func(*threadv1.State, uint64) ([]*threadv1.Fact, error)) (*threadv1.State, uint64, error)
}

// speaker has said by itself what commits call for.
type speaker struct {
	threads threads
	world   func() *directory.Snapshot
	book    rules.Book
	keep    time.Duration
	now     func() time.Time
	link    func(s *threadv1.State, conversation string) string
	said    *prometheus.CounterVec
	ratings *prometheus.CounterVec
}

func newSpeaker(cfg Config, t threads, world func() *directory.Snapshot, now func() time.Time, registry prometheus.Registerer) (*speaker, error) {
	s := &speaker{threads: t, world: world, keep: cfg.MessageKeep, now: now, said: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "parley_engagement_messages_total",
		Help: "Automated messages that were called for and are on, by trigger and what became of them: said, late, window_closed, thread_owned or, of surveys by link without engagement.public_url, no_address.",
	}, []string{"trigger", "result"}), ratings: newRatings()}
	return s, fault.Wrap(errors.Join(registry.Register(s.said), registry.Register(s.ratings)), "register metrics of automated messages")
}

func (s *speaker) setting() say.World {
	return say.World{Rules: s.book.Of(s.world()), Now: s.now(), Keep: s.keep, Link: s.link}
}

// answer answers one commit of the log. Handled again, or by two at once, it says
// nothing a second time: the newest state tells what was answered.
func (s *speaker) answer(ctx context.Context, r bus.Record) error {
	s.rated(r.Commit)
	if !say.Concerns(r.Commit, s.setting()) {
		return nil
	}
	return s.commit(ctx, r.Thread, func(state *threadv1.State, w say.World) ([]*threadv1.Fact, []say.Outcome) {
		return say.Answer(state, r.Revision, r.Commit, w)
	})
}

// commit commits what decide gives, and counts what became of it. What the
// thread refuses now it has gone on from.
func (s *speaker) commit(ctx context.Context, t subject.Thread, decide func(*threadv1.State, say.World) ([]*threadv1.Fact, []say.Outcome)) error {
	var outcomes []say.Outcome
	_, _, err := s.threads.Update(ctx, t, func(state *threadv1.State, _ uint64) (facts []*threadv1.Fact, err error) {
		facts, outcomes = decide(state, s.setting())
		return facts, nil
	})
	if refused := new(thread.Refusal); errors.As(err, &refused) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, o := range outcomes {
		s.said.WithLabelValues(say.Word(o.Trigger), o.Result).Inc()
	}
	return nil
}
