// Package operate is OperateService: it reads the house out for those who run
// it, and changes nothing of it but the list of dead letters; doctor stores a
// probe that nobody reads.
package operate

import (
	"context"
	"iter"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/erasure"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/keyspace"
	"github.com/parley-desk/parley/pkg/secret"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	"github.com/parley-desk/parley/proto/subject"
)

const (
	defaultPage = 100
	maxPage     = 1000
)

// Log is the part of bus.Bus that is read out.
type Log interface {
	Checks(ctx context.Context) []bus.Check
	States(ctx context.Context) iter.Seq2[bus.Record, error]
	History(ctx context.Context, t subject.Thread, after uint64) iter.Seq2[bus.Record, error]
	DeadLetters(ctx context.Context) iter.Seq2[bus.DeadLetter, error]
	RetryDeadLetter(ctx context.Context, letter uint64, by string) error
	DropDeadLetter(ctx context.Context, letter uint64, by, reason string) error
	Lags(ctx context.Context) ([]bus.Lag, error)
}

// Service implements OperateService. All fields but Redis must be set.
type Service struct {
	adminv1.UnsafeOperateServiceServer
	Log       Log
	Directory *directory.Directory
	Box       *secret.Box
	Book      *erasure.Book
	Now       func() time.Time
	Clients   func(context.Context) []bus.Check                                       // how API clients stand
	Backups   func(context.Context) []bus.Check                                       // who is in them
	Pages     func() []*adminv1.PageStatus                                            // how each page stands
	Redis     func(context.Context) (keyspace.Standing, error)                        // asks Redis how this process stands; nil: it has none
	Call      func(ctx context.Context, method string, req, resp proto.Message) error // of the bus
}

// ExportTranscript streams whole threads, one after the other, each commit by
// commit and once. What a thread gets after its turn may follow later, or not
// be in the export.
func (s *Service) ExportTranscript(req *adminv1.ExportTranscriptRequest, stream grpc.ServerStreamingServer[adminv1.ExportTranscriptResponse]) error {
	ctx := stream.Context()
	if req.GetPsid() != "" {
		if req.GetPage() == "" {
			return violation("page", "is missing; a psid means something only together with its page")
		}
		_, err := s.export(ctx, subject.Thread{Page: req.GetPage(), PSID: req.GetPsid()}, 0, stream)
		return err
	}
	told := map[subject.Thread]uint64{} // a thread that changes meanwhile comes again
	for last, err := range s.Log.States(ctx) {
		if err != nil {
			return fault.Wrap(err, "reading the threads")
		}
		if req.GetPage() != "" && req.GetPage() != last.Thread.Page {
			continue
		}
		if told[last.Thread], err = s.export(ctx, last.Thread, told[last.Thread], stream); err != nil {
			return err
		}
	}
	return nil
}

// export streams what a thread has after a revision, and gives the last one.
func (s *Service) export(ctx context.Context, t subject.Thread, after uint64, stream grpc.ServerStreamingServer[adminv1.ExportTranscriptResponse]) (uint64, error) {
	for r, err := range s.Log.History(ctx, t, after) {
		if err != nil {
			return after, fault.Wrap(err, "reading a thread")
		}
		err := stream.Send(&adminv1.ExportTranscriptResponse{
			Page: r.Thread.Page, Psid: r.Thread.PSID, Partition: int32(r.Partition),
			Revision: r.Revision, StoredMs: r.Stored.UnixMilli(), Commit: r.Commit,
		})
		if err != nil {
			return after, err
		}
		after = r.Revision
	}
	return after, nil
}

// ListDeadLetters reads what could not be handled, newest first.
func (s *Service) ListDeadLetters(ctx context.Context, req *adminv1.ListDeadLettersRequest) (*adminv1.ListDeadLettersResponse, error) {
	size := int(req.GetPageSize())
	switch {
	case size < 0 || size > maxPage:
		return nil, violation("page_size", "is out of range; use 1 to 1000, or 0 for 100")
	case size == 0:
		size = defaultPage
	}
	resp := &adminv1.ListDeadLettersResponse{}
	for d, err := range s.Log.DeadLetters(ctx) {
		if err != nil {
			return nil, fault.Wrap(err, "reading the dead letters")
		}
		if req.GetBefore() > 0 && d.Sequence >= req.GetBefore() {
			continue
		}
		resp.DeadLetters = append(resp.DeadLetters, &adminv1.DeadLetter{
			Sequence: d.Sequence, Stage: d.Stage, Subject: d.Subject, SourceSequence: d.SourceSequence,
			Reason: d.Reason, Attempts: int32(d.Attempts), AtMs: d.At.UnixMilli(),
		})
		if len(resp.DeadLetters) == size {
			break
		}
	}
	return resp, nil
}

func violation(field, description string) error {
	f := fault.New(fault.Invalid, "INVALID_ARGUMENT", "%s: %s", field, description)
	f.Violations = []fault.Violation{{Field: field, Description: description}}
	return f
}
