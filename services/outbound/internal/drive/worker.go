package drive

import (
	"context"
	"errors"
	"time"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/outbound/internal/attempt"
	"github.com/parley-desk/parley/services/outbound/internal/pace"
)

const (
	// trouble is the longest pause while the log cannot be used.
	trouble = 15 * time.Second
	// patience is how long the outcome of a POST is offered to a log that does
	// not take it. After that it is lost, and the send becomes uncertain.
	patience = 30 * time.Second
)

// worker drives one thread.
type worker struct {
	*Driver
	thread subject.Thread
	woken  chan struct{} // room for one
	posted time.Time     // when it posted last
	offers offers
	known  snapshot // what it last read, wrote or was told

	// Of the lock of the driver.
	told  snapshot           // by those who follow the log
	asked map[string]request // what was asked for, by the id of the send
}

// run takes steps until there are none or ctx ends.
func (w *worker) run(ctx context.Context) {
	for failures := 0; ctx.Err() == nil; {
		idle, err := w.step(ctx)
		if err != nil {
			w.known = snapshot{}
			failures++
			if ctx.Err() == nil {
				w.Log.WarnContext(ctx, "send could not be driven", key.Kind, fault.KindOf(err).String(), key.Err, err)
			}
			w.sleep(ctx, w.Now().Add(min(time.Duration(failures)*time.Second, trouble)), w.Pages.View(w.thread.Page))
			continue
		}
		failures = 0
		if !idle {
			continue
		}
		w.known = snapshot{} // whoever wakes it may have moved the thread on
		w.space(ctx)         // who drives the thread next does not know of the last request
		if w.retire(w) {
			return
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.workers, w.thread)
}

// step does the next thing for the thread; idle when there is none.
func (w *worker) step(ctx context.Context) (idle bool, err error) {
	select {
	case <-w.woken: // what follows reads the newest state
	default:
	}
	state, err := w.look(ctx)
	if err != nil {
		return false, err
	}
	page := w.Pages.View(w.thread.Page)
	next := w.Policy.Next(state, w.Now(), page)
	switch next.Do {
	case attempt.Wait:
		w.sleep(ctx, next.At, page)
	case attempt.Post:
		err = w.post(ctx, state, next.Ref)
	case attempt.Presume:
		_, err = w.commit(ctx, func(s *threadv1.State) []*threadv1.Fact { return w.Policy.Lost(s, next.Ref) })
	case attempt.Check:
		err = w.check(ctx, state, next.Ref)
	case attempt.GiveUp:
		_, err = w.commit(ctx, func(s *threadv1.State) []*threadv1.Fact { return w.Policy.Unproven(s, next.Ref) })
	case attempt.Idle:
		return true, nil
	}
	if errors.Is(err, errTextMissing) {
		w.Log.ErrorContext(ctx, "set a send aside", key.Err, err)
		_, err = w.commit(ctx, func(s *threadv1.State) []*threadv1.Fact { return w.Policy.Voided(s, next.Ref.ID) })
	}
	return false, err
}

// post makes one attempt, if the page's sends may leave: have Meta hold the file
// of the part, commit the attempt, post it, commit what became of it.
func (w *worker) post(ctx context.Context, state *threadv1.State, ref attempt.Ref) error {
	send := thread.FindSend(state, ref.ID)
	pass, ok := w.Pages.Enter(w.thread.Page)
	if !ok {
		return w.hold(ctx, state, send, ref)
	}
	out, err := w.enter(ctx, state, send, ref, pass)
	w.Pages.Leave(pass, out)
	return err
}

// enter is post with the right to; the outcome is the last that was heard of
// Meta, nil when nothing was asked.
func (w *worker) enter(ctx context.Context, state *threadv1.State, send *threadv1.Send, ref attempt.Ref, pass Pass) (*graph.Outcome, error) {
	ctx, intent, err := w.intent(ctx, send)
	if err != nil {
		return nil, err
	}
	media, out, err := w.media(ctx, state, intent, ref, pass)
	if err != nil || media.given && media.ID == "" {
		return out, err
	}
	kind := pace.Text
	if media.given {
		kind = pace.Media
	}
	face := w.face(ctx, intent, pass)
	turn, rest, err := w.turn(ctx, kind)
	if err != nil {
		return nil, err
	}
	if rest.For > 0 {
		return nil, w.rest(ctx, state, intent, ref, rest)
	}
	ctx, out, err = w.attempt(ctx, pass, intent, ref, media.Media, face.ID)
	if out != nil {
		w.judge(ctx, media, out)
		w.faces.judge(ctx, face, out)
	}
	turn.End(ctx, out)
	if err != nil || out == nil {
		return out, err
	}
	return out, w.settle(ctx, ref, *out, pass.Setup)
}

// turn waits until the page may send, and the thread again: Meta limits what one
// person is sent as well, and does not say to how much.
func (w *worker) turn(ctx context.Context, kind pace.Kind) (*pace.Turn, pace.Rest, error) {
	w.space(ctx)
	return w.Pages.Pace.Begin(ctx, w.thread.Page, kind)
}

// space waits until the thread may have another request.
func (w *worker) space(ctx context.Context) { pause(ctx, time.Until(w.posted.Add(w.Policy.Spacing))) }

// rest puts a send off whose page makes no calls for a while. That is told once,
// and again when Meta asks for more; a short while is waited for in silence.
func (w *worker) rest(ctx context.Context, state *threadv1.State, intent *threadv1.SendRequested, ref attempt.Ref, rest pace.Rest) error {
	send := thread.FindSend(state, ref.ID)
	told := send.GetRetryMs() > 0 && rest.Reason == pace.ReasonMetaFailing
	if (told || rest.For < w.Policy.Backoff) && thread.PassageOf(state, send, true, w.Now()).Kind != thread.Closed {
		w.sleep(ctx, w.Now().Add(rest.For), w.Pages.View(w.thread.Page))
		return nil
	}
	_, err := w.commit(ctx, func(s *threadv1.State) []*threadv1.Fact {
		return w.Policy.Rest(s, ref, intent.GetHuman(), rest.Reason, rest.For, w.Now())
	})
	return err
}

// hold parks a send whose page is disconnected. One that is parked already only
// has to learn when its window has closed.
func (w *worker) hold(ctx context.Context, state *threadv1.State, send *threadv1.Send, ref attempt.Ref) error {
	if send.GetDisconnected() && thread.PassageOf(state, send, true, w.Now()).Kind != thread.Closed {
		return nil
	}
	ctx, intent, err := w.intent(ctx, send)
	if err != nil {
		return err
	}
	_, err = w.commit(ctx, func(s *threadv1.State) []*threadv1.Fact {
		return w.Policy.Hold(s, ref, intent.GetHuman(), w.Now())
	})
	return err
}

// attempt commits an attempt and posts it, after its turn has come: the
// attempt's time runs from its commit. No outcome: nothing was posted. The
// context that it gives does not end with the process: an outcome that is thrown
// away makes the send uncertain.
func (w *worker) attempt(ctx context.Context, pass Pass, intent *threadv1.SendRequested, ref attempt.Ref, media graph.Media, persona string) (context.Context, *graph.Outcome, error) {
	if ctx.Err() != nil {
		return ctx, nil, ctx.Err()
	}
	// From here on the end of the process waits, for an attempt that is stored
	// and forgotten makes the send uncertain as well.
	ctx = context.WithoutCancel(ctx)
	begun, err := w.commit(ctx, func(s *threadv1.State) []*threadv1.Fact {
		return w.Policy.Begin(s, ref, intent.GetHuman(), w.Now())
	})
	if err != nil || len(begun) == 0 || begun[0].GetSendAttempted() == nil {
		return ctx, nil, err // lost the race, or the window has closed
	}
	w.posted = w.Now()
	m := w.message(intent, begun[0].GetSendAttempted(), media)
	m.Persona = persona
	out := w.send(ctx, pass.Page, m, begun[0].GetSendAttempted())
	return ctx, &out, nil
}

// send posts the attempt, unless the time in which its POST may begin is over:
// then this process was frozen, and others take the attempt for lost.
func (w *worker) send(ctx context.Context, page graph.Page, m graph.Message, a *threadv1.SendAttempted) graph.Outcome {
	if w.Now().After(time.UnixMilli(a.GetDeadlineMs())) {
		return graph.Outcome{Class: graph.Later, Reason: attempt.ReasonLate}
	}
	ctx, span := w.Tracer.Start(ctx, "outbound send")
	defer span.End()
	return w.Meta.Send(ctx, page, m)
}

// message is the part as Meta gets it: the first answers what the text answers,
// and the last has what can be pressed.
func (w *worker) message(r *threadv1.SendRequested, a *threadv1.SendAttempted, media graph.Media) graph.Message {
	m := graph.Message{
		PSID: w.thread.PSID, Text: thread.Texts(r)[a.GetPart()], MessagingType: a.GetMessagingType(), Tag: a.GetTag(), Template: r.GetTemplate(), Media: media, Sticker: r.GetSticker(),
		Metadata: graph.SignMetadata(w.Signer, graph.Metadata{Intent: a.GetId(), Part: int(a.GetPart()), Attempt: int(a.GetAttempt())}),
	}
	if a.GetPart() == 0 {
		m.ReplyTo = r.GetReplyTo()
	}
	if int(a.GetPart()) == len(r.GetParts())-1 {
		m.QuickReplies = r.GetQuickReplies()
	}
	return m
}

// settle commits an outcome, and insists: it is known here and nowhere else.
func (w *worker) settle(ctx context.Context, ref attempt.Ref, out graph.Outcome, setup string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		_, err := w.commit(ctx, func(s *threadv1.State) []*threadv1.Fact { return w.Policy.Answer(s, ref, out, setup, w.Now()) })
		if err == nil || !fault.Retryable(err) || ctx.Err() != nil {
			return err
		}
		w.Log.WarnContext(ctx, "outcome of a send not stored yet", key.Class, out.Class.String(), key.Err, err)
		pause(ctx, time.Second)
	}
}

