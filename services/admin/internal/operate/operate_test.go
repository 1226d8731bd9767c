package operate

import (
	"context"
	"iter"
	"slices"
	"testing"

	"google.golang.org/grpc"

	"github.com/parley-desk/parley/pkg/bus"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// growing is a log in which the first thread gets another commit while the
// threads are read: it comes up again.
type growing struct {
	Log
	commits map[subject.Thread][]uint64
}

var first, second = subject.Thread{Page: "1", PSID: "a"}, subject.Thread{Page: "1", PSID: "b"}

func (g *growing) States(context.Context) iter.Seq2[bus.Record, error] {
	return func(yield func(bus.Record, error) bool) {
		for _, t := range []subject.Thread{first, second, first} {
			if !yield(bus.Record{Thread: t}, nil) {
				return
			}
			g.commits[first] = []uint64{1, 3, 5}
		}
	}
}

func (g *growing) History(_ context.Context, t subject.Thread, after uint64) iter.Seq2[bus.Record, error] {
	return func(yield func(bus.Record, error) bool) {
		for _, revision := range g.commits[t] {
			if revision > after && !yield(bus.Record{Thread: t, Revision: revision, Commit: &threadv1.Commit{}}, nil) {
				return
			}
		}
	}
}

type sink struct {
	grpc.ServerStreamingServer[adminv1.ExportTranscriptResponse]
	got []uint64
}

func (s *sink) Context() context.Context { return context.Background() }

func (s *sink) Send(r *adminv1.ExportTranscriptResponse) error {
	s.got = append(s.got, r.GetRevision())
	return nil
}

func TestACommitIsExportedOnce(t *testing.T) {
	s := &Service{Log: &growing{commits: map[subject.Thread][]uint64{first: {1, 3}, second: {2, 4}}}}
	out := &sink{}
	if err := s.ExportTranscript(&adminv1.ExportTranscriptRequest{}, out); err != nil {
		t.Fatal(err)
	}
	if want := []uint64{1, 3, 2, 4, 5}; !slices.Equal(out.got, want) {
		t.Errorf("exported %v, want %v", out.got, want)
	}
	one := &sink{}
	if err := s.ExportTranscript(&adminv1.ExportTranscriptRequest{Page: "1", Psid: "a"}, one); err != nil || !slices.Equal(one.got, []uint64{1, 3, 5}) {
		t.Errorf("exported %v of one thread: %v", one.got, err)
	}
}
