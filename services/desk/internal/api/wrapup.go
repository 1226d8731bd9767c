package api

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/thread"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/internal/board"
)

// CloseConversation closes one in wrap-up, with what its agent says of it.
func (s deskService) CloseConversation(ctx context.Context, r *connect.Request[deskv1.CloseConversationRequest]) (*connect.Response[deskv1.CloseConversationResponse], error) {
	note := strings.TrimSpace(r.Msg.GetNote())
	var c check
	c.ref(r.Msg.GetRef())
	c.most("note", note, maxNote)
	if err := c.err(); err != nil {
		return nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fault.Wrap(err, "making an id")
	}
	closed := false
	_, err = s.turn(ctx, r.Msg.GetRef(), func(state *threadv1.State, agent string) ([]*threadv1.Fact, error) {
		form := board.Form(state, s.Directory.Now())
		said, err := chosen(form, r.Msg.GetDispositions())
		if err != nil && state.GetConversation().GetPhase() != threadv1.Phase_PHASE_CLOSED {
			return nil, err
		}
		facts, err := thread.WrapUp(state, r.Msg.GetRef().GetConversation(), agent, thread.Closing{
			Dispositions: said, Disposed: form.GetRequired(), Note: note, NoteID: id.String(), Noted: form.GetNoteRequired()})
		closed = len(facts) > 0
		return facts, err
	})
	if err != nil {
		return nil, err
	}
	if closed {
		s.Meter.closed.WithLabelValues(strconv.Itoa(len(r.Msg.GetDispositions()))).Inc()
	}
	return connect.NewResponse(&deskv1.CloseConversationResponse{}), nil
}

// chosen are the dispositions of these codes, as the form has them.
func chosen(form *deskv1.WrapUpForm, codes []string) ([]*threadv1.Disposition, error) {
	names := map[string]string{}
	for _, o := range form.GetOptions() {
		names[o.GetCode()] = o.GetName()
	}
	var c check
	c.that(len(codes) <= int(form.GetMost()), "dispositions", "must be at most %d, are %d", form.GetMost(), len(codes))
	var all []*threadv1.Disposition
	for i, code := range codes {
		if i >= int(form.GetMost()) {
			break
		}
		name, known := names[code]
		c.that(known, fmt.Sprintf("dispositions[%d]", i), "must be one of the form's codes, each once")
		all = append(all, &threadv1.Disposition{Code: code, Name: name})
		delete(names, code)
	}
	return all, c.err()
}
