package surveys_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"

	"google.golang.org/grpc"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/thread"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/admin/internal/surveys"
)

// shelf is a log of threads, each a list of moments with what happened then.
type shelf struct {
	threads []told
	twice   bool // a thread changes while all are read, and comes again
	read    int  // threads of which more than the state was read
	fails   error
}

type told struct {
	psid string
	at   []moment
}

type moment struct {
	ms    int64
	kinds []any
}

func (s *shelf) States(context.Context) iter.Seq2[bus.Record, error] {
	return func(yield func(bus.Record, error) bool) {
		for _, t := range s.threads {
			state := &threadv1.State{}
			for _, m := range t.at {
				for _, k := range m.kinds {
					if a, ok := k.(*threadv1.SurveyAsked); ok {
						state.Survey = &threadv1.Survey{Asked: a, AskedMs: m.ms}
					}
				}
			}
			for range map[bool]int{false: 1, true: 2}[s.twice] {
				if !yield(bus.Record{Thread: subject.Thread{Page: "10", PSID: t.psid}, Commit: &threadv1.Commit{State: state}}, nil) {
					return
				}
			}
		}
	}
}

func (s *shelf) History(_ context.Context, at subject.Thread, _ uint64) iter.Seq2[bus.Record, error] {
	s.read++
	return func(yield func(bus.Record, error) bool) {
		for _, t := range s.threads {
			if t.psid != at.PSID {
				continue
			}
			for _, m := range t.at {
				c := &threadv1.Commit{AtMs: m.ms}
				for _, k := range m.kinds {
					c.Facts = append(c.Facts, thread.Of(k))
				}
				if !yield(bus.Record{Thread: at, Commit: c}, nil) {
					return
				}
			}
			if s.fails != nil {
				yield(bus.Record{}, s.fails)
			}
		}
	}
}

// sink takes what is exported.
type sink struct {
	grpc.ServerStream
	all  []*adminv1.ExportSurveysResponse
	full error
}

func (s *sink) Context() context.Context { return context.Background() }

func (s *sink) Send(one *adminv1.ExportSurveysResponse) error {
	if s.full != nil {
		return s.full
	}
	s.all = append(s.all, one)
	return nil
}

// words are the surveys as "psid conversation@asked way by rating@rated comment".
func (s *sink) words() string {
	var all []string
	for _, one := range s.all {
		rating := "-"
		if one.Rating != nil {
			rating = fmt.Sprint(one.GetRating())
		}
		all = append(all, fmt.Sprintf("%s %s@%d %s %s %s@%d %s", one.GetPsid(), one.GetConversation(), one.GetAskedMs(), one.GetWay(), one.GetBy(), rating, one.GetRatedMs(), one.GetComment()))
	}
	return strings.Join(all, "; ")
}

func asked(conversation string, link, bot bool) *threadv1.SurveyAsked {
	way := threadv1.SurveyWay_SURVEY_WAY_CONVERSATION
	if link {
		way = threadv1.SurveyWay_SURVEY_WAY_LINK
	}
	return &threadv1.SurveyAsked{Conversation: conversation, Way: way, Bot: bot, Lowest: 0, Highest: 10, Workstream: "facebook", Queue: "front", Agent: "mila"}
}

func house() *shelf {
	return &shelf{threads: []told{
		{"1", []moment{
			{100, []any{&threadv1.ConversationOpened{Id: "a"}, asked("a", false, false)}},
			{110, []any{&threadv1.SurveyRated{Conversation: "a", Rating: 0}}},
			{120, []any{&threadv1.SurveyCommented{Conversation: "a", Comment: "so so"}}},
			{200, []any{asked("b", true, true)}},
			{210, []any{&threadv1.SurveyRated{Conversation: "b", Rating: 9, Comment: "well", Page: true}}},
		}},
		{"2", []moment{{150, []any{asked("c", true, false)}}}},
		{"3", []moment{{160, []any{&threadv1.ConversationOpened{Id: "d"}}}}},
		{"4", []moment{{50, []any{asked("e", false, false)}}, {60, []any{&threadv1.SurveyRated{Conversation: "gone", Rating: 1}, &threadv1.SurveyCommented{Conversation: "gone", Comment: "x"}}}}},
	}}
}

// L113: every survey, answered or not, with who had the conversation; a rating of 0
// is one.
func TestSurveysAreExported(t *testing.T) {
	const a, b, c, e = "1 a@100 conversation person 0@110 so so", "1 b@200 link bot 9@210 well", "2 c@150 link person -@0 ", "4 e@50 conversation person -@0 "
	for name, one := range map[string]struct {
		req   *adminv1.ExportSurveysRequest
		twice bool
		want  []string
		read  int
	}{
		"all":                       {&adminv1.ExportSurveysRequest{}, false, []string{a, b, c, e}, 3},
		"a thread that comes again": {&adminv1.ExportSurveysRequest{}, true, []string{a, b, c, e}, 3},
		"from a time on":            {&adminv1.ExportSurveysRequest{FromMs: 150}, false, []string{b, c}, 2},
		"until a time":              {&adminv1.ExportSurveysRequest{UntilMs: 150}, false, []string{a, e}, 3},
		"between":                   {&adminv1.ExportSurveysRequest{FromMs: 100, UntilMs: 101}, false, []string{a}, 2},
		"of before nothing is read": {&adminv1.ExportSurveysRequest{FromMs: 201}, false, nil, 0},
	} {
		log, out := house(), &sink{}
		log.twice = one.twice
		if err := (&surveys.Service{Log: log}).ExportSurveys(one.req, out); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := out.words(); got != strings.Join(one.want, "; ") || log.read != one.read {
			t.Errorf("%s: %s, and %d threads were read", name, got, log.read)
		}
	}
	out := &sink{}
	if err := (&surveys.Service{Log: house()}).ExportSurveys(&adminv1.ExportSurveysRequest{}, out); err != nil || out.all[0].GetAgent() != "mila" || out.all[0].GetQueue() != "front" ||
		out.all[0].GetWorkstream() != "facebook" || out.all[0].GetHighest() != 10 || out.all[0].GetPage() != "10" {
		t.Errorf("%v, %v", out.all[0], err)
	}
}

// What cannot be read, or taken, ends the export with the reason.
func TestAnExportThatFails(t *testing.T) {
	err := (&surveys.Service{Log: house()}).ExportSurveys(&adminv1.ExportSurveysRequest{FromMs: 5, UntilMs: 5}, &sink{})
	f := new(fault.Error)
	if !fault.Is(err, fault.Invalid) || !errors.As(err, &f) || len(f.Violations) != 1 || f.Violations[0].Field != "until_ms" {
		t.Errorf("a time that ends before it begins: %v", err)
	}
	log := house()
	log.fails = fault.New(fault.Unavailable, "BROKER", "away")
	if err := (&surveys.Service{Log: log}).ExportSurveys(&adminv1.ExportSurveysRequest{}, &sink{}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a log that fails: %v", err)
	}
	full := errors.New("gone")
	if err := (&surveys.Service{Log: house()}).ExportSurveys(&adminv1.ExportSurveysRequest{}, &sink{full: full}); !errors.Is(err, full) {
		t.Errorf("whoever reads is gone: %v", err)
	}
}