// commit has decide's facts committed and gives them back; none when there was
// nothing left to say.
func (w *worker) commit(ctx context.Context, decide func(*threadv1.State) []*threadv1.Fact) ([]*threadv1.Fact, error) {
	var decided []*threadv1.Fact
	var dropped bool
	state, revision, err := w.Threads.Update(ctx, w.thread, func(s *threadv1.State, _ uint64) ([]*threadv1.Fact, error) {
		decided, dropped = decide(s), false
		for _, f := range decided {
			one := thread.FindSend(s, f.GetSendRefused().GetId())
			dropped = dropped || one != nil && !thread.Written(one)
		}
		return decided, nil
	})
	if err != nil {
		return nil, err
	}
	if dropped {
		w.dropped.WithLabelValues(decided[0].GetSendRefused().GetReason()).Inc()
	}
	w.known.renew(snapshot{state, revision})
	for _, f := range decided {
		fact, reason := describe(f)
		w.steps.WithLabelValues(fact, reason).Inc()
	}
	return decided, nil
}

// sleep waits until at, until the thread changes, until the page stands otherwise
// than was seen, or until ctx ends.
func (w *worker) sleep(ctx context.Context, at time.Time, page attempt.Page) {
	timer := time.NewTimer(at.Sub(w.Now()))
	defer timer.Stop()
	w.known = snapshot{} // others may have moved the thread on, and nobody tells
	w.Pages.watch(ctx, w.thread.Page, page, timer.C, w.woken)
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// describe gives the labels of a fact.
func describe(f *threadv1.Fact) (fact, reason string) {
	switch k := f.GetKind().(type) {
	case *threadv1.Fact_SendAttempted:
		return "attempted", k.SendAttempted.GetMessagingType()
	case *threadv1.Fact_SendSucceeded:
		return "succeeded", k.SendSucceeded.GetProof()
	case *threadv1.Fact_SendRefused:
		return "refused", k.SendRefused.GetReason()
	case *threadv1.Fact_SendDeferred:
		return "deferred", k.SendDeferred.GetReason()
	case *threadv1.Fact_SendUncertain:
		return "uncertain", k.SendUncertain.GetReason()
	case *threadv1.Fact_SendUnconfirmed:
		return "unconfirmed", ""
	}
	return "other", ""
}
