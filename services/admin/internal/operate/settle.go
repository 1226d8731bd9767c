package operate

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	"github.com/parley-desk/parley/services/admin/internal/guard"
)

const (
	mostRetries = 100
	longReason  = 500 // characters
	// spare is what is left of a call's time when no further letter is begun: the
	// answer says what became of those before.
	spare = 1500 * time.Millisecond
)

// RetryDeadLetter hands one record over, or those of a stage.
func (s *Service) RetryDeadLetter(ctx context.Context, req *adminv1.RetryDeadLetterRequest) (*adminv1.RetryDeadLetterResponse, error) {
	limit := int(req.GetLimit())
	switch {
	case (req.GetSequence() == 0) == (req.GetStage() == ""):
		return nil, violation("sequence", "name one letter by its sequence, or a stage; not both, not neither")
	case limit < 0 || limit > mostRetries:
		return nil, violation("limit", "is out of range; use 1 to 100, or 0 for 100")
	case limit == 0:
		limit = mostRetries
	}
	if req.GetSequence() == 0 {
		return s.retryStage(ctx, req.GetStage(), limit)
	}
	if err := s.Log.RetryDeadLetter(ctx, req.GetSequence(), guard.Caller(ctx)); err != nil {
		return nil, err
	}
	return &adminv1.RetryDeadLetterResponse{Letters: []*adminv1.RetriedLetter{{Sequence: req.GetSequence()}}}, nil
}

// retryStage hands letters of a stage over, oldest first and one after the other.
// Behind one that stays, those of its thread wait: they came later.
func (s *Service) retryStage(ctx context.Context, stage string, limit int) (*adminv1.RetryDeadLetterResponse, error) {
	letters, err := s.lettersOf(ctx, stage)
	if err != nil {
		return nil, err
	}
	resp, stuck, open := &adminv1.RetryDeadLetterResponse{}, map[string]bool{}, len(letters)
	for _, d := range letters {
		if len(resp.GetLetters()) == limit || late(ctx) {
			break
		}
		if stuck[d.Lane] {
			continue
		}
		err := s.Log.RetryDeadLetter(ctx, d.Sequence, guard.Caller(ctx))
		if fault.Is(err, fault.Unavailable) && len(resp.GetLetters()) == 0 {
			return nil, err // nobody is there to take any
		}
		one := &adminv1.RetriedLetter{Sequence: d.Sequence, Trouble: told(err)}
		resp.Letters = append(resp.Letters, one)
		switch {
		case err == nil || fault.Is(err, fault.NotFound):
			one.Trouble = ""
			open--
		default:
			stuck[d.Lane] = true
		}
	}
	resp.Left = int32(open)
	return resp, nil
}

// lettersOf are those of a stage, oldest first, without what they hold.
func (s *Service) lettersOf(ctx context.Context, stage string) ([]bus.DeadLetter, error) {
	var letters []bus.DeadLetter
	for d, err := range s.Log.DeadLetters(ctx) {
		if err != nil {
			return nil, fault.Wrap(err, "reading the dead letters")
		}
		if d.Stage == stage {
			d.Data = nil
			letters = append(letters, d)
		}
	}
	slices.Reverse(letters)
	return letters, nil
}

// late tells whether too little of a call's time is left to begin something.
func late(ctx context.Context) bool {
	until, bounded := ctx.Deadline()
	return ctx.Err() != nil || bounded && time.Until(until) < spare
}

// told is what may be said of an error.
func told(err error) string {
	var f *fault.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &f):
		return f.Message
	}
	return "internal: see the log of the stage"
}

// DropDeadLetter takes a letter off the list.
func (s *Service) DropDeadLetter(ctx context.Context, req *adminv1.DropDeadLetterRequest) (*adminv1.DropDeadLetterResponse, error) {
	reason := strings.TrimSpace(req.GetReason())
	switch {
	case req.GetSequence() == 0:
		return nil, violation("sequence", "is missing; name the letter")
	case reason == "":
		return nil, violation("reason", "is missing; say why nobody has to handle it")
	case utf8.RuneCountInString(reason) > longReason:
		return nil, violation("reason", "is too long; use up to 500 characters")
	}
	if err := s.Log.DropDeadLetter(ctx, req.GetSequence(), guard.Caller(ctx), reason); err != nil {
		return nil, err
	}
	return &adminv1.DropDeadLetterResponse{}, nil
}

// GetLag tells how far each stage is behind.
func (s *Service) GetLag(ctx context.Context, _ *adminv1.GetLagRequest) (*adminv1.GetLagResponse, error) {
	lags, err := s.Log.Lags(ctx)
	if err != nil {
		return nil, err
	}
	resp, now := &adminv1.GetLagResponse{}, time.Now()
	for _, l := range lags {
		one := &adminv1.StageLag{Stage: l.Stage, Stream: l.Stream, Partition: int32(l.Partition), Behind: int64(l.Behind)}
		if !l.Oldest.IsZero() {
			one.OldestMs = max(now.Sub(l.Oldest).Milliseconds(), 0)
		}
		resp.Lags = append(resp.Lags, one)
	}
	return resp, nil
}
