// Package surveys is SurveyService: it reads out of the log what customers
// answered.
package surveys

import (
	"context"
	"iter"
	"slices"

	"google.golang.org/grpc"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// Log is the part of bus.Bus that reading needs.
type Log interface {
	States(ctx context.Context) iter.Seq2[bus.Record, error]
	History(ctx context.Context, t subject.Thread, after uint64) iter.Seq2[bus.Record, error]
}

// Service implements SurveyService.
type Service struct {
	adminv1.UnsafeSurveyServiceServer
	Log Log
}

// ExportSurveys streams surveys thread by thread. Of a thread whose newest survey
// is before the time that is asked for, nothing is read but its state.
func (s *Service) ExportSurveys(req *adminv1.ExportSurveysRequest, stream grpc.ServerStreamingServer[adminv1.ExportSurveysResponse]) error {
	if req.GetUntilMs() != 0 && req.GetUntilMs() <= req.GetFromMs() {
		f := fault.New(fault.Invalid, "INVALID_ARGUMENT", "until_ms: must be after from_ms, or 0")
		f.Violations = []fault.Violation{{Field: "until_ms", Description: "must be after from_ms, or 0"}}
		return f
	}
	done := map[subject.Thread]bool{} // a thread that changes meanwhile comes again
	for last, err := range s.Log.States(stream.Context()) {
		if err != nil {
			return fault.Wrap(err, "reading the threads")
		}
		newest := last.Commit.GetState().GetSurvey()
		if newest == nil || newest.GetAskedMs() < req.GetFromMs() || done[last.Thread] {
			continue
		}
		done[last.Thread] = true
		all, err := s.of(stream.Context(), last.Thread)
		if err != nil {
			return err
		}
		for _, one := range all {
			if one.GetAskedMs() < req.GetFromMs() || req.GetUntilMs() != 0 && one.GetAskedMs() >= req.GetUntilMs() {
				continue
			}
			if err := stream.Send(one); err != nil {
				return err
			}
		}
	}
	return nil
}

// of are the surveys of a thread, oldest first.
func (s *Service) of(ctx context.Context, t subject.Thread) ([]*adminv1.ExportSurveysResponse, error) {
	var all []*adminv1.ExportSurveysResponse
	for r, err := range s.Log.History(ctx, t, 0) {
		if err != nil {
			return nil, fault.Wrap(err, "reading a thread")
		}
		for _, f := range r.Commit.GetFacts() {
			all = fold(all, t, r.Commit.GetAtMs(), f)
		}
	}
	return all, nil
}

// fold takes one fact up into the surveys of its thread.
func fold(all []*adminv1.ExportSurveysResponse, t subject.Thread, atMS int64, f *threadv1.Fact) []*adminv1.ExportSurveysResponse {
	find := func(conversation string) *adminv1.ExportSurveysResponse {
		if i := slices.IndexFunc(all, func(one *adminv1.ExportSurveysResponse) bool { return one.GetConversation() == conversation }); i >= 0 {
			return all[i]
		}
		return &adminv1.ExportSurveysResponse{} // the log no longer has the question
	}
	switch k := f.GetKind().(type) {
	case *threadv1.Fact_SurveyAsked:
		a := k.SurveyAsked
		way, by := "conversation", "person"
		if a.GetWay() == threadv1.SurveyWay_SURVEY_WAY_LINK {
			way = "link"
		}
		if a.GetBot() {
			by = "bot"
		}
		return append(all, &adminv1.ExportSurveysResponse{Page: t.Page, Psid: t.PSID, Conversation: a.GetConversation(), AskedMs: atMS, Way: way, By: by,
			Workstream: a.GetWorkstream(), Queue: a.GetQueue(), Agent: a.GetAgent(), Lowest: a.GetLowest(), Highest: a.GetHighest()})
	case *threadv1.Fact_SurveyRated:
		one := find(k.SurveyRated.GetConversation())
		one.RatedMs, one.Rating, one.Comment = atMS, &k.SurveyRated.Rating, k.SurveyRated.GetComment()
	case *threadv1.Fact_SurveyCommented:
		find(k.SurveyCommented.GetConversation()).Comment = k.SurveyCommented.GetComment()
	}
	return all
}
