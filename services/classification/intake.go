package classification

import (
	"context"
	"errors"
	"iter"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/mask"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/classification/internal/intake"
	"github.com/parley-desk/parley/services/classification/internal/meta"
	"github.com/parley-desk/parley/services/classification/internal/recall"
)

// threadLog is the part of bus.Bus that filing and routing need.
type threadLog interface {
	Load(ctx context.Context, t subject.Thread) (*threadv1.State, uint64, error)
	Update(ctx context.Context, t subject.Thread, decide func(*threadv1.State, uint64) ([]*threadv1.Fact, error)) (*threadv1.State, uint64, error)
	States(ctx context.Context) iter.Seq2[bus.Record, error]
	History(ctx context.Context, t subject.Thread, after uint64) iter.Seq2[bus.Record, error]
}

// filer files events into their threads.
type filer struct {
	log       threadLog
	directory *directory.Directory
	signer    graph.Signer
	router    *router
	meters    *meters
	masks     mask.Book
	erased    *erased // nil: nobody is
}

// What ends an update whose event asks for more than the state.
var (
	errDoubt = errors.New("the event may have been filed long ago")
	errOpens = errors.New("the event opens a conversation")
)

// file puts one event into its thread. Handing it the same event again changes
// nothing.
//
// A conversation opens with its queue and the customer's name in one commit,
// where that is possible: each commit is read by every stage. Where it is not,
// the stage "routing" finds it in the log.
func (f *filer) file(ctx context.Context, rec bus.InboundRecord) error {
	in, err := f.read(rec)
	if err != nil {
		return err
	}
	if until := f.erased.of(rec.Thread); intake.Before(in, until) {
		return fault.Wrap(f.erased.again(ctx, rec, until, f.router.now().UnixMilli()), "order that an event which came once more is erased too")
	}
	var decision intake.Decision
	var revision uint64
	var opens *threadv1.State
	var first *welcome
	decide := func(s *threadv1.State, at uint64) ([]*threadv1.Fact, error) {
		decision, revision = intake.Decide(s, in), at
		switch opened := decision.Opened(); {
		case decision.Doubt:
			return nil, errDoubt
		case opened == nil || decision.Asks():
			return decision.Facts, nil
		case first == nil:
			opens = proto.CloneOf(s)
			return nil, errOpens
		}
		return append(decision.Facts, first.facts...), nil
	}
	for again := true; again; {
		_, _, err = f.log.Update(ctx, rec.Thread, decide)
		switch {
		case errors.Is(err, errDoubt):
			// Whoever files the same event meanwhile does so from the same record,
			// and then its key is in the state: searching once is enough.
			in.Past, err = recall.Search(ctx, f.log, rec.Thread, revision, decision.Facts[0], decision.Since)
			again = err == nil
		case errors.Is(err, errOpens):
			if first, err = f.welcome(ctx, opens, revision, decision.Facts); err == nil {
				again = true
			}
		default:
			again = false
		}
	}
	if err != nil {
		return fault.Wrap(err, "file an event")
	}
	f.meters.filed(decision.Facts)
	if decision.Opened() != nil {
		f.meters.came(decision.Referred)
	}
	if opened := decision.Opened(); opened != nil && !opened.GetBot() && !decision.Asks() {
		f.meters.routed(first.route)
	}
	return nil
}

// welcome decides about the conversation that opens with these facts of s.
func (f *filer) welcome(ctx context.Context, s *threadv1.State, revision uint64, facts []*threadv1.Fact) (*welcome, error) {
	for _, fact := range facts {
		if err := thread.Apply(s, revision, f.router.now(), fact); err != nil {
			return nil, err
		}
	}
	return f.router.welcome(ctx, s, facts)
}

// read finds out what the decision needs to know of the event.
func (f *filer) read(rec bus.InboundRecord) (intake.Input, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return intake.Input{}, fault.Wrap(err, "make an id")
	}
	world := f.directory.Now()
	in := intake.Input{
		Event:     rec.Event,
		Item:      meta.Parse(rec.Event.GetRaw(), rec.Event.GetLane()),
		Sequence:  rec.Sequence,
		Opening:   intake.Open(world, rec.Event.GetPage(), id.String()),
		Files:     world.Files(world.PagesByMeta[rec.Event.GetPage()]),
		Variables: world.Workstreams[world.PagesByMeta[rec.Event.GetPage()].GetWorkstream()].GetVariables(),
		App:       world.Accounts[world.PagesByMeta[rec.Event.GetPage()].GetAccount()].GetAppId(),
		Masks:     f.masks.Of(world, rec.Event.GetPage()),
		Questions: func(workstream string) *configv1.Questions { return world.Workstreams[workstream].GetQuestions() },
	}
	if m, ok := in.Item.Body.(meta.Message); ok && m.Metadata != "" {
		if own, genuine := graph.ParseMetadata(f.signer, m.Metadata); genuine {
			in.Own = &own
		}
	}
	return in, nil
}
