package operate

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
)

// shelf is a list of dead letters, newest first, and what a retry of each gives.
type shelf struct {
	Log
	letters []bus.DeadLetter
	gives   map[uint64]error
	asked   []uint64
	dropped []string
}

func (s *shelf) DeadLetters(context.Context) iter.Seq2[bus.DeadLetter, error] {
	return func(yield func(bus.DeadLetter, error) bool) {
		for _, d := range s.letters {
			if !yield(d, nil) {
				return
			}
		}
	}
}

func (s *shelf) RetryDeadLetter(_ context.Context, letter uint64, _ string) error {
	s.asked = append(s.asked, letter)
	return s.gives[letter]
}

func (s *shelf) DropDeadLetter(_ context.Context, letter uint64, _, reason string) error {
	s.dropped = append(s.dropped, fmt.Sprint(letter, reason))
	return nil
}

func letter(sequence uint64, stage, thread string) bus.DeadLetter {
	return bus.DeadLetter{Sequence: sequence, Stage: stage, Lane: stage + "/" + thread}
}

var (
	ill  = fault.New(fault.Precondition, "RETRY_FAILED", "cannot handle it yet")
	gone = fault.New(fault.NotFound, "NO_DEAD_LETTER", "somebody was faster")
	away = fault.New(fault.Unavailable, "STAGE_AWAY", "no process reads it")
)

// Letters of a stage go oldest first; behind one that stays those of its thread
// wait, and nobody else.
func TestRetryOfAStage(t *testing.T) {
	letters := []bus.DeadLetter{letter(9, "ward", "a"), letter(8, "ward", "b"), letter(7, "other", "a"), letter(5, "ward", "a"), letter(2, "ward", "b")}
	for name, c := range map[string]struct {
		gives map[uint64]error
		limit int32
		asked []uint64
		left  int32
		fails bool
	}{
		"all are well":          {nil, 0, []uint64{2, 5, 8, 9}, 0, false},
		"one stays":             {map[uint64]error{2: ill}, 0, []uint64{2, 5, 9}, 2, false},
		"the last stays":        {map[uint64]error{9: ill}, 0, []uint64{2, 5, 8, 9}, 1, false},
		"somebody was faster":   {map[uint64]error{2: gone}, 0, []uint64{2, 5, 8, 9}, 0, false},
		"no more than two":      {nil, 2, []uint64{2, 5}, 2, false},
		"nobody is there":       {map[uint64]error{2: away}, 0, []uint64{2}, 0, true},
		"one partition is away": {map[uint64]error{5: away}, 0, []uint64{2, 5, 8}, 2, false},
	} {
		log := &shelf{letters: letters, gives: c.gives}
		resp, err := (&Service{Log: log}).RetryDeadLetter(t.Context(), &adminv1.RetryDeadLetterRequest{Stage: "ward", Limit: c.limit})
		if (err != nil) != c.fails || !slices.Equal(log.asked, c.asked) || resp.GetLeft() != c.left {
			t.Errorf("%s: asked for %v, %d are left, %v", name, log.asked, resp.GetLeft(), err)
		}
		for _, l := range resp.GetLetters() {
			if stays := c.gives[l.GetSequence()]; (l.GetTrouble() != "") != (stays != nil && stays != gone) {
				t.Errorf("%s: of %d it says %q", name, l.GetSequence(), l.GetTrouble())
			}
		}
	}
}

// No letter is begun that the call has no time for.
func TestRetryEndsInTime(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	log := &shelf{letters: []bus.DeadLetter{letter(1, "ward", "a")}}
	resp, err := (&Service{Log: log}).RetryDeadLetter(ctx, &adminv1.RetryDeadLetterRequest{Stage: "ward"})
	if err != nil || len(log.asked) != 0 || resp.GetLeft() != 1 {
		t.Errorf("asked for %v, %d are left, %v", log.asked, resp.GetLeft(), err)
	}
}

func TestWhatCannotBeSettled(t *testing.T) {
	s := &Service{Log: &shelf{}}
	for name, req := range map[string]*adminv1.RetryDeadLetterRequest{
		"neither": {}, "both": {Sequence: 1, Stage: "ward"}, "too many": {Stage: "ward", Limit: 101}, "fewer than none": {Stage: "ward", Limit: -1},
	} {
		if _, err := s.RetryDeadLetter(t.Context(), req); !fault.Is(err, fault.Invalid) {
			t.Errorf("a retry of %s ended with %v", name, err)
		}
	}
	for name, req := range map[string]*adminv1.DropDeadLetterRequest{
		"no letter": {Reason: "x"}, "no reason": {Sequence: 1}, "blank": {Sequence: 1, Reason: " \n"}, "a book": {Sequence: 1, Reason: strings.Repeat("я", 501)},
	} {
		if _, err := s.DropDeadLetter(t.Context(), req); !fault.Is(err, fault.Invalid) {
			t.Errorf("a drop of %s ended with %v", name, err)
		}
	}
	if _, err := s.DropDeadLetter(t.Context(), &adminv1.DropDeadLetterRequest{Sequence: 1, Reason: strings.Repeat("я", 500)}); err != nil {
		t.Error(err)
	}
}
